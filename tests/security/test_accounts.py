"""Findings 1 and 14: who set a password is a fact of the row, whatever door was used; tokens end with a password."""

from datetime import timedelta

import pytest
from django.contrib.auth.hashers import PBKDF2PasswordHasher
from django.contrib.auth.models import Group as Role
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from devices.models import Event
from devices.staff import is_in_others_hands
from mdm_project.errors import BadRequest
from mdm_project.models import ApiToken, SignIn, User
from mdm_project.tokens import create_token, find_token
from tests.factories import make_staff

PASSWORD = "correct horse battery"
FORM = {"password1": PASSWORD, "password2": PASSWORD, "usable_password": "true"}
pytestmark = pytest.mark.django_db


@pytest.fixture
def boss(client):
    user = make_staff(is_superuser=True)
    client.force_login(user)
    return user


def make_old(**fields) -> User:
    user = make_staff(**fields)
    long_ago = timezone.now() - timedelta(days=100)
    User.objects.filter(pk=user.pk).update(date_joined=long_ago, password_set_at=long_ago, powers_given_at=None)
    user.refresh_from_db()
    return user


def is_suspect(user: User) -> bool:
    return is_in_others_hands(user, timezone.now() - timedelta(hours=24))


def test_ids_that_are_no_ids_are_not_found_anywhere_in_the_console(client, boss):
    victim = make_old(is_superuser=True)
    for odd in (f"+{victim.pk}", f" {victim.pk}", f"0_{victim.pk}", f"{victim.pk}.0", "²"):
        for page in ("password", "change", "delete", "history"):
            address = f"/console/mdm_project/user/{odd}/{page}/"
            assert client.get(address).status_code == 404, address
            assert client.post(address, FORM).status_code in (403, 404), address
    victim.refresh_from_db()
    assert victim.check_password("password")


@pytest.mark.parametrize("door", ["console", "model", "queryset", "link"])
def test_every_door_to_a_password_leaves_the_fact_in_the_row(client, boss, door):
    victim = make_old()
    assert not is_suspect(victim)
    if door == "console":
        address = reverse("admin:auth_user_password_change", args=[victim.pk])
        assert client.post(address, FORM).status_code == 302
    elif door == "model":
        victim.set_password(PASSWORD)
        victim.save()
    elif door == "queryset":
        User.objects.filter(pk=victim.pk).update(password="a hash")
    else:
        open_link(client, victim)
    assert is_suspect(victim), door
    victim.refresh_from_db()
    assert victim.password_set_by == (boss if door == "console" else None)
    if door != "queryset":
        assert Event.objects.filter(kind="staff_password_set", data__user_id=victim.pk).count() == 1


def open_link(client, victim: User) -> None:
    """Let an administrator make a link, and somebody who is not signed in use it."""
    User.objects.filter(pk=victim.pk).update(is_superuser=True)
    User.objects.filter(pk=victim.pk).update(powers_given_at=None)
    page = client.post(reverse("admin:auth_user_password_change", args=[victim.pk]), FORM)
    client.logout()
    address = page.context["link"].removeprefix("http://testserver")
    assert client.get(address).status_code == 302
    form = {"new_password1": PASSWORD, "new_password2": PASSWORD}
    assert client.post(address.rsplit("/", 2)[0] + "/set-password/", form).status_code == 302
    assert client.get(address, follow=True).content.decode().count("This link does not work") == 1


def test_nobody_else_sets_the_password_of_who_may_approve(client, boss):
    colleague = make_old(is_superuser=True)
    page = client.post(reverse("admin:auth_user_password_change", args=[colleague.pk]), FORM)
    colleague.refresh_from_db()
    assert page.status_code == 200 and colleague.check_password("password")
    assert Event.objects.get(kind="staff_password_link").data["by_id"] == boss.pk


