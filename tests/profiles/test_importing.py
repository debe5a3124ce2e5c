"""Importing .mobileconfig files: every captured profile, odd encodings, repairs, refusals, new identities."""

import pytest
from asn1crypto import pem
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.serialization import pkcs7

from devices.models import Event
from devices.timeline import SYSTEM
from mdm_project import ber, cms, enveloped, pki, plist
from mdm_project.errors import EspalierError, UnreadablePlist
from profiles import errors
from profiles.importing import import_profile, read_profile
from profiles.models import Profile
from profiles.rendering import download
from tests import factories
from tests.fixtures import capture, captures

pytestmark = pytest.mark.django_db

REFUSED = {
    "profiles/apple-docs/apple_activedirectorycertificate.mobileconfig": ("not_a_profile", "PayloadType"),
    "profiles/apple-docs/apple_wifi.mobileconfig": ("not_a_profile", "PayloadType"),
    "profiles/odd/cfgprofiles-multistring-error.mobileconfig": ("unreadable_plist", "line"),
    "profiles/invalid/not-a-plist.mobileconfig": ("not_a_profile", "neither a property list"),
    "profiles/invalid/wrong-outer-type.mobileconfig": ("not_a_profile", "PayloadType"),
    "profiles/signed/generated-tampered.mobileconfig": ("signature_invalid", "does not match"),
}
APPLES_SKETCH = (
    "profiles/apple-docs/apple_implementing-the-simple-authentication-account-driven-enrollment-flow-2.mobileconfig"
)
# Incomplete, so completed: they cannot come back equal, but all that was in them does.
COMPLETED = {
    "profiles/invalid/missing-payload-uuid.mobileconfig": "PayloadUUID was missing",
    "profiles/apple-docs/apple_identitypreference.mobileconfig": "PayloadIdentifier was missing",
}
WARNED = COMPLETED | {
    "profiles/invalid/duplicate-uuid.mobileconfig": "take the two payloads for one",
    "profiles/invalid/wrong-payload-version.mobileconfig": "Apple knows 1 only",
    "profiles/signed/generated-selfsigned.mobileconfig": "vouches for itself",
    "profiles/signed/adguard-family-tls.mobileconfig": "signed by",
}
FOLDERS = ["unsigned", "signed", "odd", "invalid", "baselines", "apple-docs"]
ALL = [parameter for folder in FOLDERS for parameter in captures(f"profiles/{folder}", "*.mobileconfig")]


GOOD = [each for each in ALL if each.values[0] not in REFUSED and each.values[0] != APPLES_SKETCH]
BAD = [pytest.param(name, *told, id=name.rpartition("/")[2]) for name, told in REFUSED.items()]


def imported(data: bytes, *, keeps: bool = True) -> tuple[Profile, list[str]]:
    return import_profile(data, keep_identifiers=keeps, actor=SYSTEM)


def original(name: str) -> dict:
    """Read a captured profile by another way than the one under test."""
    data = capture(name)
    if name.startswith("profiles/signed/"):
        if data.startswith(b"-----"):
            data = pem.unarmor(data)[2]
        data = cms.read_signed(data).content
    return plist.loads(data)


@pytest.mark.parametrize("name", GOOD)
def test_a_captured_profile_comes_back_as_an_equal_plist(name):
    profile, warnings = imported(capture(name))
    came_back, before = plist.loads(download(profile)), original(name)

    if name in COMPLETED:
        for payload, known in zip(came_back.pop("PayloadContent"), before.pop("PayloadContent"), strict=True):
            assert {key: payload[key] for key in known} == known
        assert {key: came_back[key] for key in before} == before
    else:
        assert came_back == before
    assert profile.identifier == before.get("PayloadIdentifier", profile.identifier)
    assert profile.name == before.get("PayloadDisplayName", profile.identifier)[:200]
    if name in WARNED:
        assert WARNED[name] in " ".join(warnings)


