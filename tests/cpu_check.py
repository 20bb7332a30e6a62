# SPDX-License-Identifier: Apache-2.0
"""Programs on the CPU path beside the reference: every output, in every bit."""

from __future__ import annotations

from typing import Any

import numpy as np
from headrace_host.cpu import PlannedProgram
from headrace_host.cpu.planner import Planner
from headrace_host.program import Program
from hypothesis import strategies as st

from headrace.ir.graph import Graph, to_program
from headrace.ir.ops import Pads, Pair
from headrace.passes.requantize import requantize

Array = np.ndarray[Any, Any]


def feeds_of(program: Program, frames: int, seed: int, *, extreme: bool = False) -> dict[str, Array]:
    """Random frames, or frames of nothing but the least and the greatest values."""
    rng = np.random.default_rng(seed)
    feeds = {}
    for name in program.spec["inputs"]:
        tensor = program.spec["tensors"][name]
        lo, hi, shape = tensor["lo"], tensor["hi"], (frames, *tensor["shape"])
        feeds[name] = rng.choice([lo, hi], shape) if extreme else rng.integers(lo, hi + 1, shape)
    return feeds


def check_program(program: Program, frames: int = 2, seed: int = 0) -> None:
    """Compares twice, as memory is used again, on random and on extreme inputs."""
    planned = PlannedProgram(program)
    for run in range(2):
        for extreme in (False, True):
            feeds = feeds_of(program, frames, seed + run, extreme=extreme)
            expected, got = program.run(feeds), planned.run(feeds)
            assert set(got) == set(expected)
            for name, value in expected.items():
                np.testing.assert_array_equal(got[name], value)


def check_graph(graph: Graph, frames: int = 2, seed: int = 0) -> list[str]:
    """`check_program` of a graph, its quantizers realised; returns the kinds of its layers."""
    program = Program(*to_program(requantize(graph)[0]))
    check_program(program, frames, seed)
    return layers_of(program)


def layers_of(program: Program) -> list[str]:
    """The kinds of the layers that a program is planned as."""
    return [type(planned.layer).__name__ for planned in Planner(program).plan()]


@st.composite
def windows(draw: st.DrawFn) -> tuple[tuple[int, int], Pair, Pair, Pads, Pair]:
    """Height and width, kernel, stride, padding and dilation that leave some output; padding may cut the map as well."""
    kernel = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    dilation = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    stride = draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    top, left, bottom, right = pad = draw(st.tuples(*[st.integers(-2, 3)] * 4))
    needed = [dilation[a] * (kernel[a] - 1) + 1 - pad[a] - pad[a + 2] for a in (0, 1)]
    least = [max(1, needed[0], 1 - min(top, 0) - min(bottom, 0)), max(1, needed[1], 1 - min(left, 0) - min(right, 0))]
    height, width = (size + draw(st.integers(0, 6)) for size in least)
    return (height, width), kernel, stride, (top, left, bottom, right), dilation
