"""The table of applicability (B1): every payload type on every kind of device and channel.

Expected is what Apple's schema says, read here by code of its own; looked at is (a) what is desired and (b) what the
pretend device does with the very profile, in process.
"""

import plistlib
from dataclasses import dataclass
from itertools import product
from types import SimpleNamespace

import pytest
import yaml
from django.utils import timezone

from devices.models import Answer, Device
from devices.timeline import SYSTEM
from profiles.composing import create_profile
from profiles.desired import recompute_desired
from profiles.models import DesiredItem
from profiles.versions import publish
from simulator import profile as pretend_profile
from simulator.answers import profiles as answers
from simulator.catalog import APPLE_TV, IPAD, IPHONE, MAC, VISION
from simulator.chains import Refused
from simulator.state import Channel, new_device
from tests.factories import make_channel, make_device, make_enrollment
from tests.fixtures import APPLE_SCHEMA
from tests.profiles.assigned import assign, make_group

SYSTEMS = {"ios": "iOS", "ipados": "iOS", "macos": "macOS", "tvos": "tvOS", "visionos": "visionOS"}
HARDWARE = {"ios": IPHONE, "ipados": IPAD, "macos": MAC, "tvos": APPLE_TV, "visionos": VISION}
VERSIONS = {"ios": "18.5", "ipados": "18.5", "macos": "15.5", "tvos": "18.5", "visionos": "2.5"}
OLD = {"ios": "12.0", "macos": "10.14", "tvos": "12.0"}
LEFT_ALONE = ("Configuration", "TopLevel", "CommonPayloadKeys", "com.apple.mdm")


@dataclass(frozen=True)
class Case:
    """A kind of device, and the channel that is looked at."""

    platform: str
    version: str
    is_supervised: bool = False
    is_own: bool = False
    is_user: bool = False
    is_shared: bool = False
    is_approved: bool = True
    is_ade: bool = False


def cases() -> list[Case]:
    found = [
        Case(platform, VERSIONS[platform], is_supervised=supervised, is_ade=ade)
        for platform, supervised, ade in product(("ios", "ipados", "tvos", "visionos"), (True, False), (True, False))
    ]
    found += [Case(platform, VERSIONS[platform], is_own=True) for platform in ("ios", "ipados", "visionos")]
    found += [Case("ipados", "18.5", is_supervised=True, is_shared=True, is_user=user) for user in (False, True)]
    found += [
        Case("macos", "15.5", is_supervised=True, is_user=user, is_approved=approved, is_own=own)
        for user, approved, own in product((False, True), (True, False), (True, False))
    ]
    return found + [Case(platform, version, is_supervised=True) for platform, version in OLD.items()]


def schema() -> list[tuple[str, str, dict | None, list[str]]]:
    """Return (file, type, supportedOS, keys) of every payload."""
    folder = APPLE_SCHEMA / "mdm" / "profiles"
    if not folder.is_dir():
        pytest.skip("Apple's schema is not here")
    found = []
    for path in sorted(folder.glob("*.yaml")):
        content = yaml.safe_load(path.read_text())
        kind = content["payload"]["payloadtype"]
        if kind not in LEFT_ALONE:
            keys = [key["key"] for key in content.get("payloadkeys", ())]
            found.append((path.name, kind, content["payload"].get("supportedOS"), keys))
    return found


