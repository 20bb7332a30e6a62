# SPDX-License-Identifier: Apache-2.0
"""How much logic lies between the registers of a synthesised netlist, in levels of LUTs.

A level is a LUT and the way to it. AMD's devices are synthesised anew by Vivado, and Yosys saves LUTs by chains of small ones
where they are no slower in its eyes: there, what six inputs can hold counts as one LUT, whatever Yosys made of it (priority
cuts, Mishchenko et al. 2007). Other cells count as what they cost on such a way (`CELLS`): a whole multiplier six levels, a
block memory's output three, a carry from cell to cell a tenth. These are round figures from the vendors' data sheets, to find
what is too long; placement decides what a clock really reaches.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from headrace.build.cells import LUTRAM_CELLS
from headrace.errors import ToolError

INPUTS = 6
"""Of a LUT of AMD's."""
CUTS = 8
"""Ways to cover a LUT's logic that are kept: those of the fewest levels."""
LIMIT = 7.0
"""Levels that are too many: what lies on a way may be six LUTs, or one multiplier, and carries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How a kind of cell delays. Ports of no kind are clocked, or do not matter."""

    through: tuple[tuple[str, float], ...] = ()
    """(Input, levels from it to each output): combinational."""
    start: float | None = None
    """Levels at the outputs after the clock; None: nothing starts here."""
    outputs: tuple[str, ...] = ()
    joins: bool = False
    """Logic that may be joined with that before it, up to `INPUTS` inputs."""


def _lut(inputs: str, output: str, levels: float = 1.0) -> Kind:
    return Kind(through=tuple((port, levels) for port in inputs.split()), outputs=(output,))


def _carry(inputs: str, outputs: str, carry: str, levels: float) -> Kind:
    return Kind(through=(*((port, levels) for port in inputs.split()), (carry, 0.1)), outputs=tuple(outputs.split()))


_FF = Kind(start=0.0, outputs=("Q",))
_BLOCK = Kind(
    start=3.0, outputs=("DOADO", "DOBDO", "DOPADOP", "DOPBDOP", "DOUTADOUT", "DOUTBDOUT", "DOUTPADOUTP", "DOUTPBDOUTP")
)
_SHIFT = Kind(through=(("A0", 1.0), ("A1", 1.0), ("A2", 1.0), ("A3", 1.0), ("A", 1.0)), start=1.0, outputs=("Q", "Q31"))
_LUTRAM = (
    *(f"ADDR{port}" for port in "ABCDEFGH"), "A", "DPRA", *(f"A{n}" for n in range(9)), *(f"DPRA{n}" for n in range(7)),
)  # fmt: skip
_LUTRAM_OUT = ("DOA", "DOB", "DOC", "DOD", "DOE", "DOF", "DOG", "DOH", "DPO", "SPO", "O")
_RAM = Kind(through=tuple((port, 1.0) for port in _LUTRAM), start=1.0, outputs=_LUTRAM_OUT)
_MULTIPLIER = 6.0
_DSP_INPUTS = {
    "A": ("AREG", _MULTIPLIER), "B": ("BREG", _MULTIPLIER), "D": ("DREG", _MULTIPLIER), "C": ("CREG", 2.0), "PCIN": ("", 2.0),
}  # fmt: skip
"""The register that each may have, and the levels from it on."""
_LATTICE_LUT = _lut("A B C D", "Z")
"""Its kind is called as one of AMD's."""

