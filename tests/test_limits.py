"""What is outside a limit is told nowhere: a device with a marker in everything, and every address read as a person who
is limited to another device.

Addresses are those of the tables of permissions; each is read with the rows inside the limit and with those outside.
"""

import uuid

import pytest
from django.contrib.auth.models import Group as Role
from django.urls import reverse
from django.utils import timezone

from commands.models import Command, QueuedCommand, Report
from devices.models import (
    AccessLimit,
    Answer,
    AvailableUpdate,
    Channel,
    Device,
    EscrowedSecret,
    Event,
    Group,
    InstalledApplication,
    InstalledCertificate,
    InstalledProfile,
    Note,
    Person,
    RejectedMessage,
    Tag,
)
from tests import factories
from tests.api import test_permissions as api
from tests.api.client import Caller
from tests.console import test_permissions as console
from tests.test_roles import WEB, signed_in

MARKER = "zqxmarkerzqx"
# Asked of every list as well: what is outside must not be found by its words either.
SEARCHES = ("q", "search", "s", "find")


def make_limited(slug: str, *groups: Group):
    user = factories.make_staff()
    user.groups.add(Role.objects.get(role__slug=slug))
    AccessLimit.objects.create(user=user).groups.set(groups)
    return user


@pytest.fixture
def world(db) -> dict:
    """The rows of the tables within the limit, and a device outside it that has MARKER wherever text can be."""
    inside = {"console": console.make_rows(), "api": api.make_addresses()}
    site = Group.objects.create(name="Site")
    for device in Device.objects.all():
        site.memberships.create(device=device)
    channel = make_marked_device()
    shared = Command.objects.get(pk=inside["console"]["command"])
    queued = factories.make_queued(channel, shared)
    factories.make_report(channel, status="Error", queued=queued)
    QueuedCommand.objects.filter(pk=queued.pk).update(note=MARKER)
    alone = factories.make_queued(channel, factories.make_command(reason=MARKER, actor=MARKER))
    smart = Group.objects.create(name=MARKER)
    smart.memberships.create(device=channel.device)
    outside = {"device": channel.device_id, "command": alone.command_id, "queued": queued.pk, "group": smart.pk}
    outside |= {"smart": smart.pk, "static": smart.pk}
    rejected = RejectedMessage.objects.get(device=channel.device)
    outside["rejected"] = rejected.pk
    return {"inside": inside, "outside": outside, "site": site, "shared": shared, "channel": channel}


def make_marked_device() -> Channel:
    person = Person.objects.create(name=MARKER, email=f"{MARKER}@example.com", department=MARKER)
    facts = dict.fromkeys(("name", "serial_number", "asset_tag", "imei", "meid", "phone_number", "wifi_mac"), MARKER)
    device = factories.make_device(person=person, udid=f"{MARKER}-{uuid.uuid4()}", model_name=MARKER, **facts)
    channel, now = factories.make_channel(device), timezone.now()
    factories.make_channel(device, user_key=MARKER)
    device.tags.add(Tag.objects.create(name="Blue"))
    Answer.objects.create(device=device, request_type="SecurityInfo", content={"Hostname": MARKER}, answered_at=now)
    InstalledApplication.objects.create(device=device, name=MARKER, identifier=MARKER)
    InstalledProfile.objects.create(
        device=device, channel=channel, identifier=MARKER, display_name=MARKER, reported_at=now
    )
    InstalledCertificate.objects.create(device=device, fingerprint=b"f", common_name=MARKER)
    AvailableUpdate.objects.create(device=device, product_key=MARKER, name=MARKER, version="99", reported_at=now)
    Event.objects.create(device=device, kind="enrolled", summary=f"enrolled {MARKER}", actor=MARKER)
    Event.objects.create(kind="staff_changed", summary=f"staff account {MARKER} changed", actor=MARKER)
    EscrowedSecret.objects.create(device=device, kind="unlock_token", value_encrypted=b"")
    Note.objects.create(device=device, text=MARKER, ticket=MARKER, author=MARKER)
    factories.make_identity(channel.enrollment_key, subject=f"CN={MARKER}")
    RejectedMessage.objects.create(
        device=device, path=f"/{MARKER}", status=403, code="refused", reason=MARKER, size_bytes=1, body_hash=b"m",
        claimed_key=MARKER,
    )  # fmt: skip
    return channel


def text_of(response) -> str:
    content = b"".join(response.streaming_content) if getattr(response, "streaming", False) else response.content
    return content.decode(errors="replace").lower() + str(response.get("Location", "")).lower()


def told(response, where: str, searched: bool = False) -> list[str]:
    """Return where, if the answer tells of the marker; a page may repeat what was searched for."""
    text = text_of(response)
    return [f"{where}: {_around(text)}"] if MARKER in text and not searched else []


