"""What a device's list proves and disproves (B6), profiles that remove themselves (B9), what was never delivered (B12),
and drift as events (B17).
"""

from datetime import timedelta

import pytest
from django.utils import timezone

from commands.configuration import items_of
from commands.models import QueuedCommand
from commands.reconcile import reconcile
from commands.standing import ItemStanding, Word
from devices.models import Channel, Event
from mdm_project import plist
from profiles.composing import save_draft
from profiles.desired import recompute_desired
from profiles.models import ItemStatus, Profile
from profiles.rendering import render_each
from profiles.versions import publish, roll_back
from tests.commands.test_reconcile import (
    SYSTEM,
    answer,
    answer_list,
    ask_list,
    command_of,
    state,
    status,
    waiting,
)
from tests.factories import make_channel, make_device
from tests.profiles.assigned import assign, fill, make_group, make_profile, publish_text

pytestmark = pytest.mark.django_db
State, Queued = ItemStatus.State, QueuedCommand.State
DRIFT = ("profile_vanished", "profile_changed_on_device", "profile_not_proven", "profile_put_back", "profile_ended")


@pytest.fixture
def channel() -> Channel:
    return make_channel(make_device("macos"))


@pytest.fixture
def group(channel):
    return make_group(channel)


@pytest.fixture
def profile(group) -> Profile:
    profile = make_profile()
    assign(profile, group)
    recompute_desired()
    return profile


def install(profile: Profile) -> str:
    """Bring what is wanted to verified; return the PayloadUUID that the device lists for it."""
    reconcile()
    (queued,) = waiting("InstallProfile")
    answer(queued)
    uuid = plist.loads(command_of(queued)["Payload"])["PayloadUUID"]
    answer_list(profile, uuid=uuid)
    assert state() == State.VERIFIED
    return uuid


def publish_keys(profile: Profile, **keys) -> None:
    """Publish a version with other top-level keys."""
    profile.refresh_from_db()
    publish(save_draft(profile, profile.draft | plist.to_json(keys), profile.draft_revision, SYSTEM), actor=SYSTEM)
    recompute_desired()


def told() -> list[tuple[str, str]]:
    """Return what the timeline says of drift, in order."""
    rows = Event.objects.filter(kind__in=DRIFT).order_by("id")
    return list(rows.values_list("kind", "summary"))


def test_each_version_has_a_uuid_of_its_own_and_equal_content_the_same(profile):
    """B6: payloads inside keep theirs."""
    first = profile.versions.get()
    second = publish_text(profile, "two")
    back = roll_back(profile, 1, actor=SYSTEM)
    contents = [next(render_each(version, [None])).content for version in (first, second, back)]
    uuids = [content["PayloadUUID"] for content in contents]
    assert uuids[0] != uuids[1] and uuids[0] == uuids[2] and profile.uuid not in uuids
    assert len({content["PayloadContent"][0]["PayloadUUID"] for content in contents}) == 1


def test_each_rendering_has_a_uuid_of_its_own_that_tells_nothing_without_the_key(settings):
    """B6: values that are secret and short could be guessed from a bare digest."""
    version = make_profile("PIN of $SERIAL_NUMBER").versions.get()
    channels = [make_channel(), make_channel()]
    uuids = [each.uuid for each in render_each(version, channels)]
    assert len(set(uuids)) == 2
    assert uuids == [each.uuid for each in render_each(version, channels)]
    settings.SECRET_KEY = "another" * 10
    assert set(uuids).isdisjoint(each.uuid for each in render_each(version, channels))


def test_an_older_version_that_was_put_back_is_not_verified_but_mended(profile, channel):
    """B6, B17: version 1 restored from a backup; the timeline tells of it, and of its end."""
    old = install(profile)
    publish_text(profile, "two")
    recompute_desired()
    new = install(profile)
    assert old != new and not told()
    ask_list(channel)
    answer_list(profile, uuid=old)
    assert (state(), ItemStanding.objects.get().word) == (State.PENDING, Word.PENDING)
    assert reconcile() == 1
    answer(waiting("InstallProfile")[0])
    answer_list(profile, uuid=new)
    assert state() == State.VERIFIED
    name = f"profile {profile.name}, version 2,"
    assert told() == [
        ("profile_changed_on_device", f"{name} was changed on the device; it is sent again"),
        ("profile_put_back", f"{name} is on the device again"),
    ]
    assert {(event.device_id, event.data["profile"]) for event in Event.objects.filter(kind__in=DRIFT)} == {
        (channel.device_id, profile.pk)
    }


def test_a_mac_that_acknowledges_a_version_and_keeps_the_older_is_not_verified(profile):
    """B6."""
    old = install(profile)
    publish_text(profile, "two")
    recompute_desired()
    reconcile()
    answer(waiting("InstallProfile")[0])
    answer_list(profile, uuid=old)
    assert state() == State.FAILED
    assert status().error == "acknowledged, but the device lists another version of it"
    assert [kind for kind, _summary in told()] == ["profile_not_proven"]


def test_what_was_verified_by_the_uuid_of_the_profile_is_not_sent_again(profile, channel):
    """B6: rows of before there was a UUID for each version are proven by the one that was sent."""
    install(profile)
    ItemStatus.objects.update(uuid=profile.uuid)
    ask_list(channel)
    answer_list(profile, uuid=profile.uuid)
    assert (state(), reconcile()) == (State.VERIFIED, 0)


