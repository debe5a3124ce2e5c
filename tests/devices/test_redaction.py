"""The one rule of what is secret."""

from datetime import UTC, datetime

import pytest

from devices.redaction import REDACTED, redact

SECRETS = [
    ("UnlockToken", b"token"), ("BootstrapToken", b"token"), ("PushToken", b"token"), ("Token", b"token"),
    ("AccessToken", "text"), ("RegistrationToken", "text"), ("management.push-token", "text"),
    ("PushMagic", "magic"), ("FDE_PersonalRecoveryKeyCMS", b"cms"), ("EncryptedNewRecoveryKey", b"cms"),
    ("PersonalRecoveryKey", "AAAA-BBBB"), ("RecoveryKey", "AAAA"), ("EscrowKey", "key"),
    ("ActivationLockBypassCode", "AAAA"), ("BypassCode", "AAAA"), ("activation-lock-bypass-code", "AAAA"),
    ("Password", "hunter2"), ("NewPassword", "hunter2"), ("CurrentPassword", "hunter2"), ("AdminPassword", "hunter2"),
    ("PrivateKeyExportPassword", "hunter2"), ("passwordHash", b"hash"), ("Passcode", "123456"), ("Passcode", 123456),
    ("Passphrase", "words"), ("PIN", "123456"), ("PIN", 123456), ("pin", "123456"), ("DevicePIN", "123456"),
    ("Challenge", "scep"), ("DigestChallenge", "digest"), ("DigestResponse", "digest"),
    ("PrivateKey", b"key"), ("PrivateKeyExport", b"p12"), ("PayloadContent", b"p12"), ("Payload", b"<plist/>"),
    ("SharedSecret", "ipsec"), ("ClientSecret", "oauth"), ("PreSharedKey", "wifi"), ("PSK", "wifi"),
    ("Credential", "text"), ("UnusedRedemptionCode", "code"), ("RedemptionCode", "code"),
]  # fmt: skip
PUBLIC = [
    ("BootstrapTokenAllowedForAuthentication", "allowed"), ("BootstrapTokenRequiredForSoftwareUpdate", True),
    ("FDE_HasPersonalRecoveryKey", True), ("FDE_HasInstitutionalRecoveryKey", False), ("FDE_HasPersonalRecoveryKey", 1),
    ("FDE_PersonalRecoveryKeyDeviceKey", "C02XX"), ("PasscodePresent", True), ("PasscodeCompliant", False),
    ("HasRemovalPasscode", True), ("PasscodeLockGracePeriod", 300), ("PasscodeLockGracePeriodEnforced", 300),
    ("minPINHistory", 5), ("forcePIN", True), ("UnlockToken", b""), ("Password", ""), ("IsRecoveryLockEnabled", True),
    ("RecoveryLockPasswordVerified", True), ("PasswordVerified", True), ("CommandMode", "Allowed"),
    ("PasswordChanged", datetime(2026, 1, 2, tzinfo=UTC)), ("DeclarationsToken", "v1"), ("server-token", "v1"),
    ("SerialNumber", "C02XX"), ("UDID", "ABCD"), ("Spin", "left"), ("Shipping", "ABC"), ("Data", b"certificate"),
    ("KeyType", "personal"), ("InstalledKeyboards", ["en"]),
]  # fmt: skip


@pytest.mark.parametrize(("key", "value"), SECRETS, ids=lambda part: str(part)[:40])
def test_a_secret_is_hidden_wherever_it_stands(key, value):
    assert redact({key: value}) == {key: REDACTED}
    assert redact([{"Nested": [{key: value}]}]) == [{"Nested": [{key: REDACTED}]}]


@pytest.mark.parametrize(("key", "value"), PUBLIC, ids=lambda part: str(part)[:40])
def test_what_is_only_about_a_secret_stays(key, value):
    assert redact({key: value}) == {key: value}


def test_a_secret_in_several_parts_keeps_its_shape_only():
    told = {"Passwords": ["a1", "b2"], "Credential": {"Kind": "basic", "Value": "c3", "IsSet": True}}
    assert redact(told) == {
        "Passwords": [REDACTED, REDACTED],
        "Credential": {"Kind": REDACTED, "Value": REDACTED, "IsSet": True},
    }


def test_payloads_of_a_profile_are_looked_into_and_their_data_is_hidden():
    wifi = {"PayloadType": "com.apple.wifi.managed", "SSID_STR": "Office", "Password": "hunter2"}
    identity = {"PayloadType": "com.apple.security.pkcs12", "PayloadContent": b"p12", "Password": "hunter2"}
    scep = {"PayloadType": "com.apple.security.scep", "PayloadContent": {"URL": "https://x/scep", "Challenge": "once"}}
    assert redact({"PayloadContent": [wifi, identity, scep]}) == {
        "PayloadContent": [
            wifi | {"Password": REDACTED},
            identity | {"PayloadContent": REDACTED, "Password": REDACTED},
            scep | {"PayloadContent": {"URL": "https://x/scep", "Challenge": REDACTED}},
        ]
    }
