# SPDX-License-Identifier: Apache-2.0
"""Finds FIFO depths by simulating the whole network: no deadlock, no lost throughput, little waste.

The network is built once with FIFOs that hold whole frames and can be limited at run time. Fed at the pace of its slowest
engine it never waits, and the levels that its FIFOs reach are what that schedule needs. Where a long wait (the short side of
a skip connection) can be spent before or behind an operator, it is moved to where a frame is smaller; where weights stream,
waits are left to the buffers of engines as far as the pace allows. At last the depths are checked at full speed, where
back-pressure alone sets the pace.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import numpy as np
from headrace_host.simulator import NetworkSimulator, SimulationResult

from headrace.backend.design import Design, Edge, build_design, stream_spec
from headrace.backend.fifo_parts import in_parts
from headrace.backend.rtl import NETWORK, write_rtl
from headrace.build import fifo_sparing
from headrace.build.fifo_sparing import REGISTER, Sparing
from headrace.build.toolenv import cache_dir, make_alone
from headrace.build.verilate import build_simulator, harness_of, model_key, takes_long, timing_harness
from headrace.engines.technology import XC7, Resources, Technology, ceil_div
from headrace.errors import BuildError
from headrace.hls.layer import hls_layers, mixed_design
from headrace.ir.graph import Graph
from headrace.ir.ops import IntArray
from headrace.operators.base import Fold

MIN_FRAMES, MAX_FRAMES = 5, 64
"""Frames simulated; enough to fill the pipeline and see the interval that follows."""
ROOM_FRAMES = 4
TOLERANCE = 1.01
"""Interval, relative to the slowest engine's cycles, that counts as no lost throughput."""
MIN_DEPTH = 2
PINNED_ROWS = 2
"""What a pinned FIFO may still hold: joins behind an upsampling take rows in bursts."""
AMPLE = 0.95
"""Of each resource, at most, where no FIFOs need be spared any more."""
LARGE_BITS = 18 * 1024
"""A FIFO of more than half a block RAM is worth moving."""
GROWTH = 1.1
ROUNDS = 8
AT_ONCE = 2
"""Simulations that run side by side where depths are tried. What is found depends on it, so it is the same on all machines."""
_METHOD = hashlib.sha256(b"".join(Path(module).read_bytes() for module in (__file__, fifo_sparing.__file__))).hexdigest()[:8]
"""Part of the cache key: another way of sizing gives other depths."""

