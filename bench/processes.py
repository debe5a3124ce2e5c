"""Processes of a run: whose child is whose, and the processor time they used.

Processor time tells the cost of web server and PostgreSQL apart even while others use the machine. Linux only.
"""

import os
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Process:
    """``used_s`` includes children that ended and were waited for."""

    pid: int
    parent: int
    name: str
    used_s: float


def family(ancestor: int) -> list[Process]:
    """Return a process, its children and theirs, parents first."""
    known: dict[int, Process] = {}
    children: dict[int, list[int]] = {}
    for process in _all():
        known[process.pid] = process
        children.setdefault(process.parent, []).append(process.pid)
    pids = [ancestor] if ancestor in known else []
    for pid in pids:
        pids.extend(sorted(children.get(pid, ())))
    return [known[pid] for pid in pids]


def used_s(ancestor: int) -> float:
    """Return the processor time of a process and its descendants."""
    return sum(process.used_s for process in family(ancestor))


def _all():
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            head, _, rest = (entry / "stat").read_text().rpartition(")")
        except OSError:  # it ended meanwhile
            continue
        fields = rest.split()
        ticks = sum(map(int, fields[11:15]))
        yield Process(int(entry.name), int(fields[1]), head.partition("(")[2], ticks / TICKS_PER_S)