def version_of(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")) if text[:1].isdigit() else (0,)


def is_allowed(supported: dict | None, case: Case) -> bool:
    """Say whether Apple's schema allows a payload on a device, by its attributes one after another."""
    if supported is None:
        return True
    said = supported[SYSTEMS[case.platform]]
    own, shared = said.get("userenrollment", {}).get("mode"), said.get("sharedipad", {})
    is_carried = (
        shared.get("userchannel" if case.is_user else "devicechannel", not case.is_user)
        if case.is_shared
        else said.get("userchannel", False)
        if case.is_user
        else said.get("devicechannel", True)
    )
    return (
        said["introduced"] != "n/a"
        and version_of(said["introduced"]) <= version_of(case.version)
        and not ("removed" in said and version_of(case.version) >= version_of(said["removed"]))
        and not (said.get("supervised") and not case.is_supervised)
        and not (case.is_own and own == "forbidden")
        and not (case.platform == "macos" and said.get("userapprovedmdm") and not case.is_approved)
        and not (case.is_shared and shared.get("mode") == "forbidden")
        and is_carried
    )


def enroll(case: Case):
    """Make a device of this kind with its channel."""
    device = make_device(
        case.platform, os_version=case.version, is_supervised=case.is_supervised, is_user_enrollment=case.is_own,
        is_user_approved_enrollment=case.is_approved, is_ade_enrolled=case.is_ade,
    )  # fmt: skip
    told = {"content": {"IsMultiUser": case.is_shared}, "answered_at": timezone.now()}
    Answer.objects.create(device=device, request_type="DeviceInformation", **told)
    enrollment = make_enrollment(device, kind="user" if case.is_own else "device")
    channel = make_channel(enrollment=enrollment)
    return make_channel(enrollment=enrollment, user_key="USER") if case.is_user else channel


def pretend(case: Case) -> tuple[SimpleNamespace, Channel]:
    """Make what the pretend device's answer looks at, without enrolling over HTTP."""
    state = new_device(HARDWARE[case.platform], 1, "table")
    state.os_version, state.is_supervised, state.is_shared = case.version, case.is_supervised, case.is_shared
    state.is_user_approved = case.is_approved
    configuration = SimpleNamespace(identifier="com.example.enrollment")
    enrollment = SimpleNamespace(configuration=configuration, is_user_enrollment=case.is_own)
    device = SimpleNamespace(state=state, enrollment=enrollment, events=[], also_knows=set())
    channel = Channel(token=b"", push_magic="", user_id="USER" if case.is_user else "")
    return device, channel


def is_accepted(case: Case, content: dict) -> bool:
    device, channel = pretend(case)
    try:
        answers._install(device, channel, pretend_profile.read_configuration(plistlib.dumps(content)))
    except Refused:
        return False
    return True


@pytest.fixture
def payloads():
    return schema()


def profile_of(kind: str, keys: list[str], *, is_user: bool) -> dict:
    """Return a profile with nothing but this payload; a key of its file tells which of several files it is."""
    own = dict.fromkeys(keys[:3], b"OTTO")  # a font must be one
    payload = own | {"PayloadType": kind, "PayloadIdentifier": "b", "PayloadUUID": "B", "PayloadVersion": 1}
    return {
        "PayloadType": "Configuration", "PayloadIdentifier": "a", "PayloadUUID": "A", "PayloadVersion": 1,
        "PayloadScope": "User" if is_user else "System", "PayloadContent": [payload],
    }  # fmt: skip


def test_the_table_is_large_enough(payloads):
    assert len(payloads) > 100 and len(cases()) > 25


def test_pretend_devices_accept_what_the_schema_allows_and_nothing_else(payloads):
    wrong = [
        (file, case)
        for (file, kind, supported, keys), case in product(payloads, cases())
        if is_accepted(case, profile_of(kind, keys, is_user=case.is_user)) != is_allowed(supported, case)
    ]
    assert wrong == []


@pytest.mark.django_db
def test_devices_are_given_what_the_schema_allows_and_nothing_else(payloads):
    channels = {enroll(case).pk: case for case in cases()}
    group = make_group(*Device.objects.order_by("id"))
    made = {}
    for (file, kind, supported, keys), scope in product(payloads, ("System", "User")):
        payload = dict.fromkeys(keys[:3], True) | {"PayloadType": kind}
        profile = create_profile(f"{file} {scope}", actor=SYSTEM, payloads=[payload], scope=scope)
        publish(profile, actor=SYSTEM)
        assign(profile, group)
        made[profile.pk] = file, supported
    recompute_desired()
    rows = DesiredItem.objects.filter(channel__in=channels).values_list("profile_id", "channel_id", "refusal")
    assert rows.count() == len(payloads) * len(channels)
    wrong = [
        (made[profile_id][0], channels[channel_id], refusal)
        for profile_id, channel_id, refusal in rows
        if (refusal == "") != is_allowed(made[profile_id][1], channels[channel_id])
    ]
    assert wrong == []
