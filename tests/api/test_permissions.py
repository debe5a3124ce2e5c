"""Who may do what, as one table: address, method, the scope and the permissions it takes."""

import re
from collections import defaultdict

import pytest
from django.contrib.auth.models import Group as Role
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.urls import resolve

from commands.governor.limits import add_limit
from commands.governor.models import GovernorLimit
from commands.models import QueuedCommand
from commands.workflows.services import start_workflow
from devices.escrow import keep_secret
from devices.models import CustomAttribute, Group, Person, SavedSearch
from devices.notes import add_note
from devices.timeline import SYSTEM, record_event
from mdm_project.api.permissions import Access, DenyByDefault
from mdm_project.api.urls import urlpatterns
from mdm_project.models import ApiToken
from profiles import versions
from profiles.assigning import create_assignment
from profiles.composing import change_profile
from profiles.declarations import create_declaration
from profiles.models import Assignment, RemovalPolicy
from profiles.plan import plan
from profiles.rollout import halt, start_rollouts
from tests import factories
from tests.api.client import ROOT, Caller

GROUP, ATTRIBUTE = "devices.view_group", "devices.view_customattribute"
TEST, DECLARATION = "com.apple.configuration.management.test", "profiles.view_declaration"
WORKFLOW = "commands.view_workflow"
START = (WORKFLOW, "devices.view_device", "commands.add_command")
HELD = "commands.view_heldaction"
CHANGE_COMMAND = "commands.change_command"
APPROVE = "commands.approve_destructive"
NOTE = "devices.view_note"
PERSON = "devices.view_person"
DEVICE, COMMAND, PROFILE = "devices.view_device", "commands.view_command", "profiles.view_profile"
ASSIGNMENT = "profiles.view_assignment"
POLICY = "profiles.view_removalpolicy"
SCOPES = ApiToken.Scope.values

