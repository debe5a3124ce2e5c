"""The command loop of a pretend device, and what it holds against a server."""

import plistlib

import pytest

from simulator.catalog import IPAD, MAC
from simulator.session import EMPTY, LATER, LEFT, UNWELCOME


def answer_connect(status, content_type="text/plain", body=b""):
    """Replace the answers of /mdm/connect."""
    return lambda method, path, headers, content: (status, content_type, body) if "connect" in path else None


def test_commands_are_run_until_the_answer_is_empty(tell):
    async def story(server, make_device):
        device = make_device()
        await device.enroll(server.profile_url)
        udid = device.state.hardware.udid
        server.queue(udid, "SecurityInfo")
        server.queue(udid, "ProfileList")
        visit = await device.connect()
        assert visit.commands == [("SecurityInfo", "Acknowledged"), ("ProfileList", "Acknowledged")]
        assert visit.ended == EMPTY
        assert [report["Status"] for report in server.reports] == ["Idle", "Acknowledged", "Acknowledged"]
        assert device.violations == []

    tell(story)


def test_a_macs_user_channel_has_its_own_queue_and_identifiers(tell):
    async def story(server, make_device):
        device = make_device(MAC)
        await device.enroll(server.profile_url)
        user = device.user_channels[0]
        command = server.queue(user.user_id, "ProfileList")
        await device.connect_all()
        report = server.report_on(command)
        assert report["UserID"] == user.user_id
        assert report["ProfileList"] == []
        idles = [one.get("UserID") for one in server.reports if one["Status"] == "Idle"]
        assert idles == [None, user.user_id]

    tell(story)


def test_a_locked_ipad_defers_what_may_wait_and_returns_when_unlocked(tell):
    async def story(server, make_device):
        device = make_device(IPAD)
        await device.enroll(server.profile_url)
        udid = device.state.hardware.udid
        device.lock()
        server.queue(udid, "DeviceInformation", Queries=["OSVersion"])
        server.queue(udid, "SecurityInfo")
        visit = await device.connect()
        assert visit.commands == [("DeviceInformation", "Acknowledged"), ("SecurityInfo", "NotNow")]
        (again,) = await device.unlock()
        assert again.commands == [("SecurityInfo", "Acknowledged")]

    tell(story)


def test_a_device_whose_session_did_not_end_with_notnow_needs_a_push(tell):
    async def story(server, make_device):
        device = make_device(IPAD)
        await device.enroll(server.profile_url)
        udid = device.state.hardware.udid
        device.lock()
        server.queue(udid, "SecurityInfo")
        server.queue(udid, "ProfileList")
        visit = await device.connect()
        assert visit.commands == [("SecurityInfo", "NotNow"), ("ProfileList", "Acknowledged")]
        assert await device.unlock() == []
        assert (await device.connect()).commands == [("SecurityInfo", "Acknowledged")]

    tell(story)


def test_the_same_command_again_after_notnow_is_held_against_the_server(tell):
    async def story(server, make_device):
        device = make_device(IPAD)
        await device.enroll(server.profile_url)
        device.lock()
        server.repeats_deferred = True
        server.queue(device.state.hardware.udid, "SecurityInfo")
        assert (await device.connect()).ended == LATER
        assert "offered again in the session that answered NotNow" in device.violations[0]

    tell(story)


def test_a_report_whose_response_was_lost_is_sent_again_first(tell):
    async def story(server, make_device):
        device = make_device()
        await device.enroll(server.profile_url)
        command = server.queue(device.state.hardware.udid, "SecurityInfo")
        server.override = lambda method, path, headers, body: (
            (503, "text/plain", b"") if command.encode() in body else None
        )
        visit = await device.connect()
        assert visit.ended == LATER
        assert device.channel.unsent_report["CommandUUID"] == command
        server.override = None
        visit = await device.connect()
        assert visit.ended == EMPTY
        assert server.reports[-1]["CommandUUID"] == command
        assert device.channel.unsent_report == {}
        assert device.violations == []

    tell(story)


def test_hanging_up_before_the_answer_repeats_the_idle(tell):
    async def story(server, make_device):
        device = make_device()
        await device.enroll(server.profile_url)
        command = server.queue(device.state.hardware.udid, "SecurityInfo")
        device.faults.lost_responses = 1
        assert (await device.connect()).ended == LATER
        visit = await device.connect()
        assert visit.commands == [("SecurityInfo", "Acknowledged")]
        assert server.report_on(command)["Status"] == "Acknowledged"

    tell(story)


@pytest.mark.parametrize(
    ("status", "content_type", "body"),
    [(401, "text/plain", b""), (403, "application/json", b'{"code": "com.apple.unrecognized.device"}')],
)
def test_an_unwelcome_device_removes_its_enrollment(tell, status, content_type, body):
    async def story(server, make_device):
        device = make_device()
        await device.enroll(server.profile_url)
        server.override = answer_connect(status, content_type, body)
        visit = await device.connect()
        assert visit.ended == UNWELCOME
        assert not device.is_enrolled

    tell(story)


@pytest.mark.parametrize("status", [400, 403, 404, 410, 500, 503])
def test_other_errors_make_it_come_back_later(tell, status):
    async def story(server, make_device):
        device = make_device()
        await device.enroll(server.profile_url)
        server.override = answer_connect(status)
        visit = await device.connect()
        assert visit.ended == LATER
        assert device.is_enrolled
        assert device.violations == []

    tell(story)


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (204, b"", "status 204"),
        (302, b"", "status 302"),
        (200, b"hello", "was no command"),
        (200, plistlib.dumps({"Command": {"RequestType": "ProfileList"}}), "no CommandUUID"),
        (200, plistlib.dumps({"CommandUUID": "x", "RequestType": "ProfileList"}), "no Command"),
        (200, plistlib.dumps(["x"]), "was no command"),
    ],
)
def test_what_a_server_must_not_answer_is_held_against_it(tell, status, body, words):
    async def story(server, make_device):
        device = make_device()
        await device.enroll(server.profile_url)
        server.override = answer_connect(status, "text/plain", body)
        visit = await device.connect()
        assert visit.ended == LATER
        assert words in device.violations[0]

    tell(story)


def test_a_command_delivered_after_its_report_was_taken_is_held_against_the_server(tell):
    async def story(server, make_device):
        device = make_device()
        await device.enroll(server.profile_url)
        udid = device.state.hardware.udid
        server.queue(udid, "SecurityInfo")
        again = list(server.queues[udid])
        await device.connect()
        server.queues[udid].extend(again)
        await device.connect()
        assert "delivered again" in device.violations[0]

    tell(story)


def test_an_offline_device_does_nothing(tell):
    async def story(server, make_device):
        device = make_device()
        await device.enroll(server.profile_url)
        device.faults.is_offline = True
        assert (await device.connect()).ended == LEFT
        assert server.reports == []

    tell(story)
