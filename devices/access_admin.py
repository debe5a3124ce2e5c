"""The console's pages of access limits: who sees only some groups of devices."""

from django import forms
from django.contrib import admin
from unfold.decorators import display

from devices.models import AccessLimit
from devices.timeline import record_event
from mdm_project.console import ConsoleAdmin


class LimitForm(forms.ModelForm):
    """Whom the limit is for: a person or a role, not both."""

    def clean(self):
        cleaned = super().clean()
        if bool(cleaned.get("user")) == bool(cleaned.get("role")) and not self.errors:
            # At a field, for then the rule of the database is not told a second time in its own words.
            self.add_error("user", "Choose a person or a role: one of them.")
        return cleaned


@admin.register(AccessLimit)
class AccessLimitAdmin(ConsoleAdmin):
    list_display = ("whose_column", "groups_column")
    list_display_links = ("whose_column",)
    list_select_related = ("user", "role")
    search_fields = ("user__username", "role__name", "groups__name")
    search_help_text = "Name, role, group"
    form = LimitForm
    fieldsets = (
        (
            None,
            {
                "fields": ("user", "role", "groups"),
                "description": "Choose a person or a role, and the groups of devices that they see; with no group they "
                "see no device. Superusers are never limited.",
            },
        ),
    )
    filter_horizontal = ("groups",)
    ordering = ("id",)
    empty_title = "Nobody is limited"
    empty_text = "Limit a person or a role to groups of devices, such as the helpdesk of a site: they see nothing else."

    @display(description="Who")
    def whose_column(self, limit):
        return f"role {limit.role}" if limit.role_id else str(limit.user)

    @display(description="Sees only")
    def groups_column(self, limit):
        return ", ".join(group.name for group in limit.groups.all()) or "no device at all"

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("groups")

    def save_related(self, request, form, formsets, change):
        super().save_related(request, form, formsets, change)
        limit = form.instance
        words = f"{self.whose_column(limit)} is limited to {self.groups_column(limit)}"
        record_event("access_limit_changed", words, actor=request.user.get_username(), limit=limit.pk)

    def delete_model(self, request, obj):
        words = f"{self.whose_column(obj)} is no longer limited"
        super().delete_model(request, obj)
        record_event("access_limit_removed", words, actor=request.user.get_username())

    def delete_queryset(self, request, queryset):
        for limit in queryset:
            self.delete_model(request, limit)
