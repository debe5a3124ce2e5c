"""What pretend devices answer to commands, platform by platform."""

import plistlib
import uuid

import pytest

from simulator.catalog import APPLE_TV, IPAD, IPHONE, MAC, PLATFORMS, VISION


def make_profile(identifier="org.example.wifi", payloads=None, **keys) -> bytes:
    content = {
        "PayloadType": "Configuration",
        "PayloadVersion": 1,
        "PayloadIdentifier": identifier,
        "PayloadUUID": str(uuid.uuid4()),
        "PayloadDisplayName": "Wi-Fi",
        "PayloadContent": payloads or [],
    }
    return plistlib.dumps(content | keys)


def make_payload(payload_type, **keys) -> dict:
    unique = str(uuid.uuid4())
    return {
        "PayloadType": payload_type,
        "PayloadVersion": 1,
        "PayloadIdentifier": unique,
        "PayloadUUID": unique,
    } | keys


def ask(tell, request_type, platform=IPHONE, prepare=None, **keys):
    """Enroll a device, let it answer one command and return (device, report)."""
    found = []

    async def story(server, make_device):
        device = make_device(platform)
        await device.enroll(server.profile_url)
        if prepare is not None:
            prepare(device)
        values = {key: value(device) if callable(value) else value for key, value in keys.items()}
        command = server.queue(device.state.hardware.udid, request_type, **values)
        await device.connect()
        found.extend((device, server.report_on(command)))

    tell(story)
    return found


@pytest.mark.parametrize("platform", PLATFORMS)
def test_device_information_answers_the_queries_that_exist_on_the_platform(tell, platform):
    queries = ["UDID", "OSVersion", "SerialNumber", "EthernetMAC", "BatteryLevel", "IsMDMLostModeEnabled", "Nonsense"]
    device, report = ask(tell, "DeviceInformation", platform, Queries=queries)
    answers = report["QueryResponses"]
    assert answers["UDID"] == device.state.hardware.udid
    assert answers["OSVersion"] == device.state.os_version
    assert ("EthernetMAC" in answers) == (platform in (MAC, APPLE_TV))
    assert ("BatteryLevel" in answers) == device.state.hardware.has_battery
    assert ("IsMDMLostModeEnabled" in answers) == (platform in (IPHONE, IPAD))
    assert "Nonsense" not in answers
    assert "DeviceInformation: Nonsense left out" in device.events


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize(
    ("request_type", "key"),
    [
        ("SecurityInfo", "SecurityInfo"),
        ("InstalledApplicationList", "InstalledApplicationList"),
        ("ProfileList", "ProfileList"),
        ("CertificateList", "CertificateList"),
        ("ProvisioningProfileList", "ProvisioningProfileList"),
        ("ManagedApplicationList", "ManagedApplicationList"),
    ],
)
def test_every_platform_answers_the_inventory_queries(tell, platform, request_type, key):
    _, report = ask(tell, request_type, platform)
    assert report["Status"] == "Acknowledged"
    assert key in report


def test_the_certificate_list_shows_the_identity(tell):
    device, report = ask(tell, "CertificateList")
    identities = [entry for entry in report["CertificateList"] if entry["IsIdentity"]]
    assert [entry["Data"] for entry in identities] == [device.identity.certificate_der]


@pytest.mark.parametrize(
    ("platform", "request_type"),
    [(APPLE_TV, "DeviceLock"), (VISION, "AvailableOSUpdates"), (MAC, "Restrictions"), (IPHONE, "UserList")],
)
def test_a_command_the_platform_lacks_is_an_error(tell, platform, request_type):
    _, report = ask(tell, request_type, platform)
    assert report["Status"] == "Error"
    assert report["ErrorChain"][0]["ErrorCode"] == 12021


def test_a_mac_names_an_unknown_command_in_its_words(tell):
    _, report = ask(tell, "ShutdownDevice", MAC)
    assert report["ErrorChain"][0]["LocalizedDescription"] == "Unknown command: ShutdownDevice <MDMClientError:91>"
    assert report["RequestType"] == "ShutdownDevice"


