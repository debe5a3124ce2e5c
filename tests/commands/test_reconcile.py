from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from commands import results
from commands.models import Command, QueuedCommand
from commands.queue import cancel_commands, queue_command
from commands.reconcile import reconcile, retry_items
from devices.models import Channel, Enrollment, InstalledProfile
from devices.timeline import SYSTEM
from mdm_project import plist
from mdm_project.crypto import unseal
from profiles import assigning, rollout
from profiles.desired import recompute_desired
from profiles.models import DesiredItem, ItemStatus
from profiles.rendering import render
from tests.factories import make_channel, make_device, make_queued, make_report
from tests.profiles.assigned import assign, fill, make_channels, make_group, make_profile, publish_text

pytestmark = pytest.mark.django_db
State = ItemStatus.State
ERROR = {"ErrorChain": [{"ErrorCode": 4001, "ErrorDomain": "MCInstallation", "USEnglishDescription": "No."}]}


@pytest.fixture
def channel() -> Channel:
    return make_channel()


@pytest.fixture
def group(channel):
    return make_group(channel)


@pytest.fixture
def profile(group):
    profile = make_profile()
    assign(profile, group)
    recompute_desired()
    return profile


def status() -> ItemStatus:
    return ItemStatus.objects.get()


def state() -> ItemStatus.State:
    return State(status().state)


def waiting(request_type: str = "") -> list[QueuedCommand]:
    rows = QueuedCommand.objects.waiting().order_by("id").select_related("command")
    return [row for row in rows if row.command.request_type in (request_type, request_type or row.command.request_type)]


def command_of(queued: QueuedCommand) -> dict:
    return plist.loads(unseal(queued.command.body_encrypted, queued.command.body_context))["Command"]


def answer(queued: QueuedCommand, status: str = "Acknowledged", content: dict | None = None) -> None:
    """Have the device answer a command, and the worker work it out."""
    make_report(queued=queued, status=status, answer=content or (ERROR if status == "Error" else {}))
    results.drain_reports()


def sent_uuid(profile) -> str:
    """Return the PayloadUUID that the newest version of a profile without variables has on devices."""
    return plist.loads(render(profile.versions.order_by("-number").first()))["PayloadUUID"]


def answer_list(*profiles, uuid: str = "", channel: Channel | None = None) -> None:
    """Have the device answer the newest question for its profiles with these."""
    entries = [{"PayloadIdentifier": each.identifier, "PayloadUUID": uuid or sent_uuid(each)} for each in profiles]
    asked = [queued for queued in waiting("ProfileList") if channel is None or queued.channel_id == channel.pk]
    answer(asked[-1], content={"ProfileList": entries})


def ask_list(channel: Channel, payload: dict | None = None) -> None:
    queue_command("ProfileList", payload, Channel.objects.filter(pk=channel.pk), actor=SYSTEM)


def install(profile) -> None:
    """Bring an item all the way to verified."""
    reconcile()
    answer(waiting("InstallProfile")[0])
    answer_list(profile)
    assert state() == State.VERIFIED


def let_time_pass(**fields) -> None:
    """Make what waits for its next attempt due."""
    ItemStatus.objects.update(next_attempt_at=timezone.now() - timedelta(seconds=1), **fields)


def test_what_is_wanted_is_sent_once_and_verified_by_the_devices_list(profile, channel):
    assert reconcile() == 1
    (queued,) = waiting()
    assert command_of(queued) == {"RequestType": "InstallProfile", "Payload": render(profile.versions.get())}
    assert state() == State.SENT
    assert reconcile() == 0
    answer(queued)
    assert state() == State.ACKNOWLEDGED
    assert [each.command.request_type for each in waiting()] == ["ProfileList"]
    answer_list(profile)
    assert state() == State.VERIFIED
    assert reconcile() == 0


def test_channels_that_get_the_same_bytes_share_one_command(group):
    channels = make_channels(5)
    fill(group, *channels)
    assign(make_profile(), group)
    recompute_desired()
    assert reconcile() == 5
    assert Command.objects.get().target_count == 5
    assert set(ItemStatus.objects.values_list("channel_id", flat=True)) == {each.pk for each in channels}


