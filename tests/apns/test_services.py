"""Waking devices: PostgreSQL and a pretend APNs are real, and every answer of Apple's table is acted on."""

import logging
from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from apns import services, tasks
from apns.certificates import store_push_certificate
from apns.models import PushCertificate, PushState
from apns.runtime import shut_down
from apns.services import push_due, request_wake, sweep_wakes
from commands.models import QueuedCommand
from devices.models import Channel, ChannelContact, Event
from devices.timeline import SYSTEM
from simulator.apns_faults import Answer, GoAway
from tests.apns.pretend_apns import running_apns
from tests.factories import make_channel, make_enrollment, make_queued

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def ca_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("push-ca")


@pytest.fixture
def apns(ca_folder, settings):
    with running_apns(ca_folder) as server:
        settings.APNS_HOST, settings.APNS_PORT = "127.0.0.1", server.port
        settings.APNS_CA_FILE = str(server.push_ca.ca_file)
        identity = server.push_ca.push_identity()
        store_push_certificate(identity.certificate_pem + identity.key_pem, actor=SYSTEM)
        yield server
        shut_down()


def enrolled_channel(apns, **fields) -> Channel:
    """A channel whose token the pretend APNs knows."""
    topic = apns.push_ca.push_identity().topic
    channel = make_channel(enrollment=make_enrollment(topic=topic), **fields)
    if channel.token is not None:
        apns.register(bytes(channel.token), topic, channel.push_magic, lambda: None)
    return channel


def wake(*channels) -> int:
    return request_wake(Channel.objects.filter(pk__in=[channel.pk for channel in channels]))


def state_of(channel) -> PushState:
    return PushState.objects.get(channel=channel)


def shift(model, hours: float, *columns: str, **lookup) -> None:
    """Let time pass: move columns of rows back."""
    for row in model.objects.filter(**lookup):
        model.objects.filter(pk=row.pk).update(
            **{name: getattr(row, name) - hours * HOUR for name in columns if getattr(row, name)}
        )


# Wishes


def test_many_wishes_for_many_channels_are_one_push_each(apns):
    channels = [enrolled_channel(apns) for _ in range(5)]
    for _ in range(4):
        assert wake(*channels) == 5

    assert push_due() == 5
    assert push_due() == 0

    assert apns.accepted == 5 and apns.connections_made == 1
    state = state_of(channels[0])
    assert (state.status, state.reason, state.failures) == (200, "", 0)
    assert state.accepted_at and state.apns_id and not state.requested_at and not state.claimed_at


def test_a_wish_made_while_its_push_was_under_way_is_pushed_again(apns):
    channel = enrolled_channel(apns)
    wake(channel)
    certificate = PushCertificate.objects.get()
    claims = services._claim(certificate.topic, 10)
    results = services._push(certificate, claims)
    wake(channel)
    services._act_on(certificate, claims, results)

    assert state_of(channel).accepted_at and state_of(channel).requested_at
    assert push_due() == 1


def test_what_one_worker_claimed_another_leaves_alone_until_the_claim_is_void(apns):
    channel = enrolled_channel(apns)
    wake(channel)
    topic = PushCertificate.objects.get().topic
    assert len(services._claim(topic, 10)) == 1

    assert push_due() == 0
    shift(PushState, 0.05, "claimed_at")
    assert push_due() == 1


def test_the_outcome_of_a_void_claim_is_not_recorded_over_that_of_its_successor(apns):
    channel = enrolled_channel(apns)
    wake(channel)
    certificate = PushCertificate.objects.get()
    late = services._claim(certificate.topic, 10)
    shift(PushState, 0.05, "claimed_at")
    push_due()

    services._act_on(certificate, late, {channel.pk: services.PushResult(500, "InternalServerError")})

    assert state_of(channel).status == 200


def test_a_set_is_limited_and_the_oldest_wishes_go_first(apns):
    channels = [enrolled_channel(apns) for _ in range(6)]
    wake(*channels[3:])
    wake(*channels[:3])

    assert push_due(limit=3) == 3
    assert set(PushState.objects.exclude(accepted_at=None).values_list("pk", flat=True)) == {c.pk for c in channels[3:]}


