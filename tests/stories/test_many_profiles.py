"""Acceptance of B1: 46 profiles of all kinds to a group with all kinds of devices; nothing is sent where Apple says no.

Over real HTTP. Expected is what Apple's schema says, read by the code of the table of applicability.
"""

from commands.models import QueuedCommand
from commands.reconcile import reconcile
from commands.standing import ItemStanding, Word
from devices.models import Device
from devices.timeline import SYSTEM
from profiles.composing import create_profile
from profiles.models import DesiredItem
from profiles.versions import publish
from simulator.catalog import APPLE_TV, IPAD, IPHONE, MAC, VISION
from tests.profiles.assigned import assign, make_group
from tests.profiles.test_applicability_table import Case, is_allowed, schema
from tests.stories.test_profiles import Scene, row_of

NUMBER = 46
# What pretend devices look into, and would refuse for other reasons.
LOOKED_INTO = ("security", "font", "mdm", "profileRemovalPassword", "FileVault", "FDE")
PLATFORMS = {IPHONE: "ios", IPAD: "ipados", MAC: "macos", APPLE_TV: "tvos", VISION: "visionos"}


def some_payloads() -> list:
    found = [each for each in schema() if not any(word in each[1] for word in LOOKED_INTO)]
    return found[:: max(1, len(found) // NUMBER)][:NUMBER]


def enroll_all(stage) -> dict:
    """Enroll a device of every kind; return what the schema is asked about each."""
    cast = {}
    kinds = [(platform, {}) for platform in PLATFORMS]
    kinds += [(IPHONE, {"is_supervised": False}), (IPAD, {"is_supervised": False}), (IPAD, {"is_shared": True})]
    for platform, facts in kinds:
        device = stage.new_device(platform)
        for name, value in facts.items():
            setattr(device.state, name, value)
        stage.act(device.enroll(f"{stage.server_url}/enroll/demo/profile"))
        state = device.state
        cast[device] = Case(
            PLATFORMS[platform], state.os_version, is_supervised=state.is_supervised, is_shared=state.is_shared
        )
    return cast


def test_of_46_profiles_nothing_is_sent_where_the_schema_says_no(stage):
    payloads, cast = some_payloads(), enroll_all(stage)
    scene = Scene(stage)
    scene.settle()
    group = make_group(*(row_of(device) for device in cast))
    made = {}
    for file, kind, supported, keys in payloads:
        payload = {"PayloadType": kind} | dict.fromkeys(keys[:1], True)
        profile = create_profile(file, actor=SYSTEM, payloads=[payload])
        publish(profile, actor=SYSTEM)
        assign(profile, group)
        made[profile.pk] = supported
    scene.settle()
    assert not reconcile()
    devices = {row_of(device).pk: case for device, case in cast.items()}
    allowed = {
        (profile_id, device_id)
        for profile_id, supported in made.items()
        for device_id, case in devices.items()
        if is_allowed(supported, case)
    }
    identifiers = dict(DesiredItem.objects.values_list("identifier", "profile_id"))
    has = {
        (identifiers[identifier], row_of(device).pk)
        for device in cast
        for channel in device.state.channels.values()
        for identifier in channel.profiles
    }
    assert len(made) == NUMBER and has == allowed
    refused = QueuedCommand.objects.filter(command__request_type="InstallProfile", state=QueuedCommand.State.FAILED)
    assert not refused.exists()
    words = ItemStanding.objects.filter(device__in=Device.objects.filter(pk__in=devices)).by_word()
    assert words == {
        Word.VERIFIED: len(allowed), Word.NOT_APPLICABLE: len(made) * len(devices) - len(allowed),
    }  # fmt: skip
