"""The secrets of a device in the console: what is escrowed, and revealing one with a reason, for a minute."""

from django.core.exceptions import PermissionDenied
from django.shortcuts import get_object_or_404

from devices.console.forms import ReasonForm
from devices.locations import last_location
from devices.models import Device, EscrowedSecret
from devices.reveals import reveal_secret
from devices.timeline import Actor
from mdm_project.console import submitted
from mdm_project.errors import EspalierError

MAY_REVEAL = "devices.reveal_secret"
SHOWN_S = 60


def secrets_context(device: Device, text: str = "") -> dict:
    """Return the secrets by kind, the current one first."""
    rows = EscrowedSecret.objects.filter(device=device).defer("value_encrypted")
    by_kind: dict[str, list[EscrowedSecret]] = {}
    for row in rows.order_by("kind", "-is_current", "-is_pending", "-created_at"):
        row.is_for_people = row.kind not in EscrowedSecret.UNREVEALABLE
        by_kind.setdefault(row.get_kind_display(), []).append(row)
    return {"secrets": by_kind.items()}


class SecretPages:
    """Mixin of the device admin."""

    def secret_urls(self) -> list:
        return [
            self.view_path("<int:pk>/secret/<uuid:secret>/", self.reveal_view, "reveal"),
            self.view_path("<int:pk>/location/", self.location_view, "location"),
        ]

    def reveal_view(self, request, pk, secret):
        """Ask for the reason (GET); show the secret once, and take it away after a minute (POST)."""
        if not request.user.has_perm(MAY_REVEAL):
            raise PermissionDenied
        device = get_object_or_404(Device.objects.visible_to(request.user), pk=pk)
        found = get_object_or_404(EscrowedSecret, pk=secret, device=device)
        form = ReasonForm(submitted(request)[0])
        form.fields["reason"].required = True
        context = {"title": f"Reveal: {found.get_kind_display()}", "device": device, "secret": found, "form": form}
        context |= {"back": self.route("change", device.pk), "button": "Reveal"}
        context["warning"] = "Who reveals it, when and why is written to the timeline."
        template = "console/dialog_form.html"
        if request.method == "POST" and form.is_valid():
            try:
                reason = form.cleaned_data["reason"]
                context["value"] = reveal_secret(found, actor=Actor.staff(request.user), reason=reason)
                context["seconds"] = SHOWN_S
                template = "console/device/secret_shown.html"
            except EspalierError as error:
                form.add_error(None, error.detail)
        answer = self.dialog(request, template, context)
        answer["Cache-Control"] = "no-store"
        return answer

    def location_view(self, request, pk):
        """Show where a device in Lost Mode was last."""
        if not request.user.has_perm("devices.view_location"):
            raise PermissionDenied
        device = get_object_or_404(Device.objects.visible_to(request.user), pk=pk)
        context = {"title": f"Where {device} was last", "place": last_location(device, request.user)}
        answer = self.dialog(request, "console/device/location.html", {**context, "back": self.route("change", pk)})
        answer["Cache-Control"] = "no-store"
        return answer
