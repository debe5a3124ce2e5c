import threading

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from django.db import connection

from devices import authorities
from devices.models import CertificateAuthority, Event
from mdm_project import pki
from mdm_project.crypto import CannotDecrypt
from mdm_project.errors import Conflict
from tests.enrollment.scep_client import adopt_authority

OUTSIDE = [pki.make_authority(f"Outside {number}")[0] for number in (1, 2)]
PEM = b"".join(certificate.public_bytes(Encoding.PEM) for certificate in OUTSIDE)


@pytest.mark.django_db
def test_the_authority_is_made_at_first_use_and_kept():
    first = authorities.issuing_authority()
    assert authorities.issuing_authority() == first
    row = CertificateAuthority.objects.get()
    assert (row.kind, row.is_issuing, row.is_trusted) == ("ours", True, True)
    assert bytes(row.fingerprint) == pki.fingerprint(first.certificate)
    assert row.not_after == first.certificate.not_valid_after_utc
    assert Event.objects.get().kind == "authority_created"


def test_two_processes_make_one_authority(committed_db):
    found = []

    def ask():
        found.append(authorities.issuing_authority().id)
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1 and CertificateAuthority.objects.count() == 1


@pytest.mark.django_db
def test_the_key_is_encrypted_and_bound_to_its_authority():
    adopt_authority()
    row = CertificateAuthority.objects.get()
    assert b"\x30\x82" not in bytes(row.key_encrypted)[:2]
    row.fingerprint = b"\x00" * 32
    with pytest.raises(CannotDecrypt):
        authorities._opened(row)


@pytest.mark.django_db
def test_rotating_makes_a_new_authority_and_keeps_trust_in_the_old():
    adopt_authority()
    old = authorities.issuing_authority()
    new = authorities.rotate_authority()
    assert new.certificate != old.certificate
    assert new.certificate.subject != old.certificate.subject
    assert authorities.issuing_authority() == new
    assert authorities.our_authorities() == [new, old]
    assert CertificateAuthority.objects.filter(is_trusted=True).count() == 2


@pytest.mark.django_db
def test_the_issuing_authority_cannot_be_distrusted_before_it_is_rotated():
    adopt_authority()
    row = CertificateAuthority.objects.get()
    with pytest.raises(Conflict, match="rotate"):
        authorities.distrust_authority(row)
    new = authorities.rotate_authority()
    authorities.distrust_authority(row)
    assert authorities.our_authorities() == [new]


@pytest.mark.django_db
def test_outside_authorities_are_trusted_once():
    rows = authorities.trust_authority(PEM, "Partner")
    assert [bytes(row.fingerprint) for row in rows] == [pki.fingerprint(certificate) for certificate in OUTSIDE]
    assert {(row.kind, row.name, row.is_trusted, row.key_encrypted) for row in rows} == {
        ("outside", "Partner", True, None)
    }
    again = authorities.trust_authority(PEM, "Other name")
    assert [row.pk for row in again] == [row.pk for row in rows]
    assert CertificateAuthority.objects.count() == 2
    assert Event.objects.filter(kind="authority_trusted").count() == 2


@pytest.mark.django_db
def test_an_outside_authority_may_be_named_by_its_certificate_and_trusted_again():
    row = authorities.trust_authority(PEM)[0]
    assert row.name == "Outside 1"
    authorities.distrust_authority(row)
    assert not CertificateAuthority.objects.get(pk=row.pk).is_trusted
    authorities.trust_authority(PEM)
    assert CertificateAuthority.objects.get(pk=row.pk).is_trusted


@pytest.mark.django_db
def test_a_file_with_one_certificate_that_is_no_authority_changes_nothing():
    adopt_authority()
    signer = authorities.profile_signer().certificate.public_bytes(Encoding.PEM)
    with pytest.raises(pki.CertificateInvalid):
        authorities.trust_authority(PEM + signer)
    assert not CertificateAuthority.objects.filter(kind="outside").exists()


@pytest.mark.django_db
def test_the_signer_of_profiles_stays_until_the_authority_is_rotated():
    adopt_authority()
    first = authorities.profile_signer()
    assert authorities.profile_signer() == first
    first.certificate.verify_directly_issued_by(authorities.issuing_authority().certificate)
    row = CertificateAuthority.objects.get(kind="signer")
    assert not row.is_trusted and not row.is_issuing
    rotated = authorities.rotate_authority()
    second = authorities.profile_signer()
    assert second != first
    second.certificate.verify_directly_issued_by(rotated.certificate)
    assert [own.id for own in authorities.our_authorities()][0] == rotated.id
    assert second.id not in [own.id for own in authorities.our_authorities()]