# Address, method, scope, permissions, answer to somebody who has exactly these.
TABLE = [
    ("devices/", "GET", "read", (DEVICE,), 200),
    ("devices/{device}/", "GET", "read", (DEVICE,), 200),
    ("devices/{device}/inventory/", "GET", "read", (DEVICE,), 200),
    ("devices/{device}/applications/", "GET", "read", (DEVICE,), 200),
    ("devices/{device}/profiles/", "GET", "read", (DEVICE,), 200),
    ("devices/{device}/certificates/", "GET", "read", (DEVICE,), 200),
    ("devices/{device}/commands/", "GET", "read", (DEVICE, COMMAND), 200),
    ("devices/{device}/timeline/", "GET", "read", (DEVICE,), 200),
    ("devices/{device}/", "PATCH", "write", (DEVICE, "devices.change_device"), 200),
    ("devices/", "POST", "write", (DEVICE, "devices.add_device"), 201),
    ("people/", "GET", "read", (PERSON,), 200),
    ("people/", "POST", "write", (PERSON, "devices.add_person"), 201),
    ("people/{person}/", "GET", "read", (PERSON,), 200),
    ("people/{person}/", "PATCH", "write", (PERSON, "devices.change_person"), 200),
    ("saved-searches/", "GET", "read", (DEVICE,), 200),
    ("saved-searches/", "POST", "write", (DEVICE,), 201),
    ("saved-searches/{search}/", "GET", "read", (DEVICE,), 200),
    ("saved-searches/{search}/", "PATCH", "write", (DEVICE, "devices.share_savedsearch"), 200),
    ("saved-searches/{search}/", "DELETE", "write", (DEVICE, "devices.share_savedsearch"), 204),
    ("groups/", "GET", "read", (GROUP,), 200),
    ("groups/", "POST", "write", (GROUP, "devices.add_group"), 201),
    ("groups/facts/", "GET", "read", (GROUP,), 200),
    ("groups/preview/", "POST", "read", (GROUP, DEVICE), 200),
    ("groups/{group}/", "GET", "read", (GROUP,), 200),
    ("groups/{group}/", "PATCH", "write", (GROUP, "devices.change_group"), 200),
    ("groups/{group}/", "DELETE", "write", (GROUP, "devices.delete_group"), 204),
    ("groups/{group}/devices/", "GET", "read", (GROUP, DEVICE), 200),
    ("groups/{group}/members/", "POST", "write", (GROUP, DEVICE, "devices.change_group"), 200),
    ("groups/{smart}/devices/{device}/", "GET", "read", (GROUP, DEVICE), 200),
    ("tags/", "GET", "read", ("devices.view_tag", DEVICE), 200),
    ("attributes/", "GET", "read", (ATTRIBUTE,), 200),
    ("attributes/", "POST", "write", (ATTRIBUTE, "devices.add_customattribute"), 201),
    ("attributes/import/", "POST", "write", (ATTRIBUTE, DEVICE, "devices.change_device"), 200),
    ("attributes/{attribute}/", "GET", "read", (ATTRIBUTE,), 200),
    ("attributes/{attribute}/", "PATCH", "write", (ATTRIBUTE, "devices.change_customattribute"), 200),
    ("attributes/{attribute}/", "DELETE", "write", (ATTRIBUTE, "devices.delete_customattribute"), 204),
    ("commands/", "GET", "read", (COMMAND,), 200),
    ("commands/", "POST", "commands", (DEVICE, "commands.add_command"), 201),
    ("commands/{command}/", "GET", "read", (COMMAND,), 200),
    ("commands/{command}/results/", "GET", "read", (DEVICE, COMMAND), 200),
    ("commands/{failed}/retry/", "POST", "commands", (DEVICE, COMMAND, "commands.add_command"), 201),
    ("commands/{command}/cancel/", "POST", "commands", (DEVICE, COMMAND, "commands.change_command"), 200),
    ("push-certificates/", "GET", "read", ("apns.view_pushcertificate",), 200),
    ("push-certificates/{certificate}/", "GET", "read", ("apns.view_pushcertificate",), 200),
    ("push-states/", "GET", "read", (DEVICE,), 200),
    ("identities/", "GET", "read", ("devices.view_identity", DEVICE), 200),
    ("identities/renew/", "POST", "commands", ("devices.view_identity", DEVICE, "commands.add_command"), 200),
    ("enrollment-profiles/", "GET", "read", ("enrollment.view_enrollmentprofile",), 200),
    ("enrollment-profiles/{profile}/", "GET", "read", ("enrollment.view_enrollmentprofile",), 200),
    ("profiles/", "GET", "read", (PROFILE,), 200),
    ("profiles/", "POST", "write", (PROFILE, "profiles.add_profile"), 201),
    ("profiles/import/", "POST", "write", (PROFILE, "profiles.add_profile"), 201),
    ("profiles/{configuration}/", "GET", "read", (PROFILE,), 200),
    ("profiles/{configuration}/", "PATCH", "write", (PROFILE, "profiles.change_profile"), 200),
    ("profiles/{plain}/download/", "GET", "read", (PROFILE,), 200),
    ("profiles/{configuration}/rollback/", "POST", "write", (PROFILE, "profiles.add_profileversion"), 201),
    (
        "profiles/{configuration}/reveal-removal-password/",
        "POST",
        "write",
        (PROFILE, "profiles.view_profile_secrets"),
        200,
    ),
    ("profiles/{configuration}/versions/", "GET", "read", (PROFILE,), 200),
    ("profiles/{configuration}/versions/", "POST", "write", (PROFILE, "profiles.add_profileversion"), 201),
    ("profiles/{configuration}/versions/{number}/", "GET", "read", (PROFILE,), 200),
    ("profiles/{configuration}/versions/{number}/diff/", "GET", "read", (PROFILE,), 200),
    ("profiles/{configuration}/devices/", "GET", "read", (PROFILE, DEVICE), 200),
    ("profiles/{plain}/plan/", "POST", "write", (PROFILE, DEVICE), 201),
    ("plans/", "POST", "write", (PROFILE, DEVICE), 201),
    ("plans/{plan}/apply/", "POST", "write", (PROFILE, DEVICE, "profiles.delete_assignment"), 200),
    ("assignments/", "GET", "read", (ASSIGNMENT,), 200),
    ("assignments/", "POST", "write", (ASSIGNMENT, PROFILE, "profiles.add_assignment"), 201),
    ("assignments/{running}/", "GET", "read", (ASSIGNMENT,), 200),
    ("assignments/{running}/devices/", "GET", "read", (ASSIGNMENT, PROFILE, DEVICE), 200),
    ("assignments/{running}/", "PATCH", "write", (ASSIGNMENT, "profiles.change_assignment"), 200),
    ("assignments/{running}/", "DELETE", "write", (ASSIGNMENT, "profiles.delete_assignment"), 204),
    *(
        (f"assignments/{{{state}}}/{step}/", "POST", "write", (ASSIGNMENT, "profiles.change_assignment"), 200)
        for state, step in (("running", "advance"), ("running", "halt"), ("halted", "resume"), ("running", "roll-back"))
    ),
    ("devices/{device}/configuration/", "GET", "read", (DEVICE, PROFILE), 200),
    ("devices/{device}/configuration/retry/", "POST", "commands", (DEVICE, "commands.add_command"), 200),
    ("profiles/{configuration}/lint/", "POST", "read", (PROFILE, DEVICE), 200),
    ("devices/{device}/effective-configuration/", "GET", "read", (DEVICE, PROFILE), 200),
    ("devices/{device}/removability/", "GET", "read", (DEVICE,), 200),
    ("governor/", "GET", "read", (HELD,), 200),
    ("governor/stop/", "POST", "commands", ("commands.stop_destructive",), 200),
    ("governor/resume/", "POST", "commands", ("commands.resume_destructive",), 409),
    ("governor/limits/", "GET", "read", (HELD,), 200),
    ("governor/limits/", "POST", "write", (HELD, "commands.add_governorlimit"), 201),
    ("governor/limits/{limit}/", "GET", "read", (HELD,), 200),
    ("governor/limits/{limit}/", "PATCH", "write", (HELD, "commands.change_governorlimit"), 200),
    # 400: it wants a reason.
    ("governor/limits/{role_limit}/", "DELETE", "write", (HELD, "commands.delete_governorlimit"), 400),
    ("events/", "GET", "read", ("devices.view_event",), 200),
    ("events/export/", "GET", "read", ("devices.view_event",), 200),
    ("events/{event}/", "GET", "read", ("devices.view_event",), 200),
    ("held-actions/", "GET", "read", (HELD,), 200),
    ("held-actions/{held}/approve/", "POST", "commands", (HELD, APPROVE), 200),
    ("held-actions/{held}/cancel/", "POST", "commands", (HELD, "commands.change_command"), 200),
    ("devices/{device}/secrets/", "GET", "read", (DEVICE,), 200),
    ("devices/{device}/secrets/{secret}/reveal/", "POST", "write", (DEVICE, "devices.reveal_secret"), 200),
    ("devices/{device}/attributes/{hidden}/reveal/", "POST", "write", (DEVICE, "devices.reveal_secret"), 200),
    ("devices/{device}/notes/", "GET", "read", (DEVICE, NOTE), 200),
    ("devices/{device}/notes/", "POST", "write", (DEVICE, NOTE, "devices.add_note"), 201),
    # A note of somebody else; who wrote it, and who may change notes, may (tests/devices/test_notes.py).
    ("devices/{device}/notes/{note}/withdraw/", "POST", "write", (DEVICE, NOTE), 403),
    ("workflows/", "GET", "read", (WORKFLOW,), 200),
    ("workflows/", "POST", "commands", (*START, "commands.add_workflow"), 201),
    ("workflows/kinds/", "GET", "read", (WORKFLOW,), 200),
    ("workflows/bulk/", "POST", "commands", (*START, "commands.add_workflow"), 201),
    ("workflows/batches/", "GET", "read", (WORKFLOW,), 200),
    ("workflows/batches/{batch}/", "GET", "read", (WORKFLOW, DEVICE), 200),
    ("workflows/batches/{batch}/cancel/", "POST", "commands", (WORKFLOW, DEVICE, "commands.change_workflow"), 200),
    ("workflows/batches/{batch}/held/approve/", "POST", "commands", (WORKFLOW, DEVICE, HELD, APPROVE), 409),
    ("workflows/batches/{batch}/held/cancel/", "POST", "commands", (WORKFLOW, DEVICE, HELD, CHANGE_COMMAND), 409),
    ("workflows/{workflow}/", "GET", "read", (WORKFLOW, DEVICE), 200),
    ("workflows/{workflow}/end/", "POST", "commands", (WORKFLOW, DEVICE, "commands.change_workflow"), 409),
    ("workflows/{workflow}/cancel/", "POST", "commands", (WORKFLOW, DEVICE, "commands.change_workflow"), 200),
    ("declarations/", "GET", "read", (DECLARATION,), 200),
    ("declarations/", "POST", "write", (DECLARATION, "profiles.add_declaration"), 201),
    ("declarations/{declaration}/", "GET", "read", (DECLARATION,), 200),
    ("declarations/{declaration}/", "PATCH", "write", (DECLARATION, "profiles.change_declaration"), 200),
    ("declarations/{declaration}/", "DELETE", "write", (DECLARATION, "profiles.delete_declaration"), 204),
    ("conflicts/", "GET", "read", (PROFILE, DEVICE), 200),
    ("removal-policies/", "GET", "read", (POLICY,), 200),
    ("removal-policies/", "POST", "write", (POLICY, "profiles.add_removalpolicy"), 201),
    ("removal-policies/{policy}/", "GET", "read", (POLICY,), 200),
    ("removal-policies/{policy}/", "PATCH", "write", (POLICY, "profiles.change_removalpolicy"), 200),
    ("removal-policies/{policy}/", "DELETE", "write", (POLICY, "profiles.delete_removalpolicy"), 204),
    *(
        (f"catalog/{kind}/{rest}", "GET", "read", ("profiles.view_cataloguetext",), 200)
        for kind in ("payloads", "commands", "checkins", "declarations", "status-items")
        for rest in ("", f"{{slug:{kind}}}/", f"{{slug:{kind}}}/schema/")
    ),
]
# What is sent: JSON (or a function of the addresses that returns it), or bytes as a file.
BODIES = {
    "workflows/": lambda ids: {"kind": "refresh_everything", "device_id": ids["other"]},
    "workflows/bulk/": lambda ids: {"kind": "refresh_everything", "targets": {"device_ids": [ids["other"]]}},
    "devices/{device}/secrets/{secret}/reveal/": {"reason": "locked out"},
    "devices/{device}/attributes/{hidden}/reveal/": {"reason": "a visitor"},
    "devices/{device}/notes/": {"text": "Screen replaced.", "ticket": "INC-4711"},
    "governor/stop/": {"reason": "strange"},
    "identities/renew/": {"due": True},
    "governor/limits/": lambda ids: {"danger": "lock", "role": ids["role"], "per_person": 1, "reason": "a site"},
    "governor/limits/{limit}/": {"per_person": 1, "reason": "careful"},
    "governor/resume/": {"reason": "fine"},
    "declarations/": {"name": "Another", "type": TEST, "payload": {"Echo": "y"}},
    "declarations/{declaration}/": {"name": "Renamed"},
    "removal-policies/": {"name": "Whoever", "kind": "user"},
    "removal-policies/{policy}/": {"name": "Renamed"},
    "devices/": {"serial_number": "C02AHEAD0001"},
    "people/": {"name": "Ada"},
    "people/{person}/": {"site": "Berlin"},
    "devices/{device}/": {"asset_tag": "A-1"},
    "saved-searches/": {"name": "Phones", "filters": {"platform": "ios"}},
    "saved-searches/{search}/": {"name": "Renamed"},
    "groups/": {"name": "Another"},
    "groups/preview/": {"rule": {"fact": "name", "is": "is set"}},
    "groups/{group}/": {"name": "Renamed"},
    "groups/{group}/members/": {"action": "set", "device_ids": []},
    "attributes/": {"name": "room"},
    "attributes/import/": {"csv": "serial_number"},
    "attributes/{attribute}/": {"label": "Floor"},
    "commands/": {"request_type": "ProfileList", "targets": {"all": True}},
    "profiles/": {"name": "Wi-Fi"},
    "profiles/import/": factories.mobileconfig(),
    "plans/": lambda ids: {"kind": "remove_profile", "profile": ids["configuration"]},
    "assignments/": lambda ids: {"profile": ids["configuration"], "include": [ids["group"]]},
    "assignments/{running}/": {"priority": 2},
    "profiles/{configuration}/": {"revision": 3, "name": "Another"},
    "profiles/{configuration}/rollback/": {"number": 1},
    "profiles/{configuration}/reveal-removal-password/": {"reason": "the device is being sold"},
}


