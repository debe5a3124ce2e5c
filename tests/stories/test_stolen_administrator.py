"""A thief has an administrator's session and one token, and tries to erase 1,000 devices: it stops at the limit.

On the real web server, by everything that a console and an API offer: one by one, in bulk, in parallel, with tokens
made in a loop, by workflows, with a second account, other roles, other limits, the kill switch, waiting. What can be
lost in an hour is 10 devices with one account, and 25 with any number of accounts.
"""

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group as Role
from django.test import Client
from django.utils import timezone

from commands.governor import HeldAction, holding, limits
from commands.governor.models import GovernorLimit, PermitRow
from commands.models import Command, QueuedCommand
from commands.workflows.engine import advance_due
from commands.workflows.models import Workflow
from devices.escrow import keep_secret
from devices.groups import add_members, create_group
from devices.models import Channel, Device, Event, InstalledProfile
from devices.timeline import SYSTEM
from mdm_project.models import ApiToken, User
from mdm_project.tokens import create_token
from tests import factories
from tests.api.client import Caller

FLEET = 1000
OF_ONE, OF_ALL = 10, 25
COMPOSE = "/console/commands/command/compose/device-erase/"
SAFETY = "/console/commands/heldaction/"
CSRF = "c" * 32


class StaysHere(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args, **kwargs):
        return None


@dataclass
class Thief:
    """Somebody with a session (a cookie) and tokens of an account, on the real server. Answers are (status, text)."""

    url: str
    user: User
    tokens: list[str] = field(default_factory=list)

    def __post_init__(self):
        client = Client()
        client.force_login(self.user)
        self.cookie = f"sessionid={client.cookies['sessionid'].value}; csrftoken={CSRF}"
        self.tokens.append(create_token(self.user, "stolen")[1])
        self.opener = urllib.request.build_opener(StaysHere)

    def _call(self, request: urllib.request.Request) -> tuple[int, str]:
        try:
            with self.opener.open(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def page(self, path: str, **form) -> tuple[int, str]:
        """Post a form of the console."""
        body = urllib.parse.urlencode({**form, "csrfmiddlewaretoken": CSRF}, doseq=True).encode()
        return self._call(urllib.request.Request(self.url + path, body, {"Cookie": self.cookie}))

    def api(self, method: str, path: str, body: dict | None = None, token: str = "", key: str = "") -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {token or self.tokens[0]}", "Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        data = None if body is None else json.dumps(body).encode()
        return self._call(urllib.request.Request(f"{self.url}/api/v1/{path}", data, headers, method=method))

    def erase(self, *device_ids: int, token: str = "", key: str = "", **more) -> int:
        body = {"request_type": "EraseDevice", "targets": {"device_ids": list(device_ids)}, "reason": "x", **more}
        return self.api("POST", "commands/", body, token=token, key=key)[0]


@pytest.fixture
def ids(server) -> list[int]:
    return list(factories.make_fleet(FLEET).values_list("pk", flat=True))


@pytest.fixture
def thief(server, ids) -> Thief:
    return Thief(server.url, old_account("boss"))


def old_account(name: str) -> User:
    user = factories.make_staff(username=name, is_superuser=True)
    long_ago = timezone.now() - timedelta(days=100)
    User.objects.filter(pk=user.pk).update(date_joined=long_ago, password_set_at=long_ago)
    user.refresh_from_db()
    return user


def lost() -> int:
    """Return how many devices were told to erase themselves, or are held for it, once all that waits is let go."""
    HeldAction.objects.filter(finished_at=None).update(release_at=timezone.now())
    holding.release_due()
    sent = QueuedCommand.objects.filter(command__request_type__iexact="erasedevice")
    return sent.values("channel__device").distinct().count()


def serial_of(device_id: int) -> str:
    return Device.objects.get(pk=device_id).serial_number


def test_with_one_session_and_one_token_it_stops_at_the_limit(thief, ids):
    for device_id in ids[:4]:
        assert thief.page(f"{COMPOSE}?device={device_id}", reason="x", confirm=serial_of(device_id))[0] == 302
    assert [thief.erase(device_id) for device_id in ids[4:8]] == [201] * 4
    assert lost() == 8
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(thief.erase, ids[10:60]))
    assert sorted(set(answers)) == [201, 403]
    assert (answers.count(201), lost()) == (2, OF_ONE)

    group = create_group("Everything", actor=SYSTEM)
    add_members(group, ids, actor=SYSTEM)
    selection = {
        "action": "send_command", "select_across": "1", "_selected_action": ids[:100], "command": "Erase",
        "confirmed": "1", "confirm": FLEET, "reason": "x",
    }  # fmt: skip
    for number in (1, 10, FLEET):
        thief.page("/console/devices/device/", **{**selection, "confirm": number})
        thief.page(COMPOSE, group=group.pk, reason="x", confirm=number)
        thief.page(COMPOSE, is_all="on", reason="x", confirm=number)
        for targets in ({"all": True}, {"device_ids": ids}, {"device_ids": ids[60:70]}, {"group": group.pk}):
            thief.erase(targets=targets, confirm=number)
    for name in ("erasedevice", "EraseDevice ", "ERASEDEVICE", "EraseDevice\n"):
        assert thief.erase(ids[70], request_type=name) in (400, 403)
    hidden = {"request_type": "ProfileList", "payload": {"RequestType": "EraseDevice"}, "allow_unknown": True}
    assert thief.erase(ids[70], **hidden) == 400
    assert lost() == OF_ONE
    assert Event.objects.filter(kind="governor_refused", actor__startswith="boss").exists()


