# SPDX-License-Identifier: Apache-2.0
"""Tensors where they enter or leave the network, as the templates of blocks around it want them."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from headrace_host.layout import MemoryLayout

from headrace.backend.design import Design, Stream
from headrace.ir.graph import Graph


@dataclass(frozen=True, slots=True, kw_only=True)
class PortView:
    """A tensor of the network and its way into or out of a block."""

    index: int
    """Inputs first, then outputs."""
    tensor: str
    wire: str
    lanes: int
    bits: int
    signed: bool
    channels: int
    elements: int
    """Of a frame."""
    element_bits: int
    """In memory, or on a line."""
    repeat: bool = False
    """Whether memory holds one frame of it, which is read again for each frame."""


def layout_of(graph: Graph, stream: Stream, word_bytes: int) -> MemoryLayout:
    """Of a stream's frames behind a bus of ``word_bytes``-byte words."""
    return MemoryLayout.of(graph.tensors[stream.tensor].shape, stream.bits, stream.signed, word_bytes)


def ports_of(graph: Graph, design: Design, held: tuple[str, ...] = ()) -> tuple[tuple[PortView, ...], tuple[PortView, ...]]:
    """The inputs and the outputs of a network; ``held`` names inputs that stay the same."""
    views = []
    for index, stream in enumerate([*design.inputs, *design.outputs]):
        shape = graph.tensors[stream.tensor].shape
        views.append(
            PortView(
                index=index,
                tensor=stream.tensor,
                wire=stream.wire,
                lanes=stream.lanes,
                bits=stream.bits,
                signed=stream.signed,
                channels=shape[-1],
                elements=prod(shape),
                element_bits=layout_of(graph, stream, 1).element_bits,
                repeat=stream.tensor in held,
            )
        )
    return tuple(views[: len(design.inputs)]), tuple(views[len(design.inputs) :])
