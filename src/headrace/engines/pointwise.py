# SPDX-License-Identifier: Apache-2.0
"""The engine of integer expressions, and the pipeline that it makes of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from headrace.engines.base import Engine, Parameter, packed
from headrace.engines.technology import Resources, Technology, ceil_div
from headrace.errors import ModelError
from headrace.ir.expressions import Expression, Interval, bounds
from headrace.ir.tensor import Tensor, bits_for_range

OPCODES = (
    "in", "const", "reg", "add", "sub", "mul", "abs", "max", "min", "eq", "lt", "le", "select", "scale",
)  # fmt: skip
"""In the order of engine_pointwise.sv."""
MAX_BITS = 62
"""Widest node: golden computes in 64 bits."""
STREAM_LEVELS = 2
"""In carry chains, what may stand before a stream's beat in its cycle: a block memory, a selection of lanes."""
STAGE_LEVELS = 4
"""Carry chains between registers: about 4 ns on the slowest parts supported."""
LEVELS = {"in": STREAM_LEVELS, "const": 0, "mul": STAGE_LEVELS, "max": 2, "min": 2, "scale": 0}
"""Carry chains of a node (a multiplexer counts as one); 1 for those not named. A multiplier fills its cycle, so that a DSP
can take the registers around it."""


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """One node of engine_pointwise.sv: ``value`` is the constant, the factor, or 0; ``bits`` are two's complement."""

    op: str
    arguments: tuple[int, ...]
    bits: int
    value: int = 0


def signed_bits(interval: Interval) -> int:
    """Two's complement bits that hold every integer of ``interval``."""
    return bits_for_range(min(interval[0], -1), interval[1])


def signed_digits(factor: int) -> int:
    """Digits of ``factor`` that are not zero in its non-adjacent form: shifted copies that its product sums."""
    return (factor ^ (3 * factor)).bit_count()


@dataclass(slots=True)
class _Pipeline:
    """Nodes in order, each with its stage and the carry chains since the last register."""

    ranges: Sequence[Interval]
    nodes: list[NodeSpec] = field(default_factory=list)
    stage: list[int] = field(default_factory=list)
    level: list[int] = field(default_factory=list)
    known: dict[object, int] = field(default_factory=dict)
    """Expression, or (node, "reg") for the node behind one register more -> node."""

    def put(self, node: NodeSpec, stage: int, level: int) -> int:
        self.nodes.append(node)
        self.stage.append(stage)
        self.level.append(level)
        return len(self.nodes) - 1

    def later(self, node: int, stage: int) -> int:
        """``node`` delayed to ``stage``; a constant as it is."""
        while self.stage[node] < stage and self.nodes[node].op != "const":
            if (node, "reg") not in self.known:
                spec = NodeSpec("reg", (node,), self.nodes[node].bits)
                self.known[node, "reg"] = self.put(spec, self.stage[node] + 1, 0)
            node = self.known[node, "reg"]
        return node

    def build(self, expression: Expression) -> int:
        """The node of ``expression``; parts that occur twice are built once."""
        if expression not in self.known:
            self.known[expression] = self.fresh(expression)
        return self.known[expression]

    def fresh(self, expression: Expression) -> int:
        interval = bounds(expression, self.ranges)
        bits = signed_bits(interval)
        if bits > MAX_BITS:
            raise ModelError(
                f"an elementwise result needs {bits} bits (at most {MAX_BITS}); quantize the operands more coarsely"
            )
        kind, *rest = expression
        if interval[0] == interval[1]:
            return self.put(NodeSpec("const", (), bits, interval[0]), 0, 0)
        if kind == "in":
            return self.put(NodeSpec("in", (rest[0],), bits), 0, STREAM_LEVELS)
        if kind == "neg":
            return self.scaled(self.build(rest[0]), -1, bits)
        if kind == "mul":
            for part, other in (rest, reversed(rest)):
                low, high = bounds(part, self.ranges)
                if low == high:
                    return self.scaled(self.build(other), low, bits)
        return self.apply(kind, tuple(self.build(part) for part in rest), bits, LEVELS.get(kind, 1))

    def scaled(self, node: int, factor: int, bits: int) -> int:
        if factor == 1:
            return node
        chains = (signed_digits(factor) - 1).bit_length() + (factor < 0 and signed_digits(factor) == 1)
        return self.apply("scale", (node,), bits, min(chains, STAGE_LEVELS), factor)

    def apply(self, kind: str, arguments: tuple[int, ...], bits: int, levels: int, value: int = 0) -> int:
        """A node behind its arguments, which wait for the latest, and pass a register if the cycle would be too long."""
        stage = max(self.stage[a] for a in arguments)
        before = max(self.level[a] for a in arguments if self.stage[a] == stage)
        if before + levels > STAGE_LEVELS:
            stage, before = stage + 1, 0
        waiting = tuple(self.later(a, stage) for a in arguments)
        return self.put(NodeSpec(kind, waiting, bits, value), stage, before + levels)


