"""What pretend devices do not take, by the facts of Apple's schema; and how they misbehave on request."""

import plistlib
from dataclasses import replace

import pytest

from simulator import facts
from simulator.answers import BEHAVIOURS
from simulator.catalog import IPAD, IPHONE, MAC, VISION
from tests.simulator.test_answers import ask


def test_every_command_of_the_schema_is_answered_and_no_other():
    assert BEHAVIOURS.keys() == facts.commands().keys()


@pytest.mark.parametrize(
    ("request_type", "content", "problem"),
    [
        ("RemoveProfile", {}, "Identifier is missing"),
        ("RemoveProfile", {"Identifier": 1}, "Identifier is no string"),
        ("DeviceInformation", {"Queries": ["UDID", 1]}, "Queries.1 is no string"),
        ("InstallApplication", {"ManagementFlags": 2}, "ManagementFlags has a value that is not allowed"),
        ("InstallApplication", {"ManagementFlags": True}, "ManagementFlags is no integer"),
        ("ScheduleOSUpdate", {"Updates": [{}]}, "Updates.0.InstallAction is missing"),
        ("InstallApplication", {"Options": {"PurchaseMethod": "1"}}, "Options.PurchaseMethod is no integer"),
    ],
)
def test_a_malformed_command_is_refused_and_held_against_the_server(tell, request_type, content, problem):
    device, report = ask(tell, request_type, IPHONE, **content)
    assert report["Status"] == "CommandFormatError"
    assert device.violations == [f"{request_type} is malformed: {problem}"]


def test_a_mac_tells_what_is_wrong_in_its_chain(tell):
    device, report = ask(tell, "DeviceLock", MAC, PIN=123456)
    assert report["Status"] == "Error"
    assert "PIN is no string" in report["ErrorChain"][0]["LocalizedDescription"]
    assert device.violations == ["DeviceLock is malformed: PIN is no string"]


def test_a_key_that_a_device_does_not_know_is_ignored(tell):
    device, report = ask(tell, "ProfileList", IPHONE, Sparkle=True)
    assert report["Status"] == "Acknowledged"
    assert device.violations == []
    assert "ProfileList: Sparkle is unknown" in device.events


@pytest.mark.parametrize(
    ("version", "expected"), [("26.4", "Acknowledged"), ("27.0", "Error"), ("10.10", "Error")]
)  # introduced in 10.11, removed in 27
def test_a_command_exists_only_in_some_versions(tell, version, expected):
    def prepare(device):
        device.state.os_version = version

    _, report = ask(tell, "AvailableOSUpdates", MAC, prepare)
    assert report["Status"] == expected


def test_commands_of_the_user_channel_are_unknown_on_the_device_channel(tell):
    async def story(server, make_device):
        mac = make_device(MAC)
        await mac.enroll(server.profile_url)
        (user,) = mac.user_channels
        wrong = server.queue(mac.state.hardware.udid, "NSExtensionMappings")
        right = server.queue(user.user_id, "NSExtensionMappings")
        lock = server.queue(user.user_id, "DeviceLock", PIN="123456")
        await mac.connect_all()
        assert server.report_on(wrong)["Status"] == "Error"
        assert server.report_on(right)["Extensions"]
        assert server.report_on(lock)["ErrorChain"][0]["ErrorCode"] == 12021

    tell(story)


def test_an_ipad_has_a_list_of_users_only_when_it_is_shared(tell):
    def share(device):
        device.state.is_shared, device.state.other_users = True, ["kim"]

    _, report = ask(tell, "UserList", IPAD)
    assert report["Status"] == "Error"
    _, report = ask(tell, "UserList", IPAD, share)
    assert [user["UserName"] for user in report["Users"]] == ["kim"]


def test_a_setting_with_a_wrong_value_is_an_error_of_that_item(tell):
    items = [{"Item": "Bluetooth", "Enabled": "yes"}, {"Item": "Bluetooth", "Enabled": False}]
    device, report = ask(tell, "Settings", IPHONE, Settings=items)
    assert [item["Status"] for item in report["Settings"]] == ["Error", "Acknowledged"]
    assert device.state.settings["Bluetooth"] is False
    assert device.violations == ["Settings.Bluetooth is malformed: Enabled is no boolean"]


def test_a_vision_pro_has_no_recovery_lock(tell):
    _, report = ask(tell, "SetRecoveryLock", VISION, NewPassword="x")
    assert report["ErrorChain"][0]["ErrorCode"] == 12021


