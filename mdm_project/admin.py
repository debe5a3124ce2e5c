"""The console's pages of staff: accounts, roles, API tokens, sign-ins."""

from datetime import timedelta

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, Permission
from django.contrib.auth.signals import user_login_failed
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Count
from django.http import Http404, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.html import format_html
from django.views.decorators.http import require_POST
from unfold.decorators import display
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSingleDateWidget,
    UnfoldAdminTextInputWidget,
)

from devices import staff
from devices.timeline import record_event
from mdm_project import password_links, status, tokens
from mdm_project.console import ConsoleAdmin, LongListAdmin, submitted
from mdm_project.errors import EspalierError
from mdm_project.models import ApiToken, SignIn, User
from mdm_project.row_ids import is_row_id
from mdm_project.templatetags.console import age
from mdm_project.templatetags.console import status as show_status

RECENT_SIGN_IN = timedelta(minutes=10)
POWERS = ("is_superuser", "groups", "user_permissions")

admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ConsoleAdmin):
    """Staff. Only superusers hand out permissions or touch superusers: else whoever edits accounts may do all."""

    list_title = "Staff"
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("name_column", "email", "state_column", "roles_column", "last_login_column")
    list_display_links = None
    list_filter = ("is_active", "is_superuser", "groups")
    search_fields = ("username", "first_name", "last_name", "email")
    search_help_text = "Name, e-mail"
    ordering = ("username", "id")
    csv_columns = (
        ("user name", "username"), ("name", "get_full_name"), ("e-mail", "email"), ("active", "is_active"),
        ("superuser", "is_superuser"), ("last sign-in", "last_login"),
    )  # fmt: skip
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email")}),
        ("May sign in", {"fields": ("is_active", "is_staff")}),
        ("May do", {"fields": POWERS}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ("last_login", "date_joined")

    def formfield_for_manytomany(self, db_field, request=None, **kwargs):
        if db_field.name == "user_permissions":
            kwargs["queryset"] = useful_permissions()
        return super().formfield_for_manytomany(db_field, request=request, **kwargs)

    def get_queryset(self, request):
        return super().get_queryset(request).prefetch_related("groups")

    def get_readonly_fields(self, request, obj=None):
        fields = super().get_readonly_fields(request, obj)
        return fields if request.user.is_superuser else (*fields, *POWERS)

    def has_change_permission(self, request, obj=None):
        if obj is not None and obj.is_superuser and not request.user.is_superuser:
            return False
        return super().has_change_permission(request, obj)

    def has_delete_permission(self, request, obj=None):
        if obj is not None and (obj == request.user or (obj.is_superuser and not request.user.is_superuser)):
            return False
        return super().has_delete_permission(request, obj)

    def get_actions(self, request):
        return {}

    def user_change_password(self, request, id, form_url=""):
        """Set somebody's password; of who may approve destructive actions only that person does, through a link."""
        person = self.get_object(request, id)
        if person is None:
            raise Http404("no such account")
        if not self.has_change_permission(request, person):
            raise PermissionDenied
        if person == request.user or not person.has_perm("commands.approve_destructive"):
            return super().user_change_password(request, id, form_url)
        link = None
        if request.method == "POST":
            link = request.build_absolute_uri(password_links.make_link(person))
            staff.record_account(staff.LINK_MADE, person, "link to set its password made", by=request.user)
        context = {"title": f"Password of {person}", "person": person, "link": link, "back": self.route("change", id)}
        return self.page(request, "console/password_link.html", context)

    def save_model(self, request, obj, form, change):
        if not change:
            obj.is_staff = True
        super().save_model(request, obj, form, change)

    def save_related(self, request, form, formsets, change):
        """Tell the timeline what changed by the names of the fields, and which roles came and went."""
        person, changed = form.instance, set(form.changed_data)
        before = set(person.groups.values_list("name", flat=True))
        super().save_related(request, form, formsets, change)
        after = set(person.groups.values_list("name", flat=True))
        if not change:
            staff.record_account(staff.ADDED, person, "added", by=request.user)
        elif changed:
            kind = staff.POWERS_CHANGED if changed & staff.POWERS else staff.CHANGED
            words = _words_of(form, changed - {"groups"}, {"roles": after - before}, {"roles": before - after})
            staff.record_account(kind, person, words, by=request.user, fields=changed)

    def delete_model(self, request, obj):
        with transaction.atomic():
            staff.record_account(staff.DELETED, obj, "deleted", by=request.user)
            super().delete_model(request, obj)

    @display(description="Account", ordering="username")
    def name_column(self, user):
        address = self.route("change", user.pk)
        return format_html(
            '<a class="e-link" href="{}">{}</a> <span class="e-faint">{}</span>', address, user, user.get_full_name()
        )

    @display(description="State", ordering="is_active")
    def state_column(self, user):
        if not user.is_active:
            return show_status(status.Status("Closed", "gone", "block"))
        if not user.is_staff:
            return show_status(status.Status("No console", "wait", "do_not_disturb_on"))
        return show_status(status.Status("Active", "ok", "check_circle"))

    @display(description="Roles")
    def roles_column(self, user):
        names = ["everything (superuser)"] if user.is_superuser else []
        return ", ".join(names + [group.name for group in user.groups.all()]) or "–"

    @display(description="Last sign-in", ordering="last_login")
    def last_login_column(self, user):
        return age(user.last_login)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ConsoleAdmin):
    """Roles: bundles of permissions. Whoever changes one changes what all its members may do, so superusers only."""

    list_title = "Roles"
    list_display = ("name", "members_column")
    search_fields = ("name",)
    ordering = ("name", "id")
    empty_title = "No roles yet"
    empty_text = "A role is a bundle of permissions, for example “Helpdesk”: make one and give it to staff accounts."
    csv_columns = (("name", "name"),)

    def get_queryset(self, request):
        return super().get_queryset(request).annotate(number=Count("user"))

    def formfield_for_manytomany(self, db_field, request=None, **kwargs):
        if db_field.name == "permissions":
            kwargs["queryset"] = useful_permissions()
        return super().formfield_for_manytomany(db_field, request=request, **kwargs)

    def _is_superuser(self, request, obj=None):
        return request.user.is_superuser

    has_add_permission = has_change_permission = has_delete_permission = _is_superuser

    def save_related(self, request, form, formsets, change):
        """Tell the timeline which permissions came and went."""
        role, changed = form.instance, set(form.changed_data)
        before = set(role.permissions.values_list("name", flat=True))
        super().save_related(request, form, formsets, change)
        after = set(role.permissions.values_list("name", flat=True))
        if not change or changed:
            others = changed - {"permissions"} if change else set()
            words = _words_of(form, others, {"permissions": after - before}, {"permissions": before - after})
            staff.record_role(role, words if change else f"added; {words}", by=request.user, fields=changed)

    def delete_model(self, request, obj):
        with transaction.atomic():
            staff.record_role(obj, "deleted", by=request.user)
            super().delete_model(request, obj)

    def delete_queryset(self, request, queryset):
        for role in queryset:
            self.delete_model(request, role)

    @display(description="Members", ordering="number")
    def members_column(self, group):
        return group.number