def test_a_profile_with_variables_has_a_body_for_each_device(group):
    channels = make_channels(2)
    fill(group, *channels)
    profile = make_profile("of $SERIAL_NUMBER")
    assign(profile, group)
    recompute_desired()
    assert reconcile() == 2
    texts = {
        queued.channel_id: plist.loads(command_of(queued)["Payload"])["PayloadContent"][0]["Name"]
        for queued in waiting()
    }
    assert texts == {each.pk: f"of {each.device.serial_number}" for each in channels}


def test_what_cannot_be_rendered_for_one_device_says_so_and_does_not_stop_the_others(group):
    whole, lacking = make_channel(), make_channel(make_device(asset_tag=""))
    whole.device.asset_tag = "A-1"
    whole.device.save(update_fields=["asset_tag"])
    fill(group, whole, lacking)
    assign(make_profile("$ASSET_TAG"), group)
    recompute_desired()
    assert reconcile() == 2
    assert [queued.channel_id for queued in waiting()] == [whole.pk]
    failed = ItemStatus.objects.get(channel=lacking)
    assert (failed.state, failed.attempts) == (State.FAILED, 1)
    assert "$ASSET_TAG" in failed.error
    assert failed.next_attempt_at > timezone.now()
    assert reconcile() == 0
    assigning.delete_assignment(DesiredItem.objects.first().assignment, actor=SYSTEM)
    reconcile()
    assert not ItemStatus.objects.filter(channel=lacking).exists(), "nothing of it was ever sent"


def test_a_list_with_another_uuid_proves_nothing(profile):
    reconcile()
    answer(waiting()[0])
    answer_list(profile, uuid="ANOTHER")
    assert state() == State.FAILED
    assert status().error == "acknowledged, but the device lists another version of it"


def test_a_list_that_came_before_the_answer_proves_nothing(profile, channel):
    reconcile()
    ask_list(channel)
    answer_list(profile)
    assert state() == State.SENT
    early = make_report(
        channel,
        {"ProfileList": [{"PayloadIdentifier": profile.identifier, "PayloadUUID": sent_uuid(profile)}]},
        request_type="ProfileList",
    )
    answer(waiting("InstallProfile")[0])
    assert early.received_at < status().updated_at
    assert state() == State.ACKNOWLEDGED


def test_a_list_of_managed_profiles_only_does_not_prove_absence(profile, channel):
    install(profile)
    ask_list(channel, {"ManagedOnly": True})
    answer_list()
    assert state() == State.VERIFIED


def test_an_error_is_kept_in_the_devices_words_and_tried_again_after_growing_pauses(profile):
    pauses = []
    for attempt in range(1, 6):
        let_time_pass()
        assert reconcile() == 1, attempt
        answer(waiting("InstallProfile")[0], "Error")
        assert (state(), status().attempts) == (State.FAILED, attempt)
        assert status().error == "No. (MCInstallation/4001)"
        assert reconcile() == 0
        pauses.append(round((status().next_attempt_at - status().updated_at).total_seconds() / 60))
    assert pauses == [15, 60, 360, 1440, 1440]
    assert status().is_stopped
    let_time_pass()
    assert reconcile() == 0


def test_what_stopped_is_tried_again_when_staff_say_so(profile):
    reconcile()
    answer(waiting()[0], "Error")
    ItemStatus.objects.update(is_stopped=True, attempts=5)
    assert retry_items(ItemStatus.objects.all(), actor=SYSTEM) == 1
    assert (state(), status().attempts) == (State.PENDING, 0)
    assert reconcile() == 1


def test_a_new_version_begins_anew_after_the_old_one_stopped(profile):
    reconcile()
    answer(waiting()[0], "Error")
    ItemStatus.objects.update(is_stopped=True, attempts=5)
    publish_text(profile, "two")
    recompute_desired()
    assert reconcile() == 1
    assert (state(), status().attempts, status().error) == (State.SENT, 0, "")


