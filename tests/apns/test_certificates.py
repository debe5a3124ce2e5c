"""Push certificates: what is taken, what is refused and why, renewal, the vendor's route, expiry."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import pkcs12

from apns.certificates import (
    ExpiryWarning,
    PushCertificateInvalid,
    TopicWouldChange,
    create_push_csr,
    expiry_warning,
    read_upload,
    store_push_certificate,
)
from apns.models import PushCertificate
from devices.models import Event
from devices.timeline import SYSTEM
from mdm_project.crypto import unseal
from simulator.push_ca import PushCA
from tests.factories import make_channel, make_push_certificate
from tests.fixtures import capture

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def ca(tmp_path_factory):
    return PushCA(tmp_path_factory.mktemp("push-ca"))


@pytest.fixture(scope="module")
def identity(ca):
    return ca.push_identity()


@pytest.fixture(scope="module")
def renewed(ca, identity):
    return ca.issue_push_identity(topic=identity.topic)


def both(identity) -> bytes:
    return identity.certificate_pem + identity.key_pem


def encrypted_key(identity, passphrase: str, form=serialization.PrivateFormat.PKCS8) -> bytes:
    key = serialization.load_pem_private_key(identity.key_pem, None)
    encryption = serialization.BestAvailableEncryption(passphrase.encode())
    return key.private_bytes(serialization.Encoding.PEM, form, encryption)


def as_p12(identity, passphrase: str) -> bytes:
    key = serialization.load_pem_private_key(identity.key_pem, None)
    encryption = serialization.BestAvailableEncryption(passphrase.encode())
    return pkcs12.serialize_key_and_certificates(b"push", key, identity.certificate, None, encryption)


# Taken


def test_pem_with_its_key_is_kept_with_the_key_encrypted_and_becomes_the_default(identity):
    stored = store_push_certificate(both(identity), actor=SYSTEM, name="Main", apple_account="mdm@example.com")

    stored.refresh_from_db()
    assert stored.topic == identity.topic and stored.is_default and not stored.alarm
    assert stored.not_after == identity.certificate.not_valid_after_utc
    assert b"PRIVATE KEY" not in bytes(stored.key_encrypted)
    kept = serialization.load_pem_private_key(unseal(stored.key_encrypted, stored.key_context), None)
    assert kept.public_key() == identity.certificate.public_key()
    assert Event.objects.filter(kind="push_certificate_added").count() == 1


@pytest.mark.parametrize(
    "upload, passphrase",
    [
        (lambda identity: identity.key_pem + identity.certificate_pem, ""),
        (lambda identity: identity.key_pem + identity.certificate_pem, "not needed"),
        (lambda identity: identity.certificate_pem + encrypted_key(identity, "secret"), "secret"),
        (
            lambda identity: (
                identity.certificate_pem
                + encrypted_key(identity, "secret", serialization.PrivateFormat.TraditionalOpenSSL)
            ),
            "secret",
        ),
        (lambda identity: as_p12(identity, "secret"), "secret"),
    ],
    ids=["key first", "needless passphrase", "encrypted PKCS#8", "encrypted traditional key", "PKCS#12"],
)
def test_each_form_of_certificate_and_key_is_read(identity, upload, passphrase):
    assert read_upload(upload(identity), passphrase).topic == identity.topic


def test_of_a_chain_the_certificate_of_the_key_is_taken(ca, identity):
    chain = ca.ca_file.read_bytes() + both(identity)
    assert read_upload(chain).certificate == identity.certificate


def test_storing_the_same_certificate_again_changes_nothing(identity):
    first = store_push_certificate(both(identity), actor=SYSTEM)
    second = store_push_certificate(both(identity), actor=SYSTEM)

    assert second == first and second.updated_at == first.updated_at
    assert Event.objects.count() == 1


# Refused


@pytest.mark.parametrize(
    "upload, passphrase, why",
    [
        (lambda own, other: b"", "", "neither PEM nor"),
        (lambda own, other: b"-----BEGIN nothing", "", "no certificate"),
        (lambda own, other: own.key_pem, "", "no certificate"),
        (lambda own, other: own.certificate_pem, "", "private key is missing"),
        (lambda own, other: own.certificate.public_bytes(serialization.Encoding.DER), "", "private key is missing"),
        (lambda own, other: own.certificate_pem + other.key_pem, "", "does not belong"),
        (lambda own, other: own.certificate_pem + encrypted_key(own, "secret"), "", "passphrase is needed"),
        (lambda own, other: own.certificate_pem + encrypted_key(own, "secret"), "wrong", "passphrase is wrong"),
        (lambda own, other: own.certificate_pem[:200] + b"\n" + own.key_pem, "", "cannot be read"),
        (lambda own, other: own.certificate_pem + own.key_pem[:200] + b"\nPRIVATE KEY-----", "", "cannot be read"),
        (lambda own, other: as_p12(own, "secret"), "wrong", "this passphrase opens"),
        (lambda own, other: as_p12(own, "secret"), "", "this passphrase opens"),
        (lambda own, other: b"\x30" * 300_000, "", "too large"),
    ],
)
def test_an_upload_that_cannot_be_used_is_refused_in_words(identity, renewed, upload, passphrase, why):
    with pytest.raises(PushCertificateInvalid, match=why):
        store_push_certificate(upload(identity, renewed), passphrase, actor=SYSTEM)
    assert not PushCertificate.objects.exists()


def test_a_certificate_without_an_mdm_topic_is_refused(ca):
    with pytest.raises(PushCertificateInvalid, match="com.apple.mgmt."):
        store_push_certificate(both(ca.issue_push_identity(topic="org.example.app")), actor=SYSTEM)


def test_an_expired_certificate_is_refused(ca):
    yesterday = datetime.now(UTC) - timedelta(days=1)
    with pytest.raises(PushCertificateInvalid, match=f"expired on {yesterday:%Y-%m-%d}"):
        store_push_certificate(both(ca.issue_push_identity(not_after=yesterday)), actor=SYSTEM)


def test_a_certificate_of_the_future_is_refused(ca):
    in_three_years = datetime.now(UTC) + timedelta(days=3 * 365)
    identity = ca.issue_push_identity(not_after=in_three_years)
    with pytest.raises(PushCertificateInvalid, match="not valid before"):
        store_push_certificate(both(identity), actor=SYSTEM)


def test_a_legacy_p12_is_opened_and_refused_only_for_lacking_a_topic():
    data = capture("push-cert/pushcert.p12")

    upload = read_upload(data, "secret")
    assert upload.certificate.public_key() == upload.key.public_key()
    with pytest.raises(PushCertificateInvalid, match="UID"):
        store_push_certificate(data, "secret", actor=SYSTEM)


def test_a_real_expired_certificate_without_key_is_refused():
    with pytest.raises(PushCertificateInvalid, match="private key is missing"):
        store_push_certificate(capture("push-cert/real-expired-push-2021.pem"), actor=SYSTEM)


# Renewal


def test_a_renewal_keeps_the_row_takes_the_new_key_and_ends_the_alarm(identity, renewed):
    first = store_push_certificate(both(identity), actor=SYSTEM, name="Main", apple_account="mdm@example.com")
    PushCertificate.objects.update(alarm="expired", alarm_at=NOW)

    second = store_push_certificate(both(renewed), actor=SYSTEM)

    assert second.pk == first.pk and second.fingerprint != first.fingerprint
    assert (second.name, second.apple_account, second.alarm) == ("Main", "mdm@example.com", "")
    assert Event.objects.filter(kind="push_certificate_renewed").count() == 1


def test_a_renewal_with_the_old_key_needs_no_key(ca, identity):
    store_push_certificate(both(identity), actor=SYSTEM)
    csr = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([]))
        .sign(serialization.load_pem_private_key(identity.key_pem, None), x509.load_pem_x509_certificate(
            identity.certificate_pem).signature_hash_algorithm)
    )  # fmt: skip
    renewed = ca.sign_push_csr(csr.public_bytes(serialization.Encoding.PEM), topic=identity.topic)

    assert store_push_certificate(renewed, actor=SYSTEM).certificate_pem.encode() == renewed


def test_another_topic_is_refused_naming_how_many_devices_would_be_lost(ca, identity):
    store_push_certificate(both(identity), actor=SYSTEM)
    make_channel()
    channel = make_channel()
    channel.enrollment.topic = identity.topic
    channel.enrollment.save()

    with pytest.raises(TopicWouldChange, match=r"1 enrolled devices.*enroll again"):
        store_push_certificate(both(ca.issue_push_identity()), actor=SYSTEM)
    assert PushCertificate.objects.count() == 1


def test_a_forced_topic_serves_new_enrollments_and_leaves_the_old_one_to_its_own(ca, identity):
    old = store_push_certificate(both(identity), actor=SYSTEM)
    new = store_push_certificate(both(ca.issue_push_identity()), actor=SYSTEM, force_topic_change=True)

    old.refresh_from_db()
    assert new.is_default and not old.is_default and new.topic != old.topic


# The vendor's route


def test_a_request_made_here_finds_its_key_when_the_certificate_comes_back(ca):
    request = create_push_csr(actor=SYSTEM)
    assert b"PRIVATE KEY" not in bytes(request.key_encrypted)

    stored = store_push_certificate(ca.sign_push_csr(request.csr_pem.encode()), actor=SYSTEM)

    key = serialization.load_pem_private_key(unseal(stored.key_encrypted, stored.key_context), None)
    assert key.public_key() == x509.load_pem_x509_csr(request.csr_pem.encode()).public_key()


# Expiry


@pytest.mark.parametrize(
    "days, threshold",
    [(61, None), (60, 60), (31, 60), (30, 30), (8, 30), (7, 7), (1, 7), (0.5, 7), (0, 0), (-3, 0)],
)
def test_the_end_is_announced_at_60_30_and_7_days(days, threshold):
    certificate = make_push_certificate(not_after=NOW + timedelta(days=days))
    warning = expiry_warning(certificate, NOW)
    assert (warning and warning.threshold_days) == threshold
    assert warning is None or warning.is_expired == (days <= 0)


def test_the_warning_names_days_and_apple_account():
    certificate = make_push_certificate(not_after=NOW + timedelta(days=1, hours=2), apple_account="mdm@example.com")
    text = "expires in 1 day; renew it with the Apple Account mdm@example.com"
    assert expiry_warning(certificate, NOW) == ExpiryWarning(7, 1, text)
