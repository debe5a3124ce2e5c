"""Findings 4, 5, 7, 8: what a SCEP message may cost, what a challenge is worth, and what revoking ends."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from asn1crypto import cms as asn1_cms
from django.db import connection
from django.test import Client

from devices.models import Identity
from devices.services import revoke_identity
from devices.timeline import SYSTEM
from enrollment import challenges, scep_views
from enrollment.models import ScepChallenge
from mdm_project import ber, pki
from mdm_project.enveloped import CannotOpen, Recipient, envelope, open_enveloped
from simulator import cms, scep
from tests.enrollment import scep_client
from tests.enrollment.scep_client import KEY, OTHER_KEY, ask, message, post
from tests.factories import make_enrollment_profile


@pytest.fixture
def client(db):
    scep_client.adopt_authority()
    return Client()


@pytest.fixture
def profile(db):
    return make_enrollment_profile()


def pin(certificate, key: str = "UDID-1") -> Identity:
    Identity.objects.filter(fingerprint=pki.fingerprint(certificate)).update(enrollment_key=key)
    return Identity.objects.get(fingerprint=pki.fingerprint(certificate))


# 4: cost


def test_a_message_larger_than_any_client_sends_is_refused_unread(client):
    by_post = post(client, b"\x30" * (64 * 1024 + 1))
    by_get = client.get("/scep", {"operation": "PKIOperation", "message": "AAAA" * 22_000})
    for answer in (by_post, by_get):
        assert (answer.status_code, answer.content) == (400, b"The message is too large.\n")


def test_a_message_to_many_recipients_is_refused_before_any_of_them_is_compared():
    certificate, key = pki.make_authority("Ours")
    info = asn1_cms.ContentInfo.load(envelope(b"content", certificate))
    body = info["content"]
    assert open_enveloped(info.dump(), [Recipient(certificate, key)]).content == b"content"
    own = body["recipient_infos"][0]
    many = asn1_cms.RecipientInfos([own.copy() for _ in range(11)])
    body["recipient_infos"] = many
    with pytest.raises(CannotOpen):
        open_enveloped(info.dump(force=True), [Recipient(certificate, key)])


def test_an_element_of_many_parts_is_refused():
    nulls = b"\x05\x00" * 100_000
    with pytest.raises(ber.Malformed, match="too many parts"):
        ber.children(der := ber.element(ber.SEQUENCE, nulls), ber.only(der))
    with pytest.raises(ber.Malformed, match="too many parts"):
        ber.read(b"\x30\x80" + nulls + b"\x00\x00", 0)


def test_certificate_requests_leave_threads_to_devices(client, profile, monkeypatch):
    monkeypatch.setattr(scep_views, "WAIT_S", 0.05)
    der, *_ = message(client, challenges.one_time_challenge(profile))
    held = [scep_views._turns.acquire() for _ in range(2)]
    try:
        answer = post(client, der)
    finally:
        for _ in held:
            scep_views._turns.release()
    assert answer.status_code == 503 and "ask again" in answer.content.decode()
    assert post(client, der).status_code == 200


# 7: one challenge, one certificate


def test_a_one_time_challenge_gives_one_certificate_however_often_it_is_sent(client, profile):
    challenge = challenges.one_time_challenge(profile)
    given = {ask(client, challenge).certificate for _ in range(5)}
    assert len(given) == 1 and Identity.objects.count() == 1
    assert ask(client, challenge, key=OTHER_KEY).status == "2"


def test_sixteen_at_once_with_one_challenge_get_one_certificate(committed_db):
    scep_client.adopt_authority()
    challenge, client = challenges.one_time_challenge(make_enrollment_profile()), Client()
    der, *_ = message(client, challenge)

    def send(_number: int) -> int:
        try:
            return post(Client(), der).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(send, range(16)))
    assert set(answers) <= {200, 503} and 200 in answers
    assert Identity.objects.count() == 1


# 5: revoking is of the enrollment


def test_revoking_ends_the_unused_renewal_too(client, profile):
    first = pin(ask(client, challenges.one_time_challenge(profile)).certificate)
    renewal = ask(client, challenges.renewal_challenge(profile, "UDID-1"), key=OTHER_KEY).certificate
    revoke_identity(first, actor=SYSTEM, reason="stolen")
    assert not Identity.objects.get(fingerprint=pki.fingerprint(renewal)).is_active
    assert not Identity.objects.filter(is_active=True).exists()


def test_a_renewal_that_was_handed_out_before_gives_nothing_after_revoking(client, profile):
    first = pin(ask(client, challenges.one_time_challenge(profile)).certificate)
    waiting = challenges.renewal_challenge(profile, "UDID-1")
    revoke_identity(first, actor=SYSTEM, reason="stolen")
    assert ask(client, waiting, key=OTHER_KEY).status == "2"
    assert not Identity.objects.filter(is_active=True).exists()


def test_the_challenge_of_a_revoked_certificate_gives_no_other(client, profile):
    challenge = challenges.one_time_challenge(profile)
    revoke_identity(pin(ask(client, challenge).certificate), actor=SYSTEM, reason="stolen")
    assert ask(client, challenge).status == "2"
    assert ScepChallenge.objects.get().uses == 1


# 8: no padding oracle


def test_what_cannot_be_decrypted_and_what_makes_no_sense_decrypted_are_answered_alike(client, profile):
    """Every last byte of the ciphertext: with one of 256 the padding is right, and nobody can tell with which."""
    asked = scep_client.authority(client)
    answers = set()
    for content in (b"nonsense", b"x" * 40):
        enveloped = bytearray(envelope(content, asked.recipient, "aes128_cbc"))
        for flip in range(0, 256, 5):
            altered = bytearray(enveloped)
            altered[-17] ^= flip
            answers.add(failure_of(client, bytes(altered), asked))
    assert answers == {"badMessageCheck"}


def failure_of(client, content: bytes, asked) -> str:
    signer = cms.Identity(KEY, scep.self_signed(KEY, scep_client.payload(None)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cms, "envelope", lambda *_: content)
        der, exchange = scep.pki_message(b"", signer, asked, scep.PKCS_REQ)
    try:
        scep.read_cert_rep(scep_client.as_simulator(post(client, der)), exchange, asked, signer, KEY)
    except scep.ScepError as error:
        return error.fail_info
    return "issued"
