# SPDX-License-Identifier: Apache-2.0
"""Multiply-accumulate engines: matrix-vector and depthwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from headrace.engines.base import Engine, Parameter, Resources, Rom, ceil_div, fold_matrix, memory
from headrace.ir.ops import IntArray
from headrace.ir.tensor import Tensor


def column_major(weights: IntArray) -> IntArray:
    """(KH, KW, ...) -> (KH * KW, ...), taps numbered down the columns, as the window engine brings them."""
    return weights.swapaxes(0, 1).reshape(-1, *weights.shape[2:])


@dataclass(frozen=True, slots=True, kw_only=True)
class MatVec(Engine):
    """``pe`` rows by ``lanes * taps`` columns of a matrix in each clock cycle; none need divide the matrix."""

    module: ClassVar[str] = "engine_matvec"
    weights: IntArray = field(repr=False)
    """(M, KH, KW, C)"""
    weight_bits: int
    source: Tensor
    result: Tensor
    pe: int
    lanes: int
    taps: int

    @property
    def simd(self) -> int:
        """Columns in parallel."""
        return self.lanes * self.taps

    @property
    def beats_in(self) -> int:
        """Input beats of a vector; the last channel beat of each tap group may be ragged."""
        _, kh, kw, c = self.weights.shape
        return kh * kw // self.taps * ceil_div(c, self.lanes)

    @property
    def beats_out(self) -> int:
        """Output beats of a vector; the last may be ragged."""
        return ceil_div(self.weights.shape[0], self.pe)

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
        return self.result.pixels * self.beats_in * self.beats_out

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
            "RomFile": f'"{self.name}.hex"',
        }

    def columns(self) -> IntArray:
        """Weights (M, beats_in * simd) in the order in which the beats bring the activations."""
        m, kh, kw, c = self.weights.shape
        beats, steps = ceil_div(c, self.lanes), kh * kw // self.taps
        padded = np.zeros((kh * kw, m, beats * self.lanes), self.weights.dtype)
        padded[..., :c] = column_major(self.weights.transpose(1, 2, 0, 3))
        tiles = padded.reshape(steps, self.taps, m, beats, self.lanes).transpose(2, 0, 3, 1, 4)
        return tiles.reshape(m, self.beats_in * self.simd)

    def rom(self) -> Rom:
        """Tiles in order of use."""
        fields = fold_matrix(self.columns(), self.pe, self.simd)
        return Rom(file=f"{self.name}.hex", fields=fields, widths=(self.weight_bits,))

    def resources(self) -> Resources:
        """One multiplier per weight of a word, an adder tree per row, the weight memory and the input buffer."""
        macs = self.pe * self.simd
        product = self.weight_bits + self.source.bits
        tree = self.pe * (self.simd - 1) * product + self.pe * acc_bits(self.result)
        rom = memory(self.beats_in * self.beats_out, macs * self.weight_bits)
        buffer = memory(2 * self.beats_in, self.simd * self.source.bits)
        return rom + buffer + Resources(lut=tree + 60, ff=tree + 60, dsp=macs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Depthwise(Engine):
    """``taps`` taps of ``lanes`` channels in each clock cycle."""

    module: ClassVar[str] = "engine_depthwise"
    weights: IntArray = field(repr=False)
    """(channels, KH * KW), taps down the columns of the kernel."""
    weight_bits: int
    source: Tensor
    result: Tensor
    lanes: int
    taps: int

    @property
    def beats(self) -> int:
        """Channel beats of a pixel; the last may be ragged."""
        return ceil_div(self.weights.shape[0], self.lanes)

    @property
    def steps(self) -> int:
        """Tap beats of a window."""
        return self.weights.shape[1] // self.taps

    @property
    def in_widths(self) -> tuple[int, ...]:
        """Taps x lanes."""
        return (self.taps * self.lanes * self.source.bits,)

    @property
    def out_widths(self) -> tuple[int, ...]:
        """Accumulators."""
        return (self.lanes * acc_bits(self.result),)

    @property
    def cycles(self) -> int:
        """One input beat each cycle."""
        return self.result.pixels * self.beats * self.steps

    def parameters(self) -> Mapping[str, Parameter]:
        """See engine_depthwise.sv."""
        return {
            "Lanes": self.lanes,
            "Taps": self.taps,
            "ActW": self.source.bits,
            "ActSigned": self.source.signed,
            "WgtW": self.weight_bits,
            "AccW": acc_bits(self.result),
            "Beats": self.beats,
            "Steps": self.steps,
            "RomFile": f'"{self.name}.hex"',
        }

    def rom(self) -> Rom:
        """Word channel_beat * steps + step holds taps x lanes weights, lane fastest."""
        padded = np.zeros((self.beats * self.lanes, self.weights.shape[1]), self.weights.dtype)
        padded[: self.weights.shape[0]] = self.weights
        tiles = padded.reshape(self.beats, self.lanes, self.steps, self.taps).transpose(0, 2, 3, 1)
        fields = tiles.reshape(self.beats * self.steps, self.taps * self.lanes)
        return Rom(file=f"{self.name}.hex", fields=fields, widths=(self.weight_bits,))

    def resources(self) -> Resources:
        """One multiplier per weight of a word, an adder tree per lane and the weight memory."""
        macs = self.lanes * self.taps
        tree = self.lanes * ((self.taps - 1) * (self.weight_bits + self.source.bits) + acc_bits(self.result))
        rom = memory(self.beats * self.steps, macs * self.weight_bits)
        return rom + Resources(lut=tree + 40, ff=tree + 40, dsp=macs)


def acc_bits(tensor: Tensor) -> int:
    """Signed width of an accumulator stream (accumulators are always two's complement)."""
    return tensor.bits if tensor.signed else tensor.bits + 1