def pipeline(expression: Expression, ranges: Sequence[Interval]) -> tuple[NodeSpec, ...]:
    """The nodes that compute ``expression`` for operands in ``ranges``; the last one is its register.

    Raises:
        ModelError: a part of it needs more than `MAX_BITS` bits.
    """
    work = _Pipeline(ranges=ranges)
    root = work.build(expression)
    if work.nodes[root].op == "const":  # the streams pace it all the same
        work.put(NodeSpec("reg", (root,), work.nodes[root].bits), 1, 0)
    else:
        last = work.later(root, work.stage[root] + 1)
        if last != len(work.nodes) - 1:
            raise AssertionError("the result's register is put last")
    return tuple(work.nodes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pointwise(Engine):
    """``expression`` of one to three streams, ``lanes`` values in each clock cycle.

    An operand of one channel meets all channels of the result; it arrives at one lane, one beat a pixel.
    """

    module: ClassVar[str] = "engine_pointwise"
    bundled_in: ClassVar[bool] = True
    expression: Expression
    operands: tuple[Tensor, ...]
    result: Tensor
    lanes: int

    @property
    def single(self) -> tuple[bool, ...]:
        """Of each operand, whether its one channel meets all of the result's."""
        return tuple(t.channels == 1 and self.result.channels > 1 for t in self.operands)

    @property
    def in_bits(self) -> int:
        """Every operand is carried in the widest one's width."""
        return max(t.bits for t in self.operands)

    @property
    def in_lanes(self) -> tuple[int, ...]:
        """Lanes of each operand."""
        return tuple(1 if single else self.lanes for single in self.single)

    @property
    def in_widths(self) -> tuple[int, ...]:
        """Operands."""
        return tuple(lanes * self.in_bits for lanes in self.in_lanes)

    @property
    def out_widths(self) -> tuple[int, ...]:
        """Results."""
        return (self.lanes * self.result.bits,)

    @property
    def cycles(self) -> int:
        """One beat each cycle."""
        return self.result.pixels * ceil_div(self.result.channels, self.lanes)

    @property
    def latency(self) -> int:
        """Cycles from a beat's arrival to its result: the registers on the way."""
        nodes = pipeline(self.expression, self.ranges)
        stages = [0] * len(nodes)
        for n, node in enumerate(nodes):
            arguments = () if node.op == "in" else node.arguments
            stages[n] = max((stages[a] for a in arguments), default=0) + (node.op == "reg")
        return stages[-1]

    @property
    def ranges(self) -> tuple[Interval, ...]:
        """Of each operand."""
        return tuple((t.lo, t.hi) for t in self.operands)

    @property
    def mask(self) -> bool:
        """Whether lanes beyond the last channel, where all but single operands are zero, must be made zero."""
        outside = [r if single else (0, 0) for r, single in zip(self.ranges, self.single, strict=True)]
        return self.result.channels % self.lanes != 0 and bounds(self.expression, outside) != (0, 0)

    def parameters(self) -> Mapping[str, Parameter]:
        """See engine_pointwise.sv."""
        nodes = pipeline(self.expression, self.ranges)
        arguments = [sum(a << (8 * k) for k, a in enumerate(node.arguments)) for node in nodes]
        return {
            "Lanes": self.lanes,
            "Channels": self.result.channels,
            "Operands": len(self.operands),
            "InW": self.in_bits,
            "OutW": self.result.bits,
            "Single": packed([int(single) for single in self.single], 1),
            "Mask": self.mask,
            "Nodes": len(nodes),
            "Op": packed([OPCODES.index(node.op) for node in nodes], 4),
            "Args": packed(arguments, 24),
            "Width": packed([node.bits for node in nodes], 8),
            "Value": packed([node.value for node in nodes], 64),
        }

    def logic(self, technology: Technology) -> Resources:
        """Adders, comparators, multipliers and registers of a lane (fitted to yosys)."""
        nodes = pipeline(self.expression, self.ranges)
        multiplied = {a for node in nodes if node.op == "mul" for a in node.arguments}
        lane = Resources()
        for n, node in enumerate(nodes):
            arguments = [nodes[a] for a in node.arguments] if node.op != "in" else []
            in_dsp = technology.dsp_registers and node.op == "reg" and (n in multiplied or arguments[0].op == "mul")
            lane += Resources() if in_dsp else _node_resources(node, arguments, technology)
        return Resources(lut=self.lanes * lane.lut + 4, ff=self.lanes * lane.ff + 4, dsp=self.lanes * lane.dsp)


def _node_resources(node: NodeSpec, arguments: Sequence[NodeSpec], technology: Technology) -> Resources:
    if node.op in ("in", "const"):
        return Resources()
    if node.op == "reg":
        return Resources(ff=node.bits)
    if node.op == "scale":
        return Resources(lut=node.bits * (signed_digits(node.value) - 1 + (node.value < 0)))
    if node.op == "mul":
        a, b = (argument.bits for argument in arguments)
        return Resources(dsp=technology.dsps(a, b))
    width = max((argument.bits for argument in arguments), default=node.bits)
    luts = {"eq": width // 2, "lt": width, "le": width, "select": node.bits + 1, "max": 2 * width, "min": 2 * width}
    return Resources(lut=luts.get(node.op, node.bits))
