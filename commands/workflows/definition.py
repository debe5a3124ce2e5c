"""What a workflow is made of: parameters that people enter, steps, and what a step can come to."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from commands.meanings import Danger
from mdm_project.errors import BadRequest

if TYPE_CHECKING:
    from commands.workflows.run import Run
    from devices.models import Device


class InvalidParameters(BadRequest):
    code = "invalid_parameters"


@dataclass(frozen=True)
class Done:
    """The step is over; ``note`` says what was proven. ``is_needless``: there was nothing to do."""

    note: str = ""
    is_needless: bool = False


@dataclass(frozen=True)
class Wait:
    """The step goes on: what it waits for, and when to look again although no report came.

    ``is_for_a_person``: nothing but a person can bring it further.
    """

    why: str
    again_in: timedelta = timedelta(minutes=1)
    is_for_a_person: bool = False


@dataclass(frozen=True)
class Again:
    """The step is begun once more after a while: because it failed, or because it is done over and over."""

    why: str
    again_in: timedelta
    is_failure: bool = False
    is_for_a_person: bool = False


@dataclass(frozen=True)
class Failed:
    """The step and with it the workflow cannot go on; ``why`` is for people."""

    why: str


Outcome = Done | Wait | Again | Failed


@dataclass(frozen=True)
class Step:
    """One step. ``begin`` asks; it may return an outcome at once. ``look`` says where it stands, after every report
    and when its time has come; without one, the step is done when every command was acknowledged.
    ``proven`` looks, before anything is asked or waited for, whether the facts show that nothing is left to do.
    """

    name: str
    title: str
    begin: "Callable[[Run], Outcome | None]"
    look: "Callable[[Run], Outcome] | None" = None
    timeout: timedelta = timedelta(days=30)
    attempts: int = 3
    needs_enrollment: bool = True
    proven: "Callable[[Run], Done | None] | None" = None


@dataclass(frozen=True)
class Parameter:
    """Something a person enters. ``kind`` is text, lines, number, switch or choice; ``minimum`` and ``maximum`` are of
    numbers, or of the length of a text.
    """

    name: str
    label: str
    kind: str = "text"
    default: object = ""
    is_required: bool = False
    help: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    minimum: int | None = None
    maximum: int | None = None

    def clean(self, value):
        """Return the value in its own type; raise ValueError with the reason."""
        if value is None or value == "":
            if self.is_required:
                raise ValueError("is needed")
            return self.default
        return _CLEAN[self.kind](self, value)


def _text(parameter: Parameter, value) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")
    value = value.strip()
    if parameter.is_required and not value:
        raise ValueError("is needed")
    if len(value) > (parameter.maximum or 500):
        raise ValueError(f"must have {parameter.maximum or 500} characters at most")
    return value


def _number(parameter: Parameter, value) -> int:
    try:
        number = int(str(value))
    except ValueError as error:
        raise ValueError("must be a whole number") from error
    low, high = parameter.minimum, parameter.maximum
    if (low is not None and number < low) or (high is not None and number > high):
        raise ValueError(f"must be from {low} to {high}")
    return number


def _switch(_parameter: Parameter, value) -> bool:
    if isinstance(value, bool):
        return value
    if value in ("true", "on", "yes"):
        return True
    if value in ("false", "off", "no"):
        return False
    raise ValueError("must be true or false")


def _choice(parameter: Parameter, value) -> str:
    names = [name for name, _ in parameter.choices]
    if value not in names:
        raise ValueError(f"must be one of {', '.join(names)}")
    return value


_CLEAN = {"text": _text, "lines": _text, "number": _number, "switch": _switch, "choice": _choice}


# What a workflow does when it finds that the device has enrolled again meanwhile.
REPEAT_STEP, START_ANEW, STOP = "repeat step", "start anew", "stop"


@dataclass(frozen=True)
class Definition:
    """A kind of workflow. ``refusal`` says why it is of no use for a device, or nothing (``refusals`` for many devices,
    by id, where that takes a statement); ``end_title`` names the button that ends what would go on for ever; before one
    that ``loses_data`` the serial number is typed. ``dangers`` is what the governor counts of it. ``needs`` names the
    commands without which it cannot end, by the parameters that were entered ({} while they are not known);
    ``watches`` the answers that it is looked at after, whoever asked.
    """

    kind: str
    title: str
    tells: str
    icon: str
    steps: tuple[Step, ...]
    refusal: "Callable[[Device], str]"
    parameters: tuple[Parameter, ...] = ()
    is_dangerous: bool = False
    loses_data: bool = False
    dangers: tuple[Danger, ...] = ()
    end_title: str = ""
    on_reenrollment: str = REPEAT_STEP
    check: Callable[[dict], dict[str, str]] = field(default=lambda values: {})
    refusals: "Callable[[Sequence[Device]], dict[int, str]] | None" = None
    needs: Callable[[dict], tuple[str, ...]] = field(default=lambda values: ())
    watches: tuple[str, ...] = ()

    def refusals_of(self, devices: "Sequence[Device]") -> dict[int, str]:
        """Return why it is of no use for some of many devices, by id."""
        if self.refusals is not None:
            return self.refusals(devices)
        said = {device.pk: self.refusal(device) for device in devices}
        return {pk: why for pk, why in said.items() if why}

    def clean(self, raw: dict) -> dict:
        """Return the parameters; raise InvalidParameters naming each that is wrong, unknown ones too."""
        known = {parameter.name: parameter for parameter in self.parameters}
        fields = {f"parameters.{name}": "is not a parameter of this workflow" for name in raw if name not in known}
        values = {}
        for name, parameter in known.items():
            try:
                values[name] = parameter.clean(raw.get(name))
            except ValueError as error:
                fields[f"parameters.{name}"] = str(error)
        if not fields:
            fields = {f"parameters.{name}": why for name, why in self.check(values).items()}
        if fields:
            first = next(iter(fields.items()))
            raise InvalidParameters(f"{first[0].removeprefix('parameters.')}: {first[1]}", fields=fields)
        return values

    def step(self, name: str) -> Step:
        return next(step for step in self.steps if step.name == name)