def test_tokens_made_in_a_loop_keys_sent_again_and_retries_have_no_budget_of_their_own(thief, ids):
    for number in range(15):
        assert thief.page("/console/mdm_project/apitoken/add/", name=f"t{number}", scopes=["commands"])[0] == 200
    assert ApiToken.objects.count() == 16
    thief.tokens += [create_token(thief.user, f"more {number}")[1] for number in range(20)]
    assert [thief.erase(pk, token=token) for pk, token in zip(ids, thief.tokens, strict=False)].count(201) == OF_ONE
    assert thief.erase(ids[50], key="again") == 403
    PermitRow.objects.update(at=timezone.now() - timedelta(minutes=59))
    assert [thief.erase(ids[50], key="again"), thief.erase(ids[51], key="other")] == [403, 403]
    first = Command.objects.filter(request_type="EraseDevice").first()
    QueuedCommand.objects.filter(command=first).update(
        state=QueuedCommand.State.FAILED, finished_at=timezone.now(), note="no"
    )
    assert {thief.api("POST", f"commands/{first.pk}/retry/", {"reason": "x"})[0] for _ in range(3)} == {403}
    assert thief.page(f"/console/commands/command/{first.pk}/retry/", number=1)[0] == 302
    assert lost() == OF_ONE

    PermitRow.objects.update(at=timezone.now() - timedelta(minutes=61))
    assert [thief.erase(ids[50], key="hour") for _ in range(12)] == [201] * 12, "one, answered twelve times"
    assert lost() == OF_ONE + 1


def test_workflows_obey_the_limit_too(thief, ids):
    body = {"kind": "offboard", "parameters": {"how": "erase", "even_if_locked": True}, "reason": "x"}
    started = [thief.api("POST", "workflows/", {**body, "device_id": pk})[0] for pk in ids[:40]]
    assert started == [201] * 40
    Channel.objects.filter(device__in=ids[:40]).update(state=Channel.State.ENABLED)
    for _ in range(4):
        Workflow.objects.update(due_at=timezone.now())
        advance_due()
    assert lost() == OF_ONE
    waiting = Workflow.objects.filter(state="running", note__contains="is limited")
    assert waiting.count() == 40 - OF_ONE


