"""What a device makes of the payloads of a profile: those it does not know it skips, those it must not have it refuses.

Owns payload_facts.json (written by make_facts from Apple's schema) and its own reading of it. Codes and domains
are those that Apple documents under "Error codes". A profile of which nothing is left is refused, so that nobody takes
it for one that works.

Apple: github.com/apple/device-management, mdm/profiles
"""

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from simulator.chains import INSTALLATION, POSIX, PROFILE, refuse
from simulator.facts import SYSTEMS, exists_in
from simulator.profile import Configuration
from simulator.state import Channel

if TYPE_CHECKING:
    from simulator.device import PretendDevice

FILE = Path(__file__).with_name("payload_facts.json")


@cache
def payload_facts() -> dict[str, list[dict]]:
    """Return by PayloadType what is said of it: {"os": by system, "keys": names, where several files define it}."""
    return json.loads(FILE.read_text())


def skipped(device: "PretendDevice", channel: Channel, configuration: Configuration) -> list[str]:
    """Return which payloads the device leaves out, and why; raise Refused where it takes none of the profile."""
    words = []
    for payload in configuration.payloads:
        why = _why_skipped(device, payload)
        if why:
            words.append(f"{payload['PayloadType']} {why}")
        else:
            _check(device, channel, payload)
    if configuration.payloads and len(words) == len(configuration.payloads):
        raise refuse(INSTALLATION, 4023, f"The profile contains no payload that can be used here: {words[0]}.")
    return words


def _why_skipped(device: "PretendDevice", payload: dict) -> str:
    state = device.state
    if payload["PayloadType"] not in payload_facts():
        # A Mac takes it for the settings of an app.
        is_known = state.hardware.is_mac or payload["PayloadType"] in device.also_knows
        return "" if is_known else "is unknown"
    systems = _said(payload)
    if systems is None:
        return ""
    said = systems.get(SYSTEMS[state.hardware.platform])
    if said is None or not exists_in(said, state.os_version):
        return "is not supported by this system"
    if state.hardware.is_mac and said.get("no_user_enrollment") and device.enrollment.is_user_enrollment:
        return "is not allowed in a user enrollment"
    return ""


def _said(payload: dict) -> dict | None:
    rows = payload_facts()[payload["PayloadType"]]
    return max(rows, key=lambda row: sum(name in row.get("keys", ()) for name in payload))["os"]


def _check(device: "PretendDevice", channel: Channel, payload: dict) -> None:
    kind, state = payload["PayloadType"], device.state
    systems = _said(payload) if kind in payload_facts() else None
    if systems is None:
        return
    said = systems[SYSTEMS[state.hardware.platform]]
    if said.get("supervised") and not (state.is_supervised and not device.enrollment.is_user_enrollment):
        raise refuse(PROFILE, 1009, f"The payload “{kind}” must be installed on a supervised device.")
    if said.get("no_user_enrollment") and device.enrollment.is_user_enrollment:
        raise refuse(INSTALLATION, 4023, f"The payload “{kind}” is not allowed in a user enrollment.")
    if said.get("approved") and not state.is_user_approved:
        raise refuse(POSIX, 1, f"The payload “{kind}” requires a user approved MDM enrollment.")
    if state.is_shared:
        _check_shared(said, channel, kind)
    elif said.get("shared") == "required":
        raise refuse(INSTALLATION, 4023, f"The payload “{kind}” is for Shared iPads only.")
    elif not _carries(said, channel.is_user, is_mac=state.hardware.is_mac):
        words = "user" if channel.is_user else "system"
        raise refuse(POSIX, 1, f"The payload “{kind}” is not supported in a {words} profile.")


def _check_shared(said: dict, channel: Channel, kind: str) -> None:
    is_carried = said.get("shared_user", False) if channel.is_user else said.get("shared_device", True)
    if said.get("shared") == "forbidden" or not is_carried:
        raise refuse(INSTALLATION, 4030, f"The payload “{kind}” is unacceptable in multi-user mode.")


def _carries(said: dict, is_user: bool, *, is_mac: bool) -> bool:
    return said.get("user", False) if is_user and is_mac else said.get("device", True)
