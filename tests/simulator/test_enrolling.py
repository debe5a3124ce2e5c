"""How a pretend device joins, refuses, renews and leaves."""

import plistlib

import pytest

from simulator.catalog import APPLE_TV, IPHONE, MAC
from simulator.chains import Refused
from simulator.device import RENEW_BY_TOKEN_UPDATE, PretendDevice, Setup
from simulator.state import Store
from tests.simulator.fake_mdm import ENROLLMENT_ID, TOPIC


def test_an_iphone_enrolls_with_its_own_key_and_sends_token_and_unlock_token(tell):
    async def story(server, make_device):
        device = make_device(IPHONE)
        await device.enroll(server.profile_url)
        authenticate, update = server.checkins
        assert authenticate["MessageType"] == "Authenticate"
        assert authenticate["Topic"] == TOPIC
        assert authenticate["SerialNumber"] == device.state.hardware.serial_number
        assert authenticate["IMEI"] == device.state.hardware.imei
        assert update["MessageType"] == "TokenUpdate"
        assert update["PushMagic"] == device.channel.push_magic
        assert len(update["Token"]) == 32
        assert update["UnlockToken"] == device.state.unlock_token
        assert device.violations == []

    tell(story)


def test_a_mac_escrows_a_bootstrap_token_and_opens_its_users_channel(tell):
    async def story(server, make_device):
        device = make_device(MAC)
        await device.enroll(server.profile_url)
        kinds = [message["MessageType"] for message in server.checkins]
        assert kinds == ["Authenticate", "TokenUpdate", "SetBootstrapToken", "TokenUpdate"]
        user = server.checkins[-1]
        assert user["UserShortName"] == device.state.owner_short_name
        assert user["PushMagic"] != device.channel.push_magic
        assert "UnlockToken" not in server.checkins[1]
        assert server.messages("SetBootstrapToken")[0]["BootstrapToken"] == device.state.bootstrap_token

    tell(story)


def test_an_apple_tv_has_neither_unlock_token_nor_user_channel(tell):
    async def story(server, make_device):
        device = make_device(APPLE_TV)
        await device.enroll(server.profile_url)
        assert [message["MessageType"] for message in server.checkins] == ["Authenticate", "TokenUpdate"]
        assert "UnlockToken" not in server.checkins[1]

    tell(story)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"Topic": "com.example.topic"}, "topic"),
        ({"AccessRights": 0}, "access rights"),
        ({"AccessRights": 2}, "access rights"),
        ({"AccessRights": None}, "AccessRights"),
        ({"ServerURL": "http://mdm.example.org/mdm"}, "https"),
        ({"IdentityCertificateUUID": "nowhere"}, "identity certificate"),
        ({"SignMessage": "yes"}, "SignMessage"),
        ({"ServerURLPinningCertificateUUIDs": ["nowhere"]}, "ServerURLPinningCertificateUUIDs"),
    ],
)
def test_a_wrong_mdm_payload_is_refused_before_anything_is_sent(tell, changes, words):
    async def story(server, make_device):
        server.mdm_changes = changes
        with pytest.raises(Refused, match=words) as refused:
            await make_device().enroll(server.profile_url)
        assert refused.value.chain[0]["ErrorDomain"] == "MCInstallationErrorDomain"
        assert server.checkins == []

    tell(story)


def test_a_mac_refuses_a_server_without_per_user_connections(tell):
    async def story(server, make_device):
        server.mdm_changes = {"ServerCapabilities": []}
        with pytest.raises(Refused, match="per-user-connections"):
            await make_device(MAC).enroll(server.profile_url)

    tell(story)


def test_a_profile_changed_after_signing_is_refused(tell):
    async def story(server, make_device):
        data = server.profile().replace(b"Example management", b"Exbmple management")
        with pytest.raises(Refused, match="signature"):
            await make_device().install_enrollment(data)

    tell(story)


def test_an_unsigned_profile_is_accepted(tell):
    async def story(server, make_device):
        server.signed_profile = False
        device = make_device()
        await device.enroll(server.profile_url)
        assert device.is_enrolled

    tell(story)