def test_more_accounts_end_at_the_limit_of_all_and_a_new_one_approves_nothing(server, thief, ids):
    held = thief.erase(*ids[:6], confirm=6)
    assert (held, HeldAction.objects.get().state) == (202, HeldAction.State.NEEDS_APPROVAL)
    password = "correct horse battery"
    for name in ("second", "third", "fourth"):
        add = {"username": name, "password1": password, "password2": password, "usable_password": "true"}
        assert thief.page("/console/mdm_project/user/add/", **add)[0] == 302
        account = User.objects.get(username=name)
        powers = {"username": name, "is_active": "on", "is_staff": "on", "is_superuser": "on"}
        assert thief.page(f"/console/mdm_project/user/{account.pk}/change/", **powers)[0] == 302
    accounts = [Thief(server.url, User.objects.get(username=name)) for name in ("second", "third", "fourth")]
    colleague = old_account("colleague")
    # Nobody sets the password of who may approve: there is a link for the person, which the thief uses.
    form = {"password1": password, "password2": password, "usable_password": "true"}
    status, text = thief.page(f"/console/mdm_project/user/{colleague.pk}/password/", **form)
    assert status == 200 and not User.objects.get(pk=colleague.pk).check_password(password)
    link = re.search(r"/console/password/[^/]+/[^/]+/", text)[0]
    client = Client()
    client.get(link, follow=True)
    address = link.rsplit("/", 2)[0] + "/set-password/"
    assert client.post(address, {"new_password1": password, "new_password2": password}).status_code == 302
    colleague.refresh_from_db()
    assert colleague.check_password(password)
    accounts.append(Thief(server.url, colleague))

    address = f"held-actions/{HeldAction.objects.get().pk}/approve/"
    for each in (thief, *accounts):
        status, text = each.api("POST", address, {})
        assert status == 403, text
        each.page(f"{SAFETY}{HeldAction.objects.get().pk}/approve/")
    assert HeldAction.objects.get().state == HeldAction.State.NEEDS_APPROVAL

    pairs = [(each, pk) for each in accounts for pk in ids[100:115]]
    answers = [each.erase(pk + 15 * number) for number, (each, pk) in enumerate(pairs)]
    assert answers.count(201) == OF_ALL - 6, "the six that are held are counted"
    assert lost() == OF_ALL - 6
    assert lost() + 6 == OF_ALL


def test_one_decision_about_a_batch_is_no_way_round_the_second_person(server, thief, ids):
    body = {
        "kind": "offboard",
        "parameters": {"how": "erase", "even_if_locked": True},
        "reason": "x",
        "targets": {"device_ids": ids[:40]},
    }
    status, text = thief.api("POST", "workflows/bulk/", {**body, "confirm": 40})
    assert status == 201, text
    batch = json.loads(text)["id"]
    while advance_due():
        pass
    held = HeldAction.objects.filter(state=HeldAction.State.NEEDS_APPROVAL, workflow__batch=batch)
    assert held.count() == OF_ONE
    thief.tokens.append(create_token(thief.user, "another")[1])
    second = Thief(server.url, factories.make_staff(username="second", is_superuser=True))
    for number in (None, 1, OF_ONE, 40):
        for each, token in ((thief, thief.tokens[0]), (thief, thief.tokens[1]), (second, second.tokens[0])):
            address = f"workflows/batches/{batch}/held/approve/"
            assert each.api("POST", address, {"confirm": number}, token=token)[0] in (400, 403)
            each.page(f"/console/commands/workflowbatch/{batch}/held/approve/", typed=number or "", reason="x")
    assert held.count() == OF_ONE
    assert lost() == 0

    colleague = Thief(server.url, old_account("colleague"))
    assert colleague.api("POST", f"workflows/batches/{batch}/held/approve/", {"confirm": OF_ONE})[0] == 200
    assert lost() == OF_ONE


