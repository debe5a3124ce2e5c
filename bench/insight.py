"""What people wait for: a smart group worked out anew, a plan over the fleet, the helpdesk's search and device page."""

import statistics
import time
import uuid

from bench.fleet import EXTRA, insert_devices
from bench.run import Run, emit

TIMES = 5
EVENTS, COMMANDS, APPLICATIONS = 10_000, 2_000, 300
GROUP_TARGET_S, PLAN_TARGET_S = 1.0, 3.0
SEARCH_TARGET_S, PAGE_TARGET_S = 0.150, 0.300
RULE = {
    "all": [
        {"fact": "platform", "is": "is", "value": "ios"},
        {"fact": "os_version", "is": ">=", "value": "17.0"},
        {"fact": "serial_number", "is": "starts with", "value": EXTRA},
        {"fact": "model", "is": "contains", "value": "iPhone"},
        {"not": {"fact": "asset_tag", "is": "is", "value": "lost"}},
    ]
}
SEARCHES = (
    "EXTRA0004217",
    "EXTRA00O4217",
    "iPhone 31234",
    "Person 2718",
    "person.31415@exmaple.com",
    "356938035643809",
)


def groups(run: Run) -> None:
    """A smart group of five conditions worked out for all devices; then a plan that gives all of them a profile."""
    from devices.groups import create_group, evaluate_groups
    from devices.models import Membership
    from devices.timeline import SYSTEM
    from profiles import versions
    from profiles.composing import create_profile
    from profiles.plan import plan

    _fleet(run, run.options.enqueue_devices)
    group = create_group("Benchmark", kind="smart", rule=RULE, actor=SYSTEM)
    seconds = _measured(lambda: evaluate_groups([group.pk]))
    members = Membership.objects.filter(group=group).count()
    emit(
        "smart_group", seconds=statistics.median(seconds), slowest_s=max(seconds), members=members,
        target_s=GROUP_TARGET_S, meets_target=statistics.median(seconds) < GROUP_TARGET_S,
    )  # fmt: skip
    payload = {"PayloadType": "com.apple.mobiledevice.passwordpolicy", "forcePIN": True}
    profile = create_profile("Benchmark", actor=SYSTEM, payloads=[payload])
    versions.publish(profile, SYSTEM)
    change = {"kind": "create_assignment", "profile": profile.pk, "include": [group.pk]}
    shown = []
    seconds = _measured(lambda: shown.append(plan(change, actor=SYSTEM)))
    emit(
        "plan", seconds=statistics.median(seconds), slowest_s=max(seconds), gains=shown[0].summary["counts"]["gains"],
        target_s=PLAN_TARGET_S, meets_target=statistics.median(seconds) < PLAN_TARGET_S,
    )  # fmt: skip


def helpdesk(run: Run) -> None:
    """Searching among all devices, exactly and mistyped, and opening a device's page, as a signed-in person."""
    from django.test import Client

    from devices.models import Device
    from mdm_project.models import User

    _fleet(run, run.options.helpdesk_devices)
    _people(run.options.helpdesk_devices)
    client = Client()
    client.force_login(User.objects.create_superuser(f"bench-{uuid.uuid4().hex[:8]}"))
    client.get("/helpdesk/")
    for text in SEARCHES:
        _visit(client, "helpdesk_search", "/helpdesk/", SEARCH_TARGET_S, b"h-device", q=text)
    for text in SEARCHES:
        _visit(client, "list_search", "/console/devices/device/", PAGE_TARGET_S, b"e-name", q=text)
    plain, worn = Device.objects.order_by("-id")[:2]
    _history(worn)
    for history, device in (("none", plain), ("much", worn)):
        _visit(client, "device_page", f"/console/devices/device/{device.pk}/change/", PAGE_TARGET_S, history=history)
        _visit(client, "helpdesk_device_page", f"/helpdesk/devices/{device.pk}/", PAGE_TARGET_S, history=history)


def _visit(client, name: str, page: str, target_s: float, mark: bytes = b"<html", history: str = "", **query) -> None:
    """Open a page some times and tell how long it took; ``found`` counts a mark in it."""
    answers = []
    seconds = _measured(lambda: answers.append(client.get(page, query)))
    from devices.models import Device

    if answers[0].status_code != 200:
        raise RuntimeError(f"{page} was answered {answers[0].status_code}")
    about = {key: value for key, value in (("text", query.get("q")), ("history", history)) if value}
    median = statistics.median(seconds)
    emit(
        name, **about, seconds=median, slowest_s=max(seconds), found=answers[0].content.count(mark),
        devices=Device.objects.count(), target_s=target_s, meets_target=median < target_s,
    )  # fmt: skip


def _people(number: int) -> None:
    """Have as many people as devices, each with one."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO devices_person (name, email, department, site, created_at) SELECT 'Person ' || n, "
            "'person.' || n || '@example.com', '', '', now() FROM generate_series(1, %s) n",
            [number],
        )
        cursor.execute(
            "UPDATE devices_device d SET person_id = p.id FROM (SELECT id, row_number() OVER (ORDER BY id) n FROM "
            "devices_person) p, (SELECT id, row_number() OVER (ORDER BY id) n FROM devices_device) o "
            "WHERE o.n = p.n AND d.id = o.id"
        )
        cursor.execute("VACUUM ANALYZE devices_device, devices_person")


def _history(device) -> None:
    """Give a device years of history: events, commands of which some failed, applications."""
    from django.db import connection
    from django.utils import timezone

    from commands.models import Command, QueuedCommand
    from devices.models import Event, InstalledApplication

    channel, now = device.channels.get(), timezone.now()
    Event.objects.bulk_create(
        Event(device=device, kind="renamed", summary=f"named {number}", actor="bench") for number in range(EVENTS)
    )
    commands = Command.objects.bulk_create(
        Command(
            uuid=str(uuid.uuid4()).upper(), request_type="DeviceInformation", body_encrypted=b"", origin="system",
            actor="bench", target_count=1,
        )
        for _ in range(COMMANDS)
    )  # fmt: skip
    states = (QueuedCommand.State.ACKNOWLEDGED, QueuedCommand.State.FAILED)
    QueuedCommand.objects.bulk_create(
        QueuedCommand(
            channel=channel, command=command, state=states[number % 10 == 0], finished_at=now,
            note="refused" if number % 10 == 0 else None,
        )
        for number, command in enumerate(commands)
    )  # fmt: skip
    InstalledApplication.objects.bulk_create(
        InstalledApplication(device=device, name=f"Application {number}", identifier=f"com.example.app{number}")
        for number in range(APPLICATIONS)
    )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _fleet(run: Run, number: int) -> None:
    """Have so many devices beside the others, and the planner know of them."""
    from django.db import connection

    from devices.models import Device

    missing = number - Device.objects.filter(serial_number__startswith=EXTRA).count()
    if missing > 0:
        insert_devices([str(uuid.uuid4()).upper() for _ in range(missing)], run.topic, EXTRA)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _measured(act) -> list[float]:
    seconds = []
    for _ in range(TIMES):
        began_at = time.perf_counter()
        act()
        seconds.append(time.perf_counter() - began_at)
    return seconds
