import plistlib
from contextlib import nullcontext

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.test import Client

from devices import authorities
from enrollment import challenges
from enrollment.models import EnrollmentProfile
from enrollment.profiles import enrollment_profile_plist, signed_enrollment_profile
from mdm_project import cms as product_cms
from simulator import cms
from tests.enrollment import scep_client
from tests.factories import TOPIC, make_enrollment, make_enrollment_profile

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def authority(db):
    return scep_client.adopt_authority()


def content(profile=None, **options) -> dict:
    profile = profile or make_enrollment_profile(slug="school", organization="Müller & Söhne <AG>")
    return enrollment_profile_plist(profile, **{"challenge": "secret", "topic": TOPIC} | options)


def payload(of: dict, payload_type: str) -> dict:
    (found,) = [one for one in of["PayloadContent"] if one["PayloadType"] == payload_type]
    return found


def test_it_has_exactly_a_root_an_identity_and_the_mdm_payload(authority):
    profile = content()
    types = [one["PayloadType"] for one in profile["PayloadContent"]]
    assert types == ["com.apple.security.root", "com.apple.security.scep", "com.apple.mdm"]
    assert payload(profile, types[0])["PayloadContent"] == authority.public_bytes(Encoding.DER)
    for one in [profile, *profile["PayloadContent"]]:
        assert one["PayloadVersion"] == 1 and one["PayloadDisplayName"]
        assert one["PayloadOrganization"] == "Müller & Söhne <AG>"
    # PayloadScope System would cost Macs their user channel.
    assert "PayloadScope" not in profile
    assert len({one["PayloadUUID"] for one in [profile, *profile["PayloadContent"]]}) == 4


def test_the_mdm_payload_says_where_and_how_to_talk(settings):
    mdm = payload(content(), "com.apple.mdm")
    assert mdm["ServerURL"] == f"{settings.PUBLIC_URL}/mdm/connect"
    assert mdm["CheckInURL"] == f"{settings.PUBLIC_URL}/mdm/checkin"
    assert (mdm["Topic"], mdm["AccessRights"], mdm["SignMessage"]) == (TOPIC, 8191, True)
    assert mdm["CheckOutWhenRemoved"] is True
    assert mdm["ServerCapabilities"] == [
        "com.apple.mdm.per-user-connections",
        "com.apple.mdm.bootstraptoken",
    ]


def test_the_scep_payload_asks_for_a_key_that_stays_on_the_device(settings):
    profile = content()
    outer = payload(profile, "com.apple.security.scep")
    scep = outer["PayloadContent"]
    assert scep["URL"] == f"{settings.PUBLIC_URL}/scep"
    assert (scep["Keysize"], scep["Key Type"], scep["Key Usage"]) == (2048, "RSA", 5)
    assert scep["KeyIsExtractable"] is False
    assert scep["Challenge"] == "secret"
    assert scep["Subject"][0] == [["O", "Müller & Söhne <AG>"]]
    assert payload(profile, "com.apple.mdm")["IdentityCertificateUUID"] == outer["PayloadUUID"]


def test_switches_of_the_profile_are_in_the_payload():
    profile = make_enrollment_profile(
        access_rights=3, check_out_when_removed=False, allows_bootstrap_token=False, allows_get_token=False
    )
    mdm = payload(content(profile), "com.apple.mdm")
    assert (mdm["AccessRights"], mdm["CheckOutWhenRemoved"]) == (3, False)
    assert mdm["ServerCapabilities"] == ["com.apple.mdm.per-user-connections"]


def test_identifiers_stay_and_the_identity_is_new_each_time():
    profile = make_enrollment_profile(slug="school")
    first, second = content(profile), content(profile)
    identifiers = [[one["PayloadIdentifier"] for one in [p, *p["PayloadContent"]]] for p in (first, second)]
    assert identifiers[0] == identifiers[1] and "school" in identifiers[0][0]
    assert (
        payload(first, "com.apple.security.scep")["PayloadUUID"]
        != (payload(second, "com.apple.security.scep")["PayloadUUID"])
    )
    root = "com.apple.security.root"
    assert payload(first, root)["PayloadUUID"] == payload(second, root)["PayloadUUID"]


def test_a_renewal_repeats_what_the_device_was_given():
    enrollment = make_enrollment(
        server_url="https://old.example/mdm?x=1",
        check_in_url="https://old.example/checkin",
        access_rights=7,
        capabilities=["com.apple.mdm.token"],
    )
    mdm = payload(content(topic=enrollment.topic, enrollment=enrollment), "com.apple.mdm")
    assert (mdm["ServerURL"], mdm["CheckInURL"]) == ("https://old.example/mdm?x=1", "https://old.example/checkin")
    assert (mdm["AccessRights"], mdm["ServerCapabilities"]) == (7, ["com.apple.mdm.token"])


def test_the_signed_form_is_read_by_others_and_names_our_authority(authority):
    profile = make_enrollment_profile(organization="Müller & Söhne <AG>")
    der = signed_enrollment_profile(profile, challenge="secret", topic=TOPIC)
    signed = cms.open_signed(der)
    assert plistlib.loads(signed.content)["PayloadOrganization"] == "Müller & Söhne <AG>"
    signed.signer.verify_directly_issued_by(authority)
    assert authority.public_bytes(Encoding.DER) in product_cms.read_signed(der).certificates
    again = cms.open_signed(signed_enrollment_profile(profile, challenge="secret", topic=TOPIC))
    assert again.signer == signed.signer


def test_a_device_gets_its_identity_with_what_the_profile_says(settings):
    profile = make_enrollment_profile()
    challenge = challenges.one_time_challenge(profile)
    scep = payload(content(profile, challenge=challenge), "com.apple.security.scep")["PayloadContent"]
    answer = scep_client.ask(Client(), scep["Challenge"], Subject=scep["Subject"])
    assert isinstance(answer.certificate, x509.Certificate)
    answer.certificate.verify_directly_issued_by(authorities.issuing_authority().certificate)
    common_name = answer.certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value
    assert common_name.startswith(profile.slug)


def test_rights_that_devices_refuse_cannot_be_saved_by_anybody():
    """B19: 2 needs 1, 128 needs 64, and there are 13 bits."""
    refused, possible = (0, 2, 128, 130, 2 | 64 | 128, 1 | 2 | 128, 8192), (1, 3, 17, 64 | 128, 4096, 8191)
    for rights in (*refused, *possible):
        profile = make_enrollment_profile()
        profile.access_rights = rights
        is_refused = rights in refused
        with pytest.raises(ValidationError) if is_refused else nullcontext():
            profile.full_clean()
        with pytest.raises(IntegrityError) if is_refused else nullcontext(), transaction.atomic():
            EnrollmentProfile.objects.filter(pk=profile.pk).update(access_rights=rights)


def test_tokens_are_promised_only_where_somebody_says_so():
    """B19: GetToken has nothing to give, so com.apple.mdm.token is no default."""
    assert "com.apple.mdm.token" not in make_enrollment_profile().server_capabilities
    assert "com.apple.mdm.token" in make_enrollment_profile(allows_get_token=True).server_capabilities
