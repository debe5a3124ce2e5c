"""Work of the worker for commands and what came back."""

import time

from celery import shared_task

from commands import bypass_codes, queue, results, retention, rotation, schedule
from commands.governor.holding import release_due
from commands.governor.limits import apply_due_changes
from commands.profile_filters import PROFILE_STATE
from commands.reconcile import reconcile as send_what_is_due
from commands.workflows.engine import BATCH, advance_due
from devices.groups import evaluate_groups_looking_at

# Short, so that a flood of reports does not keep a worker from pushes; the next kick or sweep goes on.
INTERPRET_TIME_LIMIT_S = ADVANCE_TIME_LIMIT_S = 5


@shared_task(name="commands.interpret_reports")
def interpret_reports() -> None:
    """Work out what reports mean until none waits, for some seconds at most."""
    results.drain_reports(time_limit_s=INTERPRET_TIME_LIMIT_S)


@shared_task(name="commands.schedule_inventory")
def schedule_inventory() -> None:
    """Ask the devices whose inventory is due."""
    schedule.schedule_inventory()


@shared_task(name="commands.ask_for_bypass_codes")
def ask_for_bypass_codes() -> None:
    """Ask supervised devices for the codes that open their Activation Lock, until they are here."""
    bypass_codes.ask_for_codes()


@shared_task(name="commands.expire_commands")
def expire_commands() -> None:
    """Mark the commands whose time is over."""
    queue.expire_commands()


@shared_task(name="commands.delete_old_rows")
def delete_old_rows() -> None:
    """Delete commands, reports, queue rows, workflows, permits and held actions past their retention."""
    queue.delete_old_rows()
    retention.delete_old_decisions()


@shared_task(name="commands.reconcile")
def reconcile() -> None:
    """Send what devices should have and have not, and remove what they should not."""
    while send_what_is_due():
        pass


@shared_task(name="commands.regroup_by_state")
def regroup_by_state() -> None:
    """Work out the groups that gather devices by how far a profile is: many changes of state at once."""
    evaluate_groups_looking_at(PROFILE_STATE)


@shared_task(name="commands.advance_workflows")
def advance_workflows() -> None:
    """Look at the workflows whose time has come, for some seconds at most; the next kick or sweep goes on."""
    until = time.monotonic() + ADVANCE_TIME_LIMIT_S
    while advance_due() == BATCH and time.monotonic() < until:
        pass


@shared_task(name="commands.release_held")
def release_held() -> None:
    """Carry out held actions whose time has come, and let changes of limits hold."""
    apply_due_changes()
    release_due()


@shared_task(name="commands.rotate_revealed")
def rotate_revealed() -> None:
    """Have secrets that were revealed exchanged on their devices, and end those that never went out."""
    rotation.end_unsent()
    rotation.note_unexchanged()
    rotation.rotate_revealed()
