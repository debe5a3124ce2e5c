"""The workflows there are, one module for each subject."""

from functools import cache

from commands.workflows.definition import Definition
from mdm_project.errors import NotFound


class UnknownWorkflow(NotFound):
    code = "unknown_workflow"


@cache
def definitions() -> dict[str, Definition]:
    """Return all workflows by kind, in the order in which people are shown them."""
    from commands.workflows.definitions import filevault, lost_device, mac_account, offboard, refresh

    every = (
        refresh.REFRESH, lost_device.LOST_DEVICE, filevault.ENABLE, filevault.ROTATE, mac_account.MAC_ACCOUNT,
        offboard.OFFBOARD,
    )  # fmt: skip
    return {definition.kind: definition for definition in every}


def definition_of(kind: str) -> Definition:
    """Return a workflow by its kind; raises UnknownWorkflow."""
    try:
        return definitions()[kind]
    except KeyError:
        raise UnknownWorkflow(f"there is no workflow {kind}; there are {', '.join(definitions())}") from None
