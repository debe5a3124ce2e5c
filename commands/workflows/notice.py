"""Telling workflows that one of their commands was answered."""

from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from commands.interpreters import CommandReport, interprets
from commands.workflows.models import Workflow, WorkflowStep
from mdm_project.kicker import Kicker

_advancer = Kicker("commands.advance_workflows")


def commands_answered(command_ids: Iterable[int]) -> None:
    """Have the workflows of these commands looked at soon; call it in the transaction that interpreted the answers."""
    steps = WorkflowStep.objects.filter(commands__in=set(command_ids)).order_by().values("workflow")
    if Workflow.objects.running().filter(pk__in=steps).update(due_at=timezone.now()):
        look_soon()


def look_soon() -> None:
    """Ask for a worker after the commit."""
    transaction.on_commit(_advancer.kick)


@interprets("SecurityInfo", "RotateFileVaultKey")
def answers_watched(reports: list[CommandReport]) -> None:
    """Have the workflows looked at that watch for such answers, whoever asked."""
    from commands.workflows.definitions import definitions

    kinds = [it.kind for it in definitions().values() if reports and reports[0].request_type in it.watches]
    devices = {report.device_id for report in reports}
    if kinds and Workflow.objects.running().filter(kind__in=kinds, device__in=devices).update(due_at=timezone.now()):
        look_soon()