CELLS: Mapping[str, Kind] = {
    # AMD
    **{f"LUT{n}": replace(_lut(" ".join(f"I{k}" for k in range(n)), "O"), joins=True) for n in range(1, 7)},
    "LUT6_2": Kind(through=tuple((f"I{k}", 1.0) for k in range(6)), outputs=("O5", "O6")),
    "INV": _lut("I", "O", 0.0),
    **{f"MUXF{n}": _lut("I0 I1 S", "O", 0.2) for n in (7, 8, 9)},
    **{f"CARRY{n}": _carry("S DI CYINIT", "O CO", "CI", 0.3) for n in (4, 8)},
    **dict.fromkeys(("FDRE", "FDSE", "FDCE", "FDPE", "FDRE_1", "FDSE_1"), _FF),
    **dict.fromkeys(("RAMB18E1", "RAMB36E1", "RAMB18E2", "RAMB36E2"), _BLOCK),
    **dict.fromkeys(("SRL16E", "SRLC32E"), _SHIFT),
    **dict.fromkeys(LUTRAM_CELLS, _RAM),
    # Lattice
    "PFUMX": _lut("ALUT BLUT C0", "Z", 0.2),
    "L6MUX21": _lut("D0 D1 SD", "Z", 0.2),
    "CCU2C": _carry("A0 B0 C0 D0 A1 B1 C1 D1", "S0 S1 COUT", "CIN", 1.0),
    "TRELLIS_FF": _FF,
    "TRELLIS_DPR16X4": Kind(through=(("RAD", 1.0),), start=1.0, outputs=("DO",)),
    "MULT18X18D": Kind(
        through=tuple((f"{side}{n}", _MULTIPLIER) for side in "AB" for n in range(18)),
        outputs=tuple(f"P{n}" for n in range(36)),
    ),
    "DP16KD": Kind(start=3.0, outputs=tuple(f"DO{side}{n}" for side in "AB" for n in range(18))),
    "PDPW16KD": Kind(start=3.0, outputs=tuple(f"DO{n}" for n in range(36))),
}  # fmt: skip
OUTPUTS = "outputs"
"""Stands for what reads the top module's outputs."""
IGNORED = frozenset({"$scopeinfo", "IBUF", "OBUF", "BUFG", "TRELLIS_IO", "EHXPLLL", "VCC", "GND"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """The longest way to a register of a part."""

    levels: float
    start: str
    """Part where it starts."""
    cells: tuple[str, ...]
    """Kinds of the cells on it, from its start on."""


def longest_ways(module: Mapping[str, Any], part_of: Mapping[str, str] | Any) -> dict[str, Way]:
    """Of each part, the longest way that ends in it; the module's inputs come from registers, its outputs go to some.

    Args:
        module: of a netlist that Yosys wrote as JSON, without hierarchy below.
        part_of: gives the part of a cell by its name.

    Raises:
        ToolError: a kind of cell is not known, or logic bites its tail.
    """
    return _Netlist(module).longest(part_of)


class _Netlist:
    def __init__(self, module: Mapping[str, Any]) -> None:
        self.ports = module.get("ports", {})
        self.cells: dict[str, Any] = {n: c for n, c in module["cells"].items() if c["type"] not in IGNORED}
        unknown = sorted({c["type"] for c in self.cells.values()} - CELLS.keys() - {"DSP48E1", "DSP48E2"})
        if unknown:
            raise ToolError(f"no delay is known of the cells {', '.join(unknown)}")
        self.kinds = {name: _kind(cell) for name, cell in self.cells.items()}
        self.level: dict[int, float] = {}
        self.source: dict[int, tuple[str, int | None]] = {}
        """Of each bit, the cell that drives it, and the bit that is latest there."""

    def longest(self, part_of: Any) -> dict[str, Way]:
        self._propagate()
        worst: dict[str, tuple[float, str, int]] = {}
        ends = [(part_of(name), name, *end) for name, cell in self.cells.items() for end in self._ends(name, cell)]
        outputs = [bit for port in self.ports.values() if port["direction"] == "output" for bit in port["bits"]]
        for part, name, bit, more in [*ends, *((OUTPUTS, "", bit, 0.0) for bit in outputs if bit in self.level)]:
            levels = self.level.get(bit, 0.0) + more
            if part not in worst or levels > worst[part][0]:
                worst[part] = levels, name, bit
        return {part: self._way(levels, bit, name, part_of) for part, (levels, name, bit) in sorted(worst.items())}

    def _ends(self, name: str, cell: Mapping[str, Any]) -> Iterator[tuple[int, float]]:
        """Bits that a cell's clock takes, with the levels behind them within the cell."""
        kind = self.kinds[name]
        if kind.start is None:
            return
        through = dict(kind.through)
        within = _unregistered(cell) if cell["type"].startswith("DSP48") else {}
        for port, bits in cell["connections"].items():
            if port not in kind.outputs and port not in through:
                yield from ((bit, within.get(port, 0.0)) for bit in bits if isinstance(bit, int))

    def _propagate(self) -> None:
        waits: dict[str, int] = {}
        readers: dict[int, list[tuple[str, float]]] = defaultdict(list)
        driven: dict[int, str] = {}
        for name, cell in self.cells.items():
            for port in self.kinds[name].outputs:
                for bit in cell["connections"].get(port, ()):
                    if isinstance(bit, int):
                        driven[bit] = name
        for name, cell in self.cells.items():
            through = dict(self.kinds[name].through)
            waits[name] = 0
            for port, bits in cell["connections"].items():
                if port in through:
                    for bit in bits:
                        if bit in driven:
                            waits[name] += 1
                            readers[bit].append((name, through[port]))
        latest: dict[str, tuple[float, int | None]] = {name: (kind.start or 0.0, None) for name, kind in self.kinds.items()}
        cuts: dict[int, list[frozenset[int]]] = {}
        ready = [name for name, count in waits.items() if not count]
        done = 0
        while ready:
            name = ready.pop()
            done += 1
            levels, before = latest[name]
            if self.kinds[name].joins:
                levels, before = self._covered(name, cuts)
            for port in self.kinds[name].outputs:
                for bit in self.cells[name]["connections"].get(port, ()):
                    if not isinstance(bit, int):
                        continue
                    self.level[bit], self.source[bit] = levels, (name, before)
                    for reader, more in readers[bit]:
                        if levels + more > latest[reader][0]:
                            latest[reader] = levels + more, bit
                        waits[reader] -= 1
                        if not waits[reader]:
                            ready.append(reader)
        if done < len(self.cells):
            left = next(name for name, count in waits.items() if count)
            raise ToolError(f"combinational loop at cell {left}")

    def _covered(self, name: str, cuts: dict[int, list[frozenset[int]]]) -> tuple[float, int | None]:
        """The fewest levels of a LUT's output if its logic is cut anew, and the latest input then; notes its best cuts."""

        def levels(cut: frozenset[int]) -> float:
            return max((self.level.get(bit, 0.0) for bit in cut), default=0.0)

        connections = self.cells[name]["connections"]
        inputs = [bit for port, _ in self.kinds[name].through for bit in connections.get(port, ()) if isinstance(bit, int)]
        found, direct = [frozenset[int]()], frozenset[int]()
        for bit in inputs:
            merged = {cut | more for cut in found for more in (frozenset((bit,)), *cuts.get(bit, ()))}
            found = sorted((cut for cut in merged if len(cut) <= INPUTS), key=lambda cut: (levels(cut), len(cut)))[:CUTS]
            direct |= {bit}
            found.append(direct)  # in the end all inputs as they are, which always fit
        (output,) = connections["O"]
        cuts[output] = found
        best = min(found, key=levels)
        return 1.0 + levels(best), max(best, key=lambda bit: self.level.get(bit, 0.0), default=None)

    def _way(self, levels: float, bit: int | None, end: str, part_of: Any) -> Way:
        kinds, start = [self.cells[end]["type"]] if end else [], end
        while bit is not None and bit in self.source:
            start, bit = self.source[bit]
            kinds.append(self.cells[start]["type"])
        return Way(levels=round(levels, 2), start=part_of(start), cells=tuple(reversed(kinds)))


def _registered(cell: Mapping[str, Any], name: str) -> bool:
    return bool(int(str(cell["parameters"].get(name, "0")), 2))


def _unregistered(cell: Mapping[str, Any]) -> dict[str, float]:
    """Of a DSP's inputs, those without a register of their own, and the levels from them on."""
    return {port: levels for port, (register, levels) in _DSP_INPUTS.items() if not _registered(cell, register)}


def _kind(cell: Mapping[str, Any]) -> Kind:
    """Of a cell; of a DSP by the registers that are used in it."""
    if cell["type"] == "LUT4" and "Z" in cell["connections"]:
        return _LATTICE_LUT
    if not cell["type"].startswith("DSP48"):
        kind = CELLS[cell["type"]]
        return Kind(through=kind.through, start=1.0, outputs=kind.outputs) if _output_register(cell) else kind
    outputs = ("P", "PCOUT")
    if _registered(cell, "PREG"):
        return Kind(start=0.5, outputs=outputs)
    through = _unregistered(cell)
    if _registered(cell, "MREG"):
        return Kind(start=2.0, outputs=outputs, through=tuple((p, n) for p, n in through.items() if n < _MULTIPLIER))
    start = max((levels for port, (_, levels) in _DSP_INPUTS.items() if port not in through), default=None)
    return Kind(start=start, outputs=outputs, through=tuple(through.items()))


def _output_register(cell: Mapping[str, Any]) -> bool:
    return cell["type"].startswith("RAMB") and all(_registered(cell, name) for name in ("DOA_REG", "DOB_REG"))
