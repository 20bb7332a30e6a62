# SPDX-License-Identifier: Apache-2.0
"""The state of an import and the view of one ONNX node, shared by all handlers."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

import numpy as np
import onnx

from headrace.errors import UnsupportedError
from headrace.frontend.grids import common_grid
from headrace.frontend.values import ExactArray, Flat, Function, ModelInput, QuantConst, Quantized, Real, Value, View
from headrace.ir.graph import Node
from headrace.ir.ops import Op, Quantize, Requant
from headrace.ir.rounding import HALF_EVEN, rounded
from headrace.ir.tensor import Tensor, bits_for_range

MAX_ACTIVATION_BITS = 16
"""An operator takes integers of 2**16 levels (one bit more with their zero point subtracted); accumulators need a quantizer."""


MAX_NAME = 100
"""Longest name; modules and memory files add to it, and file systems allow 255."""
MAX_RESULT_BITS = 62
"""Widest integers of all."""
MAX_ACCUMULATOR_BITS = 32
"""Widest integers that a node without rounding gives."""


@dataclass(slots=True)
class Context:
    """State of one import: the graph so far and the meaning of each ONNX value."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    nodes: list[Node] = field(default_factory=list)
    inputs: list[str] = field(default_factory=list)
    values: dict[str, Value] = field(default_factory=dict)
    input_names: dict[str, str] = field(default_factory=dict)
    """ONNX input name -> tensor."""
    opset: int = 0
    axes: dict[str, int] = field(default_factory=dict)
    """ONNX value -> number of its axes, the batch included."""
    batch: int = 1
    """Frames of a batch that the file declares; the hardware takes them one by one."""
    layouts: dict[int, tuple[View, Real | Flat]] = field(default_factory=dict)
    """Views that are laid out already, by identity."""

    sums: dict[str, tuple[Fraction, tuple[Real, ...]]] = field(default_factory=dict)
    """Tensor of a sum of operands in no whole ratio -> the real value of its unit, and the operands."""

    unlike_sums: dict[int, tuple[Real, tuple[tuple[Real, int], ...]]] = field(default_factory=dict)
    """Sums of operands whose channels stand in no whole ratio, by identity: themselves, their terms and the signs of these."""

    renamed: dict[str, str] = field(default_factory=dict)
    """Tensor of a graph output -> the name that the file gives it."""

    def unique(self, wanted: str) -> str:
        """An identifier close to ``wanted`` that no tensor or node bears yet."""
        base = re.sub(r"[^0-9A-Za-z]+", "_", wanted).strip("_").lower()[:MAX_NAME].strip("_") or "t"
        base = base if base[0].isalpha() else f"t_{base}"
        taken = self.tensors.keys() | {node.name for node in self.nodes}
        name, n = base, 1
        while name in taken:
            n += 1
            name = f"{base}_{n}"
        return name

    def output_name(self, wanted: str) -> str:
        """``wanted`` itself for a graph output, so that hosts find it, if the hardware can bear that name."""
        plain = (
            re.fullmatch(rf"[A-Za-z][0-9A-Za-z_]{{0,{MAX_NAME}}}", wanted) and "__" not in wanted and wanted not in self.tensors
        )
        return wanted if plain else self.unique(wanted)

    def emit(self, name: str, op: Op, inputs: tuple[str, ...], outputs: tuple[Tensor, ...]) -> None:
        """Appends a node and its output tensors."""
        self.tensors.update((tensor.name, tensor) for tensor in outputs)
        self.nodes.append(Node(name=name, op=op, inputs=inputs, outputs=tuple(t.name for t in outputs)))

    def apply(
        self,
        node: OnnxNode,
        op: Op,
        sources: tuple[str, ...],
        shape: tuple[int, int, int],
        lo: int,
        hi: int,
        scale: float = 1.0,
    ) -> str:
        """Emits a one-output node named after ``node``; returns the output tensor's name.

        Raises:
            UnsupportedError: its range exceeds what certificates and golden compute with.
        """
        if (bits := bits_for_range(lo, hi)) > MAX_RESULT_BITS:
            raise node.unsupported(
                f"a result of {bits} bits", f"quantize more coarsely, or smaller maps: {MAX_RESULT_BITS} bits at most"
            )
        name = self.unique(node.name)
        tensor = Tensor(name=self.unique(f"{name}_out"), shape=shape, lo=lo, hi=hi, scale=(scale,))
        self.emit(name, op, sources, (tensor,))
        return tensor.name

    def quantize(
        self,
        node: OnnxNode,
        real: Real,
        scale: Fraction | ExactArray,
        lo: int,
        hi: int,
        *,
        rounding: str = HALF_EVEN,
        zero: int = 0,
    ) -> Real:
        """Puts ``real`` on the grid ``scale`` within [lo, hi], with its pending clamp; no node if it is there already.

        Args:
            scale: one step for all channels, or one per channel.
            rounding: one of `headrace.ir.rounding.MODES`.
            zero: zero point that the model adds before it rounds; lo and hi are meant without it.
        """
        source = self.tensors[real.tensor]
        steps = np.array([scale], object) if isinstance(scale, Fraction) else scale
        if steps.size > 1 and (real.lo or real.hi):  # a bound other than zero is another integer in each channel
            real = self.settled(node, real)
        least = lo if real.lo is None else min(max(lo, rounded(real.lo / steps[0], rounding, zero)), hi)
        most = hi if real.hi is None else max(min(hi, rounded(real.hi / steps[0], rounding, zero)), lo)
        lo, hi = least, max(least, most)
        there = not real.skewed and bool(np.all(real.scale == steps) and np.all(real.offset == 0))
        if there and lo <= source.lo and source.hi <= hi:
            return Real(tensor=real.tensor, scale=steps)
        op = Quantize(
            slope=np.broadcast_to(real.scale / steps, source.channels).copy(),
            offset=np.broadcast_to(real.offset / steps, source.channels).copy(),
            lo=lo,
            hi=hi,
            rounding=rounding,
            zero=zero,
            scale=steps[0],
            pure=real.pure and steps.size == 1,
        )
        return Real(tensor=self.apply(node, op, (real.tensor,), source.shape, lo, hi, float(steps[0])), scale=steps)

    def gridded(self, node: OnnxNode, real: Real, bits: int) -> Real | None:
        """``real`` on one rising grid without offset or clamp, by whole factors and terms; None if more ``bits`` are needed."""
        source = self.tensors[real.tensor]
        grid = common_grid(real, source)
        if grid is None or bits_for_range(grid.lo, grid.hi) > bits:
            return None
        op = Requant(mul=grid.factor, add=grid.term, shift=0, lo=grid.lo, hi=grid.hi)
        out = self.apply(node, op, (real.tensor,), source.shape, grid.lo, grid.hi, float(grid.step))
        return Real(tensor=out, scale=np.array([grid.step], object), pure=real.pure)

    def copied(self, node: OnnxNode, tensor: str) -> str:
        """A second tensor of the same integers."""
        source = self.tensors[tensor]
        ones = np.ones(source.channels, np.int64)
        op = Requant(mul=ones, add=0 * ones, shift=0, lo=source.lo, hi=source.hi)
        return self.apply(node, op, (tensor,), source.shape, source.lo, source.hi, source.scale[0])

    def settled(self, node: OnnxNode, value: Value, *, skewed: bool = False) -> Real:
        """``value`` without a pending clamp; a ReLU with no quantizer behind it becomes a node of its own.

        Args:
            skewed: whether a sum of operands in no whole ratio will do.

        Raises:
            UnsupportedError: scales, offsets and clamp stand in no whole ratio.
        """
        real = self.activation(node, value, skewed=skewed)
        if not real.clamped:
            return real
        settled = self.clipped(node, real) or (None if real.skewed else self.gridded(node, real, MAX_ACCUMULATOR_BITS))
        if settled is None:
            raise node.unsupported(
                "a ReLU or clip on values that are not on one quantized grid",
                "put a quantizer (QuantReLU) behind the activation",
            )
        return settled

    def clipped(self, node: OnnxNode, real: Real) -> Real | None:
        """``real`` with its clamp on the integers, if that is one integer for all channels: zero, or with equal scales."""
        source = self.tensors[real.tensor]
        if np.any(real.scale <= 0) or np.any(real.offset != 0):
            return None
        bounds: list[Fraction | None] = []
        for bound in (real.lo, real.hi):
            on_grid = {None if bound is None else Fraction(bound / step) for step in real.scale}
            bounds.append(on_grid.pop())
            if on_grid or (bounds[-1] is not None and bounds[-1].denominator != 1):
                return None
        low, high = bounds
        ends = [end if low is None else max(end, int(low)) for end in (source.lo, source.hi)]
        lo, hi = (end if high is None else min(end, int(high)) for end in ends)
        ones = np.ones(source.channels, np.int64)
        op = Requant(mul=ones, add=0 * ones, shift=0, lo=lo, hi=hi)
        return replace(
            real, tensor=self.apply(node, op, (real.tensor,), source.shape, lo, hi, source.scale[0]), lo=None, hi=None
        )

    def integers(self, node: OnnxNode, value: Value, *, bits: int = MAX_ACTIVATION_BITS, per_channel: bool = False) -> Real:
        """``value`` as integers that can feed an operator: one positive scale, no offset, 2**``bits`` levels at most.

        Args:
            per_channel: whether each channel may have a scale of its own (channels never meet in the operator).

        Raises:
            UnsupportedError: it is an accumulator or an affine image of one.
        """
        real = self.activation(node, value)
        if not np.any(real.scale):
            raise node.unsupported("its input is multiplied by zero", "drop the branch from the model")
        if per_channel and real.clamped:
            real = self.clipped(node, real) or real
        apart = per_channel and not real.clamped and bool(np.all(real.scale > 0) and np.all(real.offset == 0))
        if not apart and (real.clamped or not real.uniform or real.step < 0):
            real = self.gridded(node, real, bits + 1) or real
        source = self.tensors[real.tensor]
        wide = source.hi - source.lo >= 1 << bits or source.bits > bits + 1
        if wide or (not apart and (real.clamped or not real.uniform)):
            what = (
                f"a {source.bits}-bit accumulator" if wide else f"on no common grid of {bits} bits (unequal scales or offsets)"
            )
            raise node.unsupported(
                f"its input is {what} that no quantizer has brought to integers", "put a QuantIdentity or QuantReLU before it"
            )
        return real

    def real(self, node: OnnxNode, value: Value | None, *, skewed: bool = False) -> Real:
        """``value`` as an activation of any scale, offset and pending clamp.

        Args:
            skewed: whether a sum of operands in no whole ratio will do.

        Raises:
            UnsupportedError: it is missing, or no activation.
        """
        return self.activation(node, required(node, value), skewed=skewed)

    def laid_out(self, view: View) -> Real | Flat:
        """The map that ``view`` amounts to; nodes are emitted once.

        Raises:
            UnsupportedError: it is no rearrangement that hardware has.
        """
        from headrace.frontend.layout import laid_out  # the operators that it emits read this module

        if id(view) not in self.layouts:
            self.layouts[id(view)] = view, laid_out(self, view)
        return self.layouts[id(view)][1]

    def viewed(self, node: OnnxNode, value: Value, axes: int | None = None) -> View:
        """``value`` as a view that ``node`` can lay out anew; ``axes`` of a map, if not those of the node's first input."""
        from headrace.frontend.views import as_view  # its handlers emit operators, which read this module

        return as_view(self, node, value, axes)

    def activation(self, node: OnnxNode, value: Value, *, skewed: bool = False) -> Real:
        """``value`` if it is an activation.

        Args:
            skewed: whether a sum of operands in no whole ratio will do.

        Raises:
            UnsupportedError: it is a constant, the raw input, laid out as no map is, or such a sum.
        """
        if isinstance(value, View):
            value = self.laid_out(value)
        if isinstance(value, Real):
            if value.skewed and not skewed:
                raise node.unsupported(
                    "reads the sum of operands in no whole ratio before it is quantized",
                    "put a quantizer directly behind the addition, or share one quantizer between its operands",
                )
            return value
        if isinstance(value, Function):
            raise node.unsupported(
                f"reads a {value.node.op_type} that no quantizer has brought to integers",
                "quantize it (QuantIdentity behind it), or leave it to the host at the network's end",
            )
        if isinstance(value, ModelInput):
            raise node.unsupported(
                f"reads the input '{value.name}' before it is quantized",
                "quantize the input first (QuantIdentity with a constant scale)",
            )
        if isinstance(value, Quantized):
            raise node.unsupported("computes with quantized integers", "put a DequantizeLinear before it (the QDQ format)")
        if isinstance(value, Flat):
            if self.tensors[value.real.tensor].pixels > 1:
                raise node.unsupported("reads a flattened map", "only fully connected layers can; keep maps as (N, C, H, W)")
            return self.activation(node, value.real, skewed=skewed)
        raise node.unsupported("operates on a constant where an activation is expected", "fold constants before export")