class Slugs:
    """Something of the catalogue of each kind, formatted by the kind: "{slug:payloads}"."""

    KNOWN = {
        "payloads": "dock",
        "commands": "DeviceLock",
        "checkins": "TokenUpdate",
        "declarations": "com.apple.configuration.passcode.settings",
        "status-items": "device.model.family",
    }

    def __format__(self, kind: str) -> str:
        return self.KNOWN[kind]


@pytest.fixture
def addresses(db) -> dict:
    return make_addresses()


def make_addresses() -> dict:
    """Make one row of everything that has an address; return what is put into the addresses of the table."""
    queued = factories.make_queued()
    running, halted = make_rollouts()
    return {
        "running": running.pk,
        "halted": halted.pk,
        "plan": plan({"kind": "delete_assignment", "assignment": halted.pk}, actor=SYSTEM).token,
        "slug": Slugs(),
        "device": queued.channel.device_id,
        "person": Person.objects.create(name="Grace").pk,
        "search": SavedSearch.objects.create(name="Shared", search="a", is_shared=True).pk,
        "group": Group.objects.create(name="Chosen").pk,
        "smart": Group.objects.create(name="Smart", kind="smart", rule={"fact": "name", "is": "is set"}).pk,
        "secret": keep_secret(queued.channel.device_id, "lock_pin", b"123456").pk,
        "hidden": factories.make_secret_value(queued.channel.device, "wifi-key").attribute.name,
        "workflow": start_workflow("refresh_everything", queued.channel.device, {}, actor=SYSTEM).pk,
        "batch": factories.make_batch(queued.channel.device).pk,
        "note": add_note(queued.channel.device, "Screen broken.", actor=SYSTEM).pk,
        "other": factories.make_channel().device_id,
        "held": factories.make_held().pk,
        "limit": GovernorLimit.objects.get(danger="lock", role=None).pk,
        "role": Role.objects.create(name="Of a site").name,
        "role_limit": make_limit_of_role().pk,
        "event": record_event("seen", "seen").pk,
        "declaration": create_declaration("Test", TEST, {"Echo": "x"}, actor=SYSTEM).pk,
        "attribute": CustomAttribute.objects.create(name="floor").pk,
        "command": queued.command_id,
        "failed": factories.make_queued(command="ProfileList", state=QueuedCommand.State.FAILED).command_id,
        "certificate": factories.make_push_certificate(topic="com.apple.mgmt.addressed", is_default=False).pk,
        "profile": factories.make_enrollment_profile().pk,
        "configuration": published_profile().pk,
        "plain": factories.make_profile().pk,
        "policy": RemovalPolicy.objects.create(name="Nobody has it").pk,
        "number": 1,
    }