def test_not_now_is_no_failure(profile):
    reconcile()
    (queued,) = waiting()
    QueuedCommand.objects.update(state=QueuedCommand.State.NOT_NOW, not_nows=1)
    make_report(queued=queued, status="NotNow")
    results.drain_reports()
    assert (state(), status().attempts) == (State.SENT, 0)
    assert reconcile() == 0
    answer(queued)
    assert state() == State.ACKNOWLEDGED


def test_a_new_version_replaces_in_place_without_removing_first(profile):
    install(profile)
    second = publish_text(profile, "two")
    recompute_desired()
    assert reconcile() == 1
    assert [each.command.request_type for each in waiting()] == ["InstallProfile"]
    assert (state(), status().version) == (State.SENT, second)


def test_a_version_that_still_waits_in_the_queue_gives_way_to_the_next(profile):
    reconcile()
    (old,) = waiting()
    publish_text(profile, "two")
    recompute_desired()
    reconcile()
    (new,) = waiting()
    old.refresh_from_db()
    assert old.state == QueuedCommand.State.CANCELLED
    assert "version 2" in old.note
    make_report(queued=old, disposition=2)  # it had been delivered after all
    results.drain_reports()
    assert (state(), status().command_id) == (State.SENT, new.pk)


def test_what_is_no_longer_wanted_is_removed_and_the_list_proves_it(profile, group):
    install(profile)
    fill(group)
    recompute_desired()
    assert reconcile() == 1
    (queued,) = waiting()
    assert command_of(queued) == {"RequestType": "RemoveProfile", "Identifier": profile.identifier}
    assert state() == State.REMOVING
    answer(queued)
    assert state() == State.REMOVING
    answer_list()
    assert state() == State.REMOVED
    assert reconcile() == 0


def test_a_removal_that_is_acknowledged_but_not_so_is_tried_again(profile, group):
    install(profile)
    fill(group)
    recompute_desired()
    reconcile()
    answer(waiting()[0])
    answer_list(profile)
    assert (state(), status().attempts) == (State.REMOVING, 1)
    assert status().error == "removal acknowledged, but the device still lists it"
    assert reconcile() == 0
    let_time_pass()
    assert reconcile() == 1
    assert [each.command.request_type for each in waiting()] == ["RemoveProfile"]


def test_that_there_was_nothing_to_remove_is_proven_by_the_list_too(profile, group):
    install(profile)
    fill(group)
    recompute_desired()
    reconcile()
    answer(waiting()[0], "Error")
    assert (state(), status().error) == (State.REMOVING, "No. (MCInstallation/4001)")
    answer_list()
    assert state() == State.REMOVED


def test_what_is_wanted_again_while_it_is_being_removed_is_installed(profile, group, channel):
    install(profile)
    fill(group)
    recompute_desired()
    reconcile()
    (removal,) = waiting()
    fill(group, channel)
    recompute_desired()
    assert reconcile() == 1
    assert [each.command.request_type for each in waiting()] == ["InstallProfile"]
    removal.refresh_from_db()
    assert removal.state == QueuedCommand.State.CANCELLED


def test_profiles_that_are_not_ours_are_never_removed(profile, channel):
    stranger = make_profile()
    install(profile)
    ask_list(channel)
    answer_list(profile, stranger)
    assert reconcile() == 0
    assert not waiting()


def test_a_profile_that_took_the_identifier_of_the_enrollment_profile_does_not_unenroll_the_device(
    profile, group, channel
):
    InstalledProfile.objects.create(
        channel=channel, device=channel.device, identifier=profile.identifier, uuid="MDM",
        payloads=[{"PayloadType": "com.apple.security.scep"}, {"PayloadType": "com.apple.mdm"}],
        reported_at=timezone.now(),
    )  # fmt: skip
    reconcile()
    answer(waiting()[0], "Error")
    fill(group)
    recompute_desired()
    assert reconcile() == 0
    assert not waiting("RemoveProfile")
    assert not ItemStatus.objects.exists()


