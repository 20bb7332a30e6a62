# SPDX-License-Identifier: Apache-2.0
"""Multiply-accumulate engines: matrix-vector and depthwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import ClassVar

import numpy as np

from headrace.engines.base import Engine, Parameter, Rom, fold_matrix
from headrace.engines.technology import Resources, Technology, ceil_div, index_bits
from headrace.engines.window import tap_steps
from headrace.ir.ops import IntArray
from headrace.ir.tensor import Tensor


def column_major(weights: IntArray, taps: int = 1) -> IntArray:
    """(KH, KW, ...) -> (steps * taps, ...), numbered down the columns, as the window engine brings them.

    Where ``taps`` does not divide the rows of the kernel, each column ends with zeros.
    """
    kh, kw = weights.shape[:2]
    whole = kh if taps == kh * kw else ceil_div(kh, taps) * taps
    padded = np.zeros((whole, *weights.shape[1:]), weights.dtype)
    padded[:kh] = weights
    return padded.swapaxes(0, 1).reshape(-1, *weights.shape[2:])


SHIFT_BITS = 32
"""Of a shift register in a LUT."""


def bus_words(bits: int, words: int, bus: int) -> int:
    """Words of ``bus`` bits for ``words`` of ``bits`` bits: as many in one as it has room for, or one in several."""
    return ceil_div(words, bus // bits) if bits <= bus else words * ceil_div(bits, bus)


def weight_reader(bits: int, bus: int) -> Resources:
    """What brings a stream of ``bits``-bit words from a memory of ``bus`` bits (weight_feed.sv, weight_unpack.sv)."""
    return Resources(lut=130 + bus, ff=60 + bus + (2 * bits - bus if bits > bus else 0))


def product_luts(a: int, b: int) -> int:
    """LUTs of one product of ``a`` and ``b`` signed bits without a DSP (mac_digits.sv, fitted to yosys)."""
    wide, digits = max(a, b), ceil_div(min(a, b), 2)
    return wide + 1 + (digits - 1) * (wide + 6)


@dataclass(frozen=True, slots=True, kw_only=True)
class MatVec(Engine):
    """``pe`` rows by ``lanes * taps`` columns of a matrix in each clock cycle; none need divide the matrix."""

    module: ClassVar[str] = "engine_matvec"
    weights: IntArray = field(repr=False)
    """(M, KH, KW, C / groups)"""
    weight_bits: int
    source: Tensor
    result: Tensor
    pe: int
    lanes: int
    taps: int
    groups: int = 1
    """Parts of input and output that belong together; more than one: ``lanes`` and ``pe`` divide theirs."""
    raster: bool = False
    """The kernel is the whole map, which comes as it is: rows, columns, channels; one tap a beat."""
    lut_mul: bool = False
    """Multiply in LUTs."""
    lut_rom: bool = False
    """Keep the weights in LUTs whatever their size."""

    @property
    def simd(self) -> int:
        """Columns in parallel."""
        return self.lanes * self.taps

    @property
    def beats_in(self) -> int:
        """Input beats of a group's vector; the last channel beat of each tap beat may be ragged."""
        _, kh, kw, c = self.weights.shape
        return tap_steps((int(kh), int(kw)), self.taps) * ceil_div(c, self.lanes)

    @property
    def beats_out(self) -> int:
        """Output beats of a group's vector; the last may be ragged."""
        return ceil_div(self.weights.shape[0] // self.groups, self.pe)

    @property
    def words(self) -> int:
        """Words of weights, one for each cycle of a pixel."""
        return self.groups * self.beats_in * self.beats_out

    @property
    def in_widths(self) -> tuple[int, ...]:
        """Activations."""
        return (self.simd * self.source.bits,)

    @property
    def out_widths(self) -> tuple[int, ...]:
        """Accumulators."""
        return (self.pe * acc_bits(self.result),)

    @property
    def cycles(self) -> int:
        """One weight word each cycle, for each output pixel."""
        return self.result.pixels * self.words

    def parameters(self) -> Mapping[str, Parameter]:
        """See engine_matvec.sv."""
        return {
            "LanesIn": self.simd,
            "LanesOut": self.pe,
            "ActW": self.source.bits,
            "ActSigned": self.source.signed,
            "WgtW": self.weight_bits,
            "AccW": acc_bits(self.result),
            "BeatsIn": self.beats_in,
            "BeatsOut": self.beats_out,
            "Groups": self.groups,
            "LutMul": self.lut_mul,
            "RomFile": f'"{self.name}.hex"',
            "LutRom": self.lut_rom,
        }

    def columns(self) -> IntArray:
        """Weights (M, beats_in * simd) in the order in which the beats bring the activations of a filter's group."""
        m, kh, kw, c = self.weights.shape
        beats, steps = ceil_div(c, self.lanes), tap_steps((int(kh), int(kw)), self.taps)
        spread = self.weights.transpose(1, 2, 0, 3)
        padded = np.zeros((steps * self.taps, m, beats * self.lanes), self.weights.dtype)
        padded[..., :c] = spread.reshape(kh * kw, m, c) if self.raster else column_major(spread, self.taps)
        tiles = padded.reshape(steps, self.taps, m, beats, self.lanes).transpose(2, 0, 3, 1, 4)
        return tiles.reshape(m, self.beats_in * self.simd)

    def rom(self) -> Rom:
        """Tiles in order of use, group after group."""
        parts = np.split(self.columns(), self.groups)
        fields = np.concatenate([fold_matrix(part, self.pe, self.simd) for part in parts])
        return Rom(file=f"{self.name}.hex", fields=fields, widths=(self.weight_bits,))

    @property
    def cost_name(self) -> str:
        """Products in LUTs cost otherwise."""
        return cost_name(self.module, self.lut_mul)

    def memories(self, technology: Technology) -> Resources:
        """Weights and the input buffer."""
        block = False if self.lut_rom else None
        rom = technology.read_in_turn(self.words, self.pe * self.simd * self.weight_bits, block=block)
        return rom + (technology.memory(2 * self.beats_in, self.simd * self.source.bits) if self.beats_out > 1 else Resources())

    def logic(self, technology: Technology) -> Resources:
        """The multiply-accumulate lanes, and what brings the input again for each output beat (fitted to yosys)."""
        pointer = index_bits(2 * self.beats_in) if self.beats_out > 1 else 0
        control = Resources(lut=20 + (8 + 4 * pointer if pointer else 0), ff=30 + 3 * pointer)
        return mac_lanes(self, self.pe, self.simd, self.pe, technology) + control


@dataclass(frozen=True, slots=True, kw_only=True)
class Stationary(MatVec):
    """The same for ``held`` pixels at once, of which each weight that streams in multiplies one after the other.

    Accumulators leave in blocks: all held pixels' first ``pe`` rows, then their next.
    """

    module: ClassVar[str] = "engine_stationary"
    in_ports: ClassVar[tuple[tuple[str, str, str], ...]] = (
        ("valid_i", "ready_o", "data_i"),
        ("wgt_valid_i", "wgt_ready_o", "wgt_i"),
    )
    held: int
    """Divides the pixels of the map."""

    @property
    def in_widths(self) -> tuple[int, ...]:
        """Activations, weights."""
        return (self.simd * self.source.bits, self.pe * self.simd * self.weight_bits)

    @property
    def block(self) -> int:
        """Beats of the held pixels."""
        return self.held * self.beats_in

    @property
    def passes(self) -> int:
        """How often the weights come for each frame."""
        return self.result.pixels // self.held

    def weight_bytes(self, word_bytes: int) -> int:
        """What a frame reads from a memory of such words."""
        return self.passes * word_bytes * (bus_words(self.in_widths[1], self.words, 8 * word_bytes) + 1)  # and a check word

    def parameters(self) -> Mapping[str, Parameter]:
        """See engine_stationary.sv."""
        kept = {n: v for n, v in MatVec.parameters(self).items() if n not in ("Groups", "RomFile", "LutRom")}
        return {**kept, "Held": self.held}

    def streamed(self) -> Rom:
        """The words of `MatVec`, which lie in no memory of the engine."""
        return MatVec.rom(self)

    def roms(self) -> tuple[Rom, ...]:
        """None."""
        return ()

    def memories(self, technology: Technology) -> Resources:
        """Two blocks of pixels."""
        return technology.memory(2 * self.block, self.simd * self.source.bits)

    def logic(self, technology: Technology) -> Resources:
        """The multiply-accumulate lanes, the accumulators, which come round in shift registers, and addresses."""
        acc, pointer = acc_bits(self.result), index_bits(2 * self.block)
        ring = Resources(lut=self.pe * acc * (1 + ceil_div(self.held - 1, SHIFT_BITS)), ff=self.pe * acc)
        control = Resources(lut=60 + 4 * pointer, ff=60 + (self.pe * self.simd * self.weight_bits if self.lut_mul else 0))
        return mac_lanes(self, self.pe, self.simd, self.pe, technology) + ring + control


@dataclass(frozen=True, slots=True, kw_only=True)
class Depthwise(Engine):
    """``taps`` taps of ``lanes`` groups in each clock cycle: channels, or whole groups of some channels to some others."""

    module: ClassVar[str] = "engine_depthwise"
    weights: IntArray = field(repr=False)
    """(groups, steps * taps, outputs, inputs), the latter two left out where they are 1; taps as of `column_major`."""
    weight_bits: int
    source: Tensor
    result: Tensor
    lanes: int
    taps: int
    group_in: int = 1
    """Channels of a group."""
    group_out: int = 1
    """Filters of a group."""
    lut_mul: bool = False
    """Multiply in LUTs."""

    @property
    def beats(self) -> int:
        """Beats of a pixel's groups; the last may be ragged."""
        return ceil_div(self.weights.shape[0], self.lanes)

    @property
    def steps(self) -> int:
        """Tap beats of a window."""
        return int(self.weights.shape[1]) // self.taps

    @property
    def in_widths(self) -> tuple[int, ...]:
        """Taps x groups x channels."""
        return (self.taps * self.lanes * self.group_in * self.source.bits,)

    @property
    def out_widths(self) -> tuple[int, ...]:
        """Accumulators."""
        return (self.lanes * self.group_out * acc_bits(self.result),)

    @property
    def cycles(self) -> int:
        """One input beat each cycle."""
        return self.result.pixels * self.beats * self.steps

    def parameters(self) -> Mapping[str, Parameter]:
        """See engine_depthwise.sv."""
        return {
            "Lanes": self.lanes,
            "Taps": self.taps,
            "GroupIn": self.group_in,
            "GroupOut": self.group_out,
            "ActW": self.source.bits,
            "ActSigned": self.source.signed,
            "WgtW": self.weight_bits,
            "AccW": acc_bits(self.result),
            "Beats": self.beats,
            "Steps": self.steps,
            "LutMul": self.lut_mul,
            "RomFile": f'"{self.name}.hex"',
        }

    def rom(self) -> Rom:
        """Word beat * steps + step holds taps x groups x outputs x inputs, inputs fastest."""
        groups, slots = self.weights.shape[:2]
        weights = self.weights.reshape(groups, slots, self.group_out * self.group_in)
        padded = np.zeros((self.beats * self.lanes, *weights.shape[1:]), weights.dtype)
        padded[:groups] = weights
        tiles = padded.reshape(self.beats, self.lanes, self.steps, self.taps, -1).transpose(0, 2, 3, 1, 4)
        fields = tiles.reshape(self.beats * self.steps, -1)
        return Rom(file=f"{self.name}.hex", fields=fields, widths=(self.weight_bits,))

    @property
    def cost_name(self) -> str:
        """Products in LUTs cost otherwise."""
        return cost_name(self.module, self.lut_mul)

    def memories(self, technology: Technology) -> Resources:
        """Weights."""
        outputs, inputs = self.lanes * self.group_out, self.taps * self.group_in
        return technology.read_in_turn(self.beats * self.steps, outputs * inputs * self.weight_bits)

    def logic(self, technology: Technology) -> Resources:
        """The multiply-accumulate lanes and the weight memory."""
        outputs, inputs = self.lanes * self.group_out, self.taps * self.group_in
        lanes = mac_lanes(self, outputs, inputs, self.group_out, technology)
        if self.steps == 1:  # nothing to add up
            lanes = replace(lanes, lut=lanes.lut - outputs * acc_bits(self.result))
        held = 0 if self.lut_mul else self.lanes * inputs * self.source.bits
        return lanes + Resources(lut=20, ff=20 + held)


def mac_lanes(engine: MatVec | Depthwise, lanes: int, inputs: int, share: int, technology: Technology) -> Resources:
    """Multipliers and an adder tree per lane (mac_array.sv, fitted to yosys); ``share`` lanes have common activations."""
    bits, weight_bits, acc = engine.source.bits, engine.weight_bits, acc_bits(engine.result)
    operands = bits + weight_bits
    adders = (inputs - 1) * (operands + 2)
    if engine.lut_mul:
        product = product_luts(factor_bits(engine.source), weight_bits)
        lut, ff = inputs * product + adders + acc, inputs * (operands + weight_bits + 1) + adders + acc
        return Resources(lut=lanes * lut, ff=lanes * ff + lanes // share * inputs * bits)
    if share > 1 and bits + 2 * weight_bits + 1 <= technology.wide_bits:  # two products share a multiplier
        dsp = lanes // share * ceil_div(share, 2) * inputs
    else:
        dsp = lanes * inputs * technology.dsps(factor_bits(engine.source), weight_bits)
    sums = Resources(lut=lanes * (adders + acc), ff=lanes * (adders + acc), dsp=dsp)
    if technology.dsp_registers:
        return sums
    return sums + Resources(ff=inputs * (lanes * (operands + weight_bits) + lanes // share * (bits + 1)))


def cost_name(module: str, lut_mul: bool) -> str:
    """See `headrace.engines.base.Engine.cost_name`."""
    return f"{module}, products in LUTs" if lut_mul else module


def factor_bits(tensor: Tensor) -> int:
    """Signed width in which activations are multiplied."""
    return tensor.bits if tensor.signed else tensor.bits + 1


def acc_bits(tensor: Tensor) -> int:
    """Signed width of an accumulator stream (accumulators are always two's complement)."""
    return tensor.bits if tensor.signed else tensor.bits + 1
