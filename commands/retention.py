"""How long rows of what is over are kept: workflows with their steps, batches, permits, held actions.

What they told is on the timeline, which has a retention of its own. Queue rows, reports and bodies are deleted by
commands.queue, which owns them.
"""

from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from commands.governor.models import HeldAction, PermitRow
from commands.queue import delete_in_batches
from commands.workflows.models import Workflow, WorkflowBatch


def delete_old_decisions() -> int:
    """Delete what was over COMMAND_RETENTION_DAYS ago, in batches; return how many rows.

    A batch stays as long as one of its workflows, and what a workflow still waits for as long as it runs.
    """
    old = timezone.now() - timedelta(days=settings.COMMAND_RETENTION_DAYS)
    return sum(
        delete_in_batches(rows)
        for rows in (
            Workflow.objects.filter(finished_at__lt=old),
            WorkflowBatch.objects.filter(created_at__lt=old, workflows=None),
            PermitRow.objects.filter(at__lt=old),
            HeldAction.objects.filter(finished_at__lt=old),
        )
    )
