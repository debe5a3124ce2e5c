"""What staff do to accounts, roles, tokens and lists is on the fleet-wide timeline: names of fields, never values."""

import pytest
from django.contrib.auth.models import Group as Role
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.urls import reverse

from devices.models import AccessLimit, Event
from mdm_project.models import ApiToken, User
from tests import factories

PASSWORD = "correct horse battery"


@pytest.fixture
def boss(client, db, settings):
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    user = factories.make_staff(username="boss", is_superuser=True)
    client.force_login(user)
    return user


def told(kind: str) -> Event:
    return Event.objects.get(kind=kind)


def form_of(user: User, **changes) -> dict:
    """Return what the page of an account posts, with changes."""
    fields = {"username": user.username, "email": user.email, "is_active": "on", "is_staff": "on"}
    return {**fields, "first_name": "", "last_name": "", **changes}


def test_sign_ins_and_refused_ones_are_told_but_no_name_that_nobody_has(client, db):
    user = factories.make_staff(username="anna")
    for name, password in (("anna", "wrong"), (PASSWORD, "typed into the wrong field"), ("anna", "password")):
        client.post(reverse("admin:login"), {"username": name, "password": password})
    client.post(reverse("admin:logout"))
    rows = list(Event.objects.order_by("id").values_list("kind", "actor", "summary"))
    assert rows == [
        ("sign_in_refused", user.username, "sign-in refused for anna"),
        ("sign_in_refused", "", "sign-in refused for a name that nobody has"),
        ("signed_in", "anna", "signed in"),
        ("signed_out", "anna", "signed out"),
    ]
    assert Event.objects.first().data == {"address": "127.0.0.1"}


def test_an_account_that_is_added_changed_and_deleted_is_told_by_names_of_fields(client, boss):
    add = {"username": "new", "password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
    assert client.post(reverse("admin:mdm_project_user_add"), add).status_code == 302
    new = User.objects.get(username="new")
    address = reverse("admin:mdm_project_user_change", args=[new.pk])
    assert client.post(address, form_of(new, email="new@example.com")).status_code == 302
    password = reverse("admin:auth_user_password_change", args=[new.pk])
    body = {"password1": f"{PASSWORD} 2", "password2": f"{PASSWORD} 2", "usable_password": "true"}
    assert client.post(password, body).status_code == 302
    role = Role.objects.create(name="Site of Lyon")
    assert client.post(address, form_of(new, groups=[role.pk], is_superuser="on")).status_code == 302
    assert client.post(reverse("admin:mdm_project_user_delete", args=[new.pk]), {"post": "yes"}).status_code == 302

    assert told("staff_added").summary == "staff account new: added"
    assert told("staff_changed").data["fields"] == ["email"]
    powers = told("staff_powers_changed")
    assert powers.data == {
        "user_id": new.pk, "by_id": boss.pk, "fields": ["email", "groups", "is_superuser"],
    }  # fmt: skip
    assert "is superuser on" in powers.summary and "roles given: Site of Lyon" in powers.summary
    assert told("staff_password_set").actor == "boss"
    assert told("staff_deleted").summary == "staff account new: deleted"
    everything = repr(list(Event.objects.values()))
    assert PASSWORD not in everything and "new@example.com" not in everything


def test_a_role_that_changes_tells_which_permissions_came_and_went(client, boss):
    role = Role.objects.create(name="Site of Lyon")
    view, send = (Permission.objects.get(codename=name) for name in ("view_device", "add_command"))
    role.permissions.add(view)
    address = reverse("admin:auth_group_change", args=[role.pk])
    assert client.post(address, {"name": "Site of Lyon", "permissions": [send.pk]}).status_code == 302
    event = told("role_changed")
    assert (event.data["role_id"], event.data["fields"]) == (role.pk, ["permissions"])
    assert f"permissions given: {send.name}; permissions taken away: {view.name}" in event.summary


def test_tokens_limits_exports_and_ones_own_password_are_told(client, boss):
    made = client.post(reverse("admin:mdm_project_apitoken_add"), {"name": "script", "scopes": ["read", "commands"]})
    text = made.content.decode()
    token = ApiToken.objects.get()
    client.post(reverse("admin:mdm_project_apitoken_revoke", args=[token.pk]))
    call_command("create_api_token", "boss", "--name", "terminal")
    limited = factories.make_staff(username="lyon")
    client.post(reverse("admin:devices_accesslimit_add"), {"user": limited.pk})
    client.get(reverse("admin:devices_device_csv"), {"q": "mac"})
    body = {"old_password": "password", "new_password1": PASSWORD, "new_password2": PASSWORD}
    client.post(reverse("admin:password_change"), body)

    created = Event.objects.filter(kind="token_created").order_by("id")
    assert [event.summary for event in created] == [
        "API token script made: read, commands", "API token terminal of boss made",
    ]  # fmt: skip
    assert token.hint in text and token.hint not in repr(list(Event.objects.values()))
    revoked = Event.objects.filter(kind="token_revoked").order_by("id")
    assert [event.summary for event in revoked] == [
        "API token script of boss revoked", "1 API token of boss revoked: its password was set",
    ]  # fmt: skip
    assert AccessLimit.objects.exists()
    assert "lyon is limited to" in told("access_limit_changed").summary
    assert told("exported").data == {"query": "q=mac"}
    assert told("staff_password_set").summary == "staff account boss: own password set"
