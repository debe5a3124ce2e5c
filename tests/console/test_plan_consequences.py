"""A2: a plan says what it takes besides, and what the governor will hold, before it can be applied."""

import pytest
from django.urls import reverse

from commands.governor import switch as kill_switch
from commands.governor.models import GovernorLimit
from commands.losses import consequences_of
from commands.reconcile import reconcile
from devices.models import InstalledProfile
from devices.timeline import SYSTEM, Actor
from profiles.composing import create_profile, save_draft
from profiles.desired import recompute_desired
from profiles.models import ItemStatus, Plan
from profiles.plan import plan
from profiles.versions import publish
from tests.api.client import Caller
from tests.commands.governed import staff
from tests.commands.test_governor_removals import list_profile
from tests.console.pages import statements, text_of
from tests.factories import make_staff
from tests.profiles.assigned import assign, make_channels, make_group

WIFI = {"PayloadType": "com.apple.wifi.managed", "SSID_STR": "corp", "EncryptionType": "Any", "AutoJoin": True}
MAIL = {"PayloadType": "com.apple.mail.managed", "EmailAccountType": "EmailTypeIMAP"}

pytestmark = pytest.mark.django_db


@pytest.fixture
def user():
    return make_staff(is_superuser=True)


@pytest.fixture
def wifi():
    """A profile with Wi-Fi and mail on five devices; one has another network as well."""
    profile = create_profile("Corp", actor=SYSTEM, payloads=[WIFI, MAIL])
    publish(profile, actor=SYSTEM)
    channels = make_channels(5)
    assignment = assign(profile, make_group(*channels))
    recompute_desired()
    reconcile()
    ItemStatus.objects.update(state=ItemStatus.State.VERIFIED, command_id=None)
    for channel in channels:
        list_profile(channel, profile.identifier, "com.apple.wifi.managed")
    list_profile(channels[4], "com.example.cell", "com.apple.cellular")
    return profile, assignment, channels


def ended(assignment) -> Plan:
    return plan({"kind": "delete_assignment", "assignment": assignment.pk}, actor=SYSTEM)


def test_the_last_network_and_what_has_to_wait_are_told_before_the_button(console, user, wifi):
    _profile, assignment, channels = wifi
    GovernorLimit.objects.filter(danger="network", role=None).update(per_person=3, in_all=3)
    row = ended(assignment)
    found = consequences_of(row, user)
    assert [each.kind for each in found] == ["last_network", "held", "content", "content"]
    last, held, *content = found
    assert last.number == 4 and "the last network of 4 devices" in last.words
    assert {pk for pk, _name in last.devices} == {channel.device_id for channel in channels[:4]}
    assert "The hour's limit lets 3 go; 1 waits" in held.words
    assert any("the mail account" in each.words for each in content)
    page = text_of(console.get(reverse("admin:profiles_profile_plan", args=[row.token])))
    assert page.index("the last network of 4 devices") < page.index("Apply to 5 devices")
    kill_switch.stop(actor=Actor.staff(staff()), reason="strange")
    assert "stopped" in consequences_of(row, user)[1].words


def test_two_networks_that_go_together_are_the_last_one(user):
    channels = make_channels(2)
    group = make_group(*channels)
    profiles = [create_profile(name, actor=SYSTEM, payloads=[WIFI]) for name in ("One", "Two")]
    for profile in profiles:
        publish(profile, actor=SYSTEM)
        assign(profile, group)
        for channel in channels:
            list_profile(channel, profile.identifier, "com.apple.wifi.managed")
    recompute_desired()
    row = plan({"kind": "group_members", "group": group.pk, "device_ids": [channels[1].device_id]}, actor=SYSTEM)
    assert [(each.kind, each.number) for each in consequences_of(row, user)][0] == ("last_network", 1)
    InstalledProfile.objects.filter(channel=channels[0]).delete()
    assert not any(each.kind == "last_network" for each in consequences_of(row, user))


def test_the_api_tells_the_same_and_no_ids_of_channels(wifi):
    _profile, assignment, _channels = wifi
    content = Caller().post("plans/", {"kind": "delete_assignment", "assignment": assignment.pk}).json()
    assert content["consequences"][0]["kind"] == "last_network"
    assert content["findings"] == []
    assert "losing" not in content["summary"]


def test_what_a_newer_version_lacks_goes_with_it(user, wifi):
    profile = wifi[0]
    profile.refresh_from_db()
    draft = profile.draft
    draft["PayloadContent"] = [each for each in draft["PayloadContent"] if each["PayloadType"] != MAIL["PayloadType"]]
    save_draft(profile, draft, profile.draft_revision, SYSTEM)
    found = consequences_of(plan({"kind": "publish", "profile": profile.pk}, actor=SYSTEM), user)
    assert [each.kind for each in found] == ["content"] and "the mail account" in found[0].words


def test_lint_stands_above_the_button(console, wifi):
    wifi[0].refresh_from_db()
    draft = wifi[0].draft | {"ConsentText": {"default": "Fine?"}}
    save_draft(wifi[0], draft, wifi[0].draft_revision, SYSTEM)
    row = plan({"kind": "publish", "profile": wifi[0].pk}, actor=SYSTEM)
    page = text_of(console.get(reverse("admin:profiles_profile_plan", args=[row.token])))
    assert "Lint of what is sent" in page
    assert page.index("Lint of what is sent") < page.index('aria-label="Apply the plan"')


def test_the_page_of_a_plan_takes_as_many_statements_for_more_devices(console, wifi):
    profile, assignment, _channels = wifi
    few = statements(console, reverse("admin:profiles_profile_plan", args=[ended(assignment).token]))
    channels = make_channels(10)
    assign(profile, make_group(*channels))
    for channel in channels:
        list_profile(channel, profile.identifier, "com.apple.wifi.managed")
    recompute_desired()
    row = plan({"kind": "remove_profile", "profile": profile.pk}, actor=SYSTEM)
    assert statements(console, reverse("admin:profiles_profile_plan", args=[row.token])) <= few + 2