def test_a_channel_that_is_enrolling_is_woken_once_its_token_came(apns):
    channel = enrolled_channel(apns, state=Channel.State.PENDING, token=None, push_magic="")
    assert wake(channel) == 1
    assert push_due() == 0

    apns.register(b"token", channel.topic, "magic", lambda: None)
    Channel.objects.update(state=Channel.State.ENABLED, token=b"token", push_magic="magic")
    assert push_due() == 1 and apns.accepted == 1


def test_channels_that_cannot_be_woken_are_left_out(apns):
    left = enrolled_channel(apns, state=Channel.State.DISABLED, token=None)
    gone = enrolled_channel(apns, push_gone_at=timezone.now())

    assert wake(left, gone) == 0


def test_ten_thousand_channels_are_one_statement(django_assert_num_queries, apns):
    enrollment = make_enrollment(topic=PushCertificate.objects.get().topic)
    Channel.objects.bulk_create(
        Channel(device=enrollment.device, enrollment=enrollment, enrollment_key=enrollment.key, user_key=f"u{number}")
        for number in range(10_000)
    )
    with django_assert_num_queries(1):
        assert request_wake(Channel.objects.filter(enrollment=enrollment)) == 10_000


# Outcomes


def test_gone_stops_pushing_and_shows_while_commands_still_queue(apns):
    channel = enrolled_channel(apns, token_updated_at=datetime(2025, 1, 1, tzinfo=UTC))
    apns.unregister(bytes(channel.token), gone_at=1_766_000_000)
    wake(channel)
    push_due()

    channel.refresh_from_db()
    assert channel.push_gone_at == datetime.fromtimestamp(1_766_000_000, UTC)
    assert (state_of(channel).status, state_of(channel).reason) == (410, "Unregistered")
    assert Event.objects.get(kind="push_gone").device_id == channel.device_id
    assert wake(channel) == 0
    assert push_due() == 0


def test_gone_before_the_last_token_update_marks_nothing(apns):
    channel = enrolled_channel(apns)
    apns.unregister(bytes(channel.token), gone_at=1_766_000_000)
    wake(channel)
    push_due()

    channel.refresh_from_db()
    assert channel.push_gone_at is None and state_of(channel).status == 410
    assert push_due() == 0
    assert wake(channel) == 1


def test_gone_of_a_token_that_was_replaced_during_the_push_marks_nothing_and_pushes_to_the_new_one(apns):
    channel = enrolled_channel(apns)
    apns.unregister(bytes(channel.token))
    wake(channel)
    certificate = PushCertificate.objects.get()
    claims = services._claim(certificate.topic, 10)
    results = services._push(certificate, claims)
    apns.register(b"new", channel.topic, channel.push_magic, lambda: None)
    Channel.objects.update(token=b"new", token_updated_at=timezone.now())
    services._act_on(certificate, claims, results)

    channel.refresh_from_db()
    assert results[channel.pk].gone and channel.push_gone_at is None
    assert push_due() == 1 and apns.accepted == 1


@pytest.mark.parametrize("reason", ["BadDeviceToken", "DeviceTokenNotForTopic"])
def test_a_refused_token_is_not_pushed_to_again_until_a_new_one_comes(apns, reason):
    channel = enrolled_channel(apns)
    apns.fault_for(bytes(channel.token), Answer(400, reason))
    wake(channel)
    push_due()

    channel.refresh_from_db()
    assert channel.push_gone_at is None and state_of(channel).reason == reason
    assert wake(channel) == 0 and push_due() == 0

    Channel.objects.update(token_updated_at=timezone.now())
    apns.clear_faults()
    assert wake(channel) == 1
    assert push_due() == 1 and state_of(channel).status == 200


@pytest.mark.parametrize(
    "answer, shortest_s, longest_s",
    [
        (Answer(429, "TooManyRequests"), 30, 60),
        (Answer(500, "InternalServerError"), 7.5, 15),
        (Answer(503, "ServiceUnavailable"), 7.5, 15),
    ],
)
def test_what_may_pass_is_tried_again_after_a_pause_that_grows(apns, answer, shortest_s, longest_s):
    channel = enrolled_channel(apns)
    apns.fault_for(bytes(channel.token), answer)
    wake(channel)
    pauses = []
    for _ in range(3):
        before = timezone.now()
        assert push_due() == 1
        state = state_of(channel)
        assert state.requested_at and (state.status, state.reason) == (answer.status, answer.reason)
        pauses.append((state.next_attempt_at - before).total_seconds())
        assert push_due() == 0, "not before its time"
        PushState.objects.update(next_attempt_at=timezone.now())

    for doublings, pause in enumerate(pauses):
        assert shortest_s * 2**doublings <= pause <= longest_s * 2**doublings + 5
    assert state_of(channel).failures == 3

    apns.clear_faults()
    assert push_due() == 1
    assert (state_of(channel).failures, state_of(channel).next_attempt_at) == (0, None)