def test_limits_roles_and_the_switch_help_a_thief_only_tomorrow(thief, ids):
    limit = GovernorLimit.objects.get(danger="erase")
    more = {"per_person": 1000, "in_all": 1000, "delay_minutes": 0}
    assert thief.page(f"{SAFETY}limit/{limit.pk}/", reason="x", **more)[0] == 302
    thief.api("PATCH", f"governor/limits/{limit.pk}/", {**more, "reason": "x"})
    role = Role.objects.create(name="Wipers")
    GovernorLimit.objects.create(danger="erase", role=role, second_person_above=None, delay_above=None,
                                 per_person=1000, in_all=1000)  # fmt: skip
    fresh = Role.objects.create(name="Fresh")
    thief.page(f"{SAFETY}limit/add/", danger="erase", role=fresh.pk, reason="x", **more)
    powers = {"username": "boss", "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    groups = {"groups": [role.pk, fresh.pk]}
    assert thief.page(f"/console/mdm_project/user/{thief.user.pk}/change/", **powers, **groups)[0] == 302
    assert thief.user.groups.count() == 2
    assert thief.page(f"{SAFETY}stop/", reason="x")[0] == 302
    assert thief.page(f"{SAFETY}resume/", reason="x")[0] == 302
    limits.apply_due_changes()
    assert [thief.erase(pk) for pk in ids[:15]].count(201) == OF_ONE
    assert lost() == OF_ONE
    assert Event.objects.filter(kind__in=("limit_changed", "staff_powers_changed", "destructive_resumed")).count() >= 3


def test_devices_and_enrollments_cannot_be_deleted_to_be_rid_of_them(thief, ids):
    enrollment = Device.objects.get(pk=ids[0]).enrollments.get().pk
    for path in (f"devices/{ids[0]}/", f"enrollments/{enrollment}/", "devices/"):
        assert thief.api("DELETE", path)[0] in (404, 405)
    thief.page(f"/console/devices/device/{ids[0]}/delete/", post="yes")
    delete = {"action": "delete_selected", "_selected_action": ids[:100], "select_across": "1", "post": "yes"}
    thief.page("/console/devices/device/", **delete)
    assert Device.objects.count() == FLEET
    assert Channel.objects.filter(state=Channel.State.ENABLED).count() == FLEET


# The other dangers, by API, without a process of their own.

MDM, WIFI = "com.example.mdm", "com.example.wifi"
OTHERS = {
    "lock": ("DeviceLock", {}, 20, 50),
    "passcode": ("ClearPasscode", {}, 30, 100),
    "unenroll": ("RemoveProfile", {"Identifier": MDM}, 10, 25),
    "network": ("RemoveProfile", {"Identifier": WIFI}, 10, 25),
}


def ready_device() -> Device:
    """Make a device that can suffer all of it: it lists its profiles, and its unlock token is kept."""
    channel = factories.make_channel(factories.make_device("ios"))
    for identifier, payload_type in ((MDM, "com.apple.mdm"), (WIFI, "com.apple.wifi.managed")):
        InstalledProfile.objects.create(
            channel=channel, device=channel.device, identifier=identifier, is_managed=True,
            reported_at=timezone.now(), payloads=[{"PayloadType": payload_type}],
        )  # fmt: skip
    keep_secret(channel.device, "unlock_token", b"token")
    return channel.device


@pytest.mark.parametrize("danger", OTHERS)
def test_the_other_dangers_stop_at_their_limits_whoever_asks(db, danger):
    request_type, payload, *defaults = OTHERS[danger]
    limit = GovernorLimit.objects.get(danger=danger, role=None)
    assert [limit.per_person, limit.in_all] == defaults
    # The same with numbers that are soon reached.
    of_one, of_all = 3, 8
    GovernorLimit.objects.filter(pk=limit.pk).update(per_person=of_one, in_all=of_all)
    devices = [ready_device().pk for _ in range(of_all + 10)]
    answers = []
    for person in range(4):
        caller = Caller(user=old_account(f"admin{person}"))
        other = Caller(user=caller.user)
        own = []
        for number, pk in enumerate(devices):
            body = {"request_type": request_type, "payload": payload, "targets": {"device_ids": [pk]}, "reason": "x"}
            own.append((caller, other)[number % 2].post("commands/", body).status_code)
        assert own.count(201) <= of_one
        answers += own
        if person == 0:
            assert own.count(201) == of_one
    assert (answers.count(201), set(answers)) == (of_all, {201, 403})
    assert QueuedCommand.objects.filter(command__is_destructive=True).count() == of_all
