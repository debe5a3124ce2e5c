"""Findings 3 and 18: no raw profile touches the enrollment, and removing it is counted however it is listed."""

import plistlib

import pytest
from django.utils import timezone

from commands.governor import ReasonRequired
from commands.validation import InvalidCommand
from devices.models import Channel, InstalledProfile
from devices.own_profiles import ENROLLMENT_PREFIX
from devices.timeline import Actor
from mdm_project import plist
from tests import factories
from tests.commands.governed import ask, staff

pytestmark = pytest.mark.django_db


def profile(identifier: str, *types: str) -> bytes:
    payloads = [
        {"PayloadType": kind, "PayloadIdentifier": f"{identifier}.{n}", "PayloadUUID": f"0-{n}", "PayloadVersion": 1}
        for n, kind in enumerate(types)
    ]
    return plistlib.dumps(
        {"PayloadType": "Configuration", "PayloadIdentifier": identifier, "PayloadUUID": "0", "PayloadVersion": 1,
         "PayloadContent": payloads}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (profile("com.example.update", "com.apple.wifi.managed", "com.apple.mdm"), "is an enrollment profile"),
        (profile(f"{ENROLLMENT_PREFIX}.corp", "com.apple.wifi.managed"), "identifier of an enrollment profile"),
        (profile(f"{ENROLLMENT_PREFIX.upper()}.corp"), "identifier of an enrollment profile"),
    ],
)
def test_a_profile_sent_by_hand_is_no_enrollment_profile(content, words):
    channel = factories.make_channel()
    assert plist.loads(content)
    with pytest.raises(InvalidCommand) as refused:
        ask("InstallProfile", {"Payload": content}, Channel.objects.all(), actor=Actor.staff(staff()), reason="x")
    assert words in str(refused.value.fields)
    assert not channel.queue.exists()


def test_an_ordinary_profile_is_sent():
    factories.make_channel()
    content = profile("com.example.wifi", "com.apple.wifi.managed")
    asked = ask("InstallProfile", {"Payload": content}, Channel.objects.all(), actor=Actor.staff(staff()), reason="x")
    assert asked.command is not None


@pytest.mark.parametrize("listed", [[], None])
def test_an_enrollment_profile_listed_without_its_payloads_is_counted(listed):
    channel = factories.make_channel()
    identifier = "com.example.mdm" if listed == [] else f"{ENROLLMENT_PREFIX}.corp"
    payloads = [] if listed == [] else [{"PayloadType": "com.apple.wifi.managed"}]
    InstalledProfile.objects.create(
        channel=channel, device=channel.device, identifier=identifier, payloads=payloads, is_managed=True,
        reported_at=timezone.now(),
    )  # fmt: skip
    with pytest.raises(ReasonRequired):
        ask("RemoveProfile", {"Identifier": identifier}, Channel.objects.all(), actor=Actor.staff(staff()))
