"""Each benchmark runs, says what it measured, and counts what it did against the database. No times are asserted."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT_FOLDER = Path(__file__).resolve().parents[2]
TINY = {
    "devices": 6, "seconds": 0.2, "rounds": 1, "connections": 4, "web-workers": 1, "enrollments": 3,
    "enqueue-devices": 20, "pushes": 20, "helpdesk-devices": 30,
}  # fmt: skip
NAMES = ("loadgen", "idle", "cycle", "enrollment", "enqueue", "pushes", "interpretation", "groups", "helpdesk")
COMMANDS = 6 * 5


def run_benchmarks(names: tuple[str, ...], **options) -> list[dict]:
    """Run benchmarks as `make bench` does and return what they print."""
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]
    command = [sys.executable, "-m", "bench", *names, *flags]
    ended = subprocess.run(command, cwd=PROJECT_FOLDER, capture_output=True, text=True, timeout=280)
    print(ended.stderr[-20000:])  # shown with a test that fails
    assert ended.returncode == 0
    return [json.loads(line) for line in ended.stdout.splitlines()]


@pytest.fixture(scope="module")
def results() -> dict[str, list[dict]]:
    """The lines of a tiny run, by benchmark."""
    by_name: dict[str, list[dict]] = {}
    for line in run_benchmarks(NAMES, **TINY):
        by_name.setdefault(line["benchmark"], []).append(line)
    return by_name


def test_a_run_says_on_what_machine_it_was_made(results):
    (machine,) = results["machine"]
    assert machine["cores"] > 0
    assert machine["devices"] == 6


@pytest.mark.parametrize("name", ["loadgen_ceiling", "idle", "cycle"])
def test_the_endpoint_is_measured_under_both_kinds_of_identity_without_an_error(results, name):
    assert [line["identity"] for line in results[name]] == ["Client-Cert", "Mdm-Signature"]
    assert all(line["errors"] == 0 and line["requests"] > 0 for line in results[name])


@pytest.mark.parametrize("name", ["idle", "cycle"])
def test_the_endpoint_is_compared_with_a_calibration_of_the_same_run(results, name):
    for line in results[name]:
        assert line["calibration_errors"] == 0
        assert line["ratio"] == pytest.approx(line["requests_per_s"] / line["calibration_requests_per_s"], rel=0.01)


def test_a_cycle_delivers_every_command_once_and_keeps_every_report(results):
    for line in results["cycle"]:
        assert line["commands_queued"] == COMMANDS
        assert line["acknowledged_in_database"] == line["reports_in_database"] == COMMANDS
        assert line["lost"] == line["repeated"] == line["unexpected"] == 0
        assert line["delivered_more_than_once_in_database"] == 0


def test_devices_of_the_storm_are_enrolled_in_the_end(results):
    (line,) = results["enrollment_storm"]
    assert line["errors"] == 0
    assert line["enrolled_in_database"] == line["announced"] == 3


def test_queueing_to_many_devices_takes_as_many_statements_as_to_few(results):
    (line,) = results["enqueue"]
    assert line["queued_in_database"] == 20
    assert line["statements"] < 20


def test_every_push_is_accepted_by_the_pretend_apns(results):
    (client,), (service,), (server,) = results["push_client"], results["push_service"], results["push_server"]
    assert client["accepted"] == 20
    assert service["wished"] == service["accepted_in_database"] == 6
    assert server["refused"] == {}


def test_every_report_is_interpreted_without_a_problem(results):
    assert [line["inventory"] for line in results["interpretation"]] == ["new", "unchanged"]
    for line in results["interpretation"]:
        assert line["reports"] == COMMANDS
        assert line["waiting_in_database"] == line["problems_in_database"] == 0


def test_groups_plans_and_the_helpdesk_are_measured_over_all_devices(results):
    (group,), (plan,) = results["smart_group"], results["plan"]
    assert group["members"] == plan["gains"] == 20
    for name in ("helpdesk_search", "list_search"):
        assert all(line["devices"] >= 30 for line in results[name])
    for name in ("device_page", "helpdesk_device_page"):
        assert [line["history"] for line in results[name]] == ["none", "much"]