def test_what_vanishes_is_told_and_told_again_when_it_is_back(profile, channel):
    """B17."""
    uuid = install(profile)
    ask_list(channel)
    answer_list()
    reconcile()
    answer(waiting("InstallProfile")[0])
    answer_list(profile, uuid=uuid)
    ask_list(channel)
    answer_list()
    name = f"profile {profile.name}, version 1,"
    assert [summary for _kind, summary in told()] == [
        f"{name} vanished from the device; it is sent again",
        f"{name} is on the device again",
        f"{name} vanished from the device again",
    ]


def test_a_profile_that_removed_itself_on_time_is_done_with(profile, channel):
    """B9: not installed again, no failure and no drift, and the assignment says so."""
    publish_keys(profile, DurationUntilRemoval=3600.0)
    install(profile)
    assert timedelta(minutes=59) < status().ends_at - timezone.now() < timedelta(minutes=61)
    ItemStatus.objects.update(ends_at=timezone.now() - timedelta(minutes=1))
    ask_list(channel)
    answer_list()
    row = ItemStanding.objects.get()
    assert (row.word, row.cause, row.assignment) == (Word.REMOVED, "removed by its own rule", profile.assignments.get())
    assert (status().attempts, status().is_stopped) == (0, False)
    assert reconcile() == 0 and not waiting("InstallProfile")
    assert items_of(channel.device)[0].words.reason == "removed by its own rule"
    assert [kind for kind, _summary in told()] == ["profile_ended"]
    publish_text(profile, "another version is wanted anew")
    recompute_desired()
    install(profile)


def test_one_that_vanishes_before_its_time_is_drift(profile, channel):
    """B9."""
    publish_keys(profile, RemovalDate=(timezone.now() + timedelta(days=2)).replace(microsecond=0))
    install(profile)
    ask_list(channel)
    answer_list()
    assert (state(), reconcile()) == (State.PENDING, 1)
    assert waiting("InstallProfile")[0].expires_at == status().ends_at


def test_a_version_whose_removal_date_is_over_is_never_sent(profile):
    """B9."""
    publish_keys(profile, RemovalDate=(timezone.now() - timedelta(days=1)).replace(microsecond=0))
    assert reconcile() == 1
    assert not waiting()
    row = ItemStanding.objects.get()
    assert (row.word, row.cause) == (Word.REMOVED, "its own rule removes it: its removal date is over")
    assert reconcile() == 0


def test_an_earlier_version_goes_when_the_one_that_is_wanted_is_over(profile, channel):
    """B9."""
    uuid = install(profile)
    publish_keys(profile, RemovalDate=(timezone.now() - timedelta(days=1)).replace(microsecond=0))
    reconcile()
    assert ItemStanding.objects.get().word == Word.REMOVING
    assert reconcile() == 1
    (queued,) = waiting()
    assert command_of(queued)["RequestType"] == "RemoveProfile"
    answer(queued)
    answer_list()
    assert ItemStanding.objects.get().word == Word.REMOVED
    assert reconcile() == 0
    ask_list(channel)
    answer_list(profile, uuid=uuid)
    assert reconcile() == 0


def test_what_never_left_the_queue_is_withdrawn_and_not_removed(profile, group):
    """B12: also where the device put it off."""
    for queue_state, deliveries in ((Queued.PENDING, 0), (Queued.NOT_NOW, 1)):
        recompute_desired()
        reconcile()
        (queued,) = waiting()
        QueuedCommand.objects.filter(pk=queued.pk).update(state=queue_state, deliveries=deliveries)
        members = Channel.objects.all()
        fill(group)
        recompute_desired()
        reconcile()
        assert not waiting() and not ItemStatus.objects.exists()
        queued.refresh_from_db()
        assert (queued.state, queued.note) == (Queued.CANCELLED, "no longer wanted, and not delivered before")
        fill(group, *members)


def test_what_was_cancelled_before_delivery_or_refused_is_forgotten(profile, group):
    """B12."""
    for refused in (False, True):
        recompute_desired()
        reconcile()
        (queued,) = waiting()
        if refused:
            answer(queued, "Error")
        else:
            QueuedCommand.objects.update(state=Queued.CANCELLED, finished_at=timezone.now(), note="by mistake")
            reconcile()
        assert state() == State.FAILED
        members = Channel.objects.all()
        fill(group)
        recompute_desired()
        reconcile()
        assert not waiting() and not ItemStatus.objects.exists()
        fill(group, *members)


def test_what_was_delivered_and_never_answered_is_removed(profile, group):
    """B12: the device may have it, also where a later version only waits in the queue."""
    reconcile()
    QueuedCommand.objects.update(state=Queued.SENT, deliveries=1)
    publish_text(profile, "two")
    recompute_desired()
    reconcile()
    assert status().may_be_installed
    fill(group)
    recompute_desired()
    assert reconcile() == 1
    (queued,) = waiting()
    assert command_of(queued)["RequestType"] == "RemoveProfile"
    assert f"{profile.name} not wanted" in Event.objects.filter(kind="command_queued").latest("id").summary, "L9"


def test_not_installed_answers_a_removal_as_done(profile, group):
    """B12: the item is removed, and the command is no failure."""
    for domain in ("MCMDMErrorDomain", "MDMErrorDomain"):
        recompute_desired()
        install(profile)
        members = Channel.objects.all()
        fill(group)
        recompute_desired()
        reconcile()
        (queued,) = waiting("RemoveProfile")
        chain = [{"ErrorCode": 12075, "ErrorDomain": domain, "USEnglishDescription": "The profile is not installed."}]
        answer(queued, "Error", {"ErrorChain": chain})
        assert (state(), status().error, status().may_be_installed) == (State.REMOVED, "", False)
        queued.refresh_from_db()
        assert queued.state == Queued.ACKNOWLEDGED
        fill(group, *members)
