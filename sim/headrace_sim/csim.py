# SPDX-License-Identifier: Apache-2.0
"""Runs a bench's data on the C++ twin of its module, by the same code that runs it on the RTL.

The bench's first test is called with a stand-in for the design. What `StreamBench` would send beat by beat goes through the
kernel at once, and the test compares what came out as it always does. Clock cycles do not exist here: with stalls, a test
makes no claims of them.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Coroutine, Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from cocotb._decorators import TestGenerator

from headrace.build.csim import SANITIZERS, compile_csim, run_csim
from headrace.errors import ToolError
from headrace.hls.kernel import values_of
from headrace.hls.kernels import KERNELS
from headrace.hls.render import KernelView, kernel_view, simulation_files
from headrace_sim import case as cases
from headrace_sim.runner import HW, BenchError, ParameterValue, module_sources
from headrace_sim.streams import Sink, Source


class _Port:
    """Any port of a design that has none."""

    def __len__(self) -> int:
        return 1


class KernelRun:
    """Stands in for a design under test; `StreamBench` hands its streams to `execute`."""

    def __init__(self, executable: Path, view: KernelView, frame_beats: int) -> None:
        self._executable = executable
        self._view = view
        self._frame_beats = frame_beats

    def __getattr__(self, name: str) -> _Port:
        if name.startswith("_"):
            raise AttributeError(name)
        return _Port()

    def execute(self, sources: list[Source], sinks: list[Sink]) -> None:
        """Sends all words of the sources through the kernel and fills the sinks."""
        view = self._view
        inputs = [_words(list(s.words), port.words) for s, port in zip(sources, view.inputs, strict=True)]
        beats = len(sources[0].words) if sources else sinks[0].count
        if beats % self._frame_beats:
            raise AssertionError(f"{beats} beats are no whole number of frames of {self._frame_beats}")
        outputs, _ = run_csim(self._executable, beats // self._frame_beats, inputs, [port.words for port in view.outputs])
        for sink, words in zip(sinks, outputs, strict=True):
            sink.words[:] = [sum(int(word) << (32 * k) for k, word in enumerate(beat)) for beat in words]
            assert len(sink.words) == sink.count, f"{len(sink.words)} beats came, not {sink.count}"


def run_bench(
    top: str,
    *,
    bench: str,
    folder: Path,
    parameters: Mapping[str, Any] | None = None,
    case: Mapping[str, Any] | None = None,
    arrays: Mapping[str, npt.NDArray[Any]] | None = None,
    roms: Mapping[str, str] | None = None,
    **_: Any,
) -> None:
    """`headrace_sim.runner.run_bench` for the C++ twin of ``top``, compiled with sanitizers.

    Options of the simulator are ignored.
    """
    kernel = KERNELS[top]
    defaulted = {**module_defaults(top), **(parameters or {})}
    values = values_of(defaulted)
    memories = {m.file: m.words((roms or {})[m.file]) for m in kernel.memories(values)}
    view = kernel_view("dut", kernel, values, memories, pixels=1 if kernel.pixel_beats else None)
    executable = compile_csim(simulation_files(view), ["csim.cpp"], options=SANITIZERS)
    beats = kernel.pixel_beats or kernel.frame_beats
    assert beats is not None
    stored = cases.Case(parameters=defaulted, data=case or {}, arrays=arrays or {}, folder=folder)
    path = cases.write_case(stored)
    run = KernelRun(executable, view, beats(values))
    with cases.case_at(path):
        for options in _options(first_test(bench)):
            _finish(first_test(bench).func(run, **options))


def expect_refusal(top: str, *, parameters: Mapping[str, ParameterValue], compared: str = "0 >= 1", **_: str) -> None:
    """Check that the C++ twin of ``top`` does not compile, because an assertion ``compared`` these numbers.

    The message of the module itself is ignored.

    Raises:
        BenchError: The compiler accepted ``parameters`` or refused them with other words.
    """
    kernel = KERNELS[top]
    values = values_of({**module_defaults(top), **parameters})
    tables = {memory.file: np.zeros((1, memory.fields), np.int64) for memory in kernel.memories(values)}
    view = kernel_view("dut", kernel, values, tables, pixels=1 if kernel.pixel_beats else None)
    said = "no error"
    try:
        compile_csim(simulation_files(view), ["csim.cpp"], options=SANITIZERS)
    except ToolError as error:
        said = str(error)
    if "static assertion failed" not in said or f"reduces to '({compared})'" not in said:
        raise BenchError(f"{view.function} {dict(parameters)}: no refusal with '{compared}'\n{said}")


def first_test(bench: str) -> Any:
    """The bench's first test, which compares values."""
    module = importlib.import_module(bench)
    return next(item for item in vars(module).values() if isinstance(item, TestGenerator))


def _options(test: Any) -> Iterator[dict[str, Any]]:
    """Every choice of the test's options, but of the stalls only one that is not without."""
    names = [name for name, _ in test.options]
    choices = [values[1:2] if name == "stall" else values for name, values in test.options]
    for chosen in product(*choices):
        yield dict(zip(names, chosen, strict=True))


def _finish(test: Coroutine[Any, Any, None]) -> None:
    """Runs a test that waits for nothing."""
    try:
        test.send(None)
    except StopIteration:
        return
    raise AssertionError("the test waits for a simulator")


def _words(words: list[int], count: int) -> npt.NDArray[np.uint32]:
    """Beats as 32-bit words (beats, count)."""
    return np.array([[beat >> (32 * k) & 0xFFFFFFFF for k in range(count)] for beat in words], np.uint32).reshape(-1, count)


def module_defaults(top: str) -> dict[str, ParameterValue]:
    """The parameters of a module that have a plain number or a text as default."""
    text = module_sources(top, folders=(HW,))
    source = next(path for path in text if path.stem == top).read_text()
    texts = re.findall(r"parameter\s+(\w+)\s*=\s*\"(.*)\"", source)
    found = re.findall(r"parameter\s+(?:int|int unsigned|bit|longint)\s+(\w+)\s*=\s*(?:1'b)?(-?\d+)\s*[,\n)]", source)
    return {**dict(texts), **{name: int(value) for name, value in found}}
