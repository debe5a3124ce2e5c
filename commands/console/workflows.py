"""The pages of workflows: the list, one with its steps, starting one on a device."""

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.shortcuts import get_object_or_404
from django.utils.html import format_html
from unfold.decorators import display
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanWidget,
)

from commands.governor.foreseeing import foresee_each
from commands.models import Command
from commands.workflows.definition import Definition, InvalidParameters, Parameter
from commands.workflows.definitions import definition_of, definitions
from commands.workflows.fitness import Facts, refusal_for, refusals_for
from commands.workflows.models import Workflow, WorkflowStep
from commands.workflows.services import cancel_workflow, end_workflow, start_workflow
from devices.console.forms import ReasonForm
from devices.console.links import device_link
from devices.models import Device
from devices.timeline import Actor
from mdm_project import status
from mdm_project.console import ReadOnlyAdmin, submitted
from mdm_project.errors import EspalierError, NotFound
from mdm_project.row_ids import is_row_id
from mdm_project.templatetags.console import age
from mdm_project.templatetags.console import status as show_status

MAY_START = "commands.add_workflow"
STATES = {
    Workflow.State.RUNNING: status.Status("Running", "wait", "hourglass_top"),
    Workflow.State.DONE: status.Status("Done", "ok", "check_circle"),
    Workflow.State.FAILED: status.FAILED,
    Workflow.State.CANCELLED: status.CANCELLED,
}
WAITS_FOR_PERSON = status.Status("Waits for a person", "attn", "person_alert")
STEP_STATES = {
    WorkflowStep.State.WAITING: status.Status("Not begun", "wait", "radio_button_unchecked"),
    WorkflowStep.State.RUNNING: status.Status("Running", "info", "hourglass_top"),
    WorkflowStep.State.DONE: status.Status("Done", "ok", "check_circle"),
    WorkflowStep.State.SKIPPED: status.Status("Not needed", "gone", "skip_next"),
    WorkflowStep.State.FAILED: status.FAILED,
    WorkflowStep.State.CANCELLED: status.CANCELLED,
}


def state_word(workflow: Workflow) -> status.Status:
    """Say where a workflow stands in a word; what waits for a person is a state of its own."""
    return WAITS_FOR_PERSON if workflow.is_waiting_for_person else STATES[workflow.state]


def _step_word(workflow: Workflow, row: WorkflowStep) -> status.Status:
    """A step that is to be begun again is not one that was not begun; the one under way may wait for a person."""
    is_again = row.state == WorkflowStep.State.WAITING and (row.times or row.attempts)
    if workflow.is_waiting_for_person and (is_again or row.state == WorkflowStep.State.RUNNING):
        return WAITS_FOR_PERSON
    return status.Status("Waiting", "wait", "hourglass_top") if is_again else STEP_STATES[row.state]


def _field(parameter: Parameter) -> forms.Field:
    common = {"label": parameter.label, "required": parameter.is_required, "help_text": parameter.help}
    common["initial"] = parameter.default
    if parameter.kind == "number":
        low, high = parameter.minimum, parameter.maximum
        widget = UnfoldAdminIntegerFieldWidget()
        return forms.IntegerField(min_value=low, max_value=high, widget=widget, **common)
    if parameter.kind == "switch":
        return forms.BooleanField(widget=UnfoldBooleanWidget(), **{**common, "required": False})
    if parameter.kind == "choice":
        return forms.ChoiceField(choices=parameter.choices, widget=UnfoldAdminSelectWidget(), **common)
    return forms.CharField(max_length=parameter.maximum or 500, widget=UnfoldAdminTextInputWidget(), **common)


class StartForm(forms.Form):
    reason = forms.CharField(
        required=False, max_length=500, help_text="Kept in the timeline.", widget=UnfoldAdminTextInputWidget()
    )

    typed = forms.CharField(widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}))

    def __init__(self, *args, definition: Definition, expected: str, needs_typing: bool, **kwargs):
        super().__init__(*args, **kwargs)
        self.expected = expected
        self.fields["typed"].label = f"Type {self.expected} to confirm"
        if not needs_typing:
            del self.fields["typed"]
        for parameter in definition.parameters:
            self.fields[parameter.name] = _field(parameter)
        self.fields["reason"].required = definition.is_dangerous
        self.order_fields([*(parameter.name for parameter in definition.parameters), "reason", "typed"])

    def clean_typed(self) -> str:
        if self.cleaned_data["typed"].strip().upper() != self.expected.upper():
            raise forms.ValidationError(f"This must be {self.expected}, exactly.")
        return self.expected

    def explain(self, error: InvalidParameters) -> None:
        """Say at each field what is wrong with it."""
        for path, why in error.fields.items():
            name = path.removeprefix("parameters.")
            self.add_error(name if name in self.fields else None, f"{why[:1].upper()}{why[1:]}")

    def parameters(self) -> dict:
        """Return what was entered. The form is valid."""
        return {
            name: value
            for name, value in self.cleaned_data.items()
            if name not in ("reason", "typed") and value is not None
        }