def test_the_pause_has_an_upper_limit(apns):
    channel = enrolled_channel(apns)
    apns.fault_for(bytes(channel.token), Answer(503, "Shutdown"))
    wake(channel)
    PushState.objects.update(failures=32767)
    before = timezone.now()

    push_due()

    assert state_of(channel).next_attempt_at - before < timedelta(seconds=905)
    assert state_of(channel).failures == 32767


def test_no_answer_at_all_is_kept_in_words_and_tried_again(apns, settings):
    channel = enrolled_channel(apns)
    wake(channel)
    with running_apns(apns.push_ca.folder) as stopped:
        pass
    settings.APNS_PORT = stopped.port

    push_due()

    state = state_of(channel)
    assert state.status is None and str(stopped.port) in state.reason
    assert state.requested_at and state.next_attempt_at
    assert not PushCertificate.objects.get().alarm


def test_a_mistake_of_ours_is_logged_and_not_repeated(apns, caplog):
    channel = enrolled_channel(apns)
    apns.fault_for(bytes(channel.token), Answer(400, "BadPriority"))
    wake(channel)
    with caplog.at_level(logging.ERROR, "apns.services"):
        push_due()

    assert "400 BadPriority" in caplog.text
    assert not state_of(channel).requested_at and push_due() == 0


def test_one_device_that_fails_keeps_no_other_waiting(apns):
    channels = [enrolled_channel(apns) for _ in range(20)]
    apns.fault_for(bytes(channels[3].token), Answer(500, "InternalServerError"))
    wake(*channels)
    push_due()

    assert PushState.objects.filter(status=200).count() == 19


# The certificate's alarm


@pytest.mark.parametrize("fault", [Answer(403, "BadCertificate"), Answer(400, "TopicDisallowed"), GoAway("Forbidden")])
def test_a_refused_certificate_raises_one_alarm_and_stops_pushing(apns, fault):
    channels = [enrolled_channel(apns) for _ in range(3)]
    for channel in channels:
        apns.fault_for(bytes(channel.token), fault)
    wake(*channels)
    push_due()

    certificate = PushCertificate.objects.get()
    assert fault.reason in certificate.alarm and certificate.alarm_at
    assert Event.objects.filter(kind="push_alarm").count() == 1
    assert PushState.objects.exclude(requested_at=None).count() == 3
    assert push_due() == 0


def test_after_a_while_one_push_finds_out_whether_the_alarm_is_solved(apns):
    channels = [enrolled_channel(apns) for _ in range(3)]
    wake(*channels)
    PushCertificate.objects.update(alarm="wrong setting", alarm_at=timezone.now() - HOUR)
    apns.fault_next(Answer(403, "Forbidden"))

    assert push_due() == 1
    assert push_due() == 0, "still an alarm"
    assert Event.objects.filter(kind="push_alarm").count() == 0, "told before"

    PushCertificate.objects.update(alarm_at=timezone.now() - HOUR)
    assert push_due() == 1
    assert PushCertificate.objects.get().alarm == ""
    assert Event.objects.filter(kind="push_alarm_solved").count() == 1
    assert push_due() == 2


def test_an_expired_certificate_raises_the_alarm_without_a_connection_and_its_renewal_ends_it(apns):
    channel = enrolled_channel(apns)
    wake(channel)
    yesterday = datetime.now(UTC) - timedelta(days=1)
    expired = apns.push_ca.issue_push_identity(topic=channel.topic, not_after=yesterday)
    PushCertificate.objects.update(certificate_pem=expired.certificate_pem.decode())
    push_due()
    assert "expired" in PushCertificate.objects.get().alarm and apns.connections_made == 0

    renewed = apns.push_ca.issue_push_identity(topic=channel.topic)
    store_push_certificate(renewed.certificate_pem + renewed.key_pem, actor=SYSTEM)
    assert push_due() == 1 and apns.accepted == 1


