"""Forms of the commands that staff send from the console, and which of them a device can take.

One class per command: what it asks, what it sends, and for whom it is of no use (with the reason, which is shown).
Validation of the payload itself is commands.validation's, behind queue_command.
"""

import json

from django import forms
from unfold.widgets import (
    UnfoldAdminFileFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from commands.erase_options import EraseOptions
from devices.models import Device
from mdm_project import plist
from mdm_project.errors import EspalierError
from profiles.console.raw_text import without_secrets

MAX_PROFILE_BYTES = 10 * 1024 * 1024
# Commands after which data is gone; however they are asked for, the serial number is typed first.
ERASING = ("EraseDevice",)


class SecretInput(UnfoldAdminTextInputWidget):
    """A text that does not come back to the page: after an error it has to be typed again."""

    def get_context(self, name, value, attrs):
        return super().get_context(name, None, {**attrs, "placeholder": "type it again"} if value else attrs)


class KeysInput(UnfoldAdminTextareaWidget):
    """A payload as text; after an error it comes back without its secrets."""

    def format_value(self, value):
        return without_secrets(value) if isinstance(value, str) else value


def _text(
    label: str, *, required=False, help_text="", max_length=None, widget=UnfoldAdminTextInputWidget, **attrs
) -> forms.CharField:
    widget = widget(attrs=attrs)
    return forms.CharField(
        label=label, required=required, help_text=help_text, max_length=max_length, widget=widget, strip=True
    )


def _switch(label: str, help_text="") -> forms.BooleanField:
    return forms.BooleanField(label=label, required=False, help_text=help_text, widget=UnfoldBooleanWidget())


class CommandForm(forms.Form):
    """What every command form has: a reason, and for what destroys data the serial number (or count) typed."""

    request_type = ""
    title = ""
    icon = "terminal"
    tells = ""
    is_dangerous = False
    needs_typed_confirmation = False
    is_governed = False
    button = "Send command"

    reason = _text("Reason", help_text="Kept in the timeline.", max_length=500)

    def __init__(self, *args, confirmation: str = "", device: Device | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        self.confirmation = confirmation
        self.device = device
        if self.is_dangerous:
            self.fields["reason"].required = True
        if "pin" in self.fields and device is not None and device.platform != "macos":
            del self.fields["pin"]
        if self.needs_typing:
            self._add_confirmation()
        self.order_fields([name for name in self.fields if name not in ("reason", "typed")] + ["reason", "typed"])

    @property
    def needs_typing(self) -> bool:
        """Something is typed before data is lost, and before anything destructive is done to many."""
        return self.needs_typed_confirmation or (self.device is None and self.is_governed)

    def confirmed(self) -> int | None:
        """Return the number of devices that was agreed to by typing it. The form is valid."""
        return int(self.confirmation) if self.needs_typing and self.device is None else None

    def _add_confirmation(self) -> None:
        self.fields["typed"] = _text(
            f"Type {self.confirmation} to confirm", required=True, autocomplete="off", spellcheck="false"
        )

    def clean_typed(self) -> str:
        typed = self.cleaned_data["typed"]
        if typed.strip().upper() != self.confirmation.upper():
            raise forms.ValidationError(f"This must be {self.confirmation}, exactly.")
        return typed

    def asked_type(self) -> str:
        return self.request_type

    def payload(self) -> dict:
        """Return the keys beside RequestType. The form is valid."""
        return {}


class DeviceInformation(CommandForm):
    request_type, title, icon = "DeviceInformation", "Device information", "info"
    tells = "Name, model, OS, network, storage, battery"
    QUERIES = (
        "UDID", "DeviceName", "OSVersion", "BuildVersion", "ModelName", "Model", "ProductName", "SerialNumber",
        "DeviceCapacity", "AvailableDeviceCapacity", "BatteryLevel", "IMEI", "MEID", "PhoneNumber", "WiFiMAC",
        "BluetoothMAC", "IsSupervised", "IsActivationLockEnabled", "IsMDMLostModeEnabled", "LastCloudBackupDate",
    )  # fmt: skip

    def payload(self):
        return {"Queries": list(self.QUERIES)}


class SecurityInfo(CommandForm):
    request_type, title, icon = "SecurityInfo", "Security information", "security"
    tells = "Passcode, encryption, firewall, enrollment status"


class InstalledApplicationList(CommandForm):
    request_type, title, icon = "InstalledApplicationList", "Installed apps", "apps"
    tells = "Every app with its version"
    managed_only = _switch("Managed apps only", "Leaves out what the person installed.")

    def payload(self):
        return {"ManagedAppsOnly": True} if self.cleaned_data["managed_only"] else {}


class ProfileList(CommandForm):
    request_type, title, icon = "ProfileList", "Profiles", "description"
    tells = "Configuration profiles and their payloads"


class CertificateList(CommandForm):
    request_type, title, icon = "CertificateList", "Certificates", "workspace_premium"
    tells = "Certificates and when they expire"


class AvailableOSUpdates(CommandForm):
    request_type, title, icon = "AvailableOSUpdates", "Available OS updates", "system_update"
    tells = "What the device could install now"


class RestartDevice(CommandForm):
    request_type, title, icon, is_dangerous = "RestartDevice", "Restart", "restart_alt", True
    tells = "Restarts at once; a locked iPhone stays off the network until it is unlocked"
    button = "Restart"
    notify = _switch("Ask the person first", "Macs only: a notice that can be put off.")

    def payload(self):
        return {"NotifyUser": True} if self.cleaned_data["notify"] else {}


class ShutDownDevice(CommandForm):
    request_type, title, icon, is_dangerous = "ShutDownDevice", "Shut down", "power_settings_new", True
    tells = "Somebody has to switch it on again by hand"
    button = "Shut down"


class DeviceLock(CommandForm):
    request_type, title, icon, is_dangerous = "DeviceLock", "Lock", "lock", True
    tells = "Locks the screen; a Mac restarts and wants the PIN"
    button = "Lock"
    is_governed = True
    message = _text("Message on the lock screen", max_length=500)
    phone_number = _text("Phone number on the lock screen", max_length=50)
    pin = _text(
        "PIN",
        help_text="Macs only: six digits. Left empty, one is made up; it is kept among the secrets either way.",
        widget=SecretInput,
        autocomplete="off",
        inputmode="numeric",
    )

    def clean_pin(self):
        pin = self.cleaned_data["pin"]
        if pin and not (pin.isdecimal() and len(pin) == 6):
            raise forms.ValidationError("The PIN is six digits.")
        return pin

    def payload(self):
        values = {"Message": "message", "PhoneNumber": "phone_number", "PIN": "pin"}
        return {key: self.cleaned_data[name] for key, name in values.items() if self.cleaned_data.get(name)}


class InstallProfile(CommandForm):
    request_type, title, icon = "InstallProfile", "Install a profile", "upload_file"
    tells = "A .mobileconfig from your computer"
    button = "Install profile"
    file = forms.FileField(label="Configuration profile", widget=UnfoldAdminFileFieldWidget())

    def clean_file(self):
        file = self.cleaned_data["file"]
        if file.size > MAX_PROFILE_BYTES:
            raise forms.ValidationError("The profile is larger than 10 MB.")
        content = file.read()
        if not content.startswith((b"<?xml", b"bplist", b"<plist", b"\x30", b"\xef\xbb\xbf<?xml")):
            raise forms.ValidationError("This is not a configuration profile (.mobileconfig).")
        return content

    def payload(self):
        return {"Payload": self.cleaned_data["file"]}


class RemoveProfile(CommandForm):
    request_type, title, icon, is_dangerous = "RemoveProfile", "Remove a profile", "delete", True
    tells = "With everything it configured: accounts, networks, apps"
    button = "Remove profile"
    # The enrollment profile or the last network may be meant: the governor then wants the number of devices.
    is_governed = True
    identifier = _text("Identifier of the profile", required=True, spellcheck="false", autocomplete="off")

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        installed = self._installed()
        if installed:
            choices = [("", "Choose a profile"), *installed]
            widget = UnfoldAdminSelectWidget()
            self.fields["identifier"] = forms.ChoiceField(label="Profile", choices=choices, widget=widget)
            self.order_fields(["identifier", "reason", "typed"])

    def _installed(self) -> list[tuple[str, str]]:
        if self.device is None:
            return []
        rows = self.device.installed_profiles.exclude(is_managed=False).order_by("display_name", "id")
        return [(row.identifier, f"{row.display_name or row.identifier} ({row.identifier})") for row in rows]

    def payload(self):
        return {"Identifier": self.cleaned_data["identifier"]}


class ClearPasscode(CommandForm):
    request_type, title, icon, is_dangerous = "ClearPasscode", "Clear passcode", "lock_open", True
    tells = "Removes the passcode of an iPhone or iPad, so that it can be unlocked"
    button = "Clear passcode"
    is_governed = True


class EraseDevice(CommandForm):
    request_type, title, icon, is_dangerous = "EraseDevice", "Erase", "delete_forever", True
    needs_typed_confirmation = is_governed = True
    tells = "Everything on the device is lost, and it leaves management"
    button = "Erase for good"

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.options = EraseOptions(self.device)
        self.options.add_to(self)

    pin = _text(
        "PIN",
        help_text="Macs only: six digits. Left empty, one is made up; it is kept among the secrets either way.",
        widget=SecretInput,
        autocomplete="off",
        inputmode="numeric",
    )

    def clean_pin(self):
        pin = self.cleaned_data["pin"]
        if pin and not (pin.isdecimal() and len(pin) == 6):
            raise forms.ValidationError("The PIN is six digits.")
        return pin

    def payload(self):
        pin = {"PIN": self.cleaned_data["pin"]} if self.cleaned_data.get("pin") else {}
        return pin | self.options.payload(self.cleaned_data)


class AnyCommand(CommandForm):
    title, icon = "Any command", "data_object"
    tells = "By its RequestType, with a payload of your own"
    is_dangerous = True
    name = _text(
        "RequestType",
        required=True,
        max_length=100,
        spellcheck="false",
        autocomplete="off",
        help_text="As Apple spells it.",
    )
    keys = forms.CharField(
        label="Payload",
        required=False,
        help_text='The keys beside RequestType, as JSON ({"Queries": ["OSVersion"]}) or as a property list.',
        widget=KeysInput(attrs={"rows": 8, "spellcheck": "false", "class": "e-mono"}),
    )
    allows_unknown = _switch("Send it even where Apple's schema does not know the command or a key")
    typed = _text(
        "", help_text="Only for what is destructive: erasing, and for many devices also locking.", autocomplete="off"
    )

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.fields["typed"].label = f"Type {self.confirmation} to confirm"

    def clean_typed(self):
        return self.cleaned_data["typed"]

    def clean_keys(self) -> dict:
        text = self.cleaned_data["keys"].strip()
        if not text:
            return {}
        value = _from_json(text) if text.startswith("{") else _from_plist(text)
        if not isinstance(value, dict):
            raise forms.ValidationError("The payload must be a dictionary.")
        value = value.get("Command", value)
        if not isinstance(value, dict):
            raise forms.ValidationError("Command must be a dictionary.")
        value.pop("RequestType", None)
        return value

    def _is_typed(self) -> bool:
        return (self.cleaned_data.get("typed") or "").strip().upper() == self.confirmation.upper()

    def confirmed(self):
        return int(self.confirmation) if self.device is None and self._is_typed() else None

    def clean(self):
        cleaned = super().clean()
        is_erasing = cleaned.get("name") in ERASING
        if is_erasing and not self._is_typed():
            self.add_error("typed", f"This erases the device: type {self.confirmation}, exactly.")
        return cleaned

    def asked_type(self):
        return self.cleaned_data["name"]

    def payload(self):
        return self.cleaned_data["keys"]


def _from_json(text: str):
    try:
        return plist.from_json(json.loads(text))
    except (ValueError, EspalierError) as error:
        raise forms.ValidationError(f"The JSON cannot be read: {error}") from error
    except RecursionError as error:
        raise forms.ValidationError("The JSON is nested too deeply.") from error


def _from_plist(text: str):
    try:
        return plist.loads(text.encode())
    except EspalierError as error:
        raise forms.ValidationError(f"The property list cannot be read: {error}") from error


ASKING = (DeviceInformation, SecurityInfo, InstalledApplicationList, ProfileList, CertificateList, AvailableOSUpdates)
CHANGING = (ClearPasscode, InstallProfile, RestartDevice, ShutDownDevice, DeviceLock)
DANGEROUS = (RemoveProfile, EraseDevice, AnyCommand)
FORMS = {form.__name__: form for form in (*ASKING, *CHANGING, *DANGEROUS)}
