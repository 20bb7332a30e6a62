# SPDX-License-Identifier: Apache-2.0
"""Kernels as finished C++ text, for templates that hold no arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from headrace.hls.kernel import Beats, Kernel, Value, Values
from headrace.ir.ops import IntArray
from headrace.resources import data_dir

KERNELS_NAMESPACE = "kernels"
"""Layers may be called as types and functions of the C library are."""
TABLE_LINE = 100
"""Characters of a line of a table, about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableView:
    """A read-only table: a C++ array (words, columns)."""

    name: str
    type: str
    words: int
    columns: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamView:
    """A stream argument of a kernel."""

    name: str
    type: str
    words: int
    """32-bit words of a beat in simulation's buffers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelView:
    """A configured kernel, all of its names made of ``symbol``."""

    symbol: str
    note: str
    """What it does in the network."""
    function: str
    constants: tuple[tuple[str, str, str], ...]
    """(C++ type, name with array bounds, value)"""
    functions: tuple[str, ...]
    """Lines of its configuration's member functions."""
    inputs: tuple[StreamView, ...]
    outputs: tuple[StreamView, ...]
    tables: tuple[TableView, ...]
    outputs_first: bool

    @property
    def call(self) -> str:
        """The name by which others call it."""
        return f"{KERNELS_NAMESPACE}::{self.symbol}"

    @property
    def streams(self) -> tuple[StreamView, ...]:
        """In the order of the arguments."""
        return (*self.outputs, *self.inputs) if self.outputs_first else (*self.inputs, *self.outputs)


def kernel_view(
    symbol: str,
    kernel: Kernel,
    parameters: Values,
    memories: Mapping[str, IntArray],
    *,
    pixels: int | None = None,
    note: str = "",
) -> KernelView:
    """The view of one kernel.

    Args:
        memories: fields (words, n) of its memories, by file name.
        pixels: pixels of a frame, for kernels that work pixel by pixel.
        note: a sentence for its reader.
    """
    constants: dict[str, Value] = dict(kernel.constants(parameters))
    if pixels is not None:
        constants["Pixels"] = pixels
    tables = []
    for memory in kernel.memories(parameters):
        for k, column in enumerate(memory.columns):
            fields = memories[memory.file][:, k :: len(memory.columns)]
            if not column.signed:  # bit patterns, whatever numbers they stand for
                fields = fields & ((1 << column.bits) - 1)
            kind = f"Constant<{column.bits}, {str(column.signed).lower()}>"
            tables.append(_table(f"{symbol}_{column.name}", kind, fields))
    return KernelView(
        symbol=symbol,
        note=note,
        function=kernel.function,
        constants=tuple(_constant(name, value) for name, value in constants.items()),
        functions=kernel.functions(parameters),
        inputs=_streams("in", kernel.inputs(parameters)),
        outputs=_streams("out", kernel.outputs(parameters)),
        tables=tuple(tables),
        outputs_first=kernel.outputs_first,
    )


def _streams(name: str, beats: tuple[Beats, ...]) -> tuple[StreamView, ...]:
    names = [name] if len(beats) == 1 else [f"{name}{k}" for k in range(len(beats))]
    return tuple(stream_view(n, b) for n, b in zip(names, beats, strict=True))


def stream_view(name: str, beats: Beats) -> StreamView:
    """A stream of these beats."""
    return StreamView(name=name, type=beats.type, words=-(-beats.bits * beats.lanes // 32))


def _constant(name: str, value: Value) -> tuple[str, str, str]:
    values = value if isinstance(value, tuple) else (value,)
    wide = any(not -(1 << 31) <= v < 1 << 32 for v in values)
    kind = ("long long" if wide else "int") if any(v < 0 for v in values) else ("unsigned long long" if wide else "unsigned")
    if isinstance(value, tuple):
        return kind, f"{name}[{len(value)}]", "{" + ", ".join(map(str, value)) + "}"
    return kind, name, str(value)


def _table(name: str, kind: str, fields: IntArray) -> TableView:
    lines, line = [], ""
    for row in fields.tolist():
        word = "{" + ", ".join(map(str, row)) + "},"
        if line and len(line) + len(word) > TABLE_LINE:
            lines.append(line)
            line = ""
        line = f"{line} {word}" if line else word
    lines.append(line.rstrip(","))
    words, columns = fields.shape
    return TableView(name=name, type=kind, words=words, columns=columns, lines=tuple(lines))


def environment() -> Environment:
    """Of the templates under hls_templates."""
    return Environment(
        loader=FileSystemLoader(data_dir("hls_templates")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CsimView:
    """What C simulation calls."""

    function: str
    headers: tuple[str, ...]
    inputs: tuple[StreamView, ...]
    outputs: tuple[StreamView, ...]
    streams: tuple[StreamView, ...]


def kernel_files(view: KernelView) -> dict[str, str]:
    """A kernel's own header and those of its tables, by name."""
    templates = environment()
    files = {f"tables/{t.name}.hpp": templates.get_template("table.hpp.j2").render(table=t) for t in view.tables}
    return {f"kernels/{view.symbol}.hpp": templates.get_template("kernel.hpp.j2").render(kernel=view), **files}


def simulation_files(view: KernelView) -> dict[str, str]:
    """All files of one kernel's C simulation; ``csim.cpp`` is to be compiled."""
    top = CsimView(
        function=view.call,
        headers=(f"kernels/{view.symbol}.hpp",),
        inputs=view.inputs,
        outputs=view.outputs,
        streams=view.streams,
    )
    return {**kernel_files(view), "csim.cpp": csim_main(top)}


def csim_main(top: CsimView) -> str:
    """The program that C simulation compiles."""
    return environment().get_template("sim/csim.cpp.j2").render(top=top)
