"""A fleet enrolls, is woken by the pretend APNs, survives a restart and stops when told."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from simulator.apns import ApnsServer
from simulator.catalog import MAC
from simulator.device import PretendDevice
from simulator.fleet import MIX, Fleet, Plan, live_a_little
from simulator.push_ca import PushCA
from simulator.state import DEVICE, new_device
from tests.simulator.fake_mdm import FakeMDM
from tests.simulator.test_answers import make_payload, make_profile

ROOT = Path(__file__).resolve().parents[2]


async def until(condition, timeout_s=20):
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.02)


def run_fleet(ca, keys, tmp_path, *stories, count=4, **options):
    """Tell stories with (server, apns, fleet), each in a run of its own against the same server."""

    async def play_one(server, story, changes):
        apns = ApnsServer(PushCA(tmp_path / "push-ca"))
        await apns.start()
        lines = []
        plan = Plan(server.profile_url, count, tmp_path, **({"is_lively": False} | options | changes))
        fleet = Fleet(plan, apns, lines.append)
        fleet._keys.make = keys.make
        running = asyncio.create_task(fleet.run())
        try:
            await story(server, apns, fleet)
        finally:
            fleet.stop()
            await running
            await apns.close()
        assert not [line for line in lines if "simulator failed" in line]

    async def play():
        async with FakeMDM(ca) as server:
            for told in stories:
                story, changes = told if isinstance(told, tuple) else (told, {})
                await play_one(server, story, changes)
                server.checkins.clear()
                server.reports.clear()

    asyncio.run(play())


def test_a_push_wakes_a_device_which_then_runs_its_commands(ca, keys, tmp_path):
    async def story(server, apns, fleet):
        await until(lambda: fleet.tally.enrolled == 4)
        assert server.reports == []  # nobody connects without a push
        device = fleet.seats[1].device
        command = server.queue(device.state.hardware.udid, "SecurityInfo")
        apns.deliver(device.channel.token, device.channel.push_magic, None)
        await until(lambda: fleet.tally.commands == 1)
        assert server.report_on(command)["Status"] == "Acknowledged"

    run_fleet(ca, keys, tmp_path, story)


def test_pushes_during_a_visit_lead_to_one_more_visit(ca, keys, tmp_path):
    async def story(server, apns, fleet):
        await until(lambda: fleet.tally.enrolled == 1)
        seat = fleet.seats[0]
        seat.device.faults.delay_s = 0.3
        fleet.wake(seat)
        await until(lambda: seat.visiting)
        await until(lambda: seat.device._lock.locked())
        fleet.wake(seat)
        fleet.wake(seat)
        await until(lambda: not seat.visiting)
        assert [report["Status"] for report in server.reports] == ["Idle", "Idle"]

    run_fleet(ca, keys, tmp_path, story, count=1)


def test_a_push_with_a_wrong_magic_wakes_nobody(ca, keys, tmp_path):
    async def story(server, apns, fleet):
        await until(lambda: fleet.tally.enrolled == 1)
        apns.deliver(fleet.seats[0].device.channel.token, "someone else's", None)
        assert apns.ignored_by_device == 1
        assert fleet.seats[0].visiting == set()

    run_fleet(ca, keys, tmp_path, story, count=1)


def test_a_macs_user_is_woken_by_its_own_token(ca, keys, tmp_path):
    async def story(server, apns, fleet):
        await until(lambda: fleet.tally.enrolled == 1)
        (user,) = fleet.seats[0].device.user_channels
        apns.deliver(user.token, user.push_magic, None)
        await until(lambda: server.reports)
        assert server.reports[0]["UserID"] == user.user_id

    run_fleet(ca, keys, tmp_path, story, count=1, platforms=(MAC,))


def test_a_second_run_asks_once_and_enrolls_nobody_again(ca, keys, tmp_path):
    kept = []

    async def first(server, apns, fleet):
        await until(lambda: fleet.tally.enrolled == 4)
        kept.extend(seat.device.identity.certificate for seat in fleet.seats)

    async def second(server, apns, fleet):
        await until(lambda: len(server.reports) == 5)  # a Mac has two channels
        assert [report["Status"] for report in server.reports] == ["Idle"] * 5
        assert [seat.device.identity.certificate for seat in fleet.seats] == kept
        assert server.checkins == []
        assert all(apns._devices[one.token] for seat in fleet.seats for one in seat.device.state.channels.values())

    run_fleet(ca, keys, tmp_path, first, second)


def test_a_device_that_left_stays_away_until_told_to_rejoin(ca, keys, tmp_path):
    async def leaving(server, apns, fleet):
        await until(lambda: fleet.tally.enrolled == 2)
        device = fleet.seats[0].device
        server.queue(device.state.hardware.udid, "EraseDevice")
        fleet.wake(fleet.seats[0], DEVICE)
        await until(lambda: fleet.tally.enrolled == 1)

    async def staying_away(server, apns, fleet):
        await until(lambda: len(server.reports) == 2)  # those of the Mac that stayed
        assert not fleet.seats[0].device.is_enrolled

    async def rejoining(server, apns, fleet):
        await until(lambda: fleet.tally.enrolled == 2)

    run_fleet(ca, keys, tmp_path, leaving, staying_away, (rejoining, {"rejoins": True}), count=2)


def test_the_same_seed_gives_the_same_devices_and_no_two_share_an_identifier():
    fleet = [new_device(MIX[number % len(MIX)], number, "seed") for number in range(500)]
    again = [new_device(MIX[number % len(MIX)], number, "seed") for number in range(500)]
    assert fleet == again
    for attribute in ("serial_number", "udid", "provisioning_udid"):
        assert len({getattr(state.hardware, attribute) for state in fleet}) == 500
    assert new_device(MIX[0], 0, "other").hardware != fleet[0].hardware


def test_everyday_life_changes_the_battery(ca, keys):
    device = PretendDevice(new_device(MIX[0], 0, "life"), keys)
    before = device.state.battery_level
    live_a_little(device, random.Random(1))
    assert device.state.battery_level != before


# The command line


@pytest.fixture
def simulator(tmp_path):
    """Start the command line in a process of its own and stop it afterwards."""
    started = []

    def start(*arguments):
        command = [sys.executable, "-m", "simulator", *arguments]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


def wait_for_line(process, words):
    lines = []
    for line in process.stdout:
        lines.append(line)
        if words in line:
            return lines
    raise AssertionError(f"{words!r} never came: {lines}")


def test_serve_writes_where_apns_is_and_stops_cleanly_on_sigterm(simulator, tmp_path):
    process = simulator("serve", "--no-fleet", "--data-dir", str(tmp_path))
    wait_for_line(process, "APNs listens")
    content = json.loads((tmp_path / "apns.json").read_text())
    assert content["topic"].startswith("com.apple.mgmt.")
    for key in ("ca_file", "certificate_file", "key_file"):
        assert Path(content[key]).is_file()
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Traceback" not in output


def test_serve_waits_for_the_server_and_then_enrolls(simulator, tmp_path, ca):
    async def play():
        async with FakeMDM(ca) as server:
            asked = []

            def override(method, path, headers, body):
                if path == "/readyz":
                    asked.append(path)
                    return (200 if len(asked) > 1 else 503, "application/json", b"{}")
                return (
                    (200, "application/x-apple-aspen-config", server.profile()) if path.startswith("/enroll") else None
                )

            server.override = override
            process = simulator("serve", "--server", server.url, "--devices", "2", "--data-dir", str(tmp_path))
            await asyncio.to_thread(wait_for_line, process, "2 of 2 devices enrolled")
            process.send_signal(signal.SIGTERM)
            output, _ = await asyncio.to_thread(process.communicate, timeout=20)
            assert process.returncode == 0
            assert "Traceback" not in output
            assert len(asked) == 2
            assert {message["MessageType"] for message in server.checkins} >= {"Authenticate", "TokenUpdate"}

    asyncio.run(play())


def test_enroll_prints_a_summary_and_fails_when_a_device_could_not_enroll(simulator, ca):
    async def play():
        async with FakeMDM(ca) as server:
            good = simulator("enroll", "--url", server.profile_url, "--devices", "2", "--json")
            output, _ = await asyncio.to_thread(good.communicate, timeout=60)
            summary = json.loads(output)
            assert (summary["enrolled"], summary["violations"], good.returncode) == (2, 0, 0)
            bad = simulator("enroll", "--url", f"{server.url}/nowhere", "--json")
            output, _ = await asyncio.to_thread(bad.communicate, timeout=60)
            assert "status 404" in json.loads(output)["devices"][0]["error"]
            assert bad.returncode == 1

    asyncio.run(play())


def test_the_simulator_imports_no_app_of_the_server():
    code = "import sys, simulator.__main__, simulator.apns; print([m for m in sys.modules if m in %r])"
    apps = ("django", "mdm_project", "devices", "profiles", "apns", "commands", "enrollment", "apple", "software")
    environment = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(
        [sys.executable, "-c", code % (apps,)], cwd=ROOT, capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.strip() == "[]"


def test_the_person_of_a_mac_logs_in_after_a_profile_came_which_begins_filevault(ca, keys, tmp_path, monkeypatch):
    monkeypatch.setattr("simulator.fleet.LOG_IN_S", 0)
    payload = make_payload("com.apple.MCX.FileVault2", Enable="On", Defer=True)

    async def story(server, apns, fleet):
        await until(lambda: fleet.tally.enrolled == 2)
        device = fleet.seats[1].device
        assert not device.state.recovery_key
        server.queue(device.state.hardware.udid, "InstallProfile", Payload=make_profile("org.example.fv", [payload]))
        apns.deliver(device.channel.token, device.channel.push_magic, None)
        await until(lambda: device.state.recovery_key)

    run_fleet(ca, keys, tmp_path, story, count=2, is_lively=True)