@dataclass(frozen=True, slots=True)
class OnnxNode:
    """An ONNX node with decoded attributes."""

    proto: onnx.NodeProto
    name: str
    attrs: dict[str, Any]

    @classmethod
    def of(cls, proto: onnx.NodeProto, index: int) -> OnnxNode:
        """Decodes ``proto``; an unnamed node is named after its type and position."""
        attrs = {a.name: onnx.helper.get_attribute_value(a) for a in proto.attribute}
        attrs = {k: v.decode() if isinstance(v, bytes) else v for k, v in attrs.items()}
        return cls(proto, proto.name or f"{proto.op_type}_{index}", attrs)

    @property
    def op_type(self) -> str:
        """Operator, with its domain unless it is ONNX's own."""
        return self.proto.op_type

    def unsupported(self, reason: str, remedy: str) -> UnsupportedError:
        """The refusal of this node."""
        return UnsupportedError(self.name, self.op_type, reason, remedy)

    def const(self, value: Value | None, what: str) -> np.ndarray[Any, Any]:
        """``value`` as a constant array.

        Raises:
            UnsupportedError: it is computed from activations.
        """
        if isinstance(value, QuantConst):
            return value.real
        if isinstance(value, np.ndarray):
            return value
        raise self.unsupported(f"{what} is not a constant", "export with constant parameters")

    def whole_numbers(self, value: Value | None, what: str) -> list[int]:
        """``value`` as a list of integers.

        Raises:
            UnsupportedError: it is computed from activations.
        """
        return [int(v) for v in np.asarray(self.const(value, what)).ravel()]


def required(node: OnnxNode, value: Value | None) -> Value:
    """``value``, if there is one.

    Raises:
        UnsupportedError: the input is missing.
    """
    if value is None:
        raise node.unsupported("an input is missing", "export the model again")
    return value


Handler = Callable[[Context, OnnxNode, list[Value | None]], list[Value]]
