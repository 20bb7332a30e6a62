# SPDX-License-Identifier: Apache-2.0
"""What Vivado says of a placed and routed design, in terms of engines (AMD UG906 shows its reports)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from headrace.build.timing import CriticalPath, Routed, part_of, way
from headrace.engines.technology import Resources
from headrace.errors import ToolError

_KINDS = {
    "LUT": ("Slice LUTs", "CLB LUTs"),
    "FF": ("Slice Registers", "CLB Registers"),
    "DSP": ("DSPs",),
    "BRAM36": ("Block RAM Tile",),
}
"""What 7 series and UltraScale+ call the same."""
_NETWORK = "u_network"
_WORST = re.compile(r"^\s*WNS\(ns\)\s+TNS\(ns\).*\n[\s-]*\n\s*(?P<figures>.+)$", re.MULTILINE)
_HOLD = 4  # column of the worst hold slack
_HOLD_PATH = re.compile(
    r"^Slack.*?:\s+(?P<slack>-?[\d.]+)ns .*?"
    r"^\s+Source:\s+(?P<start>\S+).*?"
    r"^\s+Destination:\s+(?P<end>\S+).*?"
    r"^\s+Path Type:\s+Hold",
    re.MULTILINE | re.DOTALL,
)
_PATH = re.compile(
    r"^Slack.*?:\s+(?P<slack>-?[\d.]+)ns .*?"
    r"^\s+Source:\s+(?P<start>\S+).*?"
    r"^\s+Destination:\s+(?P<end>\S+).*?"
    r"^\s+Path Type:\s+Setup.*?"
    r"^\s+Requirement:\s+(?P<period>[\d.]+)ns.*?"
    r"^\s+Data Path Delay:\s+[\d.]+ns\s+\(logic (?P<logic>[\d.]+)ns.*?route (?P<route>[\d.]+)ns.*?"
    r"^\s+Logic Levels:\s+(?P<levels>\d+)",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slacks:
    """Time that is left over on the worst ways; negative where it is missed."""

    setup_ns: float
    hold_ns: float
    hold_way: str
    """Of the worst hold slack, in terms of engines; empty where the report shows no such path."""


def read_slacks(path: Path) -> Slacks:
    """Of a timing summary.

    Raises:
        ToolError: it is none.
    """
    found = _WORST.search(_text(path))
    try:
        figures = [float(word) for word in found["figures"].split()] if found else []
        return Slacks(setup_ns=figures[0], hold_ns=figures[_HOLD], hold_way=_hold_way(path))
    except (ValueError, IndexError):
        raise ToolError(f"{path}: no timing summary of Vivado") from None


def read_usage(path: Path) -> dict[str, tuple[int, int]]:
    """Cells used and available, of a report of utilization; half a BRAM36 counts as one.

    Raises:
        ToolError: it is none.
    """
    rows: dict[str, list[str]] = {}
    for line in _text(path).splitlines():
        columns = [column.strip() for column in line.strip().strip("|").split("|")]
        if line.startswith("|") and len(columns) >= 4:
            rows.setdefault(columns[0].rstrip("*"), columns)
    usage = {}
    for kind, names in _KINDS.items():
        row = next((rows[name] for name in names if name in rows), None)
        try:
            if row is None:
                raise ValueError
            used, available = float(row[1]), float(row[-2])
        except ValueError:
            raise ToolError(f"{path}: no report of utilization of Vivado (it tells no {names[0]})") from None
        usage[kind] = (-int(-used // 1), int(available))
    return usage


def read_engines(path: Path, engines: Iterable[str]) -> dict[str, Resources]:
    """What engines take, of a hierarchical report of utilization; those that it does not show are left out.

    An instance is indented by two more spaces than the one it lies in; its figures hold those of what lies in it.
    """
    names = {f"u_{name}": name for name in engines}
    header: list[str] = []
    found: dict[str, Resources] = {}
    network = None  # indentation of the network's instance, while its rows last
    for line in _text(path).splitlines():
        cells = line.split("|")[1:-1]
        if not cells:
            continue
        values, indent = [cell.strip() for cell in cells], len(cells[0]) - len(cells[0].lstrip())
        if values[0] == "Instance":
            header = values
        elif values[0] == _NETWORK:
            network = indent
        elif network is not None and indent <= network:
            network = None
        elif network is not None and indent == network + 2 and values[0] in names:
            found[names[values[0]]] = _taken(dict(zip(header, values, strict=False)))
    return found


def _taken(row: Mapping[str, str]) -> Resources:
    def number(*columns: str) -> int:
        return next((int(row[column]) for column in columns if row.get(column, "").isdigit()), 0)

    return Resources(
        lut=number("Total LUTs"),
        ff=number("FFs"),
        dsp=number("DSP Blocks", "DSP48 Blocks"),
        bram36=number("RAMB36") + number("RAMB18") / 2,
        uram=number("URAM"),
    )


def read_routed(utilization: Path, timing: Path) -> tuple[Routed, Slacks]:
    """A design's figures, of both reports; the clock is the one that Vivado was held to.

    Raises:
        ToolError: a report lacks what is asked of it.
    """
    usage, slacks = read_usage(utilization), read_slacks(timing)
    worst = _worst(timing, _PATH)
    if worst is None:
        raise ToolError(f"{timing}: tells of no path between registers")
    period = float(worst["period"])
    critical = CriticalPath(
        start=part_of(worst["start"]),
        end=part_of(worst["end"]),
        cells=int(worst["levels"]),
        logic_ns=float(worst["logic"]),
        routing_ns=float(worst["route"]),
    )
    routed = Routed(
        clock_mhz=round(1000 / period, 3),
        reached_mhz=round(1000 / (period - slacks.setup_ns), 3),
        path=critical,
        used={kind: used for kind, (used, _) in usage.items()},
        available={kind: available for kind, (_, available) in usage.items()},
    )
    return routed, slacks


def _worst(timing: Path, kind: re.Pattern[str]) -> re.Match[str] | None:
    """The path with the least slack, of those of a kind."""
    blocks = re.split(r"^(?=Slack)", _text(timing), flags=re.MULTILINE)
    found = [match for block in blocks if (match := kind.match(block))]
    return min(found, key=lambda match: float(match["slack"]), default=None)


def _hold_way(timing: Path) -> str:
    worst = _worst(timing, _HOLD_PATH)
    return way(part_of(worst["start"]), part_of(worst["end"])) if worst else ""


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ToolError(f"{path}: cannot read ({error.strerror or error})") from error
