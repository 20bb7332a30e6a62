# SPDX-License-Identifier: Apache-2.0
"""Reads Verilator's coverage counts and says which lines, branches and toggles of each module no bench reached.

A file of counts holds one line per point: ``C '<fields>' <count>``. A field is SOH, its name, STX, its value: ``f`` file,
``l`` line, ``page`` kind and module, ``o`` what the point is, ``S`` the lines that belong to it (Verilator's manual,
"Coverage Analysis").
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

_POINT = re.compile(r"^C '(?P<fields>[^']*)' (?P<count>\d+)$")
KINDS = ("line", "branch", "toggle")


class CoverageError(ValueError):
    """A file of counts holds what this reader does not know."""


@dataclass(frozen=True, slots=True, order=True)
class Point:
    """Something in a module's source that is reached or not."""

    module: str
    line: int
    kind: str
    what: str
    lines: str
    """The lines that belong to it, such as ``12-14,16``."""


def read_counts(text: str) -> dict[Point, int]:
    """Points and counts of one file; a point of several instances or elaborations has their sum.

    Raises:
        CoverageError: A line is neither a point nor a comment.
    """
    counts: dict[Point, int] = defaultdict(int)
    for number, line in enumerate(text.splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        match = _POINT.match(line)
        if match is None:
            raise CoverageError(f"line {number} is no coverage point: {line[:80]!r}")
        fields = dict(item.split("\x02", 1) for item in match["fields"].split("\x01") if item)
        kind = fields["page"].split("/")[0].removeprefix("v_")
        if kind in KINDS:
            path = Path(fields["f"])
            point = Point(path.stem, int(fields["l"]), kind, fields.get("o", ""), fields.get("S", fields["l"]))
            counts[point] += int(match["count"])
    return dict(counts)


def merge(files: Iterable[Path]) -> dict[Point, int]:
    """The sums over all files."""
    total: dict[Point, int] = defaultdict(int)
    for path in files:
        for point, count in read_counts(path.read_text()).items():
            total[point] += count
    return dict(total)


def line_numbers(lines: str) -> list[int]:
    """``12-14,16`` as [12, 13, 14, 16]."""
    numbers: list[int] = []
    for part in lines.split(","):
        first, _, last = part.partition("-")
        numbers += range(int(first), int(last or first) + 1)
    return numbers


def missed_lines(counts: Mapping[Point, int], module: str) -> list[int]:
    """Lines of ``module`` that belong to a point of kind line or branch that no run reached, and to none that one did."""
    hit: set[int] = set()
    missed: set[int] = set()
    for point, count in counts.items():
        if point.module == module and point.kind != "toggle":
            (hit if count else missed).update(line_numbers(point.lines))
    return sorted(missed - hit)


def functions(source: str) -> dict[str, range]:
    """The lines of each function in a module's ``source``."""
    found: dict[str, range] = {}
    name, first = "", 0
    for number, line in enumerate(source.splitlines(), 1):
        if match := re.match(r"\s*function\s.*?(\w+)\s*\(", line):
            name, first = match[1], number
        elif re.match(r"\s*endfunction\b", line):
            found[name] = range(first, number + 1)
    return found


def constant_functions(counts: Mapping[Point, int], module: str, source: str) -> dict[str, range]:
    """Functions of which no run reached any point: called at elaboration only, which is not counted, or never."""
    reached = {point.line for point, count in counts.items() if point.module == module and count}
    return {name: lines for name, lines in functions(source).items() if not reached & set(lines)}


def report(counts: Mapping[Point, int], sources: Mapping[str, Path]) -> str:
    """A markdown table of hits by module and kind, and below it what was missed.

    Constant functions are left out of the counts and named below.
    """
    rows = ["| module | lines | branches | toggles |", "|---|---|---|---|"]
    details: list[str] = []
    for module in sorted(sources):
        constant = constant_functions(counts, module, sources[module].read_text())
        skipped = {number for lines in constant.values() for number in lines}
        counts = {point: count for point, count in counts.items() if point.module != module or point.line not in skipped}
        if constant:
            details += [f"{module}: at elaboration only, or never: {', '.join(constant)}", ""]
        cells = []
        for kind in KINDS:
            points = {p: n for p, n in counts.items() if p.module == module and p.kind == kind}
            reached = sum(1 for n in points.values() if n)
            cells.append(f"{reached} / {len(points)}" if points else "none")
        rows.append(f"| {module} | {' | '.join(cells)} |")
        details += _missed(counts, module, sources[module])
    return "\n".join([*rows, "", *(details or ["Nothing was missed."])]) + "\n"


def _missed(counts: Mapping[Point, int], module: str, source: Path) -> list[str]:
    text = source.read_text().splitlines()
    lines = [f"  line {number}: `{text[number - 1].strip()}`" for number in missed_lines(counts, module)]
    branches = [p for p, n in sorted(counts.items()) if p.module == module and p.kind == "branch" and not n]
    lines += [f"  branch at {p.line} ({p.what}): `{text[p.line - 1].strip()}`" for p in branches]
    toggles: dict[int, list[str]] = defaultdict(list)
    for point, count in sorted(counts.items()):
        if point.module == module and point.kind == "toggle" and not count:
            toggles[point.line].append(point.what)
    lines += [
        f"  toggles at {line}: {len(what)} of `{text[line - 1].strip()}`, first {what[0]}" for line, what in toggles.items()
    ]
    return [f"{module}:", *lines, ""] if lines else []
