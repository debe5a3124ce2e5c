"""A device that goes: its secrets are kept first, then it is erased or released from management, then they are let go.

Erasing and unenrolling pass the governor like any other. When the device enrolls again in the middle, the workflow
stops: whoever has it now must not lose their data to an old wish.
"""

from datetime import timedelta

from django.utils import timezone

from commands.applicability import candidates_of, refusal_of
from commands.meanings import Danger
from commands.meanings.remove_profile import MDM
from commands.workflows.definition import STOP, Definition, Done, Failed, Outcome, Parameter, Step, Wait
from commands.workflows.run import Run, all_acknowledged
from devices.activation_lock import has_bypass_code
from devices.escrow import end_secrets
from devices.models import Device, Enrollment, EscrowedSecret, InstalledProfile
from devices.timeline import record_event

ERASE, UNENROLL = "erase", "unenroll"
LOCKABLE = (Device.Platform.IOS, Device.Platform.IPADOS, Device.Platform.MACOS)
CODES = (EscrowedSecret.Kind.ACTIVATION_LOCK_BYPASS_CODE, EscrowedSecret.Kind.ACTIVATION_LOCK_SERVER_CODE)
LOCKED = (
    "Activation Lock is on and no code that opens it is kept: erased, the device could only be set up with the Apple"
    " Account that locked it. Have Find My turned off on it, or start anew with “Erase even if it stays locked”."
)
GOODBYE = timedelta(hours=1)


def _keep_bypass_code(run: Run) -> Outcome | None:
    candidate = next(iter(candidates_of(run.channel().reachable())), None)
    why = refusal_of("ActivationLockBypassCode", candidate, {}) if candidate else "the device cannot be asked"
    if why or not run.device.is_supervised:
        return Done(f"it has no code to give: {why or 'not supervised'}", is_needless=True)
    run.ask("ActivationLockBypassCode")
    return None


def _bypass_code_kept(run: Run) -> Outcome:
    """A device without Activation Lock has no code, which it calls an error: then there is nothing to keep."""
    outcome = all_acknowledged(run)
    if isinstance(outcome, Done | Wait):
        return outcome
    return Done("it has no code to keep", is_needless=True)


def _ask_for_lock(run: Run) -> Outcome | None:
    """Erased with Activation Lock on and without a code it would be of use to nobody but whoever locked it."""
    if run.parameters["how"] != ERASE:
        return Done("only erasing needs it", is_needless=True)
    if has_bypass_code(run.device):
        return Done("a code that opens it is kept", is_needless=True)
    if run.device.platform not in LOCKABLE:
        return Done("it has no Activation Lock that tells of itself", is_needless=True)
    if run.parameters.get("even_if_locked"):
        return Done("erased all the same, as was wished", is_needless=True)
    run.ask("DeviceInformation", {"Queries": ["IsActivationLockEnabled"]})
    return None


def _lock_is_off(run: Run) -> Outcome:
    outcome = all_acknowledged(run)
    if not isinstance(outcome, Done):
        return outcome
    if run.device.is_activation_lock_enabled:
        return Failed(LOCKED)
    said = "is off" if run.device.is_activation_lock_enabled is False else "was not told of"
    return Done(f"Activation Lock {said}")


def _profiles_of(run: Run):
    return InstalledProfile.objects.filter(device=run.device, channel__user_key="").order_by("id")


def _remove_profiles(run: Run) -> Outcome | None:
    if run.parameters["how"] == ERASE:
        return Done("erasing removes them", is_needless=True)
    identifiers = [row.identifier for row in _profiles_of(run) if row.is_managed and MDM not in row.payload_types]
    if not identifiers:
        return Done("there are none", is_needless=True)
    for identifier in identifiers:
        run.ask("RemoveProfile", {"Identifier": identifier})
    return None


def _go(run: Run) -> Outcome | None:
    if run.parameters["how"] == ERASE:
        run.ask("EraseDevice")
        return None
    own = next((row for row in _profiles_of(run) if MDM in row.payload_types), None)
    if own is None:
        return Failed("The device has not told the identifier of its enrollment profile; refresh it first.")
    run.ask("RemoveProfile", {"Identifier": own.identifier})
    return None


def _gone(run: Run) -> Outcome:
    """An erased device acknowledges and says no goodbye; an unenrolled one says goodbye, perhaps before it answers."""
    outcome = all_acknowledged(run)
    has_left = not Enrollment.objects.enrolled().filter(pk=run.workflow.enrollment_id).exists()
    if run.parameters["how"] == ERASE:
        if isinstance(outcome, Failed) and has_left:
            return Failed("The device left management, or enrolled again, before it was erased.")
        return outcome
    if has_left:
        return Done("it has left management")
    if not isinstance(outcome, Done):
        return outcome
    if timezone.now() - run.row.begun_at > GOODBYE:
        return Done("it removed the enrollment; its goodbye did not arrive")
    return Wait("The enrollment was removed; its goodbye is awaited.", timedelta(minutes=5))


def _release(run: Run) -> Outcome:
    kinds = EscrowedSecret.objects.filter(device=run.device, is_current=True).values_list("kind", flat=True)
    ended = sorted(set(kinds) - set(CODES))
    end_secrets(run.device, *ended)
    if run.parameters["release_person"]:
        Device.objects.filter(pk=run.device.pk).update(person=None)
    words = _of_the_past(len(ended))
    record_event("secrets_released", f"Offboarded: {words}", device=run.device, actor=run.workflow.actor)
    return Done(words)


def _of_the_past(number: int) -> str:
    if number == 0:
        return "there were no secrets"
    return "1 secret is of the past now" if number == 1 else f"{number} secrets are of the past now"


OFFBOARD = Definition(
    kind="offboard",
    title="Offboard",
    tells="Keeps the bypass code, removes profiles, erases or unenrolls, and lets the secrets go",
    icon="logout",
    refusal=lambda device: "",
    parameters=(
        Parameter(
            "how", "How it leaves", "choice", is_required=True,
            choices=((ERASE, "Erase it: everything on it is lost"), (UNENROLL, "Unenroll it: its own data stays")),
        ),
        Parameter(
            "even_if_locked", "Erase even if it stays locked", "switch", default=False,
            help="Without this it is not erased while Activation Lock is on and no bypass code is kept.",
        ),
        Parameter("release_person", "It no longer belongs to its person", "switch", default=True),
    ),
    steps=(
        Step("bypass_code", "Keep the Activation Lock bypass code", _keep_bypass_code, _bypass_code_kept),
        Step("activation_lock", "See that it is not left locked", _ask_for_lock, _lock_is_off),
        Step("profiles", "Remove the profiles", _remove_profiles),
        Step("leave", "Erase or unenroll", _go, _gone, needs_enrollment=False),
        Step("release", "Let the secrets go", _release, needs_enrollment=False),
    ),
    is_dangerous=True,
    loses_data=True,
    dangers=(Danger.ERASE, Danger.UNENROLL),
    on_reenrollment=STOP,
    needs=lambda values: {ERASE: ("EraseDevice",), UNENROLL: ("RemoveProfile",)}.get(values.get("how"), ()),
)  # fmt: skip
