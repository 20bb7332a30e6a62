# SPDX-License-Identifier: Apache-2.0
"""The C++ of a build: of the whole network, or of some of its layers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headrace_host.program import Program

from headrace.backend.design import build_design
from headrace.description import Compilation, describe_stream
from headrace.feeds import image_frames, random_frames, reads_an_image
from headrace.hls.layer import HlsLayer, hls_layers, layer_notes
from headrace.hls.network import network_view
from headrace.hls.project import TOP, Project, Vectors
from headrace.hls.stream_sizing import size_streams
from headrace.ir.graph import Graph, multiply_accumulates, to_program
from headrace.models import zoo_images
from headrace.operators import map_node

Note = Callable[[str], None]

VECTOR_SEED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class HlsOptions:
    """What Vitis HLS projects are made of, and with."""

    layers: tuple[str, ...] = ()
    """Layers that are kernels in a network of RTL; without any, the whole network is C++, beside the RTL."""
    images: Path | None = None
    """Folder of images for the testbench; None: those that come with headrace, or random frames."""
    frames: int = 2


def write_hls(folder: Path, made: Compilation, options: HlsOptions, note: Note) -> dict[str, Any]:
    """Writes the Vitis HLS projects with golden vectors to ``folder``; returns what the manifest says of them."""
    vectors = _vectors(made, options)
    project = Project(model=made.path.stem, board=made.board, vectors=vectors)
    facts: dict[str, Any] = {"vectors": vectors.what, "frames": options.frames, "synthesised": False}
    if options.layers:
        note("writing the Vitis HLS projects")
        layers = hls_layers(made.fitted.design)
        return {**facts, "layers": [_layer(layer, made.graph, project, folder / layer.name) for layer in layers]}
    graph, folds = made.graph, made.fitted.folding.folds
    sizing = size_streams(graph, folds, note)
    design = build_design(graph, folds, sizing.depths)
    note("writing the Vitis HLS project")
    notes: dict[str, str] = {}
    for node in graph.nodes:
        notes.update(layer_notes(graph, node, map_node(graph, node, folds[node.name]).chain))
    net = network_view(design, f"The network {project.title}", notes)
    return {
        **facts,
        "top": TOP,
        "sources": project.write_network(design, net, folder),
        "depths": dict(sizing.depths),
        "interval_cycles": sizing.interval,
        "latency_cycles": sizing.latency_cycles,
    }


def _layer(layer: HlsLayer, graph: Graph, project: Project, folder: Path) -> dict[str, Any]:
    return {
        "name": layer.name,
        "module": layer.module,
        "top": layer.ip,
        "sources": project.write_layer(layer, folder),
        "macs": multiply_accumulates(graph, (node for node in graph.nodes if node.name == layer.name)),
        "inputs": [describe_stream(graph, s) for s in layer.inputs],
        "outputs": [describe_stream(graph, s) for s in layer.outputs],
    }


def _vectors(made: Compilation, options: HlsOptions) -> Vectors:
    """Frames, and every tensor that they give."""
    inputs = [describe_stream(made.graph, s) for s in made.fitted.design.inputs]
    images, what = options.images, f"images of {options.images.name}" if options.images else "images that come with headrace"
    if images is None and reads_an_image(inputs):
        images = zoo_images()
    if images is None:
        what, feeds = f"random pixels, seed {VECTOR_SEED}", random_frames(inputs, options.frames, VECTOR_SEED)
    else:
        feeds = image_frames(made.path.stem, inputs, images, options.frames)
    kept = [
        tensor for layer in hls_layers(made.fitted.design) for s in (*layer.inputs, *layer.outputs) for tensor in [s.tensor]
    ]
    golden = Program(*to_program(made.graph)).run(feeds, keep=kept)
    return Vectors(what=what, tensors={**golden, **feeds})
