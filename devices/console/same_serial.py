"""The page "Same serial number": devices that report one, and whether they are the same device."""

from django.core.exceptions import BadRequest, PermissionDenied
from django.views.decorators.http import require_POST

from devices.same_serial import case_of, decide_different, open_cases
from devices.timeline import Actor
from enrollment.replacing import decide_same
from mdm_project.errors import EspalierError


class SameSerialPages:
    """Mixin of the device admin."""

    def serial_urls(self) -> list:
        return [
            self.view_path("same-serial/", self.same_serial_view, "same_serial"),
            self.view_path("same-serial/decide/", require_POST(self.decide_serial_view), "decide_serial"),
        ]

    def same_serial_view(self, request):
        """List the serial numbers that several devices report, for whom nobody has decided."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        context = {"title": "Same serial number", "cases": open_cases(request.user)}
        context |= {"may_decide": self.has_change_permission(request)}
        return self.page(request, "console/device/same_serial.html", context)

    def decide_serial_view(self, request):
        """Decide one: ``same`` or ``different``."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        decision = request.POST.get("decision")
        if decision not in ("same", "different"):
            raise BadRequest("a decision is same or different")
        address, actor = self.route("same_serial"), Actor.staff(request.user)
        try:
            case = case_of(request.user, request.POST.get("serial_number", "").replace("\x00", ""))
            if decision == "different":
                decide_different(case, actor=actor)
                return self.done(
                    request, f"The devices with {case.serial_number} are kept apart.", address, reload=True
                )
            kept = decide_same(case, actor=actor)
        except EspalierError as error:
            return self.failed(request, f"{error.detail.capitalize()}.", address)
        return self.done(request, f"{kept} goes on as the same device.", self.route("change", kept.pk), reload=True)
