"""Who holds the devices of a fleet, as it is written down before they enroll."""

import json

from simulator.catalog import APPLE_TV
from simulator.fleet import MIX, Fleet, Plan
from simulator.roster import write_roster


def test_the_roster_names_the_owner_of_each_device_of_the_fleet_and_nobody_of_an_apple_tv(tmp_path):
    plan = Plan(profile_url="http://127.0.0.1/enroll/demo/profile", count=2 * len(MIX), data_dir=tmp_path, seed="s")
    write_roster(tmp_path / "roster.json", plan)
    rows = json.loads((tmp_path / "roster.json").read_text())
    fleet = Fleet(plan, None)
    states = [fleet._seat(number).device.state for number in range(plan.count)]
    held = [state for state in states if state.hardware.platform != APPLE_TV]
    assert [(row["serial_number"], row["name"]) for row in rows] == [
        (state.hardware.serial_number, state.owner_name) for state in held
    ]
    emails = [row["email"] for row in rows]
    assert len(set(emails)) == len(rows) == plan.count - 2
    assert all(email.isascii() and email.endswith("@example.com") for email in emails)
    assert {"ada.lovelace@example.com", "jose.nunez@example.com"} <= {*emails}
