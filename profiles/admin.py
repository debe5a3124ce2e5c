"""The console's pages of profiles and removal policies."""

from django.contrib import admin
from django.db.models import Count
from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join
from unfold.decorators import display

from commands.standing_rows import counts_by
from devices.timeline import Actor
from mdm_project import status
from mdm_project.console import ChoiceFilter, ConsoleAdmin
from mdm_project.templatetags.console import age
from mdm_project.templatetags.console import status as show_status
from profiles.console.assignment_rows import Counts
from profiles.console.assignment_views import AssignmentPages
from profiles.console.declaration_admin import DeclarationAdmin  # noqa: F401 (registers it)
from profiles.console.device_views import DevicePages
from profiles.console.forms import RemovalPolicyForm
from profiles.console.payload_views import PayloadPages
from profiles.console.plan_views import PlanPages
from profiles.console.references import type_label
from profiles.console.version_views import VersionPages
from profiles.console.views import ComposerPages
from profiles.models import Profile, RemovalPolicy
from profiles.removal_policies import change_policy, create_policy, delete_policy

MAX_TYPES = 4


class ArchivedFilter(ChoiceFilter):
    title = "archived"
    parameter_name = "archived"
    choices_map = {"yes": "Archived", "all": "All"}

    def queryset(self, request, queryset):
        if self.value() == "all":
            return queryset
        return queryset.filter(is_archived=self.value() == "yes")

    def choices(self, changelist):
        first, *others = super().choices(changelist)
        return [first | {"display": "In use"}, *others]


@admin.register(Profile)
class ProfileAdmin(ComposerPages, PayloadPages, VersionPages, AssignmentPages, DevicePages, PlanPages, ConsoleAdmin):
    list_display = ("name_column", "devices_column", "payloads_column", "scope", "version_column", "updated_column")
    list_display_links = None
    list_filter = (ArchivedFilter, "scope", "removal_policy")
    search_fields = ("name", "identifier", "organization", "description")
    search_help_text = "Name, identifier, organization, payload type"
    ordering = ("name", "id")
    change_list_template = "console/profile/list.html"
    empty_title = "No profiles yet"
    empty_text = "Make one and add payloads to it, or import a .mobileconfig that you have."
    csv_columns = (
        ("id", "pk"), ("name", "name"), ("identifier", "identifier"), ("scope", "scope"),
        ("version", "latest_number"), ("published", "latest_published_at"), ("archived", "is_archived"),
    )  # fmt: skip

    def get_urls(self):
        own = (*self.version_urls(), *self.composer_urls(), *self.payload_urls())
        return [*own, *self.assignment_urls(), *self.device_urls(), *self.plan_urls(), *super().get_urls()]

    def has_delete_permission(self, request, obj=None):
        return False

    def get_changelist_instance(self, request):
        """Give the profiles of the page their counts: one statement."""
        changelist = super().get_changelist_instance(request)
        profiles = list(changelist.result_list)
        counts = counts_by("profile", [profile.pk for profile in profiles], request.user)
        for profile in profiles:
            profile.counts = Counts(counts.get(profile.pk, {}))
        changelist.result_list = profiles
        return changelist

    def get_queryset(self, request):
        profiles = Profile.objects.visible_to(request.user).with_latest_version()
        return profiles.defer("draft_encrypted", "removal_password_encrypted")

    def get_search_results(self, request, queryset, search_term):
        text = search_term.replace("\x00", "").strip()
        found, may_repeat = super().get_search_results(request, queryset, text)
        return (found | queryset.filter(payload_types__icontains=text) if text else found), may_repeat

    @display(description="Profile", ordering="name")
    def name_column(self, profile):
        struck = "e-struck " if profile.is_archived else ""
        return format_html(
            '<a href="{}" class="e-name"><span><span class="{}e-strong">{}</span><br>'
            '<span class="e-mono e-faint e-small">{}</span></span></a>',
            self.route("change", profile.pk), struck, profile.name, profile.identifier,
        )  # fmt: skip

    @display(description="Devices")
    def devices_column(self, profile):
        return render_to_string("console/profile/counts.html", {"profile": profile, "counts": profile.counts})

    @display(description="Payloads")
    def payloads_column(self, profile):
        names = sorted({type_label({"PayloadType": kind}) for kind in profile.payload_types})
        if not names:
            return format_html('<span class="e-faint">{}</span>', "none yet")
        more = [f"and {len(names) - MAX_TYPES} more"] if len(names) > MAX_TYPES else []
        return format_html_join(", ", "{}", ((name,) for name in [*names[:MAX_TYPES], *more]))

    @display(description="Version", ordering="latest_number")
    def version_column(self, profile):
        if profile.is_archived:
            return show_status(status.Status("Archived", "gone", "inventory_2"))
        if profile.latest_number is None:
            return show_status(status.Status("Draft", "wait", "edit_note", "Nothing of it is published."))
        return show_status(status.Status(f"v{profile.latest_number}", "ok", "check"))

    @display(description="Changed", ordering="updated_at")
    def updated_column(self, profile):
        return age(profile.updated_at)


@admin.register(RemovalPolicy)
class RemovalPolicyAdmin(ConsoleAdmin):
    form = RemovalPolicyForm
    list_display = ("name", "kind", "when_column", "profiles_column")
    list_filter = ("kind",)
    search_fields = ("name",)
    ordering = ("name", "id")
    empty_title = "No removal policies yet"
    empty_text = "Make one to say who may remove profiles that are installed by hand or with Apple Configurator."
    fields = ("name", "kind", "removal_date", "days", "password_length")
    conditional_fields = {field: f"kind == '{kind}'" for kind, field in RemovalPolicyForm.FIELD_OF.items()}

    def get_queryset(self, request):
        return super().get_queryset(request).annotate(number=Count("profiles"))

    def save_model(self, request, obj, form, change):
        actor = Actor.staff(request.user)
        if change:
            change_policy(form.before, actor=actor, **form.facts)
        else:
            obj.pk = create_policy(actor=actor, **form.facts).pk

    def delete_model(self, request, obj):
        delete_policy(obj, actor=Actor.staff(request.user))

    def delete_queryset(self, request, queryset):
        for policy in queryset.order_by("id"):
            delete_policy(policy, actor=Actor.staff(request.user))

    @display(description="When")
    def when_column(self, policy):
        if policy.kind == RemovalPolicy.Kind.DATE and policy.removal_date:
            return f"{policy.removal_date:%Y-%m-%d %H:%M} UTC"
        if policy.kind == RemovalPolicy.Kind.DURATION and policy.duration_s:
            return f"after {policy.duration_s / 86400:g} days"
        return "–"

    @display(description="Profiles", ordering="number")
    def profiles_column(self, policy):
        return policy.number
