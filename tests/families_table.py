# SPDX-License-Identifier: Apache-2.0
"""The table of docs/families.md: written from what the tests of the families measured, and read back by them.

python tests/families_table.py    writes the page from build/families
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "families.md"
RESULTS = ROOT / "build" / "families"
START = "| family |"
HEAD = (
    "| family | source | operators | MAC per frame | RTL = golden | engines | cycles per frame | slowest engine "
    "| Brevitas differs |\n|---|---|---|---|---|---|---|---|---|\n"
)
FIXED = 5
"""Cells that are the same on every machine; foldings may follow the last bit of a float that a machine rounds otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What one family's test saw."""

    name: str
    title: str
    source: str
    operators: tuple[str, ...]
    engines: tuple[str, ...]
    macs: int
    cycles: int
    slowest: int
    brevitas: str
    """Values that differ from Brevitas' float32."""

    def to_json(self) -> dict[str, Any]:
        """The fields."""
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Row:
        """The row of :meth:`to_json`."""
        fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in stored.items()}
        return cls(**fields)

    def cells(self) -> tuple[str, ...]:
        """The table's row."""
        return (
            f"{self.title} (`{self.name}`)",
            f"[{self.source}](https://arxiv.org/abs/{self.source})",
            ", ".join(self.operators),
            f"{self.macs:,}",
            "bit-exact",
            ", ".join(name.removeprefix("engine_") for name in self.engines),
            f"{self.cycles:,}",
            f"{self.slowest:,}",
            self.brevitas,
        )


def parse_rows(page: str) -> dict[str, tuple[str, ...]]:
    """The fixed cells of the table's rows, by the name of the family."""
    rows = {}
    for line in page.splitlines():
        cells = tuple(cell.strip() for cell in line.strip().strip("|").split("|"))
        if line.startswith("|") and "(`" in cells[0]:
            rows[cells[0].split("`")[1]] = cells[:FIXED]
    return rows


def write_page(order: list[str]) -> None:
    """Replaces the table of the page.

    Raises:
        FileNotFoundError: a family was not measured.
    """
    lines = []
    for name in order:
        row = Row.from_json(json.loads((RESULTS / f"{name}.json").read_text()))
        lines.append(f"| {' | '.join(row.cells())} |\n")
    text = PAGE.read_text()
    before, _, rest = text.partition(START)
    after = "".join(line for line in (START + rest).splitlines(keepends=True) if not line.startswith("|"))
    PAGE.write_text(before + HEAD + "".join(lines) + after)


if __name__ == "__main__":
    from headrace_models.families import FAMILIES

    write_page(list(FAMILIES))