@admin.register(Workflow)
class WorkflowAdmin(ReadOnlyAdmin):
    list_display = ("kind_column", "device_column", "state_column", "note_column", "actor", "started_column")
    list_display_links = None
    list_filter = ("state", "waits_for_person", "kind")
    list_select_related = ("device",)
    search_fields = ("device__serial_number", "device__name", "actor", "reason")
    search_help_text = "Serial number, name, who, reason"
    ordering = ("-id",)
    list_before_template = "console/workflow/list_before.html"
    empty_title = "No workflows yet"
    empty_text = "Open a device and press “Workflows”: turn on FileVault, find a lost device, offboard…"
    csv_columns = (
        ("workflow", "kind"), ("device", "device"), ("serial number", "device.serial_number"), ("state", "state"),
        ("note", "note"), ("who", "actor"), ("reason", "reason"), ("started", "started_at"), ("ended", "finished_at"),
    )  # fmt: skip

    def get_queryset(self, request):
        return Workflow.objects.visible_to(request.user).defer("parameters_encrypted")

    def get_urls(self):
        return [
            self.view_path("choose/<int:device_id>/", self.choose_view, "choose"),
            self.view_path("start/<int:device_id>/<slug:kind>/", self.start_view, "start"),
            self.view_path("<int:pk>/end/", self.end_view, "end"),
            self.view_path("<int:pk>/cancel/", self.cancel_view, "cancel"),
            *super().get_urls(),
        ]

    @display(description="Workflow", ordering="kind")
    def kind_column(self, workflow):
        title = definition_of(workflow.kind).title
        return format_html('<a class="e-link" href="{}">{}</a>', self.route("change", workflow.pk), title)

    @display(description="Device")
    def device_column(self, workflow):
        return device_link(workflow.device)

    @display(description="State", ordering="state")
    def state_column(self, workflow):
        return show_status(state_word(workflow))

    @display(description="Where it stands")
    def note_column(self, workflow):
        return workflow.told or "–"

    @display(description="Started", ordering="-id")
    def started_column(self, workflow):
        return age(workflow.started_at)

    def _workflow(self, request, pk) -> Workflow:
        if not is_row_id(pk):
            raise Http404("there is no such workflow")
        return get_object_or_404(self.get_queryset(request).select_related("device"), pk=pk)

    def change_view(self, request, object_id, form_url="", extra_context=None):
        """Show a workflow with its steps, what each asked, and where it stands."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        workflow = self._workflow(request, object_id)
        definition = definition_of(workflow.kind)
        steps = []
        for row in workflow.steps.order_by("position"):
            asked = Command.objects.visible_to(request.user).filter(workflow_steps=row).order_by("-id")
            shown = list(asked.only("id", "request_type", "created_at")[:5])
            steps.append((definition.step(row.name), row, _step_word(workflow, row), shown))
        may_change = request.user.has_perm("commands.change_workflow")
        context = {
            "title": definition.title, "workflow": workflow, "definition": definition, "steps": steps,
            "state": state_word(workflow), "may_change": may_change and workflow.state == Workflow.State.RUNNING,
        }  # fmt: skip
        return self.page(request, "console/workflow/page.html", context)

    def _device(self, request, device_id) -> Device:
        if not request.user.has_perm(MAY_START) or not request.user.has_perm("commands.add_command"):
            raise PermissionDenied
        return get_object_or_404(Device.objects.visible_to(request.user), pk=device_id)

    def choose_view(self, request, device_id):
        """Show the workflows for a device, those that are of no use to it with the reason."""
        device = self._device(request, device_id)
        facts = Facts.of([device])
        choices = [
            (definition, refusals_for(definition, [device], facts=facts).get(device.pk, ""))
            for definition in definitions().values()
        ]
        context = {"title": f"Workflows for {device}", "device": device, "choices": choices}
        context["back"] = f"/console/devices/device/{device.pk}/change/"
        return self.dialog(request, "console/workflow/choose.html", context)

    def start_view(self, request, device_id, kind):
        """Show a workflow's form (GET), or start it (POST)."""
        device = self._device(request, device_id)
        try:
            definition = definition_of(kind)
        except NotFound as error:
            raise Http404(error.detail) from error
        form = StartForm(
            submitted(request)[0], definition=definition, needs_typing=definition.loses_data,
            expected=device.serial_number or device.udid or str(device.pk),
        )  # fmt: skip
        context = {"title": f"{definition.title}: {device}", "form": form, "button": "Start"}
        context |= {"back": f"/console/devices/device/{device.pk}/change/", "is_danger": definition.is_dangerous}
        context["warning"] = refusal_for(definition, device)
        if not context["warning"]:
            context["foreseen"] = foresee_each(definition.dangers, 1, Actor.staff(request.user))
        if request.method == "POST" and form.is_valid():
            try:
                workflow = start_workflow(
                    kind, device, form.parameters(), actor=Actor.staff(request.user),
                    reason=form.cleaned_data["reason"],
                )  # fmt: skip
                return self.done(
                    request, f"{definition.title} started.", self.route("change", workflow.pk), reload=True
                )
            except InvalidParameters as error:
                form.explain(error)
            except EspalierError as error:
                form.add_error(None, error.detail)
        return self.dialog(request, "console/dialog_form.html", context)

    def end_view(self, request, pk):
        if not request.user.has_perm("commands.change_workflow"):
            raise PermissionDenied
        return self._finish(request, pk, end_workflow, definition_of(self._workflow(request, pk).kind).end_title)

    def cancel_view(self, request, pk):
        return self._finish(request, pk, cancel_workflow, "Cancel")

    def _finish(self, request, pk, act, title: str):
        if not request.user.has_perm("commands.change_workflow"):
            raise PermissionDenied
        workflow, address = self._workflow(request, pk), self.route("change", pk)
        form = ReasonForm(submitted(request)[0])
        if request.method == "POST" and form.is_valid():
            try:
                act(workflow, actor=Actor.staff(request.user), reason=form.cleaned_data["reason"])
                return self.done(request, "Done.", address, reload=True)
            except EspalierError as error:
                form.add_error(None, error.detail)
        context = {"title": title or "End", "form": form, "button": title or "End", "back": address}
        if act is cancel_workflow:
            context["warning"] = "What the device has done stays done: Lost Mode stays on, for example."
        return self.dialog(request, "console/dialog_form.html", context)
