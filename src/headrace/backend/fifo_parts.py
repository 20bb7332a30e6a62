# SPDX-License-Identifier: Apache-2.0
"""FIFOs that are a little deeper than a block RAM: most of it in block RAM, what is over in LUTs before it.

A FIFO of 2200 bytes takes two block RAMs of 18 kbit, the second nearly empty. Its last 150 bytes take some 60 LUTs. One of
1200 bytes is all in LUTs, in two parts, where that is worth it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from headrace.backend.design import Design, Edge, Instance
from headrace.engines.plumbing import Fifo
from headrace.engines.technology import BRAM36_SHAPES, Resources, Technology, ceil_div

WORTH = 250
"""LUTs that may be spent to spare a block RAM of 36 kbit; small devices have some 350 for each."""
WORTHS = (WORTH, *range(WORTH + 50, 1001, 50), *range(WORTH - 50, -1, -50))
"""What is tried one after the other where the device is full: first with fewer block RAMs, then with fewer LUTs."""
FRONT = ".front"
"""What the keys of the parts in LUTs end with."""


def cut(depth: int, width: int, technology: Technology, worth: float = WORTH) -> int:
    """Words of a FIFO to hold in LUTs before the others; 0: it is best as it is.

    Args:
        worth: LUTs that may be spent to spare a block RAM.
    """
    if not technology.fifo_in_block(depth, width):
        return 0

    def cost(front: int) -> float:
        parts = [_part(words, width) for words in (front, depth - front) if words]
        total = [part.resources(technology) for part in parts]
        return sum(r.lut + worth * r.bram36 for r in total)

    whole = {depth - (depth - 2) // words * words - 2 for words, _ in BRAM36_SHAPES}
    fronts = [front for front in sorted(whole) if 2 < front < depth and technology.fifo_in_block(depth - front, width)]
    fronts.append(32 * ceil_div(depth, 64))
    allowed = [front for front in fronts if not technology.fifo_in_block(front, width)]
    return min([0, *allowed], key=cost)


def _part(depth: int, width: int) -> Fifo:
    return Fifo(name="", index=0, width=width, depth=depth, frame_beats=0)


def within(design: Design, room: Resources) -> Design:
    """``design`` with FIFOs cut so that it finds room; as by `in_parts` if none is enough."""
    tried = (in_parts(design, worth) for worth in WORTHS)
    return next((each for each in tried if each.resources().share_of(room) <= 1.0), in_parts(design))


def in_parts(design: Design, worth: float = WORTH) -> Design:
    """``design`` with FIFOs cut where that spares more than it costs, a block RAM being worth so many LUTs."""
    cuts = {e.fifo.name: c for e in design.edges if (c := cut(e.fifo.depth, e.fifo.width, design.technology, worth))}
    if not cuts:
        return design
    edges = tuple(part for edge in design.edges for part in _edges(edge, cuts.get(edge.fifo.name, 0)))
    numbered = {edge.key: replace(edge, fifo=replace(edge.fifo, index=k)) for k, edge in enumerate(edges)}
    by_name = {edge.fifo.name: edge.fifo for edge in numbered.values()}
    instances = tuple(part for i in design.instances for part in _instances(i, by_name))
    fronts = {_wire(i): design.wires[i.inputs[0]] for i in design.instances if i.engine.name in cuts}
    return replace(design, instances=instances, edges=tuple(numbered.values()), wires={**design.wires, **fronts})


def _edges(edge: Edge, front: int) -> Iterator[Edge]:
    if front:
        fifo = replace(edge.fifo, name=f"{edge.fifo.name}_front", depth=front)
        yield replace(edge, fifo=fifo, key=edge.key + FRONT)
    yield replace(edge, fifo=replace(edge.fifo, depth=edge.fifo.depth - front))


def _wire(instance: Instance) -> str:
    return f"{instance.inputs[0]}__front"


def _instances(instance: Instance, fifos: dict[str, Fifo]) -> Iterator[Instance]:
    name = instance.engine.name
    if not isinstance(instance.engine, Fifo):
        yield instance
    elif (front := fifos.get(f"{name}_front")) is None:
        yield replace(instance, engine=fifos[name])
    else:
        yield replace(instance, engine=front, outputs=(_wire(instance),))
        yield replace(instance, engine=fifos[name], inputs=(_wire(instance),))
