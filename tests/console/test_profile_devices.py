"""A1: from a profile to its devices: how far each is, why, trying again; also of what nobody is assigned any more."""

import csv
import io

import pytest
from django.urls import reverse
from django.utils import timezone

from commands.drift import Proven, tell_drift
from commands.reconcile import reconcile
from profiles.desired import recompute_desired
from profiles.models import DesiredItem, ItemStatus, Profile
from tests.console.pages import statements, text_of
from tests.profiles.assigned import assign, fill, make_channels, make_group, make_profile
from tests.test_limits import make_limited

State = ItemStatus.State
NO_EMAIL = "the device is used by nobody, so $USER_EMAIL is empty"


def address(profile: Profile, name: str = "devices") -> str:
    return reverse(f"admin:profiles_profile_{name}", args=[profile.pk])


def stand(channel, state: State, **fields) -> None:
    """Put what a channel has of its only profile into a state."""
    begun = {"command_id": None, "error": "", "is_stopped": False, "is_held": False, "next_attempt_at": None}
    ItemStatus.objects.filter(channel=channel).update(state=state, **begun | fields)


@pytest.fixture
def profile(db) -> Profile:
    return make_profile(name="Corp Wi-Fi")


@pytest.fixture
def spread(profile):
    """Seven devices that stand differently with one profile, which one group brings."""
    channels = make_channels(7)
    group = make_group(*channels, name="Sales")
    assignment = assign(profile, group)
    recompute_desired()
    reconcile()
    for channel, state in zip(channels, (State.VERIFIED, State.VERIFIED, State.ACKNOWLEDGED), strict=False):
        stand(channel, state)
    for number, channel in enumerate(channels[3:5]):
        stand(channel, State.FAILED, error=f"The profile 12345{number} is not valid.", is_stopped=True)
    stand(channels[5], State.FAILED, error=NO_EMAIL, is_stopped=True)
    DesiredItem.objects.filter(channel=channels[6]).update(refusal="needs supervision")
    return group, assignment, channels


def shown(response) -> list[tuple[int, str]]:
    return [(row.standing.channel_id, row.standing.word) for row in response.context["rows"]]


def test_the_tab_counts_the_devices_of_each_word_and_lists_them(console, profile, spread):
    _group, assignment, channels = spread
    response = console.get(address(profile))
    assert {chip.status.word: chip.number for chip in response.context["chips"]} == {
        "Verified": 2, "Acknowledged": 1, "Failed": 3, "Not for this device": 1,
    }  # fmt: skip
    assert len(shown(response)) == 7
    page = text_of(response)
    assert "Sales" in page and "Needs supervision" in page and NO_EMAIL[1:] in page
    failed = shown(console.get(address(profile), {"state": "failed"}))
    assert sorted(failed) == sorted((channel.pk, "failed") for channel in channels[3:6])
    one = console.get(address(profile), {"q": channels[0].device.serial_number})
    assert shown(one) == [(channels[0].pk, "verified")]
    assert len(shown(console.get(address(profile), {"assignment": assignment.pk}))) == 7
    other = assign(profile, make_group())
    assert shown(console.get(address(profile), {"assignment": other.pk})) == []
    assert console.get(address(profile), {"assignment": "9" * 30}).status_code == 404
    assert console.get(address(profile), {"state": "\x00", "cause": "x", "o": "y", "p": "z"}).status_code == 200


def test_causes_are_one_each_and_lead_to_their_devices_which_are_tried_again(console, profile, spread):
    channels = spread[2]
    causes = console.get(address(profile)).context["causes"]
    assert [(cause.word, cause.number) for cause in causes] == [("failed", 2), ("failed", 1), ("not_applicable", 1)]
    same = causes[0]
    listed = shown(console.get(address(profile), {"cause": same.key}))
    assert sorted(listed) == sorted((channel.pk, "failed") for channel in channels[3:5])
    answer = console.post(f"{address(profile, 'devices_retry')}?cause={same.key}", follow=True)
    assert "To be tried again: 2." in text_of(answer)
    assert ItemStatus.objects.filter(state=State.PENDING, is_stopped=False).count() == 2
    assert (
        console.get(address(profile), {"cause": causes[1].key, "state": "failed"}).context["page"].paginator.count == 1
    )
    again = console.post(f"{address(profile, 'devices_retry')}?cause={same.key}", follow=True)
    assert "Nothing of this failed" in text_of(again)


