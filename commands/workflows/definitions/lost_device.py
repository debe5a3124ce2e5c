"""A lost iPhone or iPad: Lost Mode with a message, its place every some minutes, a sound, until somebody ends it.

Lost Mode stays on the device until it is told otherwise, so ending is a step of its own and cancelling leaves it on.

Apple: developer.apple.com/documentation/devicemanagement/enable-lost-mode-command
"""

from datetime import timedelta

from commands.workflows.definition import START_ANEW, Again, Definition, Done, Outcome, Parameter, Step
from commands.workflows.run import Run, all_acknowledged
from devices.models import Device

FOR_EVER = timedelta(days=365)


def _refusal(device: Device) -> str:
    if device.platform not in (Device.Platform.IOS, Device.Platform.IPADOS):
        instead = " Lock the Mac instead." if device.platform == Device.Platform.MACOS else ""
        return f"Only iPhones and iPads have a Lost Mode.{instead}"
    return "Lost Mode needs a supervised device." if device.is_supervised is False else ""


def _check(values: dict) -> dict[str, str]:
    if values["message"] or values["phone_number"]:
        return {}
    return {"message": "A message or a phone number is needed: it is what the finder sees."}


def _enable(run: Run) -> None:
    keys = {"Message": "message", "PhoneNumber": "phone_number", "Footnote": "footnote"}
    run.ask("EnableLostMode", {key: run.parameters[name] for key, name in keys.items() if run.parameters[name]})


def _sound(run: Run) -> Outcome | None:
    if not run.parameters["sound"] or run.is_end_wished:
        return Done("not wished", is_needless=True)
    run.ask("PlayLostModeSound")
    return None


def _locate(run: Run) -> Outcome | None:
    if run.is_end_wished:
        return Done(_located(run.row.times))
    run.ask("DeviceLocation")
    return None


def _after_locating(run: Run) -> Outcome:
    """Go on locating: a place that cannot be told now (indoors, no network) is no reason to give up."""
    if run.is_end_wished:
        return Done(_located(run.row.times))
    outcome = all_acknowledged(run)
    pause = timedelta(minutes=run.parameters["every_minutes"])
    if isinstance(outcome, Done):
        return Again(f"Located {_times(run.row.times + 1)}; again in {run.parameters['every_minutes']} minutes.", pause)
    if isinstance(outcome, Again):
        return Again(f"{outcome.why} Asked again in {run.parameters['every_minutes']} minutes.", pause)
    return outcome


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _located(times: int) -> str:
    return f"asked for its place {_times(times)}" if times else "ended before it was located"


LOST_DEVICE = Definition(
    kind="lost_device",
    title="Lost device",
    tells="Locks it with a message, finds its place again and again, until you end it",
    icon="location_searching",
    refusal=_refusal,
    check=_check,
    parameters=(
        Parameter("message", "Message on the lock screen", maximum=500),
        Parameter("phone_number", "Phone number to call", maximum=50),
        Parameter("footnote", "Small print", maximum=200),
        Parameter("every_minutes", "Minutes between locations", "number", default=15, minimum=1, maximum=1440),
        Parameter("sound", "Play a sound once it is locked", "switch", default=False),
    ),
    steps=(
        Step("enable", "Lost Mode on", _enable, timeout=FOR_EVER),
        Step("sound", "Play a sound", _sound, timeout=FOR_EVER),
        Step("locate", "Locate until it is found", _locate, _after_locating, timeout=FOR_EVER),
        Step("disable", "Lost Mode off", lambda run: run.ask("DisableLostMode"), timeout=FOR_EVER),
    ),
    is_dangerous=True,
    end_title="Found: end Lost Mode",
    on_reenrollment=START_ANEW,
    needs=lambda values: ("EnableLostMode",),
)
