"""The console's pages of workflows on many devices: choosing and starting one from the list of devices, how it goes."""

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q
from django.http import Http404, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from commands.console.governor import may_decide, name_devices
from commands.console.workflows import MAY_START, StartForm
from commands.governor.foreseeing import foresee_each
from commands.workflows.batches import cancel_batch, plan_batch, plans_of, start_batch
from commands.workflows.definition import InvalidParameters
from commands.workflows.definitions import definition_of, definitions
from commands.workflows.held import approve_held, cancel_held, waiting_of
from commands.workflows.models import Workflow, WorkflowBatch
from commands.workflows.overview import batch_overview, shares_of
from devices.console.forms import ReasonForm
from devices.models import Device
from devices.timeline import Actor
from mdm_project.console import ReadOnlyAdmin, submitted
from mdm_project.errors import EspalierError
from mdm_project.row_ids import is_row_id
from mdm_project.templatetags.console import age

EXAMPLES = 12


class BulkWorkflows:
    """Mixin of the device admin: starting a workflow on the chosen devices."""

    @admin.action(description="Start a workflow…")
    def start_workflow(self, request, queryset):
        """Let staff pick a workflow, fill in its form, and confirm it for all chosen devices."""
        if not (request.user.has_perm(MAY_START) and request.user.has_perm("commands.add_command")):
            raise PermissionDenied
        chosen = Device.objects.visible_to(request.user).filter(pk__in=queryset.order_by().values("pk"))
        devices, kind = chosen.enrolled(), request.POST.get("workflow", "")
        context = {
            "number": chosen.count(), "enrolled": devices.count(),
            "some": list(chosen.order_by("name", "id")[:EXAMPLES]),
            "ids": request.POST.getlist(ACTION_CHECKBOX_NAME), "checkbox_name": ACTION_CHECKBOX_NAME,
            "select_across": request.POST.get("select_across", "0"),
            "back": f"{request.path}?{request.GET.urlencode()}",
        }  # fmt: skip
        if kind not in definitions():
            return self._choose_workflow(request, devices, context)
        plan = plan_batch(kind, devices)
        number, definition = len(plan.devices), plan.definition
        is_confirmed = "confirmed" in request.POST
        form = StartForm(
            request.POST if is_confirmed else None, definition=definition, expected=str(number),
            needs_typing=definition.is_dangerous,
        )  # fmt: skip
        if is_confirmed and form.is_valid():
            batch = _start(form, kind, devices, number, request)
            if batch is not None:
                messages.success(request, f"{definition.title} started on {_devices(batch.device_count)}.")
                return HttpResponseRedirect(reverse("admin:commands_workflowbatch_change", args=[batch.pk]))
        context |= {"title": definition.title, "definition": definition, "form": form, "plan": plan}
        context["foreseen"] = foresee_each(definition.dangers, number, Actor.staff(request.user))
        return self.page(request, "console/workflow/bulk_form.html", context | {"fit": number})

    def _choose_workflow(self, request, devices, context: dict):
        context |= {"title": "Start a workflow", "plans": plans_of(devices)}
        return self.page(request, "console/workflow/bulk_choose.html", context)


def _start(form: StartForm, kind: str, devices, number: int, request) -> WorkflowBatch | None:
    """Start what a valid form says; on refusal put the reasons into the form and return None."""
    try:
        return start_batch(
            kind, devices, form.parameters(), actor=Actor.staff(request.user), reason=form.cleaned_data["reason"],
            confirmed=number,
        )  # fmt: skip
    except InvalidParameters as error:
        form.explain(error)
    except EspalierError as error:
        form.add_error(None, error.detail)
    return None


class HeldForm(ReasonForm):
    """A decision about all that is held of a batch; what is approved for many devices is typed as their number."""

    typed = forms.CharField(widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "inputmode": "numeric"}))

    def __init__(self, *args, number: int, needs_typing: bool, **kwargs):
        super().__init__(*args, **kwargs)
        self.number = number
        self.fields["reason"].required = False
        self.fields["typed"].label = f"Type {number} to confirm"
        if not needs_typing:
            del self.fields["typed"]

    def clean_typed(self) -> str:
        if self.cleaned_data["typed"].strip() != str(self.number):
            raise forms.ValidationError(f"This must be {self.number}, exactly.")
        return self.cleaned_data["typed"]


def _devices(number: int) -> str:
    return "1 device" if number == 1 else f"{number:,} devices"


