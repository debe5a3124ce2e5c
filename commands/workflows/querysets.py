"""Questions about workflows."""

from django.db import models
from django.utils import timezone

from devices.models import Device


class WorkflowQuerySet(models.QuerySet):
    def visible_to(self, user):
        if not user.has_perm("commands.view_workflow"):
            return self.none()
        return self.filter(device__in=Device.objects.visible_to(user).order_by().values("pk"))

    def running(self):
        return self.filter(state="running")

    def due(self):
        return self.running().filter(due_at__lte=timezone.now()).order_by("due_at", "id")
