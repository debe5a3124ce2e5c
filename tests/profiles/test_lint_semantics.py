"""Lint of what Apple states in prose (A3, B13, L10): each rule with what breaks it and what keeps it."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

from devices.models import Answer
from mdm_project import plist
from profiles import catalogue
from profiles.catalogue.nearness import nearest
from profiles.console.references import pickers_for
from profiles.lint import Level, apply_fix, coverage, lint
from tests.profiles.test_lint import WIFI, channel, codes, content, one, scope

pytestmark = pytest.mark.django_db

UUIDS = [f"00000000-0000-0000-0000-00000000000{number}" for number in range(4)]


@pytest.fixture(scope="module")
def key():
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture(scope="module")
def certificates(key):
    """Certificates by what is to be said of them."""
    now = datetime.now(UTC)
    return {
        "good": certificate(key, "Good root"),
        "expired": certificate(key, "Old root", until=now - timedelta(days=1)),
        "early": certificate(key, "New root", since=now + timedelta(days=1)),
        "leaf": certificate(key, "A server", is_authority=False),
    }


def certificate(key, name, *, since=None, until=None, is_authority=True):
    now = datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(since or now - timedelta(days=9))
    builder = builder.not_valid_after(until or now + timedelta(days=9))
    builder = builder.add_extension(x509.BasicConstraints(is_authority, None), critical=True)
    return builder.sign(key, hashes.SHA256())


def data(value: bytes):
    return plist.to_json(value)


def root(value: bytes, kind="root", **more):
    return {"PayloadType": f"com.apple.security.{kind}", "PayloadContent": data(value)} | more


def identity(certificate, key, password=b"secret") -> bytes:
    closed = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return pkcs12.serialize_key_and_certificates(b"x", key, certificate, None if key else [certificate], closed)


def test_certificates_parse_and_are_valid_authorities(certificates):
    for kind, code in (
        ("good", None), ("expired", "certificate_expired"), ("early", "certificate_early"),
        ("leaf", "certificate_no_authority"),
    ):  # fmt: skip
        for encoding in (Encoding.DER, Encoding.PEM):
            found = lint(content(root(certificates[kind].public_bytes(encoding))))
            assert codes(found) == ({code} if code else set()), kind
    wrong = one(lint(content(root(b"hello"))), "certificate")
    assert wrong.level is Level.ERROR and wrong.key_path == "PayloadContent.0.PayloadContent"


def test_identities_open_and_have_a_key(certificates, key):
    good, old = certificates["leaf"], certificates["expired"]
    cases = (
        (identity(good, key), {"Password": "secret"}, set()),
        (identity(good, key, None), {"Password": ""}, set()),
        (identity(old, key), {"Password": "secret"}, {"certificate_expired"}),
        (identity(good, key), {"Password": "wrong"}, {"identity_unreadable"}),
        (identity(good, key), {}, {"identity_unreadable"}),
        (identity(good, None), {"Password": "secret"}, {"identity_incomplete"}),
        (b"hello", {"Password": "secret"}, {"identity_unreadable"}),
        (identity(good, key), {"Password": "$SERIAL_NUMBER"}, {"variable"}),
    )
    for value, more, expected in cases:
        assert codes(lint(content(root(value, "pkcs12", **more)))) == expected, more


def test_a_reference_names_the_kind_that_its_key_needs(certificates, key):
    """A3: a root certificate was taken, and offered, as the identity that a device signs in with."""
    plain = root(certificates["good"].public_bytes(Encoding.DER))
    own = root(identity(certificates["leaf"], key), "pkcs12", Password="secret", PayloadDisplayName="Laptop")
    eap = {"AcceptEAPTypes": [13], "TLSTrustedServerNames": ["radius.example.com"]}
    for target, where, expected in (
        (own, "identity", set()),
        (plain, "identity", {("reference_kind", Level.ERROR)}),
        (WIFI, "identity", {("reference_kind", Level.ERROR)}),
        (plain, "anchor", set()),
        (own, "anchor", {("reference_kind", Level.WARNING)}),
        (None, "identity", {("reference", Level.ERROR)}),
        (None, "anchor", {("reference", Level.ERROR)}),
    ):
        wifi = WIFI | {"PayloadCertificateUUID": UUIDS[1]} if where == "identity" else dict(WIFI)
        types = [13] if where == "identity" else [25]
        wifi["EAPClientConfiguration"] = eap | {"AcceptEAPTypes": types}
        if where == "anchor":
            wifi["EAPClientConfiguration"] |= {"PayloadCertificateAnchorUUID": [UUIDS[1]]}
        found = lint(content(wifi, *([target] if target else [])))
        assert {(each.code, each.level) for each in found} == expected, (target, where)

    # The lists of the composer offer what fits, by the names in the certificates.
    payloads = content(plain, own)["PayloadContent"]
    entry, choices = catalogue.payload("wifi-managed"), pickers_for(payloads, "wifi-managed")
    assert choices(entry.find("PayloadCertificateUUID"), None) == [(UUIDS[1], "Laptop (A server)")]
    anchors = choices(entry.find("EAPClientConfiguration.PayloadCertificateAnchorUUID"), None)
    assert [uuid for uuid, _ in anchors] == [UUIDS[0]] and "Good root" in anchors[0][1]


def test_networks_are_named_and_servers_trusted():
    eap = {"EAPClientConfiguration": {"AcceptEAPTypes": [25]}}
    names = {"AcceptEAPTypes": [25], "TLSTrustedServerNames": ["radius.example.com"]}
    for change, expected in (
        ({"SSID_STR": None}, {"one_of"}),
        ({"SSID_STR": None, "DomainName": "example.com"}, set()),
        (eap, {"eap_trust"}),
        ({"EAPClientConfiguration": names}, set()),
        ({"EAPClientConfiguration": names | {"AcceptEAPTypes": [13]}}, {"eap_identity"}),
        ({"ProxyType": "Manual", "ProxyServer": "proxy.example.com"}, {"condition"}),
    ):
        payload = {name: value for name, value in (WIFI | change).items() if value is not None}
        assert codes(lint(content(payload)), None) == expected, change


APP = {"Identifier": "com.example.app", "IdentifierType": "bundleID", "CodeRequirement": "anchor apple"}
RECEIVER = {
    "AEReceiverIdentifier": "com.example.other",
    "AEReceiverIdentifierType": "bundleID",
    "AEReceiverCodeRequirement": "anchor apple",
}


def test_privacy_takes_authorization_or_allowed_and_never_both():
    """B13: it was the other way round."""
    standard = {"Authorization": "AllowStandardUserToSetSystemService"}
    for service, rule, expected in (
        ("Accessibility", {"Authorization": "Allow"}, set()),
        ("Accessibility", {"Allowed": True}, set()),
        ("ScreenCapture", standard, set()),
        ("Accessibility", standard, {"condition"}),
        ("Accessibility", {}, {"one_of"}),
        ("Accessibility", {"Allowed": True, "Authorization": "Allow"}, {"one_of"}),
        ("Camera", {"Allowed": True}, {"condition"}),
        ("Camera", {"Allowed": False}, set()),
        ("AppleEvents", {"Allowed": True}, {"needed"}),
        ("AppleEvents", {"Allowed": True} | RECEIVER, set()),
        ("Accessibility", {"Allowed": True} | RECEIVER, {"condition"}),
        ("Accessibility", {"Allowed": True, "Identifier": "/usr/bin/tool"}, {"condition"}),
    ):
        payload = {"PayloadType": "com.apple.TCC.configuration-profile-policy", "Services": {service: [APP | rule]}}
        assert codes(lint(content(payload))) - {"deprecated"} == expected, (service, rule)
    both = content(payload | {"Services": {"Accessibility": [APP | {"Allowed": True, "Authorization": "Allow"}]}})
    assert "one_of" not in codes(lint(apply_fix(both, one(lint(both), "one_of").fix)))


def test_keys_that_hang_on_each_other_are_asked_for():
    dns, sso = "com.apple.dnsSettings.managed", "com.apple.extensiblesso"
    extension = {"ExtensionIdentifier": "com.example.sso", "TeamIdentifier": "ABCDE12345"}
    san = {"sanName": "san"}
    for kind, values, missing in (
        (dns, {"DNSSettings": {"DNSProtocol": "HTTPS"}}, "ServerURL"),
        (dns, {"DNSSettings": {"DNSProtocol": "HTTPS", "ServerURL": "https://dns.example.com/"}}, None),
        (dns, {"DNSSettings": {"DNSProtocol": "TLS"}}, "ServerName"),
        (sso, extension | {"Type": "Redirect"}, "URLs"),
        (sso, extension | {"Type": "Credential"}, "Hosts"),
        (sso, extension | {"Type": "Credential", "Hosts": ["example.com"], "PlatformSSO": {"x": 1}}, "Type"),
        ("com.apple.xsan", san, "sanConfigURLs"),
        ("com.apple.xsan", san | {"sanConfigURLs": ["https://san.example.com/"]}, None),
        ("com.apple.xsan", san | {"fsnameservers": ["10.0.0.1"]}, None),
        ("com.apple.xsan", san | {"fsnameservers": ["10.0.0.1"], "sanAuthMethod": "auth_secret"}, "sharedSecret"),
        ("com.apple.relay.managed", {"Relays": [{}]}, "HTTP3RelayURL"),
        ("com.apple.mobiledevice.passwordpolicy", {"minutesUntilFailedLoginReset": 5}, "maxFailedAttempts"),
        ("com.apple.vpn.managed", {"VPNType": "IKEv2", "UserDefinedName": "Office"}, "IKEv2"),
        ("com.apple.airplay.security", {"SecurityType": "PASSWORD", "AccessType": "ANY"}, "Password"),
    ):
        found = lint(content({"PayloadType": kind} | values))
        errors = {each.path[-1] for each in found if each.level is Level.ERROR}
        assert errors == ({missing} if missing else set()), (kind, values, found)


def test_what_apples_files_leave_out_is_known():
    """A per-app VPN has the fields of a VPN; one com.apple.MCX may hold keys of several files."""
    vpn = {"PayloadType": "com.apple.vpn.managed.applayer", "VPNUUID": UUIDS[3], "VPNType": "VPN"}
    vpn |= {"UserDefinedName": "App", "VPNSubType": "com.example.vpn", "VPN": {"RemoteAddress": "vpn.example.com"}}
    assert "unknown_key" not in codes(lint(content(vpn)))
    mcx = {"PayloadType": "com.apple.MCX", "DisableGuestAccount": True, "timeServer": "time.example.com"}
    assert codes(lint(content(mcx))) == set()
    assert codes(lint(content(mcx | {"DisableGuestAccount": "maybe"}))) == {"type"}


def test_near_misses_are_named_with_what_was_meant():
    kind = "com.apple.applicationaccess"
    assert nearest("RestartDevise", ["RestartDevice", "EraseDevice"]) == "RestartDevice"
    assert nearest("Restrictions", ["Wifi"]) is None
    typo = one(lint(content({"PayloadType": kind, "alowScreenShot": False})), "unknown_key")
    assert "Did you mean allowScreenShot?" in typo.message
    assert lint(apply_fix(content({"PayloadType": kind, "alowScreenShot": False}), typo.fix)) == []
    assert (
        "Did you mean com.apple.wifi.managed?"
        in one(lint(content({"PayloadType": "com.apple.wify.managed"})), "unknown_type").message
    )
    services = {"Services": {"ScreenCaptures": []}, "PayloadType": "com.apple.TCC.configuration-profile-policy"}
    assert "Did you mean ScreenCapture?" in one(lint(content(services)), "unknown_key").message


def test_the_envelope_and_uuids():
    for keys, code in (
        ({"ConsentText": {"en": "Agree"}}, "consent_text"),
        ({"DurationUntilRemoval": 0}, "removal_at_once"),
        ({"PayloadUUID": "not-a-uuid"}, "uuid"),
    ):
        assert code in codes(lint(content(WIFI, **keys))), keys
    assert codes(lint(content(WIFI | {"PayloadUUID": "1"}))) == {"uuid"}
    assert lint(content(WIFI, ConsentText={"default": "Agree", "de": "Einverstanden"})) == []


def test_what_was_not_checked_is_said(certificates):
    said = coverage(content(WIFI, root(certificates["good"].public_bytes(Encoding.DER))))
    assert "certificates and their dates" in said.checked
    assert any("goes to none" in each for each in said.not_checked)
    said = coverage(content({"PayloadType": "com.example.own"}, WIFI | {"Colour": "$SERIAL_NUMBER"}))
    words = said.words
    assert "com.example.own" in words and "Colour" in words and "variables" in words and "certificates" not in words


def test_processors_that_cannot_are_counted():
    """L10: hardware-bound keys on Intel Macs, kernel extensions on Apple silicon."""
    macs = [channel("macos", "15.0") for _ in range(3)]
    for mac, is_silicon in zip(macs, (True, False), strict=False):
        Answer.objects.create(
            device=mac.device, request_type="DeviceInformation", content={"IsAppleSilicon": is_silicon},
            answered_at=datetime(2026, 1, 1, tzinfo=UTC),
        )  # fmt: skip
    acme = {"PayloadType": "com.apple.security.acme", "HardwareBound": True, "Attest": True}
    extensions = {"PayloadType": "com.apple.syspolicy.kernel-extension-policy", "AllowUserOverrides": True}
    found = lint(content(acme, extensions), scope=scope(*macs))
    assert [(each.path[-1], each.devices.count) for each in found if each.code == "intel"] == [
        ("Attest", 1), ("HardwareBound", 1),
    ]  # fmt: skip
    assert one(found, "apple_silicon").devices.first[0][0] == macs[0].device_id