def test_what_is_unassigned_and_still_on_devices_is_not_called_nobodys(console, profile, spread):
    group, _assignment, channels = spread
    fill(group)
    recompute_desired()
    stand(channels[0], State.REMOVING, is_held=True, error="held by the governor: it takes the last network")
    stopped = {"is_stopped": True, "next_attempt_at": timezone.now()}
    stand(channels[1], State.REMOVING, error="The profile cannot be removed.", **stopped)
    stand(channels[2], State.REMOVED)
    profile.assignments.all().delete()
    page = text_of(console.get(address(profile, "assignments")))
    assert "Nobody gets this profile yet" not in page
    assert "Assigned to nobody any more, and still on" in page and "1 held" in page
    response = console.get(address(profile))
    words = {chip.status.word: chip.number for chip in response.context["chips"]}
    assert (words["Held"], words["Failed"], words["Removed"]) == (1, 1, 1)
    assert "No assignment brings it any more." in text_of(response)
    cause = next(cause for cause in response.context["causes"] if cause.word == "failed")
    assert cause.is_removal
    assert "Removal failed" in text_of(response)
    console.post(f"{address(profile, 'devices_retry')}?cause={cause.key}")
    assert not ItemStatus.objects.filter(is_stopped=True, channel=channels[1]).exists()


def test_the_list_of_profiles_and_the_assignment_count_the_same_and_lead_to_the_tab(console, profile, spread):
    page = text_of(console.get(reverse("admin:profiles_profile_changelist")))
    assert "2 of 6 verified" in page and "3 failed" in page and address(profile) in page
    assignments = text_of(console.get(address(profile, "assignments")))
    assert "2 of 6 verified" in assignments and "state=failed" in assignments


def test_the_csv_is_what_the_page_lists(console, profile, spread):
    answer = console.get(address(profile, "devices_csv"), {"state": "failed"})
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode())))
    assert [row["state"] for row in rows] == ["failed"] * 3
    assert rows[0]["groups"] == "Sales" and rows[0]["wanted version"] == "1"


def test_the_tab_takes_as_many_statements_for_more_devices(console, profile, spread):
    few = statements(console, address(profile))
    channels = make_channels(20)
    fill(spread[0], *spread[2], *channels)
    recompute_desired()
    assert statements(console, address(profile)) == few <= 22
    profiles = reverse("admin:profiles_profile_changelist")
    few = statements(console, profiles)
    assign(make_profile(), spread[0])
    recompute_desired()
    assert statements(console, profiles) == few


def test_the_tab_is_read_again_while_something_moves_only(console, profile, spread):
    assert 'hx-trigger="every 4s' in text_of(console.get(address(profile)))
    for channel in spread[2]:
        stand(channel, State.VERIFIED)
    assert 'hx-trigger="every 4s' not in text_of(console.get(address(profile)))


def test_limited_people_see_their_devices_only(client, profile, spread):
    own = make_group(spread[2][0], name="Mine")
    client.force_login(make_limited("helpdesk", own))
    assert shown(client.get(address(profile))) == [(spread[2][0].pk, "verified")]
    assert "Sales" in text_of(client.get(address(profile)))
    listed = text_of(client.get(reverse("admin:profiles_profile_changelist")))
    assert "1 of 1 verified" in listed


def test_drift_on_devices_is_told_on_the_profile(console, profile, spread):
    """B17: what vanished, is another one now, came back or removed itself."""
    channel = spread[2][0]
    assert "Changed on devices" not in text_of(console.get(address(profile)))
    proven = Proven("vanished", channel.pk, profile.identifier, profile.pk, profile.versions.get().pk)
    tell_drift([proven], {channel.pk: channel.device_id})
    page = text_of(console.get(address(profile)))
    assert "profile Corp Wi-Fi, version 1, vanished from the device; it is sent again" in page
