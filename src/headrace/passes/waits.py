# SPDX-License-Identifier: Apache-2.0
"""Estimates how much the joins of a network make its branches wait, before anything is folded or simulated.

A windowed operator cannot give its first row before its kernel's rows have come, which is a fixed fraction of a frame
whatever the folding. Where branches of different delay meet, the early one waits in a FIFO for the difference. The estimate
sets block RAM aside for those FIFOs; their real depths come from simulation.
"""

from __future__ import annotations

from headrace.engines.technology import BRAM36_SHAPES, ceil_div
from headrace.ir.graph import Graph
from headrace.operators import delay

BRAM36_BITS = BRAM36_SHAPES[0][0] * BRAM36_SHAPES[0][1]
SHAPE_WASTE = 1.25
"""Block RAM comes in few shapes, and short FIFOs come on top; fitted likewise."""
SMALL_WAIT_BITS = 16 * 1024
"""Shorter waits live in LUTs."""


def wait_bits(graph: Graph) -> int:
    """Bits of all FIFOs that hold a branch back until its join is ready."""
    arrival: dict[str, float] = dict.fromkeys(graph.inputs, 0.0)
    frame_bits: dict[str, int] = {name: _bits(graph, name) for name in graph.inputs}
    constant = {name for node in graph.nodes if not node.inputs for name in node.outputs}  # always there, without a FIFO
    total = 0
    for node in graph.nodes:
        start = max((arrival[name] for name in node.inputs), default=0.0)
        for name in (n for n in node.inputs if n not in constant):
            bits = int((start - arrival[name]) * frame_bits[name])
            total += bits if bits > SMALL_WAIT_BITS else 0
        held = min(frame_bits[name] for name in node.inputs) if len(node.inputs) == 1 else None
        for name in node.outputs:
            arrival[name] = start + delay(graph, node)
            own = _bits(graph, name)
            # a wait behind a chain of single-reader nodes is spent where the frame is smallest
            single = held is not None and len(graph.consumers(node.inputs[0])) >= 1 and len(node.outputs) == 1
            frame_bits[name] = min(own, held) if single and held is not None else own
    return total


def _bits(graph: Graph, name: str) -> int:
    tensor = graph.tensors[name]
    return tensor.pixels * tensor.channels * tensor.bits


def wait_bram36(graph: Graph) -> float:
    """The same in block RAMs of 36 kbit."""
    return ceil_div(int(wait_bits(graph) * SHAPE_WASTE * 2), BRAM36_BITS) / 2
