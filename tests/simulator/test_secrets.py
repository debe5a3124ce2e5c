"""Secrets that pretend devices keep: only the right current one opens or changes something."""

import hashlib
import plistlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa

from simulator import cms
from simulator.catalog import IPHONE, MAC
from simulator.state import new_device
from tests.simulator.test_answers import ask, make_payload, make_profile


@pytest.fixture(scope="module")
def escrow() -> cms.Identity:
    key = rsa.generate_private_key(65537, 2048)
    name, now = x509.Name([]), datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(now).not_valid_after(now + timedelta(days=1))
    return cms.Identity(key, builder.sign(key, hashes.SHA256()))


def converse(tell, make_state, *commands):
    """Enroll a Mac, let it answer commands in order and return (device, reports); values may be functions of it."""
    found = []

    async def story(server, make_device):
        device = make_device(state=make_state())
        await device.enroll(server.profile_url)
        for request_type, keys in commands:
            values = {key: value(device) if callable(value) else value for key, value in keys.items()}
            command = server.queue(device.state.hardware.udid, request_type, **values)
            await device.connect()
            found.append(server.report_on(command))
        found.append(device)

    tell(story)
    return found.pop(), found


def silicon():
    return new_device(MAC, 0, "tests")


def intel():
    return new_device(MAC, 0, "tests", is_intel=True)


def statuses(reports):
    return [report["Status"] for report in reports]


def test_recovery_lock_wants_the_current_password(tell):
    mac, reports = converse(
        tell,
        silicon,
        ("SetRecoveryLock", {"NewPassword": "first"}),
        ("SetRecoveryLock", {"NewPassword": "second"}),
        ("SetRecoveryLock", {"NewPassword": "second", "CurrentPassword": "wrong"}),
        ("SetRecoveryLock", {"NewPassword": "second", "CurrentPassword": "first"}),
        ("VerifyRecoveryLock", {"Password": "first"}),
        ("VerifyRecoveryLock", {"Password": "second"}),
        ("SecurityInfo", {}),
    )
    assert statuses(reports[:4]) == ["Acknowledged", "Error", "Error", "Acknowledged"]
    assert reports[1]["ErrorChain"][0]["ErrorCode"] == 70
    assert reports[2]["ErrorChain"][0]["ErrorDomain"] == "ROSLockoutServiceDaemonErrorDomain"
    assert [report["PasswordVerified"] for report in reports[4:6]] == [False, True]
    assert reports[6]["SecurityInfo"]["IsRecoveryLockEnabled"] is True
    assert mac.state.recovery_lock == "second"


def test_a_firmware_password_is_of_intel_macs_and_says_inside_whether_it_changed(tell):
    mac, reports = converse(
        tell,
        intel,
        ("SetFirmwarePassword", {"NewPassword": "first"}),
        ("SetFirmwarePassword", {"NewPassword": "second", "CurrentPassword": "wrong"}),
        ("VerifyFirmwarePassword", {"Password": "first"}),
        ("SetRecoveryLock", {"NewPassword": "x"}),
    )
    assert [report["SetFirmwarePassword"]["PasswordChanged"] for report in reports[:2]] == [True, False]
    assert reports[2]["VerifyFirmwarePassword"] == {"PasswordVerified": True}
    assert reports[3]["Status"] == "Error"
    _, reports = converse(tell, silicon, ("SetFirmwarePassword", {"NewPassword": "first"}))
    assert statuses(reports) == ["Error"]


def test_a_recovery_key_leaves_the_mac_only_for_the_certificate_of_an_escrow_payload(tell, escrow):
    certificate = make_payload("com.apple.security.pkcs1", PayloadContent=escrow.certificate_der)
    payload = make_payload(
        "com.apple.security.FDERecoveryKeyEscrow", Location="IT", EncryptCertPayloadUUID=certificate["PayloadUUID"]
    )

    def macbook():
        state = silicon()
        state.recovery_key = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF"
        state.is_recovery_key_escrowed = True
        return state

    mac, reports = converse(
        tell,
        macbook,
        ("SecurityInfo", {}),
        ("InstallProfile", {"Payload": make_profile("org.example.fv", [certificate, payload])}),
        ("SecurityInfo", {}),
        ("RotateFileVaultKey", rotation("wrong", escrow)),
        ("RotateFileVaultKey", rotation("AAAA-BBBB-CCCC-DDDD-EEEE-FFFF", escrow)),
    )
    assert "FDE_PersonalRecoveryKeyCMS" not in reports[0]["SecurityInfo"]
    told = reports[2]["SecurityInfo"]["FDE_PersonalRecoveryKeyCMS"]
    assert cms.open_envelope(told, escrow) == b"AAAA-BBBB-CCCC-DDDD-EEEE-FFFF"
    assert reports[3]["Status"] == "Error"
    new = cms.open_envelope(reports[4]["RotateResult"]["EncryptedNewRecoveryKey"], escrow).decode()
    assert new == mac.state.recovery_key != "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF"


