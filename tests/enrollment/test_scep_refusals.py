"""Issue 9, part 11: refused SCEP requests are kept and shown like refused messages, and no challenge with them."""

import pytest
from django.test import Client
from django.urls import reverse

from devices.models import RejectedMessage
from enrollment import challenges
from enrollment.scep_refusals import CODE, masked
from tests.enrollment import scep_client
from tests.enrollment.scep_client import PKI_MESSAGE, ask
from tests.factories import make_channel, make_enrollment_profile, make_staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(db):
    scep_client.adopt_authority()
    return Client()


def test_a_wrong_challenge_is_kept_with_subject_and_address_and_counts_up(client):
    for _ in range(2):  # each with a transaction and a nonce of its own
        ask(client, "a-wrong-challenge")
    kept = RejectedMessage.objects.get()
    assert (kept.code, kept.status, kept.times, kept.address, kept.path) == (CODE, 200, 2, "127.0.0.1", "/scep")
    assert "unknown, used up or has expired (challenge a-wr…)" in kept.reason
    assert "Jürgen" in kept.claimed_key and "a-wrong-challenge" not in kept.reason
    assert kept.device is None and kept.excerpt_encrypted is None


def test_a_used_renewal_challenge_is_of_its_device_and_seen_on_its_page(client):
    channel = make_channel()
    secret = challenges.renewal_challenge(make_enrollment_profile(), channel.enrollment_key)
    challenges.renewal_challenge(make_enrollment_profile(), channel.enrollment_key)  # which ends the first
    ask(client, secret)
    assert RejectedMessage.objects.get().device_id == channel.device_id

    client.force_login(make_staff(is_superuser=True))
    page = client.get(reverse("admin:devices_device_change", args=[channel.device_id])).content.decode()
    assert "A message of it was refused" in page
    assert "Its beginning" in client.get(
        reverse("admin:devices_rejectedmessage_change", args=[RejectedMessage.objects.get().pk])
    ).content.decode()  # fmt: skip


def test_what_is_no_scep_message_is_kept_too(client):
    assert client.post("/scep?operation=PKIOperation", b"nonsense", content_type=PKI_MESSAGE).status_code == 400
    assert RejectedMessage.objects.get().path == "/scep"


def test_a_short_challenge_is_not_given_away_by_its_beginning():
    assert (masked("12345678"), masked("123456789")) == ("…", "1234…")
