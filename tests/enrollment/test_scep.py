import base64
import logging
from datetime import timedelta
from urllib.parse import quote

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from django.test import Client
from django.utils import timezone

from devices import authorities
from devices.models import CertificateAuthority, Identity
from enrollment import challenges
from enrollment.models import ScepChallenge
from mdm_project import pki
from simulator import cms, scep
from tests.enrollment import scep_client
from tests.enrollment.scep_client import KEY, OTHER_KEY, PKI_MESSAGE, ask
from tests.factories import make_enrollment_profile

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(db):
    scep_client.adopt_authority()
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def challenge():
    return challenges.one_time_challenge(make_enrollment_profile())


def pin(certificate: x509.Certificate, key: str = "UDID-1") -> Identity:
    """Pin an identity to an enrollment, as Authenticate does."""
    Identity.objects.filter(fingerprint=pki.fingerprint(certificate)).update(enrollment_key=key)
    return Identity.objects.get(fingerprint=pki.fingerprint(certificate))


# What the server tells of itself


def test_capabilities_are_plain_text_with_one_keyword_a_line(client):
    answer = client.get("/scep?operation=GetCACaps&message=")
    assert answer.headers["Content-Type"] == "text/plain"
    lines = answer.content.decode().splitlines()
    assert {"POSTPKIOperation", "Renewal", "SCEPStandard", "AES", "DES3", "SHA-1", "SHA-256", "SHA-512"} == set(lines)


def test_the_authority_is_one_certificate_with_exactly_its_content_type(client):
    answer = client.get("/scep?operation=GetCACert&message=whatever")
    assert answer.headers["Content-Type"] == "application/x-x509-ca-cert"
    assert x509.load_der_x509_certificate(answer.content) == authorities.issuing_authority().certificate
    assert client.get("/scep?operation=GetCACert").content == answer.content


@pytest.mark.parametrize("operation", ["", "GetNextCACert", "PkiOperation", "getcacert"])
def test_other_operations_are_refused(client, operation):
    assert client.get("/scep", {"operation": operation}).status_code == 400


def test_other_methods_are_refused(client):
    assert client.put("/scep?operation=PKIOperation").status_code == 405
    assert client.post("/scep?operation=GetCACert").status_code == 400


# Enrolling


def test_a_challenge_gets_an_identity_with_the_subject_of_the_request(client, challenge):
    answer = ask(client, challenge, SubjectAltName={"dNSName": "a.example", "ntPrincipalName": "a@b"})
    subject = {attribute.oid._name: attribute.value for attribute in answer.certificate.subject}
    assert subject == {"organizationName": "Example", "commonName": "Jürgen, “iPad” 🍏"}
    usage = answer.certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [x509.ExtendedKeyUsageOID.CLIENT_AUTH]
    names = answer.certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["a.example"]


def test_an_issued_identity_is_recorded_and_waits_to_be_pinned(client, challenge):
    certificate = ask(client, challenge).certificate
    identity = Identity.objects.get()
    assert bytes(identity.fingerprint) == pki.fingerprint(certificate)
    assert bytes(identity.key_hash) == pki.key_hash(KEY.public_key())
    assert bytes(identity.certificate_der) == certificate.public_bytes(Encoding.DER)
    assert identity.serial_hex == f"{certificate.serial_number:x}"
    assert (identity.origin, identity.is_active, identity.is_renewal) == ("scep", True, False)
    assert (identity.enrollment_key, identity.bound_key, identity.pinned_at) == ("", "", None)
    assert identity.challenge_id == ScepChallenge.objects.get().pk
    assert identity.not_after == certificate.not_valid_after_utc
    assert "Jürgen" in identity.subject


@pytest.mark.parametrize("digest", ["sha1", "sha256"])
@pytest.mark.parametrize("cipher", ["des", "3des", "aes128"])
def test_old_and_new_clients_are_answered_in_their_own_algorithms(client, challenge, cipher, digest):
    def asked():
        found = scep_client.authority(client)
        capabilities = {"des": {"POSTPKIOperation"}, "3des": {"DES3", "POSTPKIOperation"}, "aes128": {"AES"}}[cipher]
        capabilities = capabilities | ({"SHA-256"} if digest == "sha256" else set())
        return scep.Authority(frozenset(capabilities), found.certificates, found.recipient)

    known = asked()
    assert (known.cipher, known.digest) == (cipher, digest)
    der, exchange, signer = scep_client.message(client, challenge, asked=known)
    answer = scep_client.post(client, der)
    reply = cms.open_signed(answer.content)
    oid = {"des": "2b0e030207", "3des": "2a864886f70d0307", "aes128": "608648016503040102"}[cipher]
    assert bytes.fromhex(oid) in reply.content
    digest_oid = {"sha1": "2b0e03021a", "sha256": "608648016503040201"}[digest]
    assert bytes.fromhex(digest_oid) in answer.content[:60]
    assert scep.read_cert_rep(scep_client.as_simulator(answer), exchange, known, signer, KEY)