def make_limit_of_role() -> GovernorLimit:
    role = Role.objects.create(name="Of another site")
    return add_limit("lock", role, {"per_person": 1}, actor=SYSTEM, reason="a site")[0]


def make_rollouts() -> list[Assignment]:
    """Two assignments with stages, one of them halted."""
    profile = factories.make_profile()
    versions.publish(profile, SYSTEM)
    group = Group.objects.create(name="Staged")
    staged = [create_assignment(profile, include=[group], stages=[10, 100], actor=SYSTEM) for _ in range(2)]
    start_rollouts([profile.pk])
    halt(staged[1], "", actor=SYSTEM)
    return staged


def content_of(path: str, addresses: dict):
    content = BODIES.get(path, {})
    return content(addresses) if callable(content) else content


def published_profile():
    """A profile with a removal password, two versions and a draft that differs from both."""
    policy = RemovalPolicy.objects.create(name="password", kind=RemovalPolicy.Kind.PASSWORD)
    profile = factories.make_profile(removal_policy=policy)
    for revision in (1, 2):
        versions.publish(profile, SYSTEM)
        change_profile(profile, revision, SYSTEM, name=f"After {revision}")
    return profile


def call(caller, method: str, path: str, addresses: dict):
    address, body = path.format(**addresses), content_of(path, addresses)
    if method == "GET":
        return caller.get(address)
    if method == "DELETE":
        return caller.client.delete(ROOT + address)
    if isinstance(body, bytes):
        return caller.upload(address, body)
    return caller.patch(address, body) if method == "PATCH" else caller.post(address, body)