def test_a_command_is_put_off_as_often_as_wished_and_then_refused_as_wished(tell):
    async def story(server, make_device):
        device = make_device(IPAD)
        await device.enroll(server.profile_url)
        device.faults.not_now = {"ProfileList": 2}
        chain = [{"ErrorCode": 4, "ErrorDomain": "Example", "LocalizedDescription": "no"}]
        device.faults.refuse = {"ProfileList": chain}
        command = server.queue(device.state.hardware.udid, "ProfileList")
        other = server.queue(device.state.hardware.udid, "CertificateList")
        visits = [await device.connect() for _ in range(3)]
        told = [dict(visit.commands).get("ProfileList") for visit in visits]
        assert told == ["NotNow", "NotNow", "Error"]
        assert server.report_on(command)["ErrorChain"] == chain
        assert server.report_on(other)["Status"] == "Acknowledged"

    tell(story)


def wifi_profile() -> bytes:
    named = {"PayloadVersion": 1, "PayloadIdentifier": "com.example.wifi", "PayloadUUID": "W"}
    network = named | {"PayloadType": "com.apple.wifi.managed", "PayloadUUID": "N", "SSID_STR": "School"}
    return plistlib.dumps(named | {"PayloadType": "Configuration", "PayloadContent": [network]})


def test_an_erased_ipad_without_a_network_waits_in_setup_assistant(tell):
    """B8: it acknowledges, is erased, and nobody hears of it again."""

    async def story(server, make_device):
        device = make_device(IPAD)
        device.state.hardware = replace(device.state.hardware, imei="", meid="")
        await device.enroll(server.profile_url)
        data = await device.download_profile(server.profile_url)
        service = {"Enabled": True, "MDMProfileData": data}
        command = server.queue(device.state.hardware.udid, "EraseDevice", ReturnToService=service)
        await device.connect()
        assert server.report_on(command)["Status"] == "Acknowledged"
        assert not device.is_enrolled
        assert "return to service failed: it waits in Setup Assistant" in device.events

    tell(story)


def test_an_erased_ipad_returns_to_service_with_the_profile_that_came_along(tell):
    async def story(server, make_device):
        device = make_device(IPAD)
        await device.enroll(server.profile_url)
        before = device.identity.certificate_der
        data = await device.download_profile(server.profile_url)
        service = {"Enabled": True, "MDMProfileData": data, "WiFiProfileData": wifi_profile()}
        command = server.queue(device.state.hardware.udid, "EraseDevice", ReturnToService=service)
        await device.connect()
        assert server.report_on(command)["Status"] == "Acknowledged"
        assert device.is_enrolled
        assert device.identity.certificate_der != before
        assert device.state.apps == {}
        assert len(server.messages("Authenticate")) == 2
        assert device.violations == []

    tell(story)


def test_an_ipad_is_not_erased_with_a_profile_that_it_could_not_install(tell):
    service = {"Enabled": True, "MDMProfileData": b"nonsense"}
    device, report = ask(tell, "EraseDevice", IPAD, ReturnToService=service)
    assert report["Status"] == "Error"
    assert device.is_enrolled


def test_a_device_under_user_enrollment_tells_nothing_that_names_it(tell):
    async def story(server, make_device):
        server.mdm_changes = {"EnrollmentMode": "BYOD", "AccessRights": None}
        device = make_device(IPHONE)
        await device.enroll(server.profile_url)
        enrollment_id, hardware = device.state.enrollment_id, device.state.hardware
        queries = ["UDID", "SerialNumber", "IMEI", "WiFiMAC", "OSVersion"]
        told = server.queue(enrollment_id, "DeviceInformation", Queries=queries)
        security = server.queue(enrollment_id, "SecurityInfo")
        erase = server.queue(enrollment_id, "EraseDevice")
        await device.connect()
        assert server.report_on(told)["QueryResponses"] == {"OSVersion": device.state.os_version}
        assert server.report_on(security)["SecurityInfo"]["ManagementStatus"] == {"IsUserEnrollment": True}
        assert server.report_on(erase)["Status"] == "Error"
        said = repr([*server.checkins, *server.reports])
        assert enrollment_id in said
        for secret in (hardware.udid, hardware.serial_number, hardware.imei, hardware.wifi_mac, "UnlockToken"):
            assert secret not in said
        assert device.is_enrolled

    tell(story)