def test_a_request_of_version_two_signed_long_ago_is_answered(client, challenge):
    answer = ask(client, challenge, version=2, signer=scep_client.outdated_signer())
    assert answer.status == "0"


def test_a_request_without_a_name_is_answered(client, challenge):
    assert ask(client, challenge, Subject=[]).certificate.subject.public_bytes() == b"\x30\x00"


def test_two_devices_may_have_one_name(client):
    profile = make_enrollment_profile()
    for key in (KEY, OTHER_KEY):
        assert ask(client, challenges.one_time_challenge(profile), key=key).status == "0"
    assert Identity.objects.count() == 2


@pytest.mark.parametrize(
    "write",
    [
        lambda der: quote(base64.b64encode(der).decode(), safe=""),
        lambda der: base64.b64encode(der).decode(),  # each plus arrives as a space
        lambda der: base64.urlsafe_b64encode(der).decode(),
        lambda der: base64.b64encode(der).decode().rstrip("=").replace("+", "%2B"),
        lambda der: quote(base64.encodebytes(der).decode(), safe=""),
    ],
    ids=["escaped", "plus", "url-safe", "unpadded", "folded"],
)
def test_requests_may_come_in_the_url(client, challenge, write):
    der, _exchange, signer = scep_client.message(client, challenge)
    answer = client.get(f"/scep?operation=PKIOperation&message={write(der)}")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, PKI_MESSAGE)
    assert cms.open_degenerate(cms.open_envelope(cms.open_signed(answer.content).content, signer))


def test_a_long_query_beside_a_posted_request_does_no_harm(client, challenge):
    der, _exchange, _signer = scep_client.message(client, challenge)
    url = f"/scep?operation=PKIOperation&message={'A' * 6000}"
    for content_type in ("application/x-pki-message", "application/octet-stream", "text/plain"):
        assert client.post(url, der, content_type=content_type).status_code == 200
    assert Identity.objects.count() == 1, "the same key, the same certificate"


# Refusing, in a way that the client understands


def refused(client, challenge, fail_info="badRequest", **options):
    before = Identity.objects.count()
    answer = ask(client, challenge, **options)
    assert (answer.status, answer.fail_info) == ("2", fail_info)
    assert Identity.objects.count() == before


def test_a_wrong_challenge_is_refused_and_not_logged(client, caplog):
    with caplog.at_level(logging.DEBUG):
        refused(client, "a wrong secret")
    assert "the challenge is unknown" in caplog.text
    assert "a wrong secret" not in caplog.text


@pytest.mark.parametrize("challenge", [None, ""])
def test_a_missing_challenge_is_refused(client, challenge):
    refused(client, challenge)


def test_a_one_time_challenge_serves_one_key(client, challenge):
    first = ask(client, challenge).certificate
    again = ask(client, challenge).certificate
    assert first == again, "the same key gets the certificate that it got"
    refused(client, challenge, key=OTHER_KEY)
    assert ScepChallenge.objects.get().uses == 1


def test_the_grace_for_the_same_key_ends(client, challenge):
    assert ask(client, challenge).status == "0"
    ScepChallenge.objects.update(used_at=timezone.now() - timedelta(hours=1, minutes=1))
    refused(client, challenge)


def test_expired_and_revoked_challenges_are_refused(client, challenge):
    ScepChallenge.objects.update(expires_at=timezone.now())
    refused(client, challenge)
    ScepChallenge.objects.update(expires_at=timezone.now() + timedelta(days=1), revoked_at=timezone.now())
    refused(client, challenge)


def test_a_shared_challenge_serves_so_many_devices(client):
    shared = challenges.shared_challenge(make_enrollment_profile(shared_challenge_uses=2))
    assert ask(client, shared).status == "0"
    assert ask(client, shared, key=OTHER_KEY).status == "0"
    refused(client, shared, key=rsa.generate_private_key(public_exponent=65537, key_size=2048))


def test_a_request_may_be_signed_with_a_key_made_for_the_transaction_if_it_has_the_challenge(client, challenge):
    other = cms.Identity(OTHER_KEY, scep.self_signed(OTHER_KEY, scep_client.payload(None)))
    refused(client, None, signer=other)
    assert ask(client, challenge, signer=other).status == "0"


def test_a_short_key_is_refused(client, challenge):
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    refused(client, challenge, "badMessageCheck", key=key)


def test_a_request_for_another_authority_is_refused(client, challenge):
    certificate, _key = pki.make_authority("Elsewhere")
    known = scep_client.authority(client)
    asked = scep.Authority(known.capabilities, known.certificates, certificate)
    refused(client, challenge, "badMessageCheck", asked=asked)


@pytest.mark.parametrize("kind", ["3", "20", "21", "22", "x"])
def test_other_kinds_of_message_are_refused(client, challenge, kind):
    refused(client, challenge, kind=kind)


