"""A workflow on one device, its steps, and the batch of those that were started together."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from commands.workflows.querysets import WorkflowBatchQuerySet, WorkflowQuerySet
from devices.models import Device, Enrollment


class WorkflowBatch(models.Model):
    """One decision to start a workflow on many devices, and whom it left out.

    ``device_count`` is what the governor judges each of its workflows by; ``left_out`` is
    ``[{"reason", "device_ids"}]``.
    """

    kind = models.CharField(max_length=40, help_text="name of its definition")
    parameters_encrypted = models.BinaryField(editable=False, help_text="what was entered, as JSON")
    origin = models.CharField(max_length=10)
    actor = models.CharField(max_length=200, help_text="who started it, as text")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    reason = models.TextField(blank=True)
    device_count = models.PositiveIntegerField(default=0)
    left_out = models.JSONField(default=list)
    created_at = models.DateTimeField(default=timezone.now)

    objects = WorkflowBatchQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        verbose_name = "workflow on many devices"
        verbose_name_plural = "workflows on many devices"
        default_permissions = ()  # those of workflows

    def __str__(self):
        return f"{self.kind} on {self.device_count} devices"

    @property
    def parameters_context(self) -> str:
        """What the ciphertext is bound to."""
        return f"workflow batch:{self.kind}:{self.created_at.isoformat()}"


class Workflow(models.Model):
    """Several commands to one device, one step after the other.

    ``memory`` holds facts between looks, never a secret; what people entered is in ``parameters_encrypted``.
    """

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    kind = models.CharField(max_length=40, help_text="name of its definition")
    device = models.ForeignKey(Device, on_delete=models.CASCADE, related_name="workflows")
    enrollment = models.ForeignKey(
        Enrollment, null=True, on_delete=models.SET_NULL, related_name="+", help_text="the membership it works in now"
    )
    batch = models.ForeignKey(
        WorkflowBatch, null=True, blank=True, on_delete=models.SET_NULL, related_name="workflows",
        help_text="of those started together on many devices",
    )  # fmt: skip
    state = models.CharField(max_length=10, choices=State.choices, default=State.RUNNING)
    parameters_encrypted = models.BinaryField(editable=False, help_text="what was entered, as JSON")
    memory = models.JSONField(default=dict)
    origin = models.CharField(max_length=10)
    actor = models.CharField(max_length=200, help_text="who started it, as text")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    reason = models.TextField(blank=True)
    note = models.TextField(blank=True, help_text="how it ended, or what it waits for, in words")
    started_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(default=timezone.now, help_text="when it is looked at next")
    waits_for_person = models.BooleanField(
        default=False, db_default=False, help_text="while it runs: only a person can bring it further"
    )
    end_wished_at = models.DateTimeField(null=True, help_text="a person wants what goes on for ever to end")
    finished_at = models.DateTimeField(null=True)

    objects = WorkflowQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["device", "kind"], condition=Q(state="running"), name="one_running_workflow_of_a_kind"
            )
        ]
        indexes = [models.Index(fields=["due_at", "id"], condition=Q(state="running"), name="workflow_due")]

    def __str__(self):
        return f"{self.kind} on {self.device_id}"

    @property
    def is_waiting_for_person(self) -> bool:
        return self.waits_for_person and self.state == self.State.RUNNING

    @property
    def told(self) -> str:
        """The note, which says at its beginning when a person is waited for."""
        is_unsaid = self.is_waiting_for_person and not self.note.startswith("Waits for")
        return f"Waits for a person: {self.note}" if is_unsaid else self.note

    @property
    def parameters_context(self) -> str:
        """What the ciphertext is bound to."""
        return f"workflow:{self.kind}:{self.device_id}:{self.started_at.isoformat()}"


class WorkflowStep(models.Model):
    """One step: what it asked (its commands), where it stands, and why."""

    class State(models.TextChoices):
        WAITING = "waiting", "Not begun"
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        SKIPPED = "skipped", "Not needed"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    workflow = models.ForeignKey(Workflow, on_delete=models.CASCADE, related_name="steps")
    position = models.PositiveSmallIntegerField()
    name = models.CharField(max_length=40)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    times = models.PositiveIntegerField(default=0, help_text="how often a repeated step was done")
    note = models.TextField(blank=True)
    begins_at = models.DateTimeField(null=True, help_text="not to be begun (again) before")
    begun_at = models.DateTimeField(null=True, help_text="newest attempt")
    deadline_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    commands = models.ManyToManyField("commands.Command", related_name="workflow_steps")

    class Meta:
        ordering = ["workflow_id", "position"]
        constraints = [models.UniqueConstraint(fields=["workflow", "position"], name="one_step_per_position")]

    def __str__(self):
        return f"{self.name} of {self.workflow_id}"