@pytest.mark.parametrize("name", GOOD)
def test_a_captured_profile_under_a_new_identity_keeps_everything_else(name):
    profile, _warnings = imported(capture(name), keeps=False)
    came_back, before = plist.loads(download(profile)), original(name)

    assert profile.identifier != before.get("PayloadIdentifier")
    assert came_back["PayloadUUID"] != before["PayloadUUID"]
    old_uuids = {payload.get("PayloadUUID") for payload in before.get("PayloadContent", [])}
    assert not old_uuids & {payload["PayloadUUID"] for payload in came_back.get("PayloadContent", [])}
    assert len({payload["PayloadUUID"] for payload in came_back["PayloadContent"]}) == len(before["PayloadContent"])
    assert came_back.keys() == before.keys() | {"PayloadIdentifier"}
    for payload, known in zip(came_back["PayloadContent"], before["PayloadContent"], strict=True):
        assert payload["PayloadIdentifier"].startswith(profile.identifier)
        changed = {key for key in known if payload[key] != known[key]} - {"PayloadUUID", "PayloadIdentifier"}
        assert all(any(str(uuid).upper() in repr(known[key]).upper() for uuid in old_uuids) for key in changed)


@pytest.mark.parametrize(("name", "code", "told"), BAD)
def test_a_captured_file_that_is_no_profile_is_refused_with_the_place(name, code, told):
    with pytest.raises(EspalierError) as refused:
        imported(capture(name))
    assert (refused.value.code, refused.value.status) == (code, 400)
    assert told in f"{refused.value.detail} {refused.value.fields}"
    assert not Profile.objects.exists()


def test_apples_sketch_with_dots_between_the_keys_is_completed_or_refused():
    data = capture(APPLES_SKETCH)
    profile, warnings = imported(data)

    assert [payload["PayloadType"] for payload in plist.loads(download(profile))["PayloadContent"]] == [
        "com.apple.security.scep",
        "com.apple.mdm",
    ]
    assert any("PayloadUUID was missing" in warning for warning in warnings)


# Encodings

TEXT = plist.dumps(plist.loads(factories.mobileconfig(PayloadDisplayName="Größe façade — 日本"))).decode()


def declared(name: str) -> str:
    return TEXT.replace('encoding="UTF-8"', f'encoding="{name}"')


ENCODED = {
    "a byte order mark": b"\xef\xbb\xbf" + TEXT.encode(),
    "blanks and lines before the declaration": b" \r\n\t\n" + TEXT.encode(),
    "UTF-16 as declared": declared("UTF-16").encode("utf-16"),
    "UTF-16 that says it is UTF-8": TEXT.encode("utf-16"),
    "UTF-16 without a mark": TEXT.encode("utf-16-le"),
    "big-endian UTF-16 with blanks before": b"\xfe\xff" + ("\n " + TEXT).encode("utf-16-be"),
    "UTF-8 that says it is UTF-16": declared("UTF-16").encode(),
    "UTF-32": TEXT.encode("utf-32"),
    "Shift JIS": declared("Shift_JIS").replace("Größe façade — 日本", "Name 日本").encode("shift_jis"),
    "carriage returns": TEXT.replace("\n", "\r").encode(),
}


@pytest.mark.parametrize("data", ENCODED.values(), ids=ENCODED)
def test_whatever_the_encoding_the_name_is_read_rightly(data):
    profile, _warnings = imported(data)

    assert profile.name == ("Name 日本" if data == ENCODED["Shift JIS"] else "Größe façade — 日本")


@pytest.mark.parametrize("name", ["ISO-8859-1", "windows-1252"])
def test_declared_western_encodings_are_read_without_a_warning(name):
    text = declared(name).replace("— 日本", "é")
    profile, warnings = imported(text.encode(name))

    assert (profile.name, warnings) == ("Größe façade é", [])


def test_western_letters_in_what_says_it_is_utf8_are_read_with_a_warning():
    profile, warnings = imported(TEXT.replace("— 日本", "é").encode("cp1252"))

    assert profile.name == "Größe façade é"
    assert any("Windows-1252" in warning for warning in warnings)


@pytest.mark.parametrize("encoding", ["idna", "punycode", "undefined", "rot13", "no-such-thing"])
def test_a_declared_encoding_that_is_none_is_not_followed(encoding):
    profile, warnings = imported(declared(encoding).replace("Größe façade — 日本", "plain").encode())

    assert profile.name == "plain"
    assert any("Windows-1252" in warning for warning in warnings)