def test_a_signer_that_is_not_rsa_is_refused(client, challenge):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([])
    now = timezone.now()
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1)
    certificate = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    refused(client, challenge, "badAlg", signer=cms.Identity(key, certificate))


def test_what_is_no_scep_message_is_a_bad_request(client, challenge):
    der, _exchange, _signer = scep_client.message(client, challenge)
    changed = bytearray(der)
    changed[-1] ^= 1
    plain = cms.sign_attached(b"hello", scep_client.outdated_signer(), cms.Style())
    for body in (b"", b"junk", der[:-1], bytes(changed), plain):
        answer = scep_client.post(client, body)
        assert (answer.status_code, answer.headers["Content-Type"]) == (400, "text/plain")
    for value in ("", "=", "%", "é", "AAAA", "A" * 5):
        assert client.get("/scep", {"operation": "PKIOperation", "message": value}).status_code == 400
    assert Identity.objects.count() == 0


def test_huge_messages_are_refused(client):
    assert scep_client.post(client, b"\x30" * (2 * 1024 * 1024 + 1)).status_code == 400


# Renewing


def renew(client, identity: cms.Identity, key=OTHER_KEY, kind=scep.RENEWAL_REQ) -> scep_client.Answer:
    return ask(client, None, key=key, signer=identity, kind=kind)


@pytest.mark.parametrize("kind", [scep.RENEWAL_REQ, "18", scep.PKCS_REQ])
def test_an_active_identity_renews_itself_for_its_own_device(client, challenge, kind):
    old = ask(client, challenge).certificate
    pin(old, "UDID-1")
    answer = renew(client, cms.Identity(KEY, old), kind=kind)
    renewed = Identity.objects.get(fingerprint=pki.fingerprint(answer.certificate))
    assert (renewed.bound_key, renewed.is_renewal, renewed.enrollment_key) == ("UDID-1", True, "")


def test_a_renewal_that_keeps_its_key_takes_no_challenge(client, challenge):
    old = ask(client, challenge).certificate
    pin(old, "UDID-1")
    other = challenges.one_time_challenge(make_enrollment_profile())
    answer = ask(client, other, signer=cms.Identity(KEY, old))
    renewed = Identity.objects.get(fingerprint=pki.fingerprint(answer.certificate))
    assert (renewed.bound_key, renewed.is_renewal) == ("UDID-1", True)
    assert ScepChallenge.objects.filter(uses=0).count() == 1


def test_an_identity_that_just_expired_may_still_renew(client, challenge, settings):
    old = ask(client, challenge).certificate
    identity = pin(old)
    Identity.objects.filter(pk=identity.pk).update(not_after=timezone.now() - timedelta(days=1))
    assert renew(client, cms.Identity(KEY, old)).status == "0"
    settings.IDENTITY_EXPIRY_GRACE_DAYS = 0
    assert renew(client, cms.Identity(KEY, old)).fail_info == "badRequest"


@pytest.mark.parametrize("change", [{"is_active": False}, {"enrollment_key": ""}, {"origin": "outside"}])
def test_ended_unpinned_and_foreign_identities_renew_nothing(client, challenge, change):
    old = ask(client, challenge).certificate
    Identity.objects.filter(pk=pin(old).pk).update(**change)
    assert renew(client, cms.Identity(KEY, old)).fail_info == "badRequest"


def test_a_certificate_that_we_did_not_issue_renews_nothing(client, challenge):
    assert renew(client, scep_client.outdated_signer()).fail_info == "badRequest"


def test_a_challenge_for_a_renewal_is_bound_to_its_device(client):
    secret = challenges.renewal_challenge(make_enrollment_profile(), "UDID-7")
    assert ask(client, secret).status == "0"
    identity = Identity.objects.get()
    assert (identity.bound_key, identity.is_renewal) == ("UDID-7", True)


# Rotating


def test_after_a_rotation_requests_to_either_authority_are_answered(client):
    profile = make_enrollment_profile()
    before = scep_client.authority(client)
    new = authorities.rotate_authority()
    after = scep_client.authority(client)
    assert before.recipient != after.recipient == new.certificate
    for known in (before, after):
        certificate = ask(client, challenges.one_time_challenge(profile), asked=known).certificate
        assert pki.issued_by(certificate, new.certificate)


def test_an_identity_of_the_earlier_authority_is_renewed_by_the_new_one(client, challenge):
    old = ask(client, challenge).certificate
    pin(old)
    new = authorities.rotate_authority()
    certificate = renew(client, cms.Identity(KEY, old)).certificate
    assert pki.issued_by(certificate, new.certificate)


def test_an_authority_that_is_no_longer_trusted_is_not_answered_for(client, challenge):
    known = scep_client.authority(client)
    row = CertificateAuthority.objects.get(is_issuing=True)
    authorities.rotate_authority()
    authorities.distrust_authority(row)
    der, *_rest = scep_client.message(client, challenge, asked=known)
    answer = scep_client.post(client, der)
    assert cms.open_signed(answer.content).content == b""
    assert Identity.objects.count() == 0
