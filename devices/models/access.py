"""Limits of staff to groups of devices: who sees and touches only a part of the fleet."""

from django.conf import settings
from django.contrib.auth.models import Group as Role
from django.db import models
from django.db.models import Q
from django.utils import timezone

from devices.models.group import Group


class AccessLimit(models.Model):
    """Somebody, or everybody of a role, sees only the devices of these groups; without groups, none.

    All limits that apply to a person count together. Superusers are not limited. What it means for permissions is in
    devices.access.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE, related_name="access_limit"
    )
    role = models.OneToOneField(Role, null=True, blank=True, on_delete=models.CASCADE, related_name="access_limit")
    groups = models.ManyToManyField(Group, blank=True, related_name="access_limits")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(user=None, role__isnull=False) | Q(user__isnull=False, role=None),
                name="limit_of_one_user_or_role",
            )
        ]

    def __str__(self):
        return f"limit of the role {self.role}" if self.role_id else f"limit of {self.user}"