def test_a_second_enrollment_profile_is_refused(tell):
    async def story(server, make_device):
        device = make_device()
        await device.enroll(server.profile_url)
        server.profile_changes = {"PayloadIdentifier": "org.other.enrollment"}
        with pytest.raises(Refused, match="Only one MDM payload per device"):
            await device.enroll(server.profile_url)
        assert device.enrollment.configuration.identifier == ENROLLMENT_ID

    tell(story)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"ServerURL": "https://elsewhere.example.org/mdm"}, "different server URL"),
        ({"CheckInURL": None}, "different check-in URL"),
        ({"Topic": "com.apple.mgmt.Other"}, "different topic"),
        ({"ServerCapabilities": []}, "different server capabilities"),
    ],
)
def test_an_update_may_not_change_what_is_immutable(tell, changes, words):
    async def story(server, make_device):
        device = make_device()
        await device.enroll(server.profile_url)
        command = server.queue(device.state.hardware.udid, "InstallProfile", Payload=server.profile(**changes))
        await device.connect()
        report = server.report_on(command)
        assert report["Status"] == "Error"
        assert words in report["ErrorChain"][1]["LocalizedDescription"]

    tell(story)


def test_an_update_may_not_add_access_rights(tell):
    async def story(server, make_device):
        device = make_device()
        server.mdm_changes = {"AccessRights": 4097 | 3}
        await device.enroll(server.profile_url)
        with pytest.raises(Refused, match="additional access rights"):
            await device.install_enrollment(server.profile(AccessRights=8191))

    tell(story)


@pytest.mark.parametrize(
    ("setup", "expected"),
    [(Setup(), ["Authenticate", "TokenUpdate"]), (Setup(renewal=RENEW_BY_TOKEN_UPDATE), ["TokenUpdate"])],
)
def test_an_update_of_the_enrollment_profile_renews_the_identity(tell, setup, expected):
    async def story(server, make_device):
        device = make_device(setup=setup)
        await device.enroll(server.profile_url)
        old, magic = device.identity.certificate, device.channel.push_magic
        server.checkins.clear()
        command = server.queue(device.state.hardware.udid, "InstallProfile", Payload=server.profile())
        await device.connect()
        assert [message["MessageType"] for message in server.checkins] == expected
        assert server.report_on(command)["Status"] == "Acknowledged"
        assert device.identity.certificate != old
        assert server.mdm_certificates[-1] == device.identity.certificate
        assert device.channel.push_magic == magic

    tell(story)


def test_a_refused_authenticate_stops_the_enrollment(tell):
    async def story(server, make_device):
        server.override = lambda method, path, headers, body: (400, "text/plain", b"") if "checkin" in path else None
        device = make_device()
        with pytest.raises(Refused, match="could not check in"):
            await device.enroll(server.profile_url)
        assert not device.is_enrolled
        assert device.state.membership is None

    tell(story)


def test_leaving_checks_out_only_when_the_profile_says_so(tell):
    async def story(server, make_device):
        device = make_device()
        await device.enroll(server.profile_url)
        await device.unenroll()
        assert server.checkins[-1]["MessageType"] == "CheckOut"
        assert not device.is_enrolled
        server.mdm_changes = {"CheckOutWhenRemoved": False}
        await device.enroll(server.profile_url)
        await device.unenroll()
        assert len(server.messages("CheckOut")) == 1

    tell(story)


def test_a_restarted_device_keeps_identity_and_token_without_enrolling_again(tell, tmp_path, keys):
    async def story(server, make_device):
        store = Store(tmp_path / "fleet.sqlite3")
        device = make_device(MAC, save=lambda state: store.save(0, state))
        await device.enroll(server.profile_url)
        store.close()
        reopened = Store(tmp_path / "fleet.sqlite3")
        opened = []
        again = PretendDevice(reopened.load(0), keys, on_channel_open=lambda who, channel: opened.append(channel))
        reopened.close()
        sent = len(server.checkins)
        visits = await again.connect_all()
        assert [visit.ended for visit in visits] == ["empty answer", "empty answer"]
        assert len(server.checkins) == sent
        assert server.mdm_certificates[-1] == device.identity.certificate
        assert [channel.token for channel in opened] == [one.token for one in device.state.channels.values()]

    tell(story)


def test_the_profile_needs_apples_content_type(tell):
    async def story(server, make_device):
        data = plistlib.dumps({})
        server.override = lambda method, path, headers, body: (200, "text/xml", data) if "enroll" in path else None
        with pytest.raises(Refused, match="text/xml"):
            await make_device().enroll(server.profile_url)

    tell(story)
