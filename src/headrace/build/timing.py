# SPDX-License-Identifier: Apache-2.0
"""What nextpnr says of a placed and routed design, in terms of engines."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from headrace.errors import ToolError

_ENGINE = re.compile(r"\bu_network[./]u_(\w+)")
_PART = re.compile(r"\bu_(\w+)")


def way(start: str, end: str) -> str:
    """From a part of the design to another, in words."""
    return f"within {start}" if start == end else f"from {start} to {end}"


@dataclass(frozen=True, slots=True, kw_only=True)
class CriticalPath:
    """The slowest way from a register to a register."""

    start: str
    """Engine, or part of the block around the network."""
    end: str
    cells: int
    """Between the two."""
    logic_ns: float
    routing_ns: float

    def __str__(self) -> str:
        cells = f"{self.cells} cells between registers, {self.logic_ns:.1f} ns in them, {self.routing_ns:.1f} on the way"
        return f"{way(self.start, self.end)} ({cells})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Routed:
    """A design where every cell has its place."""

    clock_mhz: float
    """Asked for."""
    reached_mhz: float
    path: CriticalPath
    used: Mapping[str, int]
    """Cells of the device, by kind."""
    available: Mapping[str, int]

    @property
    def meets(self) -> bool:
        """Whether the clock is fast enough."""
        return self.reached_mhz >= self.clock_mhz

    def to_json(self) -> dict[str, Any]:
        """For the manifest."""
        return {**asdict(self), "meets": self.meets}


def part_of(cell: str) -> str:
    """The engine that a cell belongs to; outside the network, the innermost part of the block around it."""
    if found := _ENGINE.search(cell):
        return found[1]
    parts = _PART.findall(cell)
    return parts[-1] if parts else cell


def read_report(path: Path, clock_mhz: float) -> Routed:
    """nextpnr's report.

    Raises:
        ToolError: it lacks what is asked of it.
    """
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        reached = {net: float(entry["achieved"]) for net, entry in report["fmax"].items()}
        slowest = min(reached, key=lambda net: reached[net])
        (way,) = [p["path"] for p in report["critical_paths"] if _clock(p["from"]) == _clock(p["to"]) == slowest]
        used = {kind: int(entry["used"]) for kind, entry in report["utilization"].items()}
        available = {kind: int(entry["available"]) for kind, entry in report["utilization"].items()}
        critical = _critical(way)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ToolError(f"{path}: no report of nextpnr ({error!r:.100})") from error
    return Routed(clock_mhz=clock_mhz, reached_mhz=reached[slowest], path=critical, used=used, available=available)


def _clock(end: str) -> str:
    """Of the end of a path: ``posedge NET``."""
    return end.split(" ", 1)[-1]


def _critical(way: Sequence[Mapping[str, Any]]) -> CriticalPath:
    delays = {"routing": 0.0, "logic": 0.0}
    for hop in way:
        delays["routing" if hop["type"] == "routing" else "logic"] += float(hop["delay"])
    return CriticalPath(
        start=part_of(way[0]["from"]["cell"]),
        end=part_of(way[-1]["to"]["cell"]),
        cells=sum(hop["type"] == "logic" for hop in way),
        logic_ns=round(delays["logic"], 3),
        routing_ns=round(delays["routing"], 3),
    )