def test_exactly_the_scope_and_the_permissions_of_the_table_are_needed(addresses, client):
    """One world for the whole table; what a call did is undone before the next one."""
    wrong = []
    for path, method, scope, permissions, status in TABLE:
        wrong += [
            f"{method} {path}: {words}" for words in deviations(addresses, path, method, scope, permissions, status)
        ]
        anonymous = client.generic(method, ROOT + path.format(**addresses)).status_code
        wrong += [f"{method} {path}: anonymous gets {anonymous}"] if anonymous != 401 else []
    assert not wrong, "\n".join(wrong)


def deviations(addresses, path, method, scope, permissions, status):
    """Yield what an address answers otherwise than the table says."""
    for missing in permissions:
        others = [name for name in permissions if name != missing]
        refused = undone_call(Caller(user=factories.make_staff(*others)), method, path, addresses)
        if (refused.status_code, code_of(refused)) != (403, "permission_denied"):
            yield f"without {missing}: {refused.status_code}"
        elif missing not in refused.json()["detail"]:
            yield f"{missing} is not named: {refused.json()['detail']}"
    other_scopes = Caller(*permissions, scopes=[name for name in SCOPES if name != scope])
    refused = undone_call(other_scopes, method, path, addresses)
    if (refused.status_code, code_of(refused)) != (403, "missing_scope"):
        yield f"with other scopes: {refused.status_code}"
    allowed = undone_call(Caller(*permissions, scopes=[scope]), method, path, addresses)
    if allowed.status_code != status:
        yield f"{allowed.status_code} instead of {status}: {allowed.content[:200]}"