@pytest.mark.parametrize(
    ("bad", "good", "told"),
    [
        ("AT&T", "AT&T", "Ampersands"),
        ("tick\x07tock", "ticktock", "Characters that XML forbids"),
        ("tick&#7;tock", "ticktock", "references"),
    ],
)
def test_small_damages_are_repaired_with_a_warning(bad, good, told):
    profile, warnings = imported(factories.mobileconfig(PayloadDisplayName="HERE").replace(b"HERE", bad.encode()))

    assert profile.name == good
    assert any(told in warning for warning in warnings)


def test_an_error_names_the_line_even_where_something_else_was_repaired():
    data = b'<?xml version="1.0"?>\n<plist><dict>\n<key>A</key><string>R&D</string>\n<key>B</key></dict></plist>'
    with pytest.raises(UnreadablePlist) as refused:
        imported(data)
    assert "line 4" in refused.value.detail


def test_a_binary_profile_comes_back_equal():
    profile, _warnings = imported(capture("profiles/odd/binary-plist.mobileconfig"))

    assert plist.loads(download(profile)) == plist.loads(
        capture("profiles/unsigned/zentralopensource_test.mobileconfig")
    )


# Signatures


@pytest.fixture(scope="module")
def signer():
    certificate, key = pki.make_authority("Somebody")
    return enveloped.Recipient(certificate, key)


def test_signed_profiles_are_read_whatever_armour_and_whoever_signed(signer):
    body = factories.mobileconfig()
    der = cms.sign(body, signer.certificate, signer.key)
    two = pkcs7.PKCS7SignatureBuilder().set_data(body).add_signer(signer.certificate, signer.key, hashes.SHA256())
    two = two.add_signer(signer.certificate, signer.key, hashes.SHA512())
    several = two.sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.Binary])
    armoured = two.sign(serialization.Encoding.PEM, [pkcs7.PKCS7Options.Binary])

    for data in (der, der + b"\n", several, armoured, indefinite(der)):
        values, warnings = read_profile(data)
        assert values == plist.loads(body)
        assert len(warnings) == 1 and "signed" in warnings[0]


def indefinite(der: bytes) -> bytes:
    """Write the outermost element of a message with an indefinite length, as Apple's tools do."""
    node = ber.read(der, 0)
    return b"\x30\x80" + der[node.start : node.end] + b"\x00\x00"


def test_a_content_changed_after_signing_is_refused(signer):
    der = cms.sign(factories.mobileconfig(PayloadDisplayName="HERE"), signer.certificate, signer.key)
    with pytest.raises(cms.SignatureInvalid):
        imported(der.replace(b"HERE", b"THER"))


def test_a_signature_without_the_profile_and_a_damaged_one_are_refused(signer):
    builder = pkcs7.PKCS7SignatureBuilder().set_data(b"x").add_signer(signer.certificate, signer.key, hashes.SHA256())
    detached = builder.sign(serialization.Encoding.DER, [pkcs7.PKCS7Options.DetachedSignature])
    for data in (detached, b"\x30\x82\x10\x00\x06", b"-----BEGIN PKCS7-----\n!\n-----END PKCS7-----", b"", b"  "):
        with pytest.raises(errors.NotAProfile):
            imported(data)


def test_profiles_encrypted_for_a_device_are_refused_and_told_so(signer):
    inside = factories.mobileconfig(IsEncrypted=True, EncryptedPayloadContent=b"\x30\x80")
    for data in (inside, enveloped.envelope(b"secret", signer.certificate)):
        with pytest.raises(errors.ProfileEncrypted):
            imported(data)


# Judging and repairing


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        ({"PayloadContent": {"PayloadType": "com.apple.dock"}}, "PayloadContent"),
        ({"PayloadContent": ["text"]}, "PayloadContent.0"),
        ({"PayloadContent": [{"PayloadUUID": "A"}]}, "PayloadContent.0.PayloadType"),
        ({"PayloadContent": [{"PayloadType": "a", "PayloadUUID": 1}]}, "PayloadContent.0.PayloadUUID"),
        ({"PayloadType": "com.apple.dock"}, "PayloadType"),
        ({"PayloadIdentifier": 7}, "PayloadIdentifier"),
        ({"PayloadIdentifier": "x" * 256}, "PayloadIdentifier"),
    ],
)
def test_what_is_no_profile_is_refused_with_its_key_path(keys, path):
    with pytest.raises(EspalierError) as refused:
        imported(factories.mobileconfig(**keys))
    assert refused.value.status == 400
    assert list(refused.value.fields) == [path]