def _words_of(form, fields: set[str], added: dict[str, set[str]], removed: dict[str, set[str]]) -> str:
    """Say what a form changed: switches with where they stand, other fields by name, and what came and went."""
    words = []
    for name in sorted(fields):
        value = form.cleaned_data.get(name)
        label = name.replace("_", " ")
        words.append(f"{label} {'on' if value else 'off'}" if isinstance(value, bool) else f"{label} changed")
    for verb, sets in (("given", added), ("taken away", removed)):
        words += [f"{what} {verb}: {', '.join(sorted(names))}" for what, names in sets.items() if names]
    return "; ".join(words) or "nothing changed"


def useful_permissions():
    """Return the permissions that mean something here: those of what the console shows."""
    shown = ContentType.objects.get_for_models(*admin.site._registry).values()
    permissions = Permission.objects.filter(content_type__in=list(shown)).select_related("content_type")
    return permissions.order_by("content_type__app_label", "content_type__model", "codename")


class TokenForm(forms.ModelForm):
    """A new token; its text is made by mdm_project.tokens and shown once.

    A session that somebody left open makes none: who signed in a while ago gives the password again.
    """

    name = forms.CharField(
        max_length=100, help_text="What uses it, for example “asset database”.", widget=UnfoldAdminTextInputWidget()
    )
    scopes = forms.MultipleChoiceField(
        choices=ApiToken.Scope.choices,
        initial=[ApiToken.Scope.READ],
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
        help_text="It can never do more than its owner may.",
    )
    expires_on = forms.DateField(
        required=False, help_text="Empty: in a year, which is the most.", widget=UnfoldAdminSingleDateWidget()
    )

    password = forms.CharField(
        label="Your password", strip=False, help_text="You signed in more than ten minutes ago.",
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password"}),
    )  # fmt: skip

    class Meta:
        model = ApiToken
        fields = ("name", "scopes")

    def __init__(self, user, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.user = user
        if user.last_login is not None and timezone.now() - user.last_login < RECENT_SIGN_IN:
            del self.fields["password"]

    def clean_password(self):
        if not self.user.check_password(self.cleaned_data["password"]):
            user_login_failed.send(sender=__name__, credentials={"username": self.user.get_username()})
            raise forms.ValidationError("This is not your password.")
        return ""

    def clean_expires_on(self):
        day = self.cleaned_data["expires_on"]
        if day is not None and day <= timezone.now().date():
            raise forms.ValidationError("This must be in the future.")
        return day


@admin.register(ApiToken)
class ApiTokenAdmin(ConsoleAdmin):
    """Tokens: everybody makes their own; seeing or ending those of others takes a permission."""

    list_display = ("name_column", "user", "scopes_column", "state_column", "used_column", "expires_column")
    list_display_links = None
    list_filter = ()
    search_fields = ("name", "hint", "user__username")
    ordering = ("-id",)
    list_select_related = ("user",)
    empty_title = "No API tokens yet"
    empty_text = "A token lets a program use the REST API in your name. Make one for each program."
    csv_columns = (
        ("name", "name"), ("starts with", "hint"), ("owner", "user"), ("created", "created_at"),
        ("expires", "expires_at"), ("last used", "last_used_at"), ("revoked", "revoked_at"),
    )  # fmt: skip

    def get_queryset(self, request):
        own = super().get_queryset(request)
        return own if request.user.has_perm("mdm_project.manage_others_tokens") else own.filter(user=request.user)

    def get_urls(self):
        return [self.view_path("<int:pk>/revoke/", require_POST(self.revoke_view), "revoke"), *super().get_urls()]

    def has_delete_permission(self, request, obj=None):
        return False

    def has_change_permission(self, request, obj=None):
        return False

    def add_view(self, request, form_url="", extra_context=None):
        """Make a token for oneself, and show its text this once."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = TokenForm(request.user, submitted(request)[0])
        context = {"title": "New API token", "form": form, "back": self.route("changelist")}
        if request.method != "POST" or not form.is_valid():
            return self.page(request, "console/token_add.html", context)
        day = form.cleaned_data["expires_on"]
        ends = timezone.make_aware(timezone.datetime.combine(day, timezone.datetime.min.time())) if day else None
        try:
            token, text = tokens.create_token(
                request.user, form.cleaned_data["name"], form.cleaned_data["scopes"], expires_at=ends
            )
        except EspalierError as error:
            form.add_error(None, error.detail)
            return self.page(request, "console/token_add.html", context)
        words = f"API token {token.name} made: {', '.join(token.scopes)}"
        record_event("token_created", words, actor=request.user.get_username(), token_id=token.pk)
        return self.page(request, "console/token_made.html", {**context, "token": token, "text": text})

    def change_view(self, request, object_id, form_url="", extra_context=None):
        if not self.has_view_permission(request):
            raise PermissionDenied
        pk = object_id if is_row_id(object_id) else None
        token = get_object_or_404(self.get_queryset(request), pk=pk)
        context = {"title": token.name, "token": token, "state": token_status(token), "may_revoke": token.is_usable}
        return self.page(request, "console/token.html", context)

    def revoke_view(self, request, pk):
        if not self.has_view_permission(request):
            raise PermissionDenied
        token = get_object_or_404(self.get_queryset(request), pk=pk)
        tokens.revoke(token)
        words = f"API token {token.name} of {token.user} revoked"
        record_event("token_revoked", words, actor=request.user.get_username(), token_id=token.pk)
        messages.success(request, f"{token.name} no longer works.")
        return self.done(request, "Revoked.", self.route("changelist"))

    @display(description="Token", ordering="name")
    def name_column(self, token):
        return format_html(
            '<a class="e-link" href="{}">{}</a> <span class="e-mono e-faint">{}…</span>',
            self.route("change", token.pk), token.name, token.hint,
        )  # fmt: skip

    @display(description="Scopes")
    def scopes_column(self, token):
        return ", ".join(token.scopes)

    @display(description="State")
    def state_column(self, token):
        return show_status(token_status(token))

    @display(description="Last used", ordering="last_used_at")
    def used_column(self, token):
        return age(token.last_used_at)

    @display(description="Expires", ordering="expires_at")
    def expires_column(self, token):
        return age(token.expires_at)


def token_status(token: ApiToken) -> status.Status:
    """Return whether a token still works, in a word."""
    if token.revoked_at:
        return status.REVOKED
    return status.VALID if token.is_usable else status.ENDED


@admin.register(SignIn)
class SignInAdmin(LongListAdmin):
    list_display = ("at_column", "username", "outcome_column", "address")
    list_display_links = None
    list_filter = ("succeeded",)
    search_fields = ("username", "address")
    search_help_text = "User name, address"
    ordering = ("-id",)
    empty_title = "Nobody has signed in yet"
    csv_columns = (("at", "at"), ("user name", "username"), ("succeeded", "succeeded"), ("address", "address"))

    @display(description="When", ordering="-id")
    def at_column(self, sign_in):
        return age(sign_in.at)

    @display(description="Outcome", ordering="succeeded")
    def outcome_column(self, sign_in):
        worked = status.Status("Signed in", "ok", "login")
        return show_status(worked if sign_in.succeeded else status.Status("Refused", "bad", "cancel"))

    def change_view(self, request, object_id, form_url="", extra_context=None):
        if not self.has_view_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(self.route("changelist"))
