"""Ask a device for everything that the inventory wants to know, and wait until it has answered."""

from datetime import timedelta

from commands.schedule import refresh_inventory
from commands.workflows.definition import Definition, Outcome, Step, Wait
from commands.workflows.run import Run, all_acknowledged


def _ask(run: Run) -> Outcome | None:
    commands = refresh_inventory(run.channel(), actor=run.actor, reason=run.workflow.reason or "refresh of everything")
    if not commands:
        return Wait("The device cannot be asked now.", timedelta(minutes=10))
    run.row.commands.add(*commands)
    return None


REFRESH = Definition(
    kind="refresh_everything",
    title="Refresh everything",
    tells="Asks for device, security, apps, profiles, certificates and updates, and waits for the answers",
    icon="sync",
    steps=(Step("ask", "Ask and wait for the answers", _ask, all_acknowledged, timeout=timedelta(days=7)),),
    refusal=lambda device: "",
)
