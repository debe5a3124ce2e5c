"""Questions about profiles and versions. Whatever staff see or change passes ``visible_to(user)``."""

from django.db import models
from django.db.models import Exists, OuterRef, Q, Subquery

from devices.access import is_limited


class ProfileQuerySet(models.QuerySet):
    def visible_to(self, user):
        """Only what the person may see; the seam where limits to some profiles go."""
        return self if user.has_perm("profiles.view_profile") else self.none()

    def active(self):
        return self.filter(is_archived=False)

    def with_latest_version(self):
        """Annotate the newest version: ``latest_number`` and ``latest_published_at``, None where there is none."""
        from profiles.models import ProfileVersion

        newest = ProfileVersion.objects.filter(profile=OuterRef("pk")).order_by("-number")
        return self.annotate(
            latest_number=Subquery(newest.values("number")[:1]),
            latest_published_at=Subquery(newest.values("published_at")[:1]),
        )


class ProfileVersionQuerySet(models.QuerySet):
    def visible_to(self, user):
        return self if user.has_perm("profiles.view_profile") else self.none()


class DeclarationQuerySet(models.QuerySet):
    def visible_to(self, user):
        return self if user.has_perm("profiles.view_declaration") else self.none()


class AssignmentQuerySet(models.QuerySet):
    def visible_to(self, user):
        """For limited people only what goes to a group that they see."""
        if not user.has_perm("profiles.view_assignment"):
            return self.none()
        if not is_limited(user):
            return self
        groups = self.model._meta.get_field("include").related_model.objects.reached_by(user).order_by().values("pk")
        including = self.model.include.through.objects.filter(assignment=OuterRef("pk"), group__in=groups)
        return self.filter(Exists(including))


class PlanQuerySet(models.QuerySet):
    def visible_to(self, user):
        """For limited people their own: a plan names the devices it is about, and theirs reach no others."""
        if not is_limited(user):
            return self
        name = user.get_username()
        return self.filter(Q(created_by=name) | Q(created_by__startswith=f"{name} (token "))