def test_ones_own_password_is_not_suspect_and_ends_ones_tokens_unless_they_are_kept(client):
    person = make_old()
    _token, text = create_token(person, "script")
    client.force_login(person)
    body = {"old_password": "password", "new_password1": PASSWORD, "new_password2": PASSWORD}
    assert client.post(reverse("admin:password_change"), {**body, "keeps_tokens": "on"}).status_code == 302
    assert find_token(text) is not None and not is_suspect(person)
    body = {"old_password": PASSWORD, "new_password1": f"{PASSWORD} 2", "new_password2": f"{PASSWORD} 2"}
    assert client.post(reverse("admin:password_change"), body).status_code == 302
    assert find_token(text) is None
    assert "1 API token" in Event.objects.get(kind="token_revoked").summary


def test_a_hash_made_anew_at_a_sign_in_hides_nobody_who_set_the_password(client, boss, settings):
    victim = make_old()
    client.post(reverse("admin:auth_user_password_change", args=[victim.pk]), FORM)
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.PBKDF2PasswordHasher", *settings.PASSWORD_HASHERS]
    victim.refresh_from_db()
    before = victim.password
    client.logout()
    assert client.post(reverse("admin:login"), {"username": victim.username, "password": PASSWORD}).status_code == 302
    victim.refresh_from_db()
    assert victim.password != before and victim.password.startswith(PBKDF2PasswordHasher.algorithm)
    assert victim.password_set_by == boss and is_suspect(victim)


def test_what_an_upgrade_gives_a_role_makes_nobody_suspect():
    member = make_old()
    role = Role.objects.get(role__slug="helpdesk")
    member.groups.add(role)
    User.objects.filter(pk=member.pk).update(powers_given_at=None)
    taken = role.permissions.first()
    role.role.given = [name for name in role.role.given if not name.endswith(taken.codename)]
    role.role.save()
    role.permissions.remove(taken)
    call_command("migrate", verbosity=0)
    assert role.permissions.filter(pk=taken.pk).exists() and not is_suspect(member)


def test_names_of_what_no_person_did_are_reserved(client, boss):
    for name in ("device", "System", "espalier"):
        page = client.post(reverse("admin:mdm_project_user_add"), {"username": name, **FORM})
        assert "This name is reserved" in page.content.decode()


def test_tokens_end_after_a_year_at_most():
    person = make_staff()
    token, _text = create_token(person, "script")
    assert token.expires_at <= timezone.now() + timedelta(days=365)
    with pytest.raises(BadRequest, match="a year at most"):
        create_token(person, "script", expires_at=timezone.now() + timedelta(days=400))


def test_an_old_session_makes_no_token_without_the_password(client, boss):
    User.objects.filter(pk=boss.pk).update(last_login=timezone.now() - timedelta(minutes=11))
    address, body = reverse("admin:mdm_project_apitoken_add"), {"name": "script", "scopes": ["read"]}
    assert "Your password" in client.get(address).content.decode()
    client.post(address, body)
    client.post(address, {**body, "password": "wrong"})
    assert not ApiToken.objects.exists()
    assert SignIn.objects.filter(username=boss.username, succeeded=False).count() == 1, "a guess is told"
    client.post(address, {**body, "password": "password"})
    assert ApiToken.objects.get().expires_at is not None


def test_administrators_see_and_end_the_tokens_of_others(client):
    person, administrator = make_staff(), make_staff()
    administrator.groups.add(Role.objects.get(role__slug="administrator"))
    token, text = create_token(person, "script of somebody")
    client.force_login(administrator)
    assert "script of somebody" in client.get(reverse("admin:mdm_project_apitoken_changelist")).content.decode()
    client.post(reverse("admin:mdm_project_apitoken_revoke", args=[token.pk]))
    assert find_token(text) is None
    client = Client()
    client.force_login(make_staff("mdm_project.view_apitoken"))
    assert "script of somebody" not in client.get(reverse("admin:mdm_project_apitoken_changelist")).content.decode()
