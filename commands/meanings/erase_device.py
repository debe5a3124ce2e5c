"""EraseDevice: everything is lost. A Mac without Apple silicon wants a PIN, which is escrowed first.

Apple: developer.apple.com/documentation/devicemanagement/erase-device-command
"""

from commands.interpreters import CommandReport, interprets
from commands.meanings import Danger, Meaning, meaning
from commands.meanings.device_lock import check_pin, give_pins
from devices.timeline import record_events
from mdm_project import plist
from mdm_project.errors import BadRequest

_EMBEDDED = ("WiFiProfileData", "MDMProfileData")


@meaning("EraseDevice")
class EraseDevice(Meaning):
    def danger(self, payload):
        return Danger.ERASE

    def check(self, payload):
        return {**check_pin(payload), **_check_return(payload.get("ReturnToService"))}

    def prepare(self, candidates, payload):
        """Macs with Apple silicon are erased at once and have no use for a PIN."""
        return give_pins([it for it in candidates if it.is_apple_silicon is not True], payload)


def _check_return(service: dict | None) -> dict[str, str]:
    """A profile that the device cannot read would leave it in Setup Assistant, far from anybody who can help."""
    problems = {}
    for key in _EMBEDDED:
        data = (service or {}).get(key)
        if data is not None and not _is_profile(data):
            problems[f"ReturnToService.{key}"] = "is not a configuration profile"
    return problems


def _is_profile(data: bytes) -> bool:
    if data[:1] == b"\x30":  # signed
        return True
    try:
        return plist.loads(data).get("PayloadType") == "Configuration"
    except (BadRequest, AttributeError):
        return False


@interprets("EraseDevice")
def tell_of_erasing(reports: list[CommandReport]) -> None:
    words = "The device acknowledged that it erases itself"
    record_events("erasing", words, [report.device_id for report in reports])
