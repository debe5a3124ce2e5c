"""What can be chosen when a device is erased: only what its platform has, each with what it means.

Apple: developer.apple.com/documentation/devicemanagement/erase-device-command
"""

from django import forms
from django.db.models import OuterRef, Subquery
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldBooleanWidget

from commands.applicability import candidates_of
from commands.meanings import Candidate
from commands.meanings.return_to_service import WIFI
from devices.models import Channel, Device
from profiles import catalogue
from profiles.catalogue.availability import evaluate
from profiles.models import Profile, ProfileVersion

BEHAVIOURS = (
    ("DoNotObliterate", "If that cannot be done, leave it as it is (the answer says why)"),
    ("ObliterateWithWarning", "If that cannot be done, delete everything: no macOS is left, it has to be reinstalled"),
    ("Default", "As Apple does by itself: like the line above, but the answer is an error"),
    ("Always", "Delete everything at once: no macOS is left, it has to be reinstalled"),
)
_FIELDS = {
    "preserve_data_plan": "PreserveDataPlan", "disallow_proximity_setup": "DisallowProximitySetup",
    "obliteration": "ObliterationBehavior", "return_to_service": "ReturnToService",
}  # fmt: skip


def _switch(label: str, help_text: str) -> forms.BooleanField:
    return forms.BooleanField(label=label, required=False, help_text=help_text, widget=UnfoldBooleanWidget())


def _choice(label: str, choices, help_text: str = "") -> forms.ChoiceField:
    widget = UnfoldAdminSelectWidget()
    return forms.ChoiceField(label=label, choices=choices, required=False, help_text=help_text, widget=widget)


def wifi_profiles() -> list[Profile]:
    """Return the profiles whose newest version configures a Wi-Fi network."""
    newest = ProfileVersion.objects.filter(profile=OuterRef("pk")).order_by("-number")
    profiles = Profile.objects.active().annotate(types=Subquery(newest.values("payload_types")[:1]))
    return list(profiles.filter(types__contains=[WIFI]).order_by("name", "id"))


class EraseOptions:
    """The options for one device, or (None) for several, of which each takes what its platform has."""

    def __init__(self, device: Device | None):
        self.device = device
        self.candidate = _candidate_of(device) if device is not None else None

    def add_to(self, form: forms.Form) -> None:
        """Add the fields that make sense; a PIN is left only to Macs that want one."""
        fields = {name: field for name, field in self._all().items() if self._has(_key_of(name))}
        form.fields.update(fields)
        if "pin" in form.fields and not self._wants_pin():
            del form.fields["pin"]
        order = [name for name in form.fields if name not in ("reason", "typed")]
        form.order_fields([*order, "reason", "typed"])

    def _all(self) -> dict[str, forms.Field]:
        choices = [("", "None: it has another network"), *((str(it.pk), it.name) for it in wifi_profiles())]
        return {
            "preserve_data_plan": _switch("Keep the data plan", "An eSIM stays on the iPhone or iPad."),
            "disallow_proximity_setup": _switch(
                "No setup by a device nearby", "Setup Assistant does not offer to copy from another device."
            ),
            "obliteration": _choice(
                "Macs with Apple silicon or T2: all content and settings are erased, macOS stays", BEHAVIOURS,
                "Without effect on Macs before T2.",
            ),
            "return_to_service": _switch(
                "Return to Service",
                "It sets itself up again and comes back here by itself. Needs iOS 17, tvOS 18 or visionOS 26.",
            ),
            "return_wifi": _choice(
                "Wi-Fi for Return to Service", choices, "Without a network the device waits in Setup Assistant."
            ),
        }  # fmt: skip

    def _has(self, key_name: str) -> bool:
        if self.candidate is None:
            return self.device is None
        key = next(key for key in catalogue.command("EraseDevice").keys if key.name == key_name)
        availability = evaluate(key.support, self.candidate.target)
        return availability.is_stated and availability.is_available

    def _wants_pin(self) -> bool:
        if self.device is None:
            return True
        if self.candidate is None or not self.candidate.is_mac:
            return False
        required = self.candidate.information.get("PINRequiredForEraseDevice")
        return required is not False and self.candidate.is_apple_silicon is not True

    @staticmethod
    def payload(values: dict) -> dict:
        """Return Apple's keys, and ours, for what was chosen."""
        payload = {}
        for name in ("preserve_data_plan", "disallow_proximity_setup"):
            if values.get(name):
                payload[_key_of(name)] = True
        if values.get("obliteration"):
            payload["ObliterationBehavior"] = values["obliteration"]
        if values.get("return_to_service"):
            wifi = values.get("return_wifi")
            payload["ReturnToService"] = {"Enabled": True} | (
                {"WiFiProfile": int(wifi)} if wifi else {"WithoutWiFi": True}
            )
        return payload


def _key_of(name: str) -> str:
    return _FIELDS.get(name, "ReturnToService")


def _candidate_of(device: Device) -> Candidate | None:
    found = candidates_of(Channel.objects.device_channels().filter(device=device).reachable())
    return found[0] if found else None