Note = Callable[[str], None]
Ample = Callable[[Mapping[str, int]], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class FifoSizing:
    """Depths by edge, and what the check at full speed measured."""

    depths: Mapping[str, int]
    interval: float
    latency_cycles: int


def open_simulator(graph: Graph, design: Design, library: Path, rom_dir: Path) -> NetworkSimulator:
    """A simulator of ``design`` from its compiled model and memory files."""
    inputs = [stream_spec(graph, s) for s in design.inputs]
    outputs = [stream_spec(graph, s) for s in design.outputs]
    return NetworkSimulator(library, rom_dir, inputs, outputs)


def size_fifos(
    graph: Graph,
    folds: Mapping[str, Fold],
    note: Note = lambda _: None,
    layers: Sequence[str] = (),
    technology: Technology = XC7,
    room: Resources | None = None,
) -> FifoSizing:
    """Depths of all FIFOs of the network at these foldings.

    Args:
        note: told what is going on, for progress displays.
        layers: those that are C++ kernels.
        technology: of the device; FIFOs in block RAM have another latency.
        room: what the network may take; where weights stream, waits are left to engines until it takes `AMPLE` of that.

    Raises:
        BuildError: the network deadlocks.
        ToolError: Verilator is absent or failed.
    """
    roomy = roomy_depths(build_design(graph, folds))
    design = mixed_design(graph, folds, roomy, layers, technology)

    def ample(depths: Mapping[str, int]) -> bool:
        sized = in_parts(mixed_design(graph, folds, depths, layers, technology))
        return room is not None and sized.resources().share_of(room) <= AMPLE

    what = "compiling the network with roomy FIFOs"
    bounded = room if design.weights else None
    return _remembered(graph, design, what, note, lambda sizer: sizer.run(ample), bounded)


def measure_design(graph: Graph, design: Design, note: Note = lambda _: None) -> FifoSizing:
    """Interval and latency of ``design`` as it is, at full speed; same errors as :func:`size_fifos`."""
    return _remembered(graph, design, "compiling the network", note, lambda sizer: sizer.confirm())


def _remembered(
    graph: Graph,
    design: Design,
    what: str,
    note: Note,
    work: Callable[[Sizer], FifoSizing],
    room: Resources | None = None,
) -> FifoSizing:
    """Does ``work`` on the Verilated design, or recalls what it gave before with the same ``room``."""
    with TemporaryDirectory(prefix="headrace-fifo-") as name:
        folder = Path(name)
        kernels = {layer.name: layer.files() for layer in hls_layers(design)}
        # A model of the timing alone is several times as fast; where little is to simulate, one of all serves simulations, too.
        dataless = not kernels and takes_long(design)
        sources = [folder / n for n in write_rtl(design, folder, NETWORK, dataless=dataless)]
        harness = timing_harness(design) if dataless else harness_of(design)

        def size() -> FifoSizing:
            note(what)
            library = build_simulator(sources, harness, kernels)
            with ExitStack() as opened:
                simulators = [
                    open_simulator(graph, design, library, folder / "rom") for _ in range(AT_ONCE if design.weights else 1)
                ]
                return work(Sizer(graph, design, [opened.enter_context(each) for each in simulators], note))

        bound = "-".join(f"{amount:g}" for amount in room.measures()) if room else ""
        return remembered("-".join([model_key(sources, harness, kernels), *([bound] if bound else [])]), design, note, size)


def remembered(key: str, design: Design, note: Note, size: Callable[[], FifoSizing]) -> FifoSizing:
    """What ``size`` gives, or what it gave before under this key: timing does not depend on weights."""
    known = cache_dir() / "fifos" / f"{key}-{_METHOD}.json"
    if (sizing := _recall(known, design)) is not None:
        note("FIFO depths and timing are known from an earlier run")
        return sizing
    known.parent.mkdir(parents=True, exist_ok=True)
    with make_alone(known):
        if (sizing := _recall(known, design)) is None:
            sizing = size()
            partial = known.with_suffix(f".{os.getpid()}.tmp")
            partial.write_text(json.dumps(asdict(sizing)), encoding="utf-8")
            partial.replace(known)
    return sizing


def _recall(path: Path, design: Design) -> FifoSizing | None:
    """The sizing stored at ``path``, if it is one of this design."""
    try:
        sizing = FifoSizing(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return sizing if sizing.depths.keys() == {edge.key for edge in design.edges} else None


def roomy_depths(design: Design) -> dict[str, int]:
    """Room for a few frames on every edge: the longest wait is the latency of the deepest path around it."""
    return {edge.key: ROOM_FRAMES * edge.fifo.frame_beats + 64 for edge in design.edges}


class LevelSimulator(Protocol):
    """A simulated network whose FIFOs can be limited and looked at."""

    def limit_fifo(self, index: int, depth: int | None = None) -> None:
        """Gives FIFO ``index`` another depth; None: its own."""

    def fifo_peak(self, index: int) -> int:
        """The most words that FIFO ``index`` held in the last run."""

    def run(
        self,
        frames: Mapping[str, IntArray],
        *,
        interval: float = ...,
        idle_limit: int = ...,
        partial: bool = ...,
        due: Sequence[int] = ...,
    ) -> SimulationResult:
        """Simulates frames, fed one each ``interval`` cycles at most; with ``partial``, as far as they come."""


def _depths(levels: Mapping[str, int]) -> dict[str, int]:
    """With one word more: a full FIFO takes none in the cycle that it gives one."""
    return {key: 1 if level == REGISTER else max(MIN_DEPTH, level + 1) for key, level in levels.items()}


class Sizer:
    """Finds the depths of a design whose FIFOs are roomy in ``simulators``, which are all alike and run side by side."""

    def __init__(self, graph: Graph, design: Design, simulators: Sequence[LevelSimulator], note: Note) -> None:
        self._graph, self._design, self._simulators, self._note = graph, design, simulators, note
        self._target = design.bottleneck.cycles
        self._feed(MIN_FRAMES)

    def run(self, ample: Ample = lambda _: False) -> FifoSizing:
        """Depths, and the interval and latency with them; ``ample`` says of depths that none need be spared any more."""
        levels = self._levels(ample)
        # A schedule that keeps the pace exists within these levels, and back-pressure alone finds one at least as fast (a
        # marked graph runs no slower for running early).
        depths = _depths(levels)
        best: FifoSizing | None = None
        for attempt in range(ROUNDS):
            self._note(f"checking at full speed (round {attempt + 1})")
            levels, result = self._measure(depths, paced=False)
            interval = self._interval(result)
            if interval is not None and (best is None or interval < best.interval):
                best = FifoSizing(depths=depths, interval=interval, latency_cycles=result.latency_cycles)
            if self._fast_enough(result):
                break
            full = {key for key, level in levels.items() if level >= depths[key]}
            depths = {key: int(np.ceil(depth * GROWTH)) + 1 if key in full else depth for key, depth in depths.items()}
        if best is None:
            raise BuildError("the network deadlocks at every FIFO depth tried; please report it as a bug, with the model")
        return best

    def _levels(self, ample: Ample) -> dict[str, int]:
        """Of all FIFOs, within which a schedule keeps the pace."""
        self._note("measuring FIFO levels")
        levels, result = self._measure({}, paced=True)
        again = False
        if (reached := self._interval(result) or 0) > self._target * TOLERANCE:
            self._target, again = reached, True  # fed faster than it can be, a network piles up what it was fed
        if result.frame_ends and (frames := ceil_div(result.latency_cycles, self._target) + 2) > self._count:
            self._feed(min(frames, MAX_FRAMES))  # small frames: many are in the pipeline at once
            again = True
        if again:
            levels, result = self._measure({}, paced=True)
        timely = result
        if pins := self._pins(levels):
            self._note(f"moving {len(pins)} long waits to where a frame is smaller")
            moved, result = self._measure(pins, paced=True)
            if self._fast_enough(result) and self._bits(moved) < self._bits(levels):
                levels, timely = moved, result
        if self._design.weights:
            # Half a frame late is not what a network that keeps the pace is, so the rest of such a run need not be seen.
            self._due = tuple(int(end + self._target / 2) for end in timely.frame_ends)
            at_once = len(self._simulators)
            sparing = Sparing(self._graph, self._design, self._target, self._tried, at_once, self._note)
            levels = sparing.run(levels, lambda lower: ample(_depths(lower)))
        return levels

    def _tried(self, proposals: Sequence[Mapping[str, int]]) -> list[dict[str, int] | None]:
        """The levels reached within each of these, one proposal to a simulator; None where the pace is lost."""

        def tried(simulator: LevelSimulator, levels: Mapping[str, int]) -> dict[str, int] | None:
            limits = {key: level + 1 for key, level in levels.items()}
            reached, result = self._measure(limits, paced=True, due=self._due, simulator=simulator)
            return reached if self._fast_enough(result) else None

        with ThreadPoolExecutor(len(proposals)) as pool:
            return list(pool.map(tried, self._simulators, proposals))

    def confirm(self) -> FifoSizing:
        """Interval and latency with the depths that the design has."""
        self._note("measuring the network at full speed")
        _, result = self._measure({}, paced=False)
        if result.frame_ends and (frames := ceil_div(result.latency_cycles, self._target) + 2) > self._count:
            self._feed(min(frames, MAX_FRAMES))
            _, result = self._measure({}, paced=False)
        interval = self._interval(result)
        if interval is None:
            raise BuildError("the network deadlocks with the FIFO depths found; please report it as a bug, with the model")
        depths = {edge.key: edge.fifo.depth for edge in self._design.edges}
        return FifoSizing(depths=depths, interval=interval, latency_cycles=result.latency_cycles)

    def _feed(self, count: int) -> None:
        """Prepares ``count`` frames; what is in them does not matter to timing."""
        self._count = count
        rng = np.random.default_rng(0)
        tensors = [self._graph.tensors[name] for name in self._graph.inputs]
        self._frames = {t.name: rng.integers(t.lo, t.hi + 1, (count, *t.shape)) for t in tensors}

    def _measure(
        self, limits: Mapping[str, int], *, paced: bool, due: Sequence[int] = (), simulator: LevelSimulator | None = None
    ) -> tuple[dict[str, int], SimulationResult]:
        simulator = simulator or self._simulators[0]
        for edge in self._design.edges:
            simulator.limit_fifo(edge.fifo.index, limits.get(edge.key))
        result = simulator.run(
            self._frames,
            interval=self._target if paced else 0,
            idle_limit=2 * self._target + 10_000,
            partial=True,
            due=due,
        )
        return {edge.key: simulator.fifo_peak(edge.fifo.index) for edge in self._design.edges}, result

    def _interval(self, result: SimulationResult) -> int | None:
        """Cycles between the last two frames, once the pipeline is full; None if the run did not end."""
        return result.frame_ends[-1] - result.frame_ends[-2] if len(result.frame_ends) == self._count else None

    def _fast_enough(self, result: SimulationResult) -> bool:
        interval = self._interval(result)
        return interval is not None and interval <= self._target * TOLERANCE

    def _bits(self, levels: Mapping[str, int]) -> int:
        return sum(levels[edge.key] * edge.fifo.width for edge in self._design.edges)

    def _pins(self, peaks: Mapping[str, int]) -> dict[str, int]:
        """Edges to keep shallow because an edge upstream of them holds the same wait in fewer bits."""
        pins: dict[str, int] = {}
        for edge in self._design.edges:
            if peaks[edge.key] * edge.fifo.width <= LARGE_BITS:
                continue
            chain = self._upstream(edge)
            cheapest = min(chain, key=self._frame_bits)
            for other in chain:
                if other.key != cheapest.key:
                    rows = self._graph.tensors[other.stream.tensor].shape[0]
                    pins[other.key] = max(MIN_DEPTH, ceil_div(PINNED_ROWS * other.fifo.frame_beats, rows))
                if other.key == cheapest.key:
                    break
        return pins

    def _frame_bits(self, edge: Edge) -> int:
        tensor = self._graph.tensors[edge.stream.tensor]
        return tensor.pixels * tensor.channels * edge.stream.bits

    def _upstream(self, edge: Edge) -> list[Edge]:
        """``edge`` and the buffered edges before it, as far back as nodes have one input and one reader."""
        chain, tensor = [edge], edge.stream.tensor
        while True:
            node = self._graph.producer(tensor)
            if node is None or len(node.inputs) != 1 or len(node.outputs) != 1 or len(self._graph.consumers(tensor)) > 1:
                return chain
            tensor = node.inputs[0]
            chain += [e for e in self._design.edges if e.stream.tensor == tensor and e.reader == node.name]