def rotation(password: str, escrow: cms.Identity) -> dict:
    return {
        "KeyType": "personal",
        "FileVaultUnlock": {"Password": password},
        "ReplyEncryptionCertificate": escrow.certificate_der,
    }


def password_hash(password: str, **changes) -> bytes:
    salt = b"s" * 32
    entropy = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, 20_000, 128)
    return plistlib.dumps({"SALTED-SHA512-PBKDF2": {"entropy": entropy, "salt": salt, "iterations": 20_000} | changes})


def new_mac():
    state = silicon()
    state.is_awaiting_configuration = True
    return state


def test_the_administrators_password_is_a_hash_of_apples_form_or_refused(tell):
    account = {"shortName": "admin", "passwordHash": password_hash("one")}
    mac, reports = converse(
        tell,
        new_mac,
        ("AccountConfiguration", {"AutoSetupAdminAccounts": [{"shortName": "admin", "passwordHash": b"plain"}]}),
        ("AccountConfiguration", {"AutoSetupAdminAccounts": [account]}),
        ("SetAutoAdminPassword", {"GUID": "another", "passwordHash": password_hash("two")}),
        ("SetAutoAdminPassword", {"GUID": guid, "passwordHash": password_hash("two", entropy=b"short")}),
        ("SetAutoAdminPassword", {"GUID": guid, "passwordHash": password_hash("two")}),
    )
    assert statuses(reports) == ["Error", "Acknowledged", "Error", "Error", "Acknowledged"]
    assert mac.state.admin_accounts[0]["passwordHash"] == password_hash("two")


def guid(mac) -> str:
    return mac.state.admin_accounts[0]["GUID"]


def test_accounts_are_configured_only_while_setup_assistant_waits(tell):
    mac, reports = converse(
        tell, new_mac, ("AccountConfiguration", {}), ("DeviceConfigured", {}), ("AccountConfiguration", {})
    )
    assert statuses(reports) == ["Acknowledged", "Acknowledged", "Error"]
    assert not mac.state.is_awaiting_configuration


def test_a_locked_mac_comes_back_with_its_pin_only(tell):
    async def story(server, make_device):
        mac = make_device(MAC)
        await mac.enroll(server.profile_url)
        lock = server.queue(mac.state.hardware.udid, "DeviceLock", PIN="246810")
        after = server.queue(mac.state.hardware.udid, "ProfileList")
        await mac.connect()
        assert server.report_on(lock)["Status"] == "Acknowledged"
        assert (await mac.connect()).commands == []
        assert not mac.enter_pin("000000")
        assert (await mac.connect()).commands == []
        assert mac.enter_pin("246810")
        assert (await mac.connect()).commands == [("ProfileList", "Acknowledged")]
        assert server.report_on(after)["Status"] == "Acknowledged"

    tell(story)


@pytest.mark.parametrize("content", [{}, {"PIN": "12345"}, {"PIN": "12345a"}, {"PIN": "١٢٣٤٥٦"}])
def test_a_mac_is_not_locked_without_six_digits(tell, content):
    mac, report = ask(tell, "DeviceLock", MAC, **content)
    assert report["Status"] == "Error"
    assert mac.state.lock_pin == ""


def test_a_mac_of_intel_is_erased_with_a_pin_only(tell):
    mac, reports = converse(tell, intel, ("EraseDevice", {}), ("EraseDevice", {"PIN": "123456"}))
    assert statuses(reports) == ["Error", "Acknowledged"]
    assert not mac.is_enrolled


def test_a_mac_that_cannot_erase_its_content_is_not_obliterated_against_the_wish(tell):
    def prepare(device):
        device.state.settings["EACSPreflight"] = "no bootstrap token"

    mac, report = ask(tell, "EraseDevice", MAC, prepare, ObliterationBehavior="DoNotObliterate")
    assert report["Status"] == "Error"
    assert mac.is_enrolled


def test_a_bypass_code_is_given_until_it_was_cleared(tell):
    def phone():
        state = new_device(IPHONE, 0, "tests")
        state.bypass_code = "AAAA-BBBB"
        return state

    _, reports = converse(
        tell,
        phone,
        ("ActivationLockBypassCode", {}),
        ("ClearActivationLockBypassCode", {}),
        ("ActivationLockBypassCode", {}),
    )
    assert reports[0]["ActivationLockBypassCode"] == "AAAA-BBBB"
    assert statuses(reports) == ["Acknowledged", "Acknowledged", "Error"]