def test_drift_is_mended_at_once_and_what_keeps_vanishing_becomes_a_failure(profile, channel):
    install(profile)
    ask_list(channel)
    answer_list()
    assert (state(), status().error) == (State.PENDING, "the device no longer lists it")
    assert reconcile() == 1
    answer(waiting("InstallProfile")[0])
    answer_list(profile)
    assert state() == State.VERIFIED
    for attempt in range(2, 6):
        ask_list(channel)
        answer_list()
        assert (state(), status().attempts) == (State.FAILED, attempt)
        assert reconcile() == 0
        if attempt < 5:
            let_time_pass()
            assert reconcile() == 1
            answer(waiting("InstallProfile")[0])
            answer_list(profile)
    assert status().is_stopped


def test_drift_after_a_quiet_day_is_mended_at_once_again(profile, channel):
    install(profile)
    ItemStatus.objects.update(attempts=3, updated_at=timezone.now() - timedelta(days=2))
    ask_list(channel)
    answer_list()
    assert (state(), status().attempts) == (State.PENDING, 1)


def test_a_removed_profile_that_comes_back_is_removed_again(profile, group, channel):
    install(profile)
    fill(group)
    recompute_desired()
    reconcile()
    answer(waiting()[0])
    answer_list()
    ask_list(channel)
    answer_list(profile)
    assert state() == State.REMOVING
    let_time_pass()
    assert reconcile() == 1


@pytest.mark.parametrize("ended", ["cancelled", "expired", "deleted"])
def test_a_command_that_ended_without_an_answer_is_sent_again_later(profile, ended):
    reconcile()
    (queued,) = waiting()
    if ended == "cancelled":
        cancel_commands(QueuedCommand.objects.all(), actor=SYSTEM, reason="by mistake")
    elif ended == "expired":
        QueuedCommand.objects.update(
            state=QueuedCommand.State.EXPIRED, finished_at=timezone.now(), note="nobody answered in time"
        )
    else:
        queued.command.delete()
    assert reconcile() == 0
    assert (state(), status().attempts) == (State.FAILED, 1)
    words = {"cancelled": "by mistake", "expired": "nobody answered in time", "deleted": "its command was deleted"}
    assert words[ended] in status().error
    let_time_pass()
    assert reconcile() == 1


def test_answers_to_commands_of_other_people_say_nothing_about_items(profile, channel):
    reconcile()
    answer(make_queued(channel, "InstallProfile"), "Error")
    assert (state(), status().attempts) == (State.SENT, 0)


def test_devices_that_left_are_left_alone(profile, channel):
    install(profile)
    Enrollment.objects.update(state=Enrollment.State.UNENROLLED)
    Channel.objects.update(state=Channel.State.DISABLED)
    recompute_desired()
    assert not DesiredItem.objects.exists()
    assert reconcile() == 0
    assert state() == State.VERIFIED


def test_a_halted_rollout_is_kept_from_those_who_have_not_got_it(group):
    channels = make_channels(30)
    fill(group, *channels)
    profile = make_profile()
    assignment = assign(profile, group, stages=[50, 100])
    recompute_desired()
    total = DesiredItem.objects.count()
    assert reconcile(limit=1) == 1
    rollout.halt(assignment, "looks bad", actor=SYSTEM)
    assert reconcile() == 0
    rollout.resume(assignment, actor=SYSTEM)
    assert reconcile() == total - 1


def test_a_halted_rollout_still_heals_those_who_have_it(group, channel):
    profile = make_profile()
    assignment = assign(profile, group, stages=[100])
    recompute_desired()
    install(profile)
    rollout.halt(assignment, "looks bad", actor=SYSTEM)
    ask_list(channel)
    answer_list()
    assert reconcile() == 1


def test_no_more_than_the_limit_is_sent_at_once(group):
    fill(group, *make_channels(5))
    assign(make_profile(), group)
    recompute_desired()
    assert [reconcile(limit=2) for _ in range(4)] == [2, 2, 1, 0]


def test_the_number_of_statements_does_not_depend_on_the_number_of_channels():
    def statements(number: int) -> int:
        assign(make_profile(), make_group(*make_channels(number)))
        recompute_desired()
        with CaptureQueriesContext(connection) as queries:
            assert reconcile() == number
        return len(queries)

    assert statements(2) == statements(20)
