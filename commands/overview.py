"""What the page of a command shows beside its targets: shares of the outcome, causes of failures, who was left out.

Read again every few seconds while something moves; the version tells whether there is anything new to show.
"""

import zlib
from dataclasses import dataclass

from commands.causes import UNTOLD, failures_by_cause
from commands.models import Command, Report
from devices.models import Device

EXAMPLES = 5


@dataclass(frozen=True)
class Share:
    """A part of the bar: how many targets stand so, and which part of all that is in per cent."""

    words: str
    tone: str
    number: int
    percent: float


@dataclass(frozen=True)
class LeftOut:
    """Devices that could not take the command for one reason, some of them by name."""

    reason: str
    count: int
    devices: list[Device]


def shares(counts: dict[str, int]) -> list[Share]:
    """Return the parts of the bar for counts by state, those without any left out."""
    total = sum(counts.values()) or 1
    parts = (
        ("acknowledged", "ok", counts["acknowledged"]), ("partly done", "attn", counts["partly"]),
        ("failed", "bad", counts["failed"]),
        ("sent", "info", counts["sent"]), ("waiting", "wait", counts["pending"] + counts["not_now"]),
        ("cancelled or expired", "gone", counts["cancelled"] + counts["expired"]),
    )  # fmt: skip
    return [Share(words, tone, number, round(100 * number / total, 2)) for words, tone, number in parts if number]


def left_out(refused: list[dict], user) -> list[LeftOut]:
    """Return who could not take a command or a workflow, by reason; people see those of the devices they may see.

    ``refused`` is what `commands.asking.group_refusals` kept of it.
    """
    groups = []
    visible = Device.objects.visible_to(user)
    for group in refused:
        devices = visible.filter(pk__in=group["device_ids"])
        count = devices.count()
        if count:
            groups.append(LeftOut(group["reason"], count, list(devices.order_by("id")[:EXAMPLES])))
    return groups


def outcome_context(command: Command, targets, user, rows: list) -> dict:
    """Return what the live part of the page shows; ``rows`` are (target, status word) of the targets it lists."""
    counts, causes = targets.counts(), failures_by_cause(targets)
    is_being_read = Report.objects.filter(interpreted_at=None, queued__in=targets.order_by()).exists()
    waiting = counts["pending"] + counts["sent"] + counts["not_now"]
    has_waiting = waiting > 0
    shown = (counts, causes, is_being_read, [(queued.pk, word.word, word.why) for queued, word in rows])
    return {
        "counts": counts,
        "causes": causes,
        "left_out": left_out(command.refused, user),
        "shares": shares(counts),
        "rows": rows,
        "has_waiting": has_waiting,
        "waiting": waiting,
        "again": counts["failed"] + counts["partly"],
        "is_moving": has_waiting or is_being_read or any(cause["cause"] == UNTOLD for cause in causes),
        "version": f"{zlib.crc32(repr(shown).encode()):x}",
    }
