# SPDX-License-Identifier: Apache-2.0
"""From a QONNX file to a build directory."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from headrace_host.images import find_images
from headrace_host.manifest import MANIFEST, STREAMED

from headrace.backend.block import blocks_for, write_block
from headrace.backend.fifo_parts import within
from headrace.backend.ip import check_held
from headrace.backend.rtl import NETWORK, write_rtl
from headrace.backend.weights import memory_of
from headrace.boards import Board
from headrace.build.fifo_sizing import measure_design, size_fifos
from headrace.description import Compilation, Fitted, Goal, Lowered, describe, hardware_id
from headrace.engines.technology import Resources
from headrace.errors import BuildError, FoldingError
from headrace.files import BITSTREAMS, SYNTHESES, check_target, save_json
from headrace.frontend.importer import import_model
from headrace.hls.build import HlsOptions, write_hls
from headrace.hls.layer import mixed_design
from headrace.hls.simulation import HLS
from headrace.ir.graph import Graph, to_program
from headrace.passes.certificate import Certificate
from headrace.passes.fold import fold
from headrace.passes.requantize import requantize
from headrace.passes.rising import rising_choices
from headrace.passes.simplify import simplify
from headrace.passes.upsample_late import upsample_late

__all__ = ["Goal", "HlsOptions", "Lowered", "compile_model", "lower"]

Note = Callable[[str], None]

FIT_TRIES = 3


def lower(path: Path) -> Lowered:
    """Imports a model and runs all passes up to folding.

    Raises:
        ModelError: the file is damaged, or holds something that is not mapped.
    """
    model = import_model(path)
    graph, certificates = lower_graph(model.graph)
    return Lowered(model=model, graph=graph, certificates=certificates)


def lower_graph(graph: Graph) -> tuple[Graph, tuple[Certificate, ...]]:
    """All passes from an imported graph to the one that is folded, and what is certified of its quantizers.

    Raises:
        ModelError: a quantizer cannot be realised.
    """
    realised, certificates = requantize(simplify(graph))
    return rising_choices(upsample_late(realised)), certificates


def compile_model(
    path: Path,
    board: Board,
    out: Path,
    goal: Goal,
    note: Note = lambda _: None,
    *,
    hls: HlsOptions | None = None,
    held: tuple[str, ...] = (),
    lean: bool = False,
) -> dict[str, Any]:
    """Compiles ``path`` for ``board`` into the build directory ``out`` and returns its manifest.

    ``out`` appears only when it is whole; an earlier build there is replaced, anything else is left alone.

    Args:
        hls: write the network, or layers of it, as C++ for Vitis HLS.
        held: inputs that stay the same from frame to frame; see `headrace.backend.ip.Ip`.
        lean: spare block RAM: weights may stream in from the board's memory, and line buffers have fewer rows.

    Raises:
        ModelError, FoldingError, BuildError, ToolError: see `headrace.errors`.
    """
    check_target(out)
    out = Path(os.path.abspath(out))  # noqa: PTH100  # "." and ".." have no name to put a partial build beside
    if hls and hls.images:
        find_images([hls.images])  # told before minutes of work
    note("reading the model")
    lowered = lower(path)
    if lean and hls:
        raise BuildError("weights of C++ kernels do not stream in; leave --lean out, or the C++")
    if held and not board.memory:
        raise BuildError(f"{board.title} has no block between memories, so no input can be held; leave --hold out")
    check_held(lowered.graph, held)
    fitted = _fit(lowered.graph, board, goal, note, hls.layers if hls else (), lean=lean)
    made = Compilation(path=path, board=board, goal=goal, lowered=lowered, fitted=fitted)
    note("writing the build directory")
    scratch = out.with_name(f".{out.name}.{uuid4().hex[:8]}.partial")
    try:
        scratch.mkdir(parents=True)
        manifest = _write(scratch, out.name, made, hls, held, note)
        _replace(scratch, out)
    except OSError as error:
        if error.filename and not _concerns(Path(error.filename), scratch, out):
            raise  # an image, or the cache: it is named by itself
        raise BuildError(
            f"{out}: cannot write the build ({error.strerror or error}); free space or choose another -o"
        ) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return manifest


def _concerns(path: Path, scratch: Path, out: Path) -> bool:
    """Whether an error with ``path`` is one of writing the build."""
    return path.is_relative_to(scratch) or scratch.is_relative_to(path) or path == out


def _fit(graph: Graph, board: Board, goal: Goal, note: Note, layers: Sequence[str], *, lean: bool) -> Fitted:
    """Looks for what fits: what the FIFOs took is set aside in the next try. ``layers`` are C++ kernels."""
    reserve, fps, technology = None, goal.fps, board.technology
    for _ in range(FIT_TRIES):
        note("choosing foldings")
        folding = fold(graph, board, fill=goal.fill, fps=fps, reserve=reserve, lean=lean)
        unsized = mixed_design(graph, folding.folds, {}, layers, technology)
        block = sum((b.resources() for b in blocks_for(board, graph, unsized).values()), Resources())
        room = board.resources.less(block)
        sizing = size_fifos(graph, folding.folds, note, layers, technology, room)
        design = within(mixed_design(graph, folding.folds, sizing.depths, layers, technology), room)
        total = design.resources() + block
        if total.share_of(board.resources) > 1.0:
            reserve = design.resources().less(folding.resources)  # the fill is the network's; the block has the rest
            continue
        sizing = replace(measure_design(graph, design, note), depths=sizing.depths)
        reached = board.clock_mhz * 1e6 / sizing.interval
        if goal.fps is None or fps is None or reached >= goal.fps:
            return Fitted(folding=folding, sizing=sizing, design=design, block=block)
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
    _keep_made(old, out)
    shutil.rmtree(old, ignore_errors=True)


def _keep_made(old: Path, out: Path) -> None:
    """Carries over what took long to make, if the hardware is the same."""
    for name in (BITSTREAMS, SYNTHESES):
        if (old / name).is_dir() and _build_id(old) == _build_id(out):
            (old / name).rename(out / name)


def _build_id(folder: Path) -> str:
    return str(json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["build_id"])


def _write(
    folder: Path, name: str, made: Compilation, hls: HlsOptions | None, held: tuple[str, ...], note: Note
) -> dict[str, Any]:
    sources = write_rtl(made.fitted.design, folder / "rtl", NETWORK)
    program, arrays = to_program(made.graph)
    save_json(folder / "program.json", program)
    packed = io.BytesIO()
    np.savez_compressed(packed, **arrays)  # type: ignore[arg-type]
    (folder / "weights.npz").write_bytes(packed.getvalue())
    further: dict[str, Any] = {"hls": write_hls(folder / HLS, made, hls, note)} if hls else {}
    blocks = blocks_for(made.board, made.graph, made.fitted.design, held)
    for key, block in blocks.items():
        further[key] = block.describe(write_block(block, folder / "rtl", sources))
    build_id = hardware_id(folder)
    for block in blocks.values():
        (folder / "rtl" / f"{block.module}.sv").write_text(block.render(build_id))
    if made.fitted.design.weights:
        roms = [rom for i in made.fitted.design.instances if (rom := i.engine.streamed())]
        assert made.board.memory  # else nothing streams
        (folder / STREAMED).write_bytes(memory_of(roms, made.board.memory.data_bits // 8, int(build_id, 16)))
    manifest = describe(folder, name, made, sources, build_id, further)
    save_json(folder / MANIFEST, manifest)
    return manifest
