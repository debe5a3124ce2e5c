"""EraseDevice: everything is lost. A Mac without Apple silicon wants a PIN, which is escrowed first.

Return to Service, by which a device comes back by itself, is in commands.meanings.return_to_service.

Apple: developer.apple.com/documentation/devicemanagement/erase-device-command
"""

from datetime import datetime

from commands.interpreters import CommandReport, interprets
from commands.meanings import Danger, Meaning, Prepared, meaning
from commands.meanings import return_to_service as returning
from commands.meanings.device_lock import check_pin, give_pins
from commands.queue import clear_queue
from devices import outbox
from devices.erasing import close_erased
from devices.outbox import handles
from devices.timeline import SYSTEM, record_event, record_events

ERASING = "erasing"


@meaning("EraseDevice")
class EraseDevice(Meaning):
    def danger(self, payload):
        return Danger.ERASE

    own_paths = returning.OWN_PATHS

    def check(self, payload):
        return {**check_pin(payload), **returning.check(payload.get("ReturnToService"))}

    def refusals(self, candidates, payload):
        return returning.refusals(candidates, payload) if returning.is_wished(payload) else {}

    def lifetime(self, payload):
        return returning.LIFETIME if returning.is_wished(payload) else None

    def prepare(self, candidates, payload):
        """Macs with Apple silicon are erased at once and have no use for a PIN."""
        prepared = give_pins([it for it in candidates if it.is_apple_silicon is not True], payload)
        if returning.is_wished(payload):
            for channel_id, service in returning.services(candidates, payload["ReturnToService"]).items():
                prepared.setdefault(channel_id, Prepared()).keys["ReturnToService"] = service
        return prepared


@interprets("EraseDevice")
def tell_of_erasing(reports: list[CommandReport]) -> None:
    words = "The device acknowledged that it erases itself"
    record_events("erasing", words, [report.device_id for report in reports])
    for report in reports:
        if not report.user_key:
            answer = {"channel_id": report.channel_id, "answered_at": report.answered_at.isoformat()}
            outbox.post(ERASING, answer)


@handles(ERASING)
def close(payloads: list[dict]) -> None:
    """End the memberships of devices that erase themselves, and what waits for them.

    In a transaction of its own: it locks the channel before the device, as Authenticate does, which may come soon.
    """
    answers = [(payload["channel_id"], datetime.fromisoformat(payload["answered_at"])) for payload in payloads]
    for device_id, channel_ids in close_erased(answers).items():
        number = clear_queue(channel_ids, "the device was erased")
        words = "Erased; waits for enrollment"
        if number:
            words += f"; {number} waiting command{' was' if number == 1 else 's were'} cancelled"
        record_event("erased", words, device=device_id, actor=SYSTEM.name)
