"""Lost Mode: on with a message, where it is, a sound, off. Where a device is, is shown only to who may see locations.

Apple: developer.apple.com/documentation/devicemanagement/enable-lost-mode-command, .../device-location-command
"""

import json

from commands.interpreters import CommandReport, interprets
from commands.meanings import Meaning, meaning
from commands.outcomes import DONE, failed
from devices.locations import keep_locations
from devices.models import Device
from devices.timeline import record_events


@meaning("EnableLostMode")
class EnableLostMode(Meaning):
    def check(self, payload):
        if payload.get("Message") or payload.get("PhoneNumber"):
            return {}
        return {"Message": "or PhoneNumber is needed: it is what the finder sees"}


class _InLostMode(Meaning):
    def refusal(self, candidate, payload):
        return "the device is not in Lost Mode" if candidate.is_lost_mode_enabled is False else ""


@meaning("DisableLostMode")
class DisableLostMode(_InLostMode):
    pass


@meaning("PlayLostModeSound")
class PlayLostModeSound(_InLostMode):
    pass


@meaning("DeviceLocation")
class DeviceLocation(_InLostMode):
    def outcome(self, content, asked):
        return DONE if _place_in(content) else failed("The device does not know where it is.")


@interprets("EnableLostMode")
def note_lost(reports: list[CommandReport]) -> None:
    _set_lost_mode(reports, True)


@interprets("DisableLostMode")
def note_found(reports: list[CommandReport]) -> None:
    _set_lost_mode(reports, False)


def _set_lost_mode(reports: list[CommandReport], is_on: bool) -> None:
    ids = [report.device_id for report in reports]
    Device.objects.filter(pk__in=ids).update(is_lost_mode_enabled=is_on)
    kind, words = ("lost_mode_on", "Lost Mode on") if is_on else ("lost_mode_off", "Lost Mode off")
    record_events(kind, words, ids)


@interprets("DeviceLocation")
def keep_places(reports: list[CommandReport]) -> None:
    found = ((report, _place_in(report.content)) for report in reports)
    places = [(report.device_id, json.dumps(place), report.answered_at) for report, place in found if place]
    keep_locations(places)
    record_events("located", "Located", [device_id for device_id, _, _ in places])


def _place_in(content: dict) -> dict | None:
    latitude, longitude = content.get("Latitude"), content.get("Longitude")
    if not isinstance(latitude, int | float) or not isinstance(longitude, int | float):
        return None
    place = {"latitude": latitude, "longitude": longitude}
    more = ("HorizontalAccuracy", "VerticalAccuracy", "Altitude", "Speed", "Course", "Timestamp")
    return place | {name: content[name] for name in more if isinstance(content.get(name), int | float | str)}
