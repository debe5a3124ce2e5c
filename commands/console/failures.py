"""What failed this week over all commands: the causes, the devices of each, and asking those again."""

from urllib.parse import urlencode

from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.views.decorators.http import require_POST

from commands import failures
from devices.timeline import Actor

PAGE_SIZE = 50
JOINED = ("command", "channel__device")


class FailurePages:
    """Mixin of the command admin."""

    def failure_urls(self) -> list:
        return [
            self.view_path("failures/", self.failures_view, "failures"),
            self.view_path("failures/retry/", require_POST(self.failures_retry_view), "failures_retry"),
        ]

    def failures_view(self, request):
        """List what failed by cause, and the devices of the cause that the address names."""
        failed = self._failed(request)
        causes = failures.by_cause(failed)
        chosen = next((cause for cause in causes if cause.key == request.GET.get("cause")), None)
        context = {
            "title": "Failures of the last 7 days", "causes": causes, "chosen": chosen,
            "may_retry": request.user.has_perm("commands.add_command"),
        }  # fmt: skip
        if chosen is not None:
            found = failures.of_failure(failed, chosen.request_type, chosen.key).select_related(*JOINED)
            found = found.defer("command__body_encrypted").order_by("channel__device__name", "id")
            context["page"] = Paginator(found, PAGE_SIZE).get_page(request.GET.get("p"))
        return self.page(request, "console/failures.html", context)

    def failures_retry_view(self, request):
        """Ask the devices of one cause again."""
        if not request.user.has_perm("commands.add_command"):
            raise PermissionDenied
        request_type, key = request.POST.get("type", "")[:100].replace("\x00", ""), request.POST.get("cause", "")
        found = failures.of_failure(self._failed(request), request_type, key)
        address = f"{self.route('failures')}?{urlencode({'cause': key})}"
        done = failures.retry(found, actor=Actor.staff(request.user))
        if not done.devices:
            why = f": {done.refusals[0]}" if done.refusals else ". What destroys something is asked again one by one."
            return self.failed(request, f"Nothing is asked again{why}", address)
        words = "1 device is asked again." if done.devices == 1 else f"{done.devices:,} devices are asked again."
        return self.done(request, " ".join([words, *done.refusals]), self.route("failures"), reload=True)

    def _failed(self, request):
        if not self.has_view_permission(request) or not request.user.has_perm("devices.view_device"):
            raise PermissionDenied
        return failures.recent_failures(request.user)
