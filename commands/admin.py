"""The console's pages of commands: the list, one command with its targets, and what became of each target."""

from datetime import timedelta

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.views.decorators.http import require_POST
from unfold.decorators import display

from commands.answers import answer_of
from commands.asking import ask_again
from commands.causes import with_cause
from commands.console.compose import ComposePages
from commands.console.failures import FailurePages
from commands.console.governor import GovernorAdmin  # noqa: F401 (registers it)
from commands.console.workflow_batches import WorkflowBatchAdmin  # noqa: F401 (registers it)
from commands.console.workflows import WorkflowAdmin  # noqa: F401 (registers it)
from commands.error_words import words_of
from commands.models import Command, QueuedCommand, Report
from commands.overview import outcome_context
from commands.progress import progress
from commands.queue import cancel_commands
from devices.console.forms import ReasonForm
from devices.console.links import device_link
from devices.redaction import redact
from devices.timeline import Actor
from mdm_project import plist, status
from mdm_project.console import LongListAdmin, submitted
from mdm_project.crypto import CannotDecrypt, unseal
from mdm_project.errors import EspalierError, UnreadablePlist
from mdm_project.row_ids import is_row_id
from mdm_project.templatetags.console import age
from mdm_project.templatetags.console import status as show_status

State = QueuedCommand.State
FAILED = (State.FAILED, State.QUARANTINED)
TARGETS_PAGE = 100
FAILED_DAYS = 7
STATE_FILTERS = {
    "waiting": QueuedCommand.WAITING,
    "acknowledged": (State.ACKNOWLEDGED,),
    "partly": (State.PARTLY,),
    "failed": FAILED,
    "ended": (State.CANCELLED, State.EXPIRED),
}


class OutcomeFilter(admin.SimpleListFilter):
    title, parameter_name = "outcome", "outcome"

    def lookups(self, request, model_admin):
        return [("waiting", "Something is waiting"), ("failed", "Something failed this week")]

    def queryset(self, request, queryset):
        targets = QueuedCommand.objects.order_by()
        if self.value() == "waiting":
            return queryset.filter(pk__in=targets.waiting().values("command"))
        if self.value() == "failed":
            since = timezone.now() - timedelta(days=FAILED_DAYS)
            return queryset.filter(pk__in=targets.failed_since(since).values("command"))
        return queryset