@pytest.mark.parametrize(
    ("platform", "expected"), [(IPHONE, "CommandFormatError"), (MAC, "Error")]
)  # a Mac names the missing key instead
def test_a_malformed_command_is_reported(tell, platform, expected):
    _, report = ask(tell, "RemoveProfile", platform)
    assert report["Status"] == expected


def test_an_unsupervised_iphone_refuses_what_needs_supervision(tell):
    def prepare(device):
        device.state.is_supervised = False

    _, report = ask(tell, "RestartDevice", prepare=prepare)
    assert report["ErrorChain"][0]["LocalizedDescription"] == "The device must be supervised."


def test_a_profile_is_installed_replaced_listed_and_removed(tell):
    async def story(server, make_device):
        device = make_device(IPAD)
        await device.enroll(server.profile_url)
        udid = device.state.hardware.udid
        server.queue(udid, "InstallProfile", Payload=make_profile())
        server.queue(udid, "InstallProfile", Payload=make_profile(PayloadDisplayName="Wi-Fi 2"))
        listing = server.queue(udid, "ProfileList")
        await device.connect()
        names = [entry["PayloadDisplayName"] for entry in server.report_on(listing)["ProfileList"]]
        assert names == ["Example management", "Wi-Fi 2"]
        server.queue(udid, "RemoveProfile", Identifier="org.example.wifi")
        again = server.queue(udid, "RemoveProfile", Identifier="org.example.wifi")
        await device.connect()
        assert server.report_on(again)["Status"] == "Error"
        assert device.channel.profiles == {}

    tell(story)


@pytest.mark.parametrize(
    "data",
    [b"nonsense", plistlib.dumps({"PayloadType": "Configuration"}), make_profile(payloads=[{"PayloadType": "x"}])],
)
def test_nonsense_instead_of_a_profile_gives_an_error_chain(tell, data):
    device, report = ask(tell, "InstallProfile", Payload=data)
    assert report["Status"] == "Error"
    assert report["ErrorChain"]
    assert device.channel.profiles == {}


def test_a_macs_device_channel_refuses_a_user_profile_in_its_words(tell):
    _, report = ask(tell, "InstallProfile", MAC, Payload=make_profile(PayloadScope="User"))
    text = "The profile must be a system profile. User profiles are not supported"
    assert report["ErrorChain"][0]["LocalizedDescription"] == text


def test_restrictions_reflect_installed_profiles(tell):
    def prepare(device):
        payload = make_payload("com.apple.applicationaccess", allowCamera=False)
        device.channel.profiles["org.example.r"] = make_profile("org.example.r", [payload])

    _, report = ask(tell, "Restrictions", prepare=prepare, ProfileRestrictions=True)
    assert report["GlobalRestrictions"]["restrictedBool"]["allowCamera"] == {"value": False}
    assert "org.example.r" in report["ProfileRestrictions"]


def test_removing_the_enrollment_profile_ends_the_enrollment_after_the_report(tell):
    async def story(server, make_device):
        device = make_device()
        await device.enroll(server.profile_url)
        command = server.queue(
            device.state.hardware.udid, "RemoveProfile", Identifier=device.enrollment.configuration.identifier
        )
        await device.connect()
        assert server.report_on(command)["Status"] == "Acknowledged"
        assert server.checkins[-1]["MessageType"] == "CheckOut"
        assert not device.is_enrolled

    tell(story)


def test_erasing_is_reported_and_then_everything_is_forgotten(tell):
    async def story(server, make_device):
        device = make_device()
        await device.enroll(server.profile_url)
        command = server.queue(device.state.hardware.udid, "EraseDevice")
        await device.connect()
        assert server.report_on(command)["Status"] == "Acknowledged"
        assert server.messages("CheckOut") == []
        assert not device.is_enrolled
        assert device.state.apps == {}

    tell(story)


