"""B4: Activation Lock bypass codes are asked of every supervised device, in time, and until they are here."""

from datetime import timedelta

import pytest
from django.utils import timezone

from commands import bypass_codes, results
from commands.bypass_codes import WINDOW_IS_OVER, ask_for_codes
from commands.models import BypassCodeWish, QueuedCommand
from devices import outbox
from devices.changes import tell_changed
from devices.console.attention import attention_of
from devices.console.page import find_device, health_of
from devices.escrow import current_value, keep_secret
from devices.models import Answer, Channel, Device, Enrollment
from tests import factories

pytestmark = pytest.mark.django_db
CODE = "ABCDE-FGHJK-LMNP-QRST-UVWX-YZ01"


def supervised(platform: str = "ios", **fields) -> Channel:
    return factories.make_channel(factories.make_device(platform, is_supervised=True, **fields))


def asked() -> list[int]:
    """Return the channels that are asked now."""
    waiting = QueuedCommand.objects.waiting().filter(command__request_type="ActivationLockBypassCode")
    return sorted(waiting.values_list("channel", flat=True))


def answer(channel: Channel, status: str = "Acknowledged", **keys) -> None:
    queued = QueuedCommand.objects.waiting().get(channel=channel)
    factories.make_report(channel, keys, status=status, queued=queued)
    results.drain_reports()


def make_due() -> None:
    BypassCodeWish.objects.filter(next_at__isnull=False).update(next_at=timezone.now())


def test_whoever_is_supervised_is_asked_once_and_nobody_else():
    """B4: by platform, supervision, kind of enrollment and Shared iPad; in statements that do not grow."""
    expected = sorted(supervised(platform).pk for platform in ("ios", "ipados", "macos", "visionos"))
    supervised("tvos")
    shared = supervised("ipados")
    Answer.objects.create(
        device=shared.device, request_type="DeviceInformation", answered_at=timezone.now(),
        content={"QueryResponses": {"IsMultiUser": True}},
    )  # fmt: skip
    factories.make_channel(factories.make_device("ios", is_supervised=False))
    factories.make_channel(factories.make_device("ios", is_supervised=None))
    user = factories.make_device("ios", is_supervised=True)
    factories.make_channel(enrollment=factories.make_enrollment(user, kind=Enrollment.Kind.USER))
    left = supervised()
    Enrollment.objects.filter(pk=left.enrollment_id).update(state=Enrollment.State.UNENROLLED)
    assert ask_for_codes() == len(expected)
    assert asked() == expected
    assert ask_for_codes() == 0
    assert "Shared iPad" in BypassCodeWish.objects.get(enrollment=shared.enrollment).problem


def test_it_is_asked_when_a_device_enrolls_or_turns_out_to_be_supervised(django_capture_on_commit_callbacks):
    """B4: both are told by the outbox; the beat finds whatever was lost."""
    first, second = supervised(), factories.make_channel()
    outbox.post("enrolled", {"channel_id": first.pk})
    outbox.drain()
    assert first.pk in asked()
    Device.objects.filter(pk=second.device_id).update(is_supervised=True)
    tell_changed([second.device_id])
    outbox.drain()
    assert asked() == [first.pk, second.pk]


def test_a_code_that_came_is_kept_and_not_asked_for_again():
    channel = supervised()
    ask_for_codes()
    answer(channel, ActivationLockBypassCode=CODE)
    assert current_value(channel.device, "activation_lock_bypass_code") == CODE.encode()
    make_due()
    assert (ask_for_codes(), BypassCodeWish.objects.get().had_at is not None) == (0, True)


def test_a_refusal_is_asked_again_less_and_less_often_until_apples_window_is_over():
    """B4: it is no failure that a person is told of, and it does not go on for ever."""
    channel = supervised()
    chain = [{"ErrorCode": 12058, "ErrorDomain": "MCMDMErrorDomain", "USEnglishDescription": "There is none."}]
    pauses = []
    for _ in range(6):
        assert ask_for_codes() == 1
        answer(channel, "Error", ErrorChain=chain)
        pauses.append(round((BypassCodeWish.objects.get().next_at - timezone.now()).total_seconds() / 3600))
        assert ask_for_codes() == 0
        make_due()
    assert pauses == [1, 4, 12, 24, 24, 24]
    assert not QueuedCommand.objects.failed_since(timezone.now() - timedelta(days=7)).exists()
    BypassCodeWish.objects.update(begun_at=timezone.now() - bypass_codes.WINDOW)
    assert ask_for_codes() == 1
    answer(channel, "Error", ErrorChain=chain)
    wish = BypassCodeWish.objects.get()
    assert (wish.next_at, wish.problem) == (None, WINDOW_IS_OVER)
    make_due()
    assert ask_for_codes() == 0


def test_a_device_that_does_not_answer_is_asked_by_one_command_at_a_time():
    channel = supervised()
    for _ in range(3):
        ask_for_codes()
        make_due()
    assert asked() == [channel.pk]


def test_a_device_that_enrolls_again_has_another_code():
    """B4: a code from before this membership does not open it."""
    device = factories.make_device("ios", is_supervised=True)
    keep_secret(device, "activation_lock_bypass_code", CODE.encode())
    channel = factories.make_channel(device)
    assert ask_for_codes() == 1
    answer(channel, ActivationLockBypassCode="ANOTHER")
    Enrollment.objects.update(is_current=False)
    enrollment = factories.make_enrollment(device, key="NEW")
    factories.make_channel(enrollment=enrollment)
    assert ask_for_codes() == 1


def test_a_lock_that_nothing_here_opens_needs_a_person():
    """B4: the page of a device says so before anybody erases it."""
    user = factories.make_staff(is_superuser=True)
    channel = supervised(is_activation_lock_enabled=True)

    def titles() -> list[str]:
        device = find_device(user, channel.device_id)
        return [item.title for item in attention_of(device, health_of(device), user)]

    words = "Activation Lock is on and no bypass code is kept"
    assert words in titles()
    keep_secret(channel.device, "activation_lock_bypass_code", CODE.encode())
    assert words not in titles()
