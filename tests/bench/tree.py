"""What a tree of processes costs: CPU, memory, wake-ups, read from /proc."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


@dataclass
class Process:
    """One row of /proc: CPU in seconds, its own and that of the children it has waited for."""

    pid: int
    name: str
    parent: int
    cpu: float


def process(pid: int) -> Process | None:
    try:
        head, _, tail = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")
    except OSError:
        return None
    fields = tail.split()
    return Process(pid, head.partition("(")[2], int(fields[1]), sum(map(int, fields[11:15])) / TICK)


def tree(root: int) -> list[Process]:
    """`root` and all that descend from it."""
    rows = [row for pid in os.listdir("/proc") if pid.isdigit() and (row := process(int(pid)))]
    below: dict[int, list[Process]] = {}
    for row in rows:
        below.setdefault(row.parent, []).append(row)
    found = [row for row in rows if row.pid == root]
    for row in found:
        found += below.get(row.pid, [])
    return found


def cpu(root: int) -> float:
    """Seconds of the whole tree, the dead among it included."""
    return sum(row.cpu for row in tree(root))


def table(pid: int, name: str) -> dict[str, int]:
    """The numbers of /proc/PID/NAME by their key; empty when the process is gone."""
    try:
        lines = Path(f"/proc/{pid}/{name}").read_text().splitlines()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in lines)
    return {key: int(value.split()[0]) for key, _, value in pairs if value.split() and value.split()[0].isdigit()}


def memory(rows: list[Process], key: str) -> int:
    """KiB, the sum of `key` of smaps_rollup (Pss, Private_Dirty)."""
    return sum(table(row.pid, "smaps_rollup").get(key, 0) for row in rows)


def switches(rows: list[Process]) -> int:
    """How often they were put on a CPU."""
    both = ("voluntary_ctxt_switches", "nonvoluntary_ctxt_switches")
    return sum(table(row.pid, "status").get(key, 0) for row in rows for key in both)