def test_the_passcode_is_cleared_with_the_devices_own_token_only(tell):
    def prepare(device):
        device.state.has_passcode = True

    device, report = ask(tell, "ClearPasscode", prepare=prepare, UnlockToken=b"wrong")
    assert report["Status"] == "Error"
    assert device.state.has_passcode
    device, report = ask(tell, "ClearPasscode", prepare=prepare, UnlockToken=lambda one: one.state.unlock_token)
    assert report["Status"] == "Acknowledged"
    assert not device.state.has_passcode


def test_settings_are_answered_one_by_one(tell):
    items = [{"Item": "DeviceName", "DeviceName": "Reception"}, {"Item": "HostName", "HostName": "x"}]
    device, report = ask(tell, "Settings", Settings=items)
    assert [item["Status"] for item in report["Settings"]] == ["Acknowledged", "Error"]
    assert device.state.name == "Reception"


def test_a_lock_without_passcode_says_so(tell):
    def prepare(device):
        device.state.has_passcode = False

    _, report = ask(tell, "DeviceLock", Message="Call", prepare=prepare)
    assert report["MessageResult"] == "NoPasscodeSet"


def test_an_app_from_the_store_is_installed_and_managed(tell):
    device, report = ask(tell, "InstallApplication", iTunesStoreID=361309726, ManagementFlags=1)
    assert report["Identifier"] == "com.apple.Pages"
    assert device.state.managed_apps["com.apple.Pages"]["Status"] == "Managed"
    _, report = ask(tell, "InstallApplication", iTunesStoreID=1)
    assert report["Status"] == "Error"


def test_access_rights_limit_what_a_device_obeys(tell):
    async def story(server, make_device):
        server.mdm_changes = {"AccessRights": 3}
        device = make_device()
        await device.enroll(server.profile_url)
        command = server.queue(device.state.hardware.udid, "EraseDevice")
        await device.connect()
        assert server.report_on(command)["ErrorChain"][0]["ErrorCode"] == 12007
        assert device.is_enrolled

    tell(story)


def test_declarative_management_is_followed_by_its_check_ins(tell):
    async def story(server, make_device):
        device = make_device()
        await device.enroll(server.profile_url)
        server.queue(device.state.hardware.udid, "DeclarativeManagement")
        await device.connect()
        endpoints = [message["Endpoint"] for message in server.messages("DeclarativeManagement")]
        assert endpoints == ["tokens", "declaration-items"]
        assert device.violations == []

    tell(story)


def test_an_update_is_offered_and_installed_over_time(tell):
    def prepare(device):
        device.state.os_version, device.state.build_version = "15.5", "24F74"

    async def story(server, make_device):
        device = make_device(MAC)
        prepare(device)
        await device.enroll(server.profile_url)
        udid = device.state.hardware.udid
        available = server.queue(udid, "AvailableOSUpdates")
        server.queue(udid, "ScheduleOSUpdate", Updates=[{"InstallAction": "Default"}])
        looks = [server.queue(udid, "OSUpdateStatus") for _ in range(4)]
        await device.connect()
        (offer,) = server.report_on(available)["AvailableOSUpdates"]
        statuses = [[one["Status"] for one in server.report_on(look)["OSUpdateStatus"]] for look in looks]
        assert statuses == [["Idle"], ["Downloading"], ["Installing"], []]
        assert device.state.os_version == offer["Version"]

    tell(story)


def test_a_device_is_located_in_lost_mode_only(tell):
    async def story(server, make_device):
        device = make_device(IPAD)
        await device.enroll(server.profile_url)
        udid = device.state.hardware.udid
        too_early = server.queue(udid, "DeviceLocation")
        server.queue(udid, "EnableLostMode", Message="Please call")
        found = server.queue(udid, "DeviceLocation")
        lost = server.queue(udid, "DeviceInformation", Queries=["IsMDMLostModeEnabled"])
        server.queue(udid, "DisableLostMode")
        await device.connect()
        assert server.report_on(too_early)["ErrorChain"][0]["ErrorCode"] == 12067
        assert isinstance(server.report_on(found)["Latitude"], float)
        assert server.report_on(lost)["QueryResponses"] == {"IsMDMLostModeEnabled": True}
        assert device.state.lost_mode == {}

    tell(story)
