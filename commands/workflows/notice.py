"""Telling workflows that one of their commands was answered."""

from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

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
