"""Processor time of web servers and PostgreSQL, which tells their cost apart even while others use the machine."""

import os
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def used_s(parent: int) -> float:
    """Return the processor time of a process, its children and theirs (what ended and was waited for included)."""
    children: dict[int, list[int]] = {}
    times: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        pid = int(entry.name)
        children.setdefault(int(fields[1]), []).append(pid)
        times[pid] = sum(map(int, fields[11:15])) / TICKS_PER_S
    family = [parent]
    for pid in family:
        family.extend(children.get(pid, ()))
    return sum(times.get(pid, 0.0) for pid in family)
