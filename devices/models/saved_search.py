"""Searches of devices that people keep: what they typed and filtered by, under a name."""

from django.conf import settings
from django.db import models
from django.utils import timezone

from devices.querysets import SavedSearchQuerySet


def keep_shared(collector, field, searches, using):
    """Delete somebody's own searches with the account, and leave those that others use without an owner."""
    models.SET_NULL(collector, field, searches.filter(is_shared=True), using)
    models.CASCADE(collector, field, searches.filter(is_shared=False), using)


class SavedSearch(models.Model):
    """A text and filters (devices.list_filters, name to value). Whom it finds depends on who asks, and when."""

    name = models.CharField(max_length=100)
    search = models.CharField(max_length=100, blank=True, help_text="what the device list's search box takes")
    filters = models.JSONField(default=dict, blank=True, help_text="name of a filter of the device list to its value")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=keep_shared, related_name="saved_searches"
    )
    is_shared = models.BooleanField(default=False, help_text="everybody who sees devices may use it")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    changed_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = SavedSearchQuerySet.as_manager()

    class Meta:
        ordering = ["name", "id"]
        verbose_name_plural = "saved searches"
        permissions = [("share_savedsearch", "Can share saved searches with everybody")]
        constraints = [models.UniqueConstraint(fields=["owner", "name"], name="search_named_once")]

    def __str__(self):
        return self.name


class DefaultSearch(models.Model):
    """The search with which somebody's list of devices opens."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="default_search")
    search = models.ForeignKey(SavedSearch, on_delete=models.CASCADE, related_name="+")

    def __str__(self):
        return f"{self.search} of {self.user}"
