"""Every address, method and role in one table (tests/role_table.txt), and the roles that come with the product.

The rows that addresses need, and what is sent to them, are those of the tables of permissions (tests/console and
tests/api), and `WEB` here. A new address needs a line in the table.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import Group as Role
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import transaction
from django.test import Client
from django.urls import get_resolver, reverse
from django.urls.resolvers import URLPattern

from devices.models import AccessLimit, Device, Group
from mdm_project import roles
from mdm_project.models import User
from tests import factories
from tests.api import test_permissions as api
from tests.api.client import Caller
from tests.console import test_permissions as console

# Pages beside the console and the API: name of the URL, its arguments (as in the console), method, what is sent.
WEB: list[tuple[str, tuple[str, ...], str, dict]] = [
    ("helpdesk", (), "GET", {}),
    ("helpdesk_device", ("device",), "GET", {}),
    ("helpdesk_live", ("device",), "GET", {}),
    ("helpdesk_retry", ("device",), "POST", {}),
    ("helpdesk_reveal", ("device",), "GET", {}),
    ("helpdesk_reveal", ("device",), "POST", {}),
]
TABLE_FILE = Path(__file__).with_name("role_table.txt")
# The letters of the table. L is the helpdesk again, limited to a group that holds the devices of the rows.
LETTERS = {
    "A": "administrator", "P": "profile-author", "H": "helpdesk", "R": "auditor", "T": "api-only", "L": "helpdesk",
}  # fmt: skip
# Open to whoever comes: what devices fetch, and pages that people need before they are known.
OPEN = {
    "home", "healthz", "readyz", "api-schema", "scep", "enroll-page", "enroll-profile", "login", "logout", "jsi18n",
    "password-link",
}  # fmt: skip
OF_DJANGO = {"app_list", "autocomplete", "view_on_site", "password_change_done", "toggle_sidebar", ""}
# Addresses of Django's admin that every registered model has, whether the console offers them or not.
BY_DJANGO = ("history", "delete", "add", "change", "csv", "changelist", "view_on_site", "password_change")


def table() -> dict[tuple[str, str, str], str]:
    """Return the letters of the roles that are let in, by (surface, method, address)."""
    lines = [line.split("#")[0].split() for line in TABLE_FILE.read_text().splitlines()]
    return {tuple(line[:3]): "".join(line[3:]) for line in lines if line}


def targets() -> Iterator[tuple[str, str, str]]:
    """Yield everything that the tables of permissions call, named as in the table of roles."""
    for name, arguments, method, *_ in console.TABLE:
        yield "console", method, "/".join((name, *arguments))
    for path, method, *_ in api.TABLE:
        yield "api", method, path
    for name, arguments, method, _body in WEB:
        yield "web", method, "/".join((name, *arguments))


@pytest.fixture
def people(db) -> dict[str, User]:
    """Somebody of each role by letter, and somebody of no role as "-"."""
    found = {"-": factories.make_staff()}
    for letter, slug in LETTERS.items():
        found[letter] = factories.make_staff(username=f"role-{letter}")
        found[letter].groups.add(Role.objects.get(role__slug=slug))
    return found


def answer(target: tuple[str, str, str], client, rows: dict) -> int:
    """Call an address and undo what it did; 403 stands for every way of not letting somebody in."""
    surface, method, address = target
    with transaction.atomic():
        response = CALLS[surface](client, method, address, rows)
        if getattr(response, "streaming", False):
            b"".join(response.streaming_content)
        transaction.set_rollback(True)
    if response.status_code in (401, 403, 404):
        return 403
    is_sign_in = response.status_code == 302 and "/login/" in response["Location"]
    return 403 if is_sign_in else response.status_code


def _console(client, method: str, address: str, rows: dict):
    name, *arguments = address.split("/")
    path = console.address_of(name, tuple(arguments), rows["console"])
    return client.get(path) if method == "GET" else client.post(path, console.BODIES.get(name, {}))


def _api(caller, method: str, path: str, rows: dict):
    if isinstance(caller, Caller):
        return api.call(caller, method, path, rows["api"])
    content = api.content_of(path, rows["api"])
    body = {"data": content, "content_type": "application/json"} if method in ("POST", "PATCH") else {}
    if isinstance(content, bytes):
        body = {"data": {"file": SimpleUploadedFile("one.mobileconfig", content)}}
    return getattr(caller, method.lower())(api.ROOT + path.format(**rows["api"]), **body)


def _web(client, method: str, address: str, rows: dict):
    name, *arguments = address.split("/")
    body = next(body for each, own, verb, body in WEB if (each, *own, verb) == (name, *arguments, method))
    path = reverse(name, args=[rows["console"].get(part, part.removeprefix("=")) for part in arguments])
    return client.get(path, body) if method == "GET" else client.post(path, body)


CALLS = {"api": _api, "console": _console, "web": _web}


@pytest.fixture
def rows(db, people) -> dict:
    made = {"console": console.make_rows(), "api": api.make_addresses()}
    site = Group.objects.create(name="Site")
    for device in Device.objects.all():
        site.memberships.create(device=device)
    AccessLimit.objects.create(user=people["L"]).groups.add(site)
    return made


def signed_in(user: User | None) -> Client:
    client = Client(raise_request_exception=False)
    if user is not None:
        client.force_login(user)
    return client


def test_every_address_and_method_lets_in_the_roles_of_the_table_and_no_others(people, rows):
    clients = {letter: signed_in(user) for letter, user in people.items()} | {"?": signed_in(None)}
    callers = {letter: Caller(user=user) for letter, user in people.items()} | {"?": signed_in(None)}
    expected, wrong = table(), []
    for target in targets():
        known = callers if target[0] == "api" else clients
        answers = {letter: answer(target, known[letter], rows) for letter in known}
        let_in = "".join(letter for letter, status in answers.items() if status != 403)
        if sorted(let_in) != sorted(expected.get(target, "no line")):
            wrong.append(" ".join((*target, let_in)))
        wrong += [" ".join((*target, f"fails inside for {it}")) for it, status in answers.items() if status >= 500]
    assert not wrong, "\n".join(wrong)


def test_a_session_of_an_api_only_account_opens_nothing(people, rows):
    client = signed_in(people["T"])
    assert {target for target in targets() if answer(target, client, rows) != 403} == set()


def names(patterns, prefix: str = "") -> Iterator[str]:
    for entry in patterns:
        if isinstance(entry, URLPattern):
            yield entry.name or str(entry.pattern)
        else:
            yield from names(entry.url_patterns)


def test_every_address_of_the_product_is_in_a_table():
    covered = {name for name, *_ in console.TABLE} | OPEN
    covered |= {entry.name for entry in api.urlpatterns if entry.name} | {name for name, *_ in WEB}
    missing = {
        name
        for name in names(get_resolver().url_patterns)
        if name not in covered and not name.endswith(BY_DJANGO) and not name.startswith(("(?P<", "<path:"))
    }
    assert missing - OF_DJANGO == set()


def test_every_line_of_the_table_is_called():
    assert set(table()) == set(targets())


# The roles


def permission_names() -> set[str]:
    return {
        f"{label}.{codename}"
        for label, codename in Permission.objects.values_list("content_type__app_label", "codename")
    }


def test_roles_and_limits_name_permissions_that_exist(db):
    named = {name for definition in roles.ROLES for name in definition.permissions} | roles.WITHIN_LIMITS
    assert named - permission_names() == {roles.EVERYTHING}


def test_every_role_holds_what_its_definition_says(db):
    for definition in roles.ROLES:
        held = {
            f"{label}.{codename}"
            for label, codename in Role.objects.get(role__slug=definition.slug).permissions.values_list(
                "content_type__app_label", "codename"
            )
        }
        everything = {name for name in permission_names() if name.partition(".")[0] in roles.PRODUCT_APPS}
        assert held == (everything if roles.EVERYTHING in definition.permissions else definition.permissions)


def test_the_auditor_changes_nothing_and_sees_no_secret():
    auditor = next(role for role in roles.ROLES if role.slug == "auditor")
    assert all(name.partition(".")[2].startswith("view_") for name in auditor.permissions)
    assert not {name for name in auditor.permissions if "secret" in name or "raw" in name or "location" in name}


def test_migrating_again_gives_what_is_new_and_not_what_was_taken_away(db):
    row = roles._role(roles.ROLES[2])
    row.group.name = "Service desk"
    row.group.save()
    taken, new = (Permission.objects.get(codename=name) for name in ("add_command", "change_device"))
    row.group.permissions.remove(taken, new)
    row.given = [name for name in row.given if name != "devices.change_device"]
    row.save()

    call_command("migrate", verbosity=0)

    held = set(row.group.permissions.values_list("codename", flat=True))
    assert ("change_device" in held, "add_command" in held) == (True, False)
    assert Role.objects.filter(role__isnull=False).count() == len(roles.ROLES)
    assert Role.objects.get(role__slug="helpdesk").name == "Service desk"


def test_a_group_of_the_same_name_that_somebody_made_is_not_taken_over(db):
    Role.objects.filter(role__slug="auditor").delete()
    own = Role.objects.create(name="Auditor")

    call_command("migrate", verbosity=0)

    assert not own.permissions.exists()
    assert Role.objects.get(role__slug="auditor").name == "Auditor (built in)"


def test_permissions_that_come_later_reach_the_administrator(db):
    later = Permission.objects.create(
        content_type=ContentType.objects.get_for_model(Device), codename="fly_device", name="Can make devices fly"
    )
    call_command("migrate", verbosity=0)
    assert Role.objects.get(role__slug="administrator").permissions.filter(pk=later.pk).exists()
    assert not Role.objects.get(role__slug="helpdesk").permissions.filter(pk=later.pk).exists()


def test_an_api_only_account_is_refused_at_the_sign_in_in_words(people, client):
    body = {"username": people["T"].username, "password": "password"}
    page = client.post(reverse("admin:login"), body)
    assert "This account is for programs" in page.content.decode()
    assert "_auth_user_id" not in client.session
