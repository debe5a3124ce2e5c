"""Hostile and unreadable bodies: a clear 400, kept for the operator, and the device goes on."""

import pytest

from devices.models import RejectedMessage
from devices.rejections import MAX_NEW_A_MINUTE, excerpt_context
from mdm_project.crypto import unseal
from tests.fixtures import capture, captures
from tests.mdm.wire import CHECK_IN, request

BOMB = b"""<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>
<plist version="1.0"><dict><key>UDID</key><string>&b;</string></dict></plist>"""


@pytest.mark.parametrize("content_type", [CHECK_IN, "application/x-apple-aspen-mdm"])
@pytest.mark.parametrize(
    "body", [b"", b"\x00" * 100, b"<plist", BOMB, b"bplist00" + b"\xff" * 60, b"<plist><string>x</string></plist>"]
)
def test_garbage_is_refused_with_400_and_kept(device, body, content_type):
    assert device.send(body, content_type).status == 400
    kept = RejectedMessage.objects.get()
    assert (kept.status, kept.size_bytes) == (400, len(body))
    assert unseal(kept.excerpt_encrypted, excerpt_context(kept.body_hash)) == body
    assert device.idle().status == 200


def test_the_same_garbage_again_only_counts_up(device):
    for _ in range(3):
        device.send(b"<plist", CHECK_IN)
    assert RejectedMessage.objects.get().times == 3


def test_a_flood_without_certificate_fills_nothing_and_hides_no_device(device):
    for number in range(MAX_NEW_A_MINUTE + 20):
        assert request(b"flood %d" % number).status == 400
    assert RejectedMessage.objects.filter(code="no_certificate").count() == MAX_NEW_A_MINUTE
    request(b"flood 0")
    device.send(b"<plist")
    assert RejectedMessage.objects.filter(times=2).count() == 1
    assert RejectedMessage.objects.filter(code="unreadable_plist").count() == 1


def test_a_message_beyond_the_limit_is_refused_and_its_beginning_kept(device, settings):
    settings.DEVICE_MESSAGE_MAX_BYTES = 100_000
    answer = device.send(b"<plist>" + b"A" * 150_000)
    assert answer.status == 400
    kept = RejectedMessage.objects.get()
    assert (kept.code, kept.size_bytes) == ("too_large", 150_007)
    assert len(unseal(kept.excerpt_encrypted, excerpt_context(kept.body_hash))) == 65_536


def test_a_refused_message_names_the_device_it_claims_to_be(device, new_device):
    stranger = new_device()
    stranger.keys = device.keys
    stranger.idle()
    kept = RejectedMessage.objects.get()
    assert (kept.claimed_key, kept.device.udid, kept.code) == (device.keys["UDID"],) * 2 + ("certificate_not_pinned",)


@pytest.mark.parametrize("name", captures("plist-robustness"))
def test_no_captured_oddity_is_ever_a_server_error(device, name):
    for content_type in (CHECK_IN, None):
        assert device.send(capture(name), content_type).status in (200, 400, 403)
    assert device.idle().status == 200


def test_a_message_with_udid_and_enrollment_id_is_of_the_device_with_the_udid(device, new_device):
    """Issue 9, part 11: whichever comes first in the message."""
    stranger, other = new_device(), new_device(keys={"EnrollmentID": "E-1"}).enroll()
    stranger.keys = {"EnrollmentID": "E-1", **device.keys}
    stranger.idle()
    kept = RejectedMessage.objects.get()
    assert (kept.claimed_key, kept.device.udid) == (device.keys["UDID"], device.keys["UDID"])

    stranger.keys = other.keys
    stranger.idle()
    kept = RejectedMessage.objects.get(claimed_key="E-1")
    assert kept.device.enrollments.get().key == "E-1"
