"""Questions about workflows."""

from django.db import models
from django.db.models import Count, Exists, OuterRef
from django.utils import timezone

from devices.models import Device


class WorkflowQuerySet(models.QuerySet):
    def visible_to(self, user):
        if not user.has_perm("commands.view_workflow"):
            return self.none()
        return self.filter(device__in=Device.objects.visible_to(user).order_by().values("pk"))

    def running(self):
        return self.filter(state="running")

    def waiting_for_a_person(self):
        """Those that go on only when somebody does something: logs in to a Mac, approves what is held."""
        return self.running().filter(waits_for_person=True)

    def due(self):
        return self.running().filter(due_at__lte=timezone.now()).order_by("due_at", "id")

    def counts(self) -> dict[str, int]:
        """Return how many there are in each state, 0 included."""
        counts = dict.fromkeys(("running", "done", "failed", "cancelled"), 0)
        return counts | dict(self.order_by().values_list("state").annotate(Count("id")))


class WorkflowBatchQuerySet(models.QuerySet):
    def visible_to(self, user):
        """A batch is seen by who sees one of its devices."""
        if not user.has_perm("commands.view_workflow"):
            return self.none()
        seen = self.model._meta.get_field("workflows").related_model.objects.visible_to(user)
        return self.filter(Exists(seen.filter(batch=OuterRef("pk"))))
