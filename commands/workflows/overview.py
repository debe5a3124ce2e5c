"""What the page and the API of a batch show: shares of its states, why some failed and what the others wait for."""

from collections import defaultdict

from django.db.models import Count, Window
from django.db.models.functions import RowNumber

from commands.causes import EXAMPLES, MAX_ROWS, cause_of
from commands.overview import Share, left_out
from commands.workflows.models import Workflow, WorkflowBatch

BEING_BEGUN = "a worker begins it soon"
FOR_PERSON = "for a person"
TONES = (("done", "ok"), ("failed", "bad"), (FOR_PERSON, "attn"), ("running", "wait"), ("cancelled", "gone"))
WORDS = {name: label.lower() for name, label in Workflow.State.choices} | {FOR_PERSON: "waiting for a person"}


def notes_by_cause(workflows) -> list[dict]:
    """Return ``[{"cause", "count", "workflows"}]`` of some workflows by their notes, most first, with some of each.

    Two statements, whatever their number.
    """
    counts: dict[str, int] = defaultdict(int)
    rows = workflows.order_by()
    for note, number in rows.values_list("note").annotate(number=Count("id")):
        counts[cause_of(note or BEING_BEGUN)] += number
    place = Window(RowNumber(), partition_by="note", order_by="id")
    some = rows.annotate(place=place).filter(place__lte=EXAMPLES).select_related("device").defer("parameters_encrypted")
    examples: dict[str, list[Workflow]] = defaultdict(list)
    for row in some.order_by("id")[:MAX_ROWS]:
        shown = examples[cause_of(row.note or BEING_BEGUN)]
        if len(shown) < EXAMPLES:
            shown.append(row)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [{"cause": cause, "count": number, "workflows": examples[cause]} for cause, number in ordered]


def batch_overview(batch: WorkflowBatch, user) -> dict:
    """Return counts by state, failed and running by cause, and who was left out, of the devices a person may see.

    What waits for a person is apart from what goes on by itself; ``counts`` has both as running.
    """
    workflows = Workflow.objects.visible_to(user).filter(batch=batch)
    counts = workflows.counts()
    return {
        "counts": counts,
        "total": sum(counts.values()),
        "failures": notes_by_cause(workflows.filter(state="failed")) if counts["failed"] else [],
        "for_person": notes_by_cause(workflows.waiting_for_a_person()) if counts["running"] else [],
        "waiting": notes_by_cause(workflows.running().filter(waits_for_person=False)) if counts["running"] else [],
        "left_out": left_out(batch.left_out, user),
    }


def shares_of(overview: dict) -> list[Share]:
    """Return the shares of a batch's overview, what waits for a person as one of its own."""
    total, waiting = overview["total"] or 1, sum(group["count"] for group in overview["for_person"])
    numbers = overview["counts"] | {FOR_PERSON: waiting, "running": max(0, overview["counts"]["running"] - waiting)}
    return [
        Share(WORDS[name], tone, numbers[name], round(100 * numbers[name] / total, 2))
        for name, tone in TONES
        if numbers[name]
    ]
