"""The secrets of a device in the console: what is escrowed, and revealing one with a reason, for a minute."""

from collections.abc import Callable

from django.core.exceptions import PermissionDenied
from django.db.models import Exists, OuterRef
from django.shortcuts import get_object_or_404

from devices.console.forms import ReasonForm
from devices.locations import last_location
from devices.models import AttributeValue, Device, EscrowedSecret, InstalledProfile
from devices.reveals import reveal_secret
from devices.secret_attributes import reveal_attribute
from devices.timeline import Actor
from mdm_project.console import submitted
from mdm_project.errors import EspalierError
from profiles.models import ItemStatus, Profile
from profiles.removal_passwords import reveal_removal_password

MAY_REVEAL = "devices.reveal_secret"
MAY_REVEAL_OF_PROFILES = (MAY_REVEAL, "profiles.view_profile_secrets")
WARNING = "Who reveals it, when and why is written to the timeline."
SHOWN_S = 60
State = ItemStatus.State
ON_DEVICE = (State.ACKNOWLEDGED, State.VERIFIED, State.REMOVING)


def secrets_context(device: Device, text: str = "") -> dict:
    """Return the secrets by kind, what counts now apart from earlier values, the profiles that ask for a password
    before they are removed, and the custom attributes that are secret.
    """
    rows = EscrowedSecret.objects.filter(device=device).defer("value_encrypted")
    by_kind: dict[str, dict] = {}
    for row in rows.order_by("kind", "-is_current", "-is_pending", "-created_at", "id"):
        shown = by_kind.setdefault(row.kind, {"kind": row.get_kind_display(), "how_used": row.how_used})
        which = "now" if row.is_current or row.is_pending else "earlier"
        shown.setdefault(which, []).append(row)
    return {
        "secrets": by_kind.values(),
        "locked_profiles": list(locked_profiles(device)),
        "secret_values": list(secret_values(device)),
    }


def secret_values(device: Device):
    """Return the values of secret attributes that a device has, without what they are."""
    values = AttributeValue.objects.filter(device=device, attribute__is_secret=True).select_related("attribute")
    return values.defer("value_encrypted").order_by("attribute__label", "id")


def locked_profiles(device: Device):
    """Return the profiles on a device that have a removal password of ours."""
    found = InstalledProfile.objects.filter(device=device, identifier=OuterRef("identifier"))
    ours = ItemStatus.objects.filter(channel__device=device, profile=OuterRef("pk"), state__in=ON_DEVICE)
    profiles = Profile.objects.filter(Exists(found) | Exists(ours), removal_password_encrypted__isnull=False)
    return profiles.defer("draft_encrypted", "removal_password_encrypted").order_by("name", "id")


def with_locked_profiles(device_ids: list[int]) -> set[int]:
    """Return which of some devices have a profile from us with a removal password."""
    ours = ItemStatus.objects.filter(channel__device__in=device_ids, state__in=ON_DEVICE)
    locked = ours.filter(profile__removal_password_encrypted__isnull=False)
    return set(locked.order_by().values_list("channel__device", flat=True).distinct())


def reveal_dialog(dialog, request, context: dict, reveal: Callable[[Actor, str], str], form: ReasonForm | None = None):
    """Ask for the reason (GET); show what ``reveal`` returns once, and take it away after a minute (POST).

    ``dialog`` renders as the page's admin does; ``form`` is one that asks for more. The caller has checked who may.
    """
    form = form or ReasonForm(submitted(request)[0])
    context |= {"form": form, "button": "Reveal", "warning": WARNING}
    template = "console/dialog_form.html"
    if request.method == "POST" and form.is_valid():
        try:
            context["value"] = reveal(Actor.staff(request.user), form.cleaned_data["reason"])
            context["seconds"], template = SHOWN_S, "console/device/secret_shown.html"
        except EspalierError as error:
            form.add_error(None, error.detail)
    answer = dialog(request, template, context)
    answer["Cache-Control"] = "no-store"
    return answer


class SecretPages:
    """Mixin of the device admin."""

    def secret_urls(self) -> list:
        return [
            self.view_path("<int:pk>/secret/<uuid:secret>/", self.reveal_view, "reveal"),
            self.view_path("<int:pk>/removal-password/<int:profile>/", self.unlock_profile_view, "removal_password"),
            self.view_path("<int:pk>/attribute/<int:attribute>/reveal/", self.attribute_view, "reveal_attribute"),
            self.view_path("<int:pk>/location/", self.location_view, "location"),
        ]

    def reveal_view(self, request, pk, secret):
        if not request.user.has_perm(MAY_REVEAL):
            raise PermissionDenied
        device = get_object_or_404(Device.objects.visible_to(request.user), pk=pk)
        found = get_object_or_404(EscrowedSecret, pk=secret, device=device)
        context = {"title": f"Reveal: {found.get_kind_display()}", "device": device, "secret": found}
        context["back"] = self.route("change", device.pk)
        return reveal_dialog(
            self.dialog, request, context, lambda actor, reason: reveal_secret(found, actor=actor, reason=reason)
        )

    def attribute_view(self, request, pk, attribute):
        """Reveal the value of a secret attribute."""
        if not request.user.has_perm(MAY_REVEAL):
            raise PermissionDenied
        device = get_object_or_404(Device.objects.visible_to(request.user), pk=pk)
        found = get_object_or_404(secret_values(device), attribute=attribute)
        context = {"title": f"Reveal: {found.attribute}", "device": device, "back": self.route("change", device.pk)}
        return reveal_dialog(
            self.dialog, request, context, lambda actor, reason: reveal_attribute(found, actor=actor, reason=reason)
        )

    def unlock_profile_view(self, request, pk, profile):
        """Reveal the removal password of a profile on this device."""
        if not request.user.has_perms(MAY_REVEAL_OF_PROFILES):
            raise PermissionDenied
        device = get_object_or_404(Device.objects.visible_to(request.user), pk=pk)
        found = get_object_or_404(locked_profiles(device).visible_to(request.user), pk=profile)
        context = {"title": f"Removal password of {found}", "device": device, "back": self.route("change", device.pk)}
        return reveal_dialog(
            self.dialog, request, context, lambda actor, reason: reveal_removal_password(found, actor, reason, device)
        )

    def location_view(self, request, pk):
        """Show where a device in Lost Mode was last."""
        if not request.user.has_perm("devices.view_location"):
            raise PermissionDenied
        device = get_object_or_404(Device.objects.visible_to(request.user), pk=pk)
        context = {"title": f"Where {device} was last", "place": last_location(device, request.user)}
        answer = self.dialog(request, "console/device/location.html", {**context, "back": self.route("change", pk)})
        answer["Cache-Control"] = "no-store"
        return answer
