"""Which devices can take a command: each rule, in words that people understand."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from commands.applicability import candidates_of, refusal_of, split
from commands.rights import ACCESS_RIGHTS
from devices.escrow import keep_secret
from devices.models import Answer, Channel, Enrollment
from profiles import catalogue
from tests import factories

pytestmark = pytest.mark.django_db
ALL_RIGHTS = 8191


def channel_of(platform="ios", *, kind=None, rights=ALL_RIGHTS, user_key="", **fields) -> Channel:
    device = factories.make_device(platform, **fields)
    more = {"kind": kind} if kind else {}
    enrollment = factories.make_enrollment(device, access_rights=rights, **more)
    return factories.make_channel(enrollment=enrollment, user_key=user_key)


def candidate(channel: Channel):
    return candidates_of(Channel.objects.filter(pk=channel.pk))[0]


@pytest.mark.parametrize(
    ("request_type", "device", "reason"),
    [
        ("RestartDevice", {"is_supervised": False}, "needs a supervised device"),
        ("RestartDevice", {"is_supervised": True, "os_version": "10.2"}, "needs iOS 10.3 or later; this is 10.2"),
        ("RestartDevice", {"platform": "tvos", "is_supervised": False}, "needs a supervised device"),
        ("ShutDownDevice", {"platform": "tvos"}, "not available on tvOS"),
        ("DeviceLock", {"platform": "tvos"}, "not available on tvOS"),
        ("SetRecoveryLock", {"platform": "ios"}, "not available on iOS"),
        ("EnableLostMode", {"platform": "macos"}, "not available on macOS"),
        ("EraseDevice", {"rights": 8191 - 8}, "its enrollment profile did not grant the right to erase the device"),
        (
            "InstallProfile",
            {"rights": 8191 - 2},
            "its enrollment profile did not grant the right to install and remove profiles",
        ),
        ("EraseDevice", {"kind": Enrollment.Kind.USER}, "not allowed in User Enrollment"),
    ],
)
def test_a_device_that_cannot_take_a_command_is_told_why(request_type, device, reason):
    assert refusal_of(request_type, candidate(channel_of(**device))) == reason


@pytest.mark.parametrize(
    ("request_type", "device"),
    [
        ("RestartDevice", {"is_supervised": True}),
        ("RestartDevice", {"is_supervised": None}),
        ("RestartDevice", {"is_supervised": True, "os_version": ""}),
        ("EraseDevice", {"platform": "macos"}),
        ("EraseDevice", {"rights": 8}),
        ("ProfileList", {"platform": "", "rights": 0}),
        ("ShutDownDevice", {"platform": "", "is_supervised": False}),
    ],
)
def test_what_is_allowed_or_not_known_refuses_nothing(request_type, device):
    assert refusal_of(request_type, candidate(channel_of(**device))) == ""


def test_a_command_for_the_device_is_not_sent_to_a_user():
    user = channel_of("macos", user_key="USER")
    assert "user channel" in refusal_of("RestartDevice", candidate(user))
    assert refusal_of("ProfileList", candidate(user)) == ""


def test_a_command_that_apples_schema_does_not_have_is_refused_to_nobody():
    assert refusal_of("BrandNewCommand", candidate(channel_of(rights=0, is_supervised=False))) == ""


def test_what_a_command_means_refuses_as_well():
    phone = channel_of()
    assert "no unlock token" in refusal_of("ClearPasscode", candidate(phone))
    keep_secret(phone.device, "unlock_token", b"token")
    assert refusal_of("ClearPasscode", candidate(phone)) == ""


def test_a_secret_that_is_over_does_not_count():
    phone = channel_of()
    keep_secret(phone.device, "unlock_token", b"token")
    phone.device.secrets.update(is_current=False)
    assert candidate(phone).secret_kinds == frozenset()


def test_what_the_device_told_of_itself_is_known():
    mac = channel_of("macos")
    told = {"QueryResponses": {"IsAppleSilicon": True}}
    Answer.objects.create(device=mac.device, request_type="DeviceInformation", content=told, answered_at=timezone.now())
    assert candidate(mac).is_apple_silicon is True
    assert candidate(channel_of("macos")).is_apple_silicon is None


def test_candidates_come_in_the_order_of_their_channels_and_are_split_without_loss():
    channels = [channel_of(is_supervised=index % 2 == 0) for index in range(6)]
    candidates = candidates_of(Channel.objects.filter(pk__in=[channel.pk for channel in channels]).order_by("-id"))
    assert [it.channel_id for it in candidates] == [channel.pk for channel in channels]
    fit, refused = split("RestartDevice", candidates)
    assert [it.channel_id for it in fit] == [channel.pk for channel in channels[::2]]
    assert [it.channel_id for it in refused] == [channel.pk for channel in channels[1::2]]


def test_candidates_cost_three_statements_whatever_their_number():
    channels = [channel_of() for _ in range(5)]
    for channel in channels:
        keep_secret(channel.device, "unlock_token", b"token")

    def statements(number: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert len(candidates_of(Channel.objects.filter(pk__in=[it.pk for it in channels[:number]]))) == number
        return len(captured)

    assert statements(1) == statements(5) == 3


def test_every_access_right_that_the_schema_names_is_known():
    """A name that is not known would silently allow everything."""
    named = {support.access_rights for entry in catalogue.commands() for support in entry.support.values()}
    assert named - {"", "None", "Special Case"} <= set(ACCESS_RIGHTS)
