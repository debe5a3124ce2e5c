"""What becomes of the exchange of a secret that a person was shown: proven, unanswered, refused, or in vain."""

from datetime import timedelta

import pytest
from django.utils import timezone

from commands import results
from commands.models import QueuedCommand
from commands.rotation import MAX_TRIES, note_unexchanged, rotate_revealed
from devices.escrow import current_value, keep_secret, open_secret
from devices.models import EscrowedSecret, Event
from devices.reveals import reveal_secret
from devices.timeline import Actor
from tests import factories

pytestmark = pytest.mark.django_db
LEE = Actor("h.lee")
State = QueuedCommand.State


@pytest.fixture
def mac():
    """A Mac with Apple silicon whose Recovery Lock password was revealed more than an hour ago."""
    channel = factories.make_channel(factories.make_device("macos"))
    secret = keep_secret(channel.device, "recovery_lock_password", b"old-words")
    reveal_secret(secret, actor=LEE, reason="locked out")
    make_due()
    return channel


def make_due() -> None:
    EscrowedSecret.objects.filter(rotation_wished_at__isnull=False).update(rotation_wished_at=timezone.now())


def first() -> EscrowedSecret:
    return EscrowedSecret.objects.earliest("created_at")


def answer(channel, status: str, **more) -> None:
    queued = QueuedCommand.objects.get(channel=channel, finished_at=None)
    is_done = status == "Acknowledged"
    QueuedCommand.objects.filter(pk=queued.pk).update(
        state=State.ACKNOWLEDGED if is_done else State.FAILED, finished_at=timezone.now(), deliveries=1
    )
    factories.make_report(channel, {"CommandUUID": queued.command.uuid, **more}, status=status, queued=queued)
    results.drain_reports()


def test_an_exchange_is_proven_by_the_answer_and_the_earlier_value_stays(mac):
    assert rotate_revealed() == 1
    asked = first()
    assert (asked.is_current, asked.is_replaced, bool(asked.rotation_uuid)) == (True, False, True)
    answer(mac, "Acknowledged")
    assert note_unexchanged() == 0
    before = first()
    assert (before.is_current, before.is_replaced, before.ended_at is not None) == (False, True, True)
    assert open_secret(before) == b"old-words"
    assert current_value(mac.device_id, "recovery_lock_password") not in (None, b"old-words")


def test_a_device_that_never_answers_keeps_its_secret_and_is_not_asked_twice(mac):
    rotate_revealed()
    reveal_secret(first(), actor=LEE, reason="still locked out")
    make_due()
    assert (rotate_revealed(), note_unexchanged()) == (0, 0)
    secret = first()
    assert (secret.is_current, secret.rotation_problem, secret.rotation_wished_at) == (True, "", None)
    assert QueuedCommand.objects.filter(finished_at=None).count() == 1
    assert Event.objects.filter(kind="secret_revealed").count() == 2, "each time with its reason"


def test_what_the_device_refuses_is_asked_again_a_day_later_but_not_for_ever(mac):
    for number in range(1, MAX_TRIES + 1):
        assert rotate_revealed() == 1
        answer(mac, "Error", ErrorChain=[{"ErrorCode": 5, "ErrorDomain": "MDM", "USEnglishDescription": "Wrong."}])
        assert (note_unexchanged(), note_unexchanged()) == (1, 0)
        secret = first()
        assert secret.is_current
        assert "Wrong." in secret.rotation_problem
        assert (secret.rotation_wished_at is None) == (number == MAX_TRIES)
        assert rotate_revealed() == 0, "not at once"
        make_due()
    assert Event.objects.filter(kind="rotation_failed", device=mac.device_id).count() == MAX_TRIES
    reveal_secret(first(), actor=LEE, reason="again")
    make_due()
    assert rotate_revealed() == 1, "a new reveal begins anew"


def test_an_answer_that_brings_no_new_value_is_noticed():
    channel = factories.make_channel(factories.make_device("macos"))
    secret = keep_secret(channel.device, "filevault_recovery_key", b"AAAA-BBBB")
    reveal_secret(secret, actor=LEE, reason="locked out")
    make_due()
    assert rotate_revealed() == 1
    answer(channel, "Acknowledged")
    assert note_unexchanged() == 1
    assert first().rotation_problem == "The answer has no new recovery key."


def test_an_answer_that_was_never_interpreted_is_noticed(mac):
    rotate_revealed()
    QueuedCommand.objects.update(state=State.ACKNOWLEDGED, finished_at=timezone.now())
    assert note_unexchanged() == 0, "it may not have been interpreted yet"
    QueuedCommand.objects.exclude(finished_at=None).update(finished_at=timezone.now() - timedelta(hours=2))
    assert note_unexchanged() == 1
    assert first().rotation_problem == "the device answered without a new one"


def test_a_command_that_was_cancelled_is_noticed(mac):
    rotate_revealed()
    QueuedCommand.objects.update(state=State.CANCELLED, finished_at=timezone.now(), note="cancelled by h.lee")
    assert note_unexchanged() == 1
    assert first().rotation_problem == "cancelled by h.lee"


def test_revealing_an_earlier_value_exchanges_nothing(mac):
    keep_secret(mac.device, "recovery_lock_password", b"new-words")
    earlier = first()
    assert reveal_secret(earlier, actor=LEE, reason="restored from a backup") == "old-words"
    assert EscrowedSecret.objects.filter(rotation_wished_at__isnull=False, is_current=True).count() == 0
    assert rotate_revealed() == 0
    assert "(earlier)" in Event.objects.filter(kind="secret_revealed").latest("id").summary