def undone_call(caller, method: str, path: str, addresses: dict):
    with transaction.atomic():
        response = call(caller, method, path, addresses)
        transaction.set_rollback(True)
    return response


def code_of(response) -> str:
    return response.json().get("code", "") if response["Content-Type"] == "application/json" else ""


def test_every_address_and_method_is_in_the_table():
    served = set()
    for entry in urlpatterns:
        if entry.name and entry.name != "api-schema":
            view = entry.callback.view_class
            served |= {
                (str(entry.pattern), method) for method in view().allowed_methods if method not in ("HEAD", "OPTIONS")
            }

    def pattern(path: str) -> str:
        return re.sub(r"\{[^}]*\}|<[^>]*>", "*", path)

    assert {(pattern(path), method) for path, method, *_ in TABLE} == {(pattern(path), m) for path, m in served}


def test_the_session_of_staff_needs_the_same_permissions_and_no_scope(addresses, client):
    """The same check answers tokens and sessions, so that some addresses of each method stand for all."""
    of_method = defaultdict(list)
    for path, method, _scope, permissions, status in TABLE:
        of_method[method].append((path, permissions, status))
    for method, rows in of_method.items():
        for path, permissions, status in rows[:: max(len(rows) // 6, 1)]:
            assert session_call(client, method, path, permissions[1:], addresses) == 403, (method, path)
            assert session_call(client, method, path, permissions, addresses) == status, (method, path)


def session_call(client, method: str, path: str, permissions, addresses: dict) -> int:
    """Call an address with a session of somebody who has exactly these permissions, and undo what it did."""
    content = content_of(path, addresses)
    body = {"data": content, "content_type": "application/json"} if method in ("POST", "PATCH") else {}
    if isinstance(content, bytes):
        body = {"data": {"file": SimpleUploadedFile("one.mobileconfig", content)}}
    with transaction.atomic():
        client.force_login(factories.make_staff(*permissions))
        status = getattr(client, method.lower())(ROOT + path.format(**addresses), **body).status_code
        transaction.set_rollback(True)
    return status


def test_people_who_are_not_staff_are_refused(client, db):
    user = factories.make_staff(is_superuser=True)
    type(user).objects.filter(pk=user.pk).update(is_staff=False)
    client.force_login(user)

    assert client.get(ROOT + "devices/").status_code == 403


def test_a_view_that_declares_nothing_is_denied_even_to_superusers(db, rf, monkeypatch):
    view = resolve(ROOT + "devices/").func.view_class
    monkeypatch.setattr(view, "access", {})

    response = Caller().get("devices/")
    assert (response.status_code, response.json()["code"]) == (403, "permission_denied")


def test_every_view_declares_access_and_denies_by_default():
    for entry in urlpatterns:
        if entry.name and entry.name != "api-schema":
            view = entry.callback.view_class
            assert view.permission_classes == [DenyByDefault]
            assert view.access and all(isinstance(access, Access) for access in view.access.values())


def test_options_describes_an_address_to_staff_only(client, db):
    assert client.options(ROOT + "devices/").status_code == 401
    assert Caller("apns.view_pushcertificate").client.options(ROOT + "devices/").status_code == 200