def test_an_array_is_no_profile():
    with pytest.raises(errors.NotAProfile):
        imported(plist.dumps([1]))


def test_identifiers_that_lack_are_made_and_told():
    data = plist.dumps({"PayloadContent": [{"PayloadType": "com.apple.dock"}]})
    profile, warnings = imported(data)
    content = plist.loads(download(profile))

    assert content["PayloadType"] == "Configuration"
    assert content["PayloadContent"][0]["PayloadIdentifier"].startswith(profile.identifier)
    for key in ("PayloadType", "PayloadIdentifier", "PayloadUUID", "PayloadContent.0.PayloadUUID"):
        assert any(warning.startswith(f"{key} was missing") for warning in warnings), key
    assert "PayloadVersion" not in content
    assert "PayloadVersion is missing; Apple asks for 1." in warnings


def test_an_identifier_is_imported_once_and_the_conflict_names_the_other():
    data = factories.mobileconfig()
    profile, _warnings = imported(data)
    with pytest.raises(errors.IdentifierTaken) as refused:
        imported(data)
    assert f"id {profile.pk}" in refused.value.detail

    another, _warnings = imported(data, keeps=False)
    assert another.identifier != profile.identifier
    assert Event.objects.filter(kind="profile_imported").count() == 2


def test_references_follow_a_new_identity_in_whatever_case_they_are_written():
    certificate = {"PayloadType": "com.apple.security.root", "PayloadUUID": "AAAA-1", "PayloadContent": b"x"}
    wifi = {
        "PayloadType": "com.apple.wifi.managed",
        "PayloadUUID": "BBBB-2",
        "EAPClientConfiguration": {"PayloadCertificateAnchorUUID": ["aaaa-1", "other"]},
        "PayloadCertificateUUID": "AAAA-1",
    }
    profile, _warnings = imported(factories.mobileconfig(PayloadContent=[certificate, wifi]), keeps=False)
    new_certificate, new_wifi = plist.loads(download(profile))["PayloadContent"]

    assert new_certificate["PayloadUUID"] != "AAAA-1"
    assert new_wifi["PayloadCertificateUUID"] == new_certificate["PayloadUUID"]
    assert new_wifi["EAPClientConfiguration"]["PayloadCertificateAnchorUUID"] == [
        new_certificate["PayloadUUID"],
        "other",
    ]


def test_variables_and_what_looks_like_one_are_told():
    _profile, warnings = imported(factories.mobileconfig(PayloadDescription="$UDID $EMAIL $$UDID costs $5"))

    assert warnings == [
        "PayloadDescription uses the variable $UDID.",
        "PayloadDescription: $EMAIL is no variable and is sent as it is.",
        "PayloadDescription: two dollars are sent as one.",
    ]


def test_data_with_a_variable_and_carriage_returns_are_not_changed_in_silence(db):
    """B23: base64 skips what it does not know, so that $CERTIFICATE in <data> became other bytes."""
    data = factories.mobileconfig(PayloadDescription="HERE", Blob=b"AB")
    data = data.replace(b"HERE", b"one\r\ntwo").replace(b"QUI=", b"$CERTIFICATE")
    profile, warnings = imported(data)
    assert profile.draft["Blob"] == "$CERTIFICATE"
    assert any("<data> holds $CERTIFICATE" in each for each in warnings)
    assert any("Carriage returns" in each for each in warnings)
    assert profile.draft["PayloadDescription"] == "one\ntwo"


def test_warnings_name_the_payload_and_not_its_number_alone(db):
    """A3: PayloadContent.3 says little to who looks at a form."""
    wifi = {"PayloadType": "com.apple.wifi.managed", "PayloadDisplayName": "Office", "SSID_STR": "one"}
    _profile, warnings = imported(factories.mobileconfig(PayloadContent=[wifi]))
    assert "PayloadContent.0.PayloadUUID was missing in Wi-Fi “Office”; the payload has a new one." in warnings
