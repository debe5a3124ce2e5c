from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, load_der_private_key
from django.test import Client
from django.utils import timezone

from devices.models import Identity
from enrollment.challenges import _hash
from enrollment.models import ScepChallenge
from simulator import cms, scep
from tests.enrollment.scep_client import PKI_MESSAGE, adopt_authority, post
from tests.fixtures import capture

pytestmark = pytest.mark.django_db


def import_authority(certificate_name: str, key_name: str) -> x509.Certificate:
    """Make the published test authority of the captured messages ours."""
    certificate = x509.load_pem_x509_certificate(capture(f"scep/{certificate_name}"))
    key = load_der_private_key(capture(f"scep/{key_name}"), None)
    return adopt_authority(certificate, key)


def allow(challenge: str) -> ScepChallenge:
    ends = timezone.now() + timedelta(days=1)
    return ScepChallenge.objects.create(secret_hash=_hash(challenge), expires_at=ends)


def answer_to(name: str) -> tuple[cms.Signed, cms.Signed]:
    """Send a captured request; return it and its answer, both read by the pretend device."""
    der = capture(f"scep/{name}.der")
    response = post(Client(), der)
    assert (response.status_code, response.headers["Content-Type"]) == (200, PKI_MESSAGE)
    request, reply = cms.open_signed(der), cms.open_signed(response.content)
    assert reply.attributes[scep.TRANSACTION_ID].dump() == request.attributes[scep.TRANSACTION_ID].dump()
    assert reply.attributes[scep.RECIPIENT_NONCE].dump() == request.attributes[scep.SENDER_NONCE].dump()
    return request, reply


def status(reply: cms.Signed) -> str:
    return reply.attributes[scep.PKI_STATUS].dump()[2:].decode()


def test_a_captured_request_with_the_right_challenge_succeeds_once():
    authority = import_authority("gen-ca.pem", "gen-ca.key.der")
    allow("03DD5575C1694064")
    request, reply = answer_to("gen-PKCSReq-aes128-sha256")
    assert status(reply) == "0" and reply.signer == authority
    assert reply.content
    issued = x509.load_der_x509_certificate(bytes(Identity.objects.get().certificate_der))
    issued.verify_directly_issued_by(authority)
    assert issued.public_key() == request.signer.public_key()
    assert "C02ABCD1EFGH" in issued.subject.rfc4514_string()
    ScepChallenge.objects.update(used_at=timezone.now() - timedelta(days=1))
    _request, replayed = answer_to("gen-PKCSReq-aes128-sha256")
    assert status(replayed) == "2"
    assert Identity.objects.count() == 1


def test_a_captured_utf8_subject_is_kept():
    import_authority("gen-ca.pem", "gen-ca.key.der")
    allow("03DD5575C1694064")
    request, reply = answer_to("gen-PKCSReq-utf8-subject")
    assert status(reply) == "0"
    issued = x509.load_der_x509_certificate(bytes(Identity.objects.get().certificate_der))
    assert issued.subject.public_bytes() == request.signer.subject.public_bytes()
    assert "Jürgen, “iPad” 🍏" in Identity.objects.get().subject


def test_a_captured_wrong_challenge_fails(caplog):
    import_authority("gen-ca.pem", "gen-ca.key.der")
    allow("03DD5575C1694064")
    _request, reply = answer_to("gen-PKCSReq-wrong-challenge")
    assert status(reply) == "2" and reply.content == b""
    assert reply.attributes[scep.FAIL_INFO].dump() == b"\x13\x012"
    assert Identity.objects.count() == 0
    assert "SCEP request refused" in caplog.text


@pytest.mark.filterwarnings("ignore:Attribute's length must be")  # that authority's country is "USA"
def test_apples_own_request_is_understood_and_refused_for_its_short_key(caplog):
    authority = import_authority("scep-testca.pem", "scep-testca.key.der")
    _request, reply = answer_to("PKCSReq-apple-real")
    assert status(reply) == "2" and reply.signer == authority
    assert "1024 bits" in caplog.text


@pytest.mark.filterwarnings("ignore:Attribute's length must be")
def test_the_answer_has_the_shape_of_the_captured_one():
    captured = cms.open_signed(capture("scep/CertRep-real.der"))
    import_authority("gen-ca.pem", "gen-ca.key.der")
    allow("03DD5575C1694064")
    _request, reply = answer_to("gen-PKCSReq-aes128-sha256")
    # The signing time is optional, and a clock that is off would only give clients a reason to refuse.
    assert set(captured.attributes) - set(reply.attributes) == {cms.SIGNING_TIME}
    for name in (scep.MESSAGE_TYPE, scep.PKI_STATUS):
        assert reply.attributes[name].dump() == captured.attributes[name].dump()


def test_the_captured_keywords_are_advertised():
    expected = set(capture("scep/GetCACaps-expected.txt").decode().split())
    lines = Client().get("/scep?operation=GetCACaps").content.decode().split()
    assert set(lines) >= expected


def test_the_captured_authority_is_handed_out_as_it_is():
    certificate = import_authority("gen-ca.pem", "gen-ca.key.der")
    answer = Client().get("/scep?operation=GetCACert")
    assert answer.content == certificate.public_bytes(Encoding.DER)
