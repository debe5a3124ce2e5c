"""Groups, profiles and assignments for tests, made by the services that staff use."""

import itertools

from devices.groups import create_group, set_members
from devices.models import Channel, Device, Group
from devices.timeline import SYSTEM
from profiles.assigning import create_assignment
from profiles.composing import create_profile, save_draft
from profiles.models import Assignment, Profile
from profiles.versions import publish
from tests.factories import make_channel

_numbers = itertools.count(1)


KEY = "Name"


def payload(text: str = "one") -> dict:
    """Return a payload that iPhones, iPads and Macs can use, on every channel."""
    return {"PayloadType": "com.apple.font", KEY: text, "Font": {"$data": "T1RUTw=="}}


def make_profile(text: str = "one", **fields) -> Profile:
    """Make a profile with one published version."""
    name = fields.pop("name", f"Profile {next(_numbers)}")
    payloads = fields.pop("payloads", None) or [payload(text)]
    profile = create_profile(name, actor=SYSTEM, payloads=payloads, **fields)
    publish(profile, actor=SYSTEM)
    return profile


def edit(profile: Profile, text: str) -> Profile:
    """Change the draft without publishing it."""
    profile.refresh_from_db()
    draft = profile.draft
    draft["PayloadContent"][0][KEY] = text
    return save_draft(profile, draft, profile.draft_revision, SYSTEM)


def publish_text(profile: Profile, text: str):
    return publish(edit(profile, text), actor=SYSTEM)


def make_group(*members: Device | Channel, name: str = "") -> Group:
    group = create_group(name or f"Group {next(_numbers)}", actor=SYSTEM)
    fill(group, *members)
    return group


def fill(group: Group, *members: Device | Channel) -> None:
    """Make these devices the members of a static group."""
    ids = [each.device_id if isinstance(each, Channel) else each.pk for each in members]
    set_members(group, ids, actor=SYSTEM)


def assign(profile: Profile, *include: Group, **fields) -> Assignment:
    return create_assignment(profile, include=list(include), actor=SYSTEM, **fields)


def make_channels(number: int) -> list[Channel]:
    return [make_channel() for _ in range(number)]