def _around(text: str) -> str:
    at = text.index(MARKER)
    return " ".join(text[max(0, at - 120) : at + 80].split())


@pytest.mark.parametrize("slug", ["helpdesk", "administrator"])  # limited, an administrator may all that others may
def test_a_device_outside_the_limit_is_told_of_nowhere(world, slug):
    user, found = make_limited(slug, world["site"]), []
    client, caller = signed_in(user), Caller(user=user)
    for ids in (world["inside"], {name: rows | world["outside"] for name, rows in world["inside"].items()}):
        for name, arguments, method, _answers in console.TABLE:
            if method == "GET":
                address = console.address_of(name, arguments, ids["console"])
                found += told(client.get(address), f"{name} {arguments}")
        for name, arguments, method, body in WEB:
            if method == "GET":
                address = reverse(name, args=[ids["console"].get(part, part.removeprefix("=")) for part in arguments])
                found += told(client.get(address, body), name)
        for path, method, *_ in api.TABLE:
            if method == "GET":
                found += told(caller.get(path.format(**ids["api"])), path)
    assert found == []


def test_the_tabs_of_a_device_outside_the_limit_are_not_found(world):
    client = signed_in(make_limited("helpdesk", world["site"]))
    address = reverse("admin:devices_device_change", args=[world["outside"]["device"]])
    for tab in ("overview", "inventory", "apps", "commands", "timeline", "groups", "configuration", "notes"):
        assert client.get(address, {"tab": tab}).status_code == 404


def test_what_is_outside_is_not_found_by_its_words(world):
    caller = Caller(user=make_limited("administrator", world["site"]))
    for path in ("devices/", "commands/", "groups/", "push-states/"):
        assert caller.get(path, search=MARKER).json()["count"] == 0, path
    client = signed_in(make_limited("administrator", world["site"]))
    page = text_of(client.get(reverse("admin:search"), {"s": MARKER})).replace(f"“{MARKER}”", "")
    assert "/console/devices/" not in page and "/console/commands/" not in page


def test_everything_is_told_to_somebody_without_a_limit(world):
    """The marker is really there: otherwise the tests above would prove nothing."""
    user = factories.make_staff()
    user.groups.add(Role.objects.get(role__slug="helpdesk"))
    client, caller = signed_in(user), Caller(user=user)
    for model in ("devices_device", "devices_event", "devices_person", "devices_rejectedmessage", "devices_group",
                  "commands_command"):  # fmt: skip
        assert MARKER in text_of(client.get(reverse(f"admin:{model}_changelist"))), model
    device = world["outside"]["device"]
    for path in (
        "devices/",
        f"devices/{device}/timeline/",
        f"devices/{device}/applications/",
        f"devices/{device}/notes/",
        "commands/",
    ):
        assert MARKER in text_of(caller.get(path)), path


def test_numbers_count_what_is_within_the_limit(world):
    caller = Caller(user=make_limited("helpdesk", world["site"]))
    inside = Device.objects.count() - 1
    assert caller.get("devices/").json()["count"] == inside
    shared = caller.get(f"commands/{world['shared'].pk}/").json()
    assert sum(shared["counts"].values()) == world["shared"].targets.count() - 1
    everything = caller.get("tags/").json()["results"]
    assert {row["name"]: row["device_count"] for row in everything}["Blue"] == 0


def test_a_command_to_all_devices_goes_to_those_within_the_limit(world):
    caller = Caller(user=make_limited("helpdesk", world["site"]))
    before = set(Command.objects.values_list("pk", flat=True))
    response = caller.post("commands/", {"request_type": "ProfileList", "targets": {"all": True}})
    assert response.status_code == 201, response.content
    asked = QueuedCommand.objects.exclude(command__in=before)
    assert asked.exists()
    assert not asked.filter(channel__device=world["outside"]["device"]).exists()


def test_cancelling_and_retrying_leave_the_targets_outside_alone(world):
    caller = Caller(user=make_limited("helpdesk", world["site"]))
    command = factories.make_command()
    mine = factories.make_queued(Channel.objects.get(device=world["inside"]["console"]["device"]), command)
    theirs = factories.make_queued(world["channel"], command)
    assert caller.post(f"commands/{command.pk}/cancel/", {"reason": "no"}).status_code == 200
    assert QueuedCommand.objects.get(pk=mine.pk).finished_at is not None
    assert QueuedCommand.objects.get(pk=theirs.pk).finished_at is None


def test_reports_of_devices_outside_are_not_read_through_a_shared_command(world):
    caller = Caller(user=make_limited("administrator", world["site"]))
    rows = caller.results(f"commands/{world['shared'].pk}/results/")
    assert rows and Report.objects.filter(queued__command=world["shared"]).count() == 2
    assert world["outside"]["device"] not in {row.get("device") or row.get("device_id") for row in rows}