def test_two_topics_are_pushed_with_their_own_certificates(apns):
    other = apns.push_ca.issue_push_identity()
    store_push_certificate(other.certificate_pem + other.key_pem, actor=SYSTEM, force_topic_change=True)
    first = enrolled_channel(apns)
    second = make_channel(enrollment=make_enrollment(topic=other.topic))
    apns.register(bytes(second.token), other.topic, second.push_magic, lambda: None)
    wake(first, second)

    assert push_due() == 2
    assert apns.accepted == 2 and apns.connections_made == 2


# Sweeps


def test_a_silent_channel_with_commands_is_woken_after_an_hour_then_every_six(apns):
    channel = enrolled_channel(apns, seen_at=None)
    make_queued(channel)
    wake(channel)
    push_due()
    assert sweep_wakes() == 0

    woken_after = []
    for hour in range(1, 21):
        for model, columns in ((PushState, ("accepted_at", "attempted_at")), (QueuedCommand, ("queued_at",))):
            shift(model, 1.001, *columns)
        if sweep_wakes():
            woken_after.append(hour)
            assert sweep_wakes() == 0, "a wish is not made twice"
            assert push_due() == 1
    assert woken_after == [1, 7, 13, 19]


def test_a_contact_starts_the_pauses_anew(apns):
    channel = enrolled_channel(apns, seen_at=None)
    make_queued(channel)
    wake(channel)
    push_due()
    PushState.objects.update(wakes=5)
    for model, columns in ((PushState, ("accepted_at", "attempted_at")), (QueuedCommand, ("queued_at",))):
        shift(model, 3, *columns)
    assert sweep_wakes() == 0, "five sweeps without a contact: every six hours"

    contact = ChannelContact.objects.create(channel=channel, seen_at=timezone.now())
    assert sweep_wakes() == 0, "just heard of"
    ChannelContact.objects.filter(pk=contact.pk).update(seen_at=timezone.now() - 1.5 * HOUR)
    assert sweep_wakes() == 1
    assert state_of(channel).wakes == 1


@pytest.mark.parametrize(
    "state, is_woken",
    [
        (QueuedCommand.State.PENDING, True),
        (QueuedCommand.State.SENT, True),
        (QueuedCommand.State.NOT_NOW, True),
        (QueuedCommand.State.ACKNOWLEDGED, False),
        (QueuedCommand.State.CANCELLED, False),
        (QueuedCommand.State.QUARANTINED, False),
    ],
)
def test_only_commands_that_wait_wake_a_channel(apns, state, is_woken):
    channel = enrolled_channel(apns, seen_at=None)
    past = timezone.now() - 2 * HOUR
    make_queued(channel, state=state, queued_at=past, finished_at=None if is_woken else past)
    assert sweep_wakes() == is_woken


def test_an_expired_command_wakes_nobody(apns):
    past = timezone.now() - 2 * HOUR
    make_queued(enrolled_channel(apns, seen_at=None), queued_at=past, expires_at=past + HOUR)
    assert sweep_wakes() == 0


def test_a_channel_that_cannot_be_woken_is_not_swept_and_its_wish_is_taken_back(apns):
    channel = enrolled_channel(apns, seen_at=None)
    make_queued(channel, queued_at=timezone.now() - 2 * HOUR)
    wake(channel)
    Channel.objects.update(push_gone_at=timezone.now())

    assert sweep_wakes() == 0
    assert state_of(channel).requested_at is None


def test_a_failed_push_is_no_reason_for_a_tight_loop(apns):
    channel = enrolled_channel(apns, seen_at=None)
    make_queued(channel, queued_at=timezone.now() - 2 * HOUR)
    apns.fault_for(bytes(channel.token), Answer(400, "BadExpirationDate"))
    assert sweep_wakes() == 1
    assert push_due() == 1
    assert sweep_wakes() == 0


# Tasks


def test_the_tasks_do_what_the_services_do(apns):
    channel = enrolled_channel(apns, seen_at=None)
    make_queued(channel, queued_at=timezone.now() - 2 * HOUR)

    tasks.sweep_wakes()
    tasks.push_due()

    assert apns.accepted == 1 and state_of(channel).accepted_at