@admin.register(WorkflowBatch)
class WorkflowBatchAdmin(ReadOnlyAdmin):
    list_display = ("kind_column", "count_column", "actor", "reason", "created_column")
    list_display_links = None
    list_filter = ("kind",)
    search_fields = ("actor", "reason")
    search_help_text = "Who, reason"
    ordering = ("-id",)
    empty_title = "No workflow was started on many devices yet"
    empty_text = "Choose devices in their list, or open a group, and pick “Start a workflow…”."

    def has_module_permission(self, request):
        return self.has_view_permission(request)

    def has_view_permission(self, request, obj=None):
        return request.user.has_perm("commands.view_workflow")

    def get_queryset(self, request):
        """With the number of devices that the person may see, which for limited people is not that of the batch."""
        seen = Workflow.objects.visible_to(request.user).order_by().values("pk")
        batches = WorkflowBatch.objects.visible_to(request.user).defer("parameters_encrypted")
        return batches.annotate(seen=Count("workflows", filter=Q(workflows__in=seen)))

    def get_urls(self):
        return [
            self.view_path("<int:pk>/cancel/", self.cancel_view, "cancel"),
            self.view_path("<int:pk>/held/approve/", self.approve_held_view, "approve_held"),
            self.view_path("<int:pk>/held/cancel/", self.cancel_held_view, "cancel_held"),
            *super().get_urls(),
        ]

    @display(description="Workflow", ordering="kind")
    def kind_column(self, batch):
        address = self.route("change", batch.pk)
        return format_html('<a class="e-link" href="{}">{}</a>', address, definition_of(batch.kind).title)

    @display(description="Devices", ordering="seen")
    def count_column(self, batch):
        return f"{batch.seen:,}"

    @display(description="Started", ordering="-id")
    def created_column(self, batch):
        return age(batch.created_at)

    def _batch(self, request, pk) -> WorkflowBatch:
        if not is_row_id(pk):
            raise Http404("there is no such batch")
        return get_object_or_404(self.get_queryset(request), pk=pk)

    def change_view(self, request, object_id, form_url="", extra_context=None):
        """Show how a workflow stands on many devices: shares, causes, who was left out."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        batch = self._batch(request, object_id)
        overview = batch_overview(batch, request.user)
        held = waiting_of(batch, request.user)
        name_devices([held], request.user)
        context = {
            **overview, "title": definition_of(batch.kind).title, "batch": batch, "held": held,
            "shares": shares_of(overview), **may_decide(request.user),
            "definition": definition_of(batch.kind), "is_moving": overview["counts"]["running"],
            "may_change": request.user.has_perm("commands.change_workflow"),
        }  # fmt: skip
        return self.page(request, "console/workflow/batch.html", context)

    def cancel_view(self, request, pk):
        """Cancel what still runs of a batch."""
        if not request.user.has_perm("commands.change_workflow"):
            raise PermissionDenied
        batch, address = self._batch(request, pk), self.route("change", pk)
        form = ReasonForm(submitted(request)[0])
        if request.method == "POST" and form.is_valid():
            number = cancel_batch(
                batch, request.user, actor=Actor.staff(request.user), reason=form.cleaned_data["reason"]
            )
            return self.done(request, f"Cancelled on {_devices(number)}.", address, reload=True)
        number = Workflow.objects.visible_to(request.user).running().filter(batch=batch).count()
        context = {"title": f"Cancel on {_devices(number)}", "form": form, "button": "Cancel", "back": address}
        context |= {"warning": "What a device has done stays done: Lost Mode stays on, for example.", "is_danger": True}
        return self.dialog(request, "console/dialog_form.html", context)

    def approve_held_view(self, request, pk):
        """Approve all that waits for a second person of a batch, as one decision."""
        self._require(request, "commands.approve_destructive")
        batch = self._batch(request, pk)
        held = waiting_of(batch, request.user)
        number = held.number_to_approve
        form = HeldForm(submitted(request)[0], number=number, needs_typing=number > 1)
        context = {"title": f"Approve {held.words_to_approve}", "button": "Approve", "is_danger": True, "form": form}
        context["warning"] = (
            "It goes out as soon as the limits let it, and cannot be undone. What is held later, beyond this number, "
            "has to be approved then."
        )
        if not number:
            context["warning"] = "Nothing of it waits for a second person any more."
        return self._decide(request, batch, context, approve_held, "Approved for", confirmed=number)

    def cancel_held_view(self, request, pk):
        """Cancel all that is held of a batch, as one decision."""
        self._require(request, "commands.change_command")
        batch = self._batch(request, pk)
        number = waiting_of(batch, request.user).device_count
        form = HeldForm(submitted(request)[0], number=number, needs_typing=False)
        context = {"title": f"Cancel for {_devices(number)}", "button": "Cancel it", "is_danger": True, "form": form}
        context["warning"] = "The workflow ends on these devices. On the others it goes on: cancel it on its own page."
        return self._decide(request, batch, context, cancel_held, "Cancelled for")

    def _require(self, request, permission: str) -> None:
        if not (self.has_view_permission(request) and request.user.has_perms([permission, "commands.view_heldaction"])):
            raise PermissionDenied

    def _decide(self, request, batch, context: dict, act, done: str, **how):
        form, address = context["form"], self.route("change", batch.pk)
        if request.method == "POST" and form.is_valid():
            actor, reason = Actor.staff(request.user), form.cleaned_data["reason"]
            try:
                decision = act(batch, request.user, actor=actor, reason=reason, **how)
            except EspalierError as error:
                form.add_error(None, f"{error.detail[:1].upper()}{error.detail[1:]}.")
            else:
                return self.done(request, f"{done} {decision.words}.", address, reload=True)
        return self.dialog(request, "console/dialog_form.html", {**context, "back": address})
