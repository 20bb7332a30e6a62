# SPDX-License-Identifier: Apache-2.0
"""How an engine appears in C++: the constants, streams and tables of its kernel."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from headrace.engines.base import Packed, Parameter
from headrace.ir.ops import IntArray

Value = int | tuple[int, ...]
Values = Mapping[str, Any]
"""Parameters of an engine as Python integers, tuples of them, and file names."""


@dataclass(frozen=True, slots=True)
class Beats:
    """What a stream carries: ``lanes`` values of ``bits`` bits in each beat."""

    bits: int
    lanes: int

    @property
    def type(self) -> str:
        """The stream's C++ type."""
        return f"Stream<{self.bits}, {self.lanes}>"


@dataclass(frozen=True, slots=True)
class Column:
    """One kind of field of a memory's words, as a table (words, n) of its own."""

    name: str
    bits: int
    signed: bool = True


@dataclass(frozen=True, slots=True)
class Memory:
    """A memory file; the fields of its words belong to its columns by turns."""

    file: str
    fields: int
    """Of a word."""
    columns: tuple[Column, ...]

    def words(self, text: str) -> IntArray:
        """The fields (words, fields) of a file for $readmemh; see `headrace.engines.base.Rom`."""
        widths = [column.bits for column in self.columns] * (self.fields // len(self.columns))
        rows = []
        for line in text.split():
            word, row = int(line, 16), []
            for k, bits in enumerate(widths):
                value = word & ((1 << bits) - 1)
                signed = self.columns[k % len(self.columns)].signed
                row.append(value - (1 << bits) if signed and value >> (bits - 1) else value)
                word >>= bits
            rows.append(row)
        return np.array(rows, np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pauses:
    """Iterations in a row in which a line buffer reads its input and gives no window."""

    between_rows: int
    """Of windows."""
    at_start: int
    """Of a frame that is not read ahead."""
    beats: int
    """That it gives in a frame."""


def _nothing(_: Values) -> tuple[Any, ...]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """The C++ twin of a SystemVerilog module.

    All functions take the module's parameters, as `values_of` gives them.
    """

    function: str
    """Name of the function template, and of its header."""
    constants: Callable[[Values], Mapping[str, Value]]
    """Members of the kernel's configuration, besides ``Pixels``."""
    inputs: Callable[[Values], tuple[Beats, ...]]
    outputs: Callable[[Values], tuple[Beats, ...]]
    memories: Callable[[Values], tuple[Memory, ...]] = field(default=_nothing)
    functions: Callable[[Values], tuple[str, ...]] = field(default=_nothing)
    """Lines of member functions of the configuration."""
    pixel_beats: Callable[[Values], int] | None = None
    """Beats of the first input that make a pixel, for kernels that work pixel by pixel and are told ``Pixels``."""
    frame_beats: Callable[[Values], int] | None = None
    """Beats of the first input (of the output, where there is no input) that make a frame, for those that are not."""
    burst: Callable[[Values], int] | None = None
    """Beats of the first input that it takes one after the other before a pause; its stream holds as many, and two more, so
    that they collect in the pause."""
    pauses: Callable[[Values], Pauses] | None = None
    """For how long a line buffer gives nothing. If its reader is slower, their stream holds what that one takes meanwhile."""
    any_beats: bool = False
    """The streams carry beats of any kind: all outputs those of the one input."""
    outputs_first: bool = False
    """The function takes its output streams before its input streams."""


def pick(*names: str) -> Callable[[Values], Mapping[str, Value]]:
    """Constants that are parameters of the same names."""
    return lambda p: {name: p[name] for name in names}


def values_of(parameters: Mapping[str, Parameter]) -> dict[str, Any]:
    """Module parameters as Python values: integers, tuples of integers, file names."""
    return {name: _value(value) for name, value in parameters.items()}


def _value(value: Parameter) -> int | tuple[int, ...] | str:
    if isinstance(value, Packed):
        return value.values
    if not isinstance(value, str):
        return int(value)
    sized = re.fullmatch(r"\d+'d(\d+)", value)
    return int(sized[1]) if sized else value.strip('"')
