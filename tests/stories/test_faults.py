"""Servers die while devices work through their commands; the fault run of bench/ in small, on servers of its own."""

from tests.bench.test_bench import run_benchmarks


def test_a_killed_worker_a_stopped_redis_and_a_restarted_postgresql_lose_no_command_and_no_report():
    lines = run_benchmarks(("faults",), devices=50, connections=50, fault_commands=10, fault_think_s=1.0)
    found = lines[-1]
    # All of them struck while devices were at work, or the test would prove less than it says.
    assert len(found["struck_under_load"]) == 4
    assert found["acknowledged_in_database"] == found["reports_in_database"] == 500
    assert found["lost"] == found["delivered_after_report"] == found["unexpected"] == 0
    assert found["uninterpreted_in_database"] == found["problems_in_database"] == 0
    assert found["is_intact"]