@admin.register(Command)
class CommandAdmin(ComposePages, FailurePages, LongListAdmin):
    list_display = ("command_column", "target_column", "outcome_column", "actor_column", "reason", "created_column")
    list_display_links = None
    list_filter = (OutcomeFilter, "origin")
    search_fields = ("request_type", "uuid", "actor", "reason")
    search_help_text = "Command, CommandUUID, who, reason"
    ordering = ("-id",)
    empty_title = "No commands yet"
    empty_text = "Open a device and press “Refresh inventory” or “Run a command”."
    csv_columns = (
        ("CommandUUID", "uuid"), ("command", "request_type"), ("who", "actor"), ("origin", "origin"),
        ("reason", "reason"), ("targets", "reach"), ("created", "created_at"), ("expires", "expires_at"),
    )  # fmt: skip

    def get_queryset(self, request):
        return Command.objects.visible_to(request.user).with_reach(request.user).defer("body_encrypted")

    def get_urls(self):
        return [
            *self.compose_urls(),
            *self.failure_urls(),
            self.view_path("<int:pk>/cancel/", self.cancel_view, "cancel"),
            self.view_path("<int:pk>/retry/", require_POST(self.retry_view), "retry"),
            self.view_path("target/<int:pk>/", self.target_view, "target"),
            self.view_path("target/<int:pk>/cancel/", require_POST(self.cancel_target_view), "cancel_target"),
            self.view_path("target/<int:pk>/retry/", require_POST(self.retry_target_view), "retry_target"),
            *super().get_urls(),
        ]

    def get_changelist_instance(self, request):
        changelist = super().get_changelist_instance(request)
        _attach_counts(changelist.result_list, request.user)
        return changelist

    @display(description="Command", ordering="request_type")
    def command_column(self, command):
        address = self.route("change", command.pk)
        return format_html('<a class="e-link" href="{}">{}</a>', address, command.request_type)

    @display(description="Targets", ordering="reach")
    def target_column(self, command):
        if command.reach == 1 and command.only_device is not None:
            return device_link(command.only_device)
        return f"{command.reach:,} devices" if command.reach != 1 else "1 device"

    @display(description="Outcome")
    def outcome_column(self, command):
        words = outcome_words(command.counts)
        return format_html_join(" ", "{}", ((show_status(word),) for word in words))

    @display(description="Asked by", ordering="actor")
    def actor_column(self, command):
        return command.actor

    @display(description="When", ordering="-id")
    def created_column(self, command):
        return age(command.created_at)

    def _command(self, request, pk) -> Command:
        if not is_row_id(pk):
            raise Http404("there is no such command")
        return get_object_or_404(Command.objects.visible_to(request.user).with_reach(request.user), pk=pk)

    def change_view(self, request, object_id, form_url="", extra_context=None):
        """Show a command: what was asked, the counts, and the targets with where each stands."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        command = self._command(request, object_id)
        targets = QueuedCommand.objects.visible_to(request.user).filter(command=command)
        state = request.GET.get("state", "")
        shown = targets.filter(state__in=STATE_FILTERS[state]) if state in STATE_FILTERS else targets
        shown = shown.select_related("channel", "channel__device", "channel__push_state", "channel__contact")
        rows = [(queued, progress(queued)) for queued in shown.order_by("id")[:TARGETS_PAGE]]
        context = outcome_context(command, targets, request.user, rows)
        if request.GET.get("live") == context["version"]:
            return HttpResponse(status=204)
        context |= {
            "title": command.request_type,
            "command": command,
            "payload": _payload(command),
            "outcome": outcome_words(context["counts"]),
            "state": state,
            "page_size": TARGETS_PAGE,
            "may_cancel": request.user.has_perm("commands.change_command"),
            "may_retry": request.user.has_perm("commands.add_command"),
        }
        if "live" in request.GET:
            return render(request, "console/command_live.html", context)
        return self.page(request, "console/command.html", context)

    def cancel_view(self, request, pk):
        """Cancel what still waits of a command."""
        if not request.user.has_perm("commands.change_command"):
            raise PermissionDenied
        command = self._command(request, pk)
        waiting = QueuedCommand.objects.visible_to(request.user).filter(command=command).waiting()
        address = self.route("change", pk)
        form = ReasonForm(submitted(request)[0])
        if request.method == "POST" and form.is_valid():
            reason = form.cleaned_data["reason"]
            number = cancel_commands(waiting, actor=Actor.staff(request.user), reason=reason)
            return self.done(request, f"{number:,} waiting commands cancelled.", address, reload=True)
        number = waiting.count()
        whom = "1 device" if number == 1 else f"{number:,} devices"
        context = {"title": f"Cancel {command.request_type} for {whom}", "form": form, "back": address}
        context |= {"button": "Cancel the command", "is_danger": True}
        context["warning"] = "A device that has the command already may still carry it out."
        return self.dialog(request, "console/dialog_form.html", context)

    def retry_view(self, request, pk):
        """Ask the devices that failed again, as a new command: all of them, or those of one cause."""
        self._require_add(request)
        command = self._command(request, pk)
        address = self.route("change", pk)
        failed = QueuedCommand.objects.visible_to(request.user).filter(command=command).failed()
        if "cause" in request.POST:
            failed = with_cause(failed, request.POST["cause"])
        text = request.POST.get("number", "")
        number = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
        try:
            asked = ask_again(failed, actor=Actor.staff(request.user), confirmed=number)
        except EspalierError as error:
            return self.failed(request, error.detail, address)
        if asked.held is not None:
            return self.done(request, asked.held.words, address, reload=True)
        number = asked.command.target_count
        words = "1 device asked again." if number == 1 else f"{number:,} devices asked again."
        return self.done(request, words, self.route("change", asked.command.pk), reload=True)

    @staticmethod
    def _require_add(request) -> None:
        if not request.user.has_perm("commands.add_command"):
            raise PermissionDenied

    def _target(self, request, pk) -> QueuedCommand:
        targets = QueuedCommand.objects.visible_to(request.user).select_related(
            "command", "channel", "channel__device", "channel__push_state", "channel__contact"
        )
        return get_object_or_404(targets, pk=pk)

    def target_view(self, request, pk):
        """Show what one device answered."""
        queued = self._target(request, pk)
        reports = Report.objects.filter(queued=queued).select_related("channel").order_by("disposition", "-id")
        report = reports.first()
        context = {
            "title": f"{queued.command.request_type} on {queued.channel.device}",
            "queued": queued,
            "state": progress(queued),
            "report": report,
            "answer": answer_of(report) if report else None,
            "errors": words_of(report.error_chain) if report and report.error_chain else "",
            "device": queued.channel.device,
        }
        return self.dialog(request, "console/answer.html", context)

    def cancel_target_view(self, request, pk):
        if not request.user.has_perm("commands.change_command"):
            raise PermissionDenied
        queued = self._target(request, pk)
        address = self.route("change", queued.command_id)
        one = QueuedCommand.objects.filter(pk=queued.pk)
        number = cancel_commands(one, actor=Actor.staff(request.user), reason=request.POST.get("reason", ""))
        words = "Cancelled." if number else "Too late: it is finished already."
        return self.done(request, words, address)

    def retry_target_view(self, request, pk):
        self._require_add(request)
        queued = self._target(request, pk)
        address = self.route("change", queued.command_id)
        try:
            one = QueuedCommand.objects.filter(pk=queued.pk)
            asked = ask_again(one, actor=Actor.staff(request.user))
        except EspalierError as error:
            return self.failed(request, error.detail, address)
        words = asked.held.words if asked.held else f"{queued.command.request_type} asked again."
        return self.done(request, words, address)


def _attach_counts(commands, user) -> None:
    """Give the commands of a page their counts by state, and the device of those with one target: two statements."""
    by_id = {command.pk: command for command in commands}
    for command in commands:
        command.counts, command.only_device = {}, None
    rows = QueuedCommand.objects.visible_to(user).filter(command__in=by_id).order_by()
    rows = rows.values_list("command", "state")
    for pk, state, number in rows.annotate(number=Count("id")):
        by_id[pk].counts[State(state).name.lower()] = number
    single = [command.pk for command in commands if command.reach == 1]
    targets = QueuedCommand.objects.visible_to(user).filter(command__in=single).select_related("channel__device")
    for queued in targets.order_by("command_id", "id").distinct("command_id"):
        by_id[queued.command_id].only_device = queued.channel.device


def outcome_words(counts: dict[str, int]) -> list[status.Status]:
    """Return counts by state as status words, what needs attention first."""
    words = []
    failed = counts.get("failed", 0) + counts.get("quarantined", 0)
    waiting = counts.get("pending", 0) + counts.get("not_now", 0)
    for number, word in (
        (failed, status.FAILED),
        (counts.get("partly", 0), status.PARTLY),
        (waiting, status.PENDING),
        (counts.get("sent", 0), status.SENT),
        (counts.get("acknowledged", 0), status.ACKNOWLEDGED),
        (counts.get("expired", 0), status.EXPIRED),
        (counts.get("cancelled", 0), status.CANCELLED),
    ):
        if number:
            text = word.word if sum(counts.values()) == 1 else f"{number:,} {word.word.lower()}"
            words.append(status.Status(text, word.tone, word.icon))
    return words


def _payload(command: Command) -> dict:
    """Return what was asked beside RequestType, without secrets."""
    try:
        body = plist.loads(unseal(bytes(command.body_encrypted), command.body_context))
    except (CannotDecrypt, UnreadablePlist) as error:
        return {"Unreadable": error.detail}
    payload = dict(body.get("Command", {}))
    payload.pop("RequestType", None)
    return redact(payload)
