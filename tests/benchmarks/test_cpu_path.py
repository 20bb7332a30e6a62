# SPDX-License-Identifier: Apache-2.0
"""What the benchmark of the CPU path gives to onnxruntime: the same network."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cpu_check import feeds_of
from headrace_host.cpu import PlannedProgram
from headrace_host.program import Program
from nets import NetBuilder
from pool_nets import reduce_map, sum_pool

from headrace.compile import lower
from headrace.ir.graph import to_program
from headrace.models import resolve_model
from headrace.operators.channels import Interleave
from headrace.passes.requantize import requantize

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from cpu_path import Agreement, session
from ort_network import OrtNetwork


def every_operator() -> Program:
    """Each operator that has a counterpart, on 8-bit tensors with short factors."""
    net = NetBuilder(rng=np.random.default_rng(1))
    x = net.quantize(net.conv(net.input((8, 6, 3)), 8, (3, 3), (1, 1), (1, 1, 1, 1)), 0, 255)
    y = net.quantize(net.conv(x, 0, (3, 3), (1, 1), (1, 1, 1, 1), depthwise=True), -128, 127)
    a, b = net.split(net.max_pool(x, (3, 3), (2, 2), (1, 1, 1, 1)), (4, 4))
    shuffled = net.emit(Interleave(), (a, b), (4, 3, 8), 0, 255)
    dilation = net.quantize(net.conv(x, 1), 0, 3)
    blocks = net.depth_to_space(net.space_to_depth(x, (2, 2)), (2, 1))
    outputs = [
        net.quantize(net.add(x, y), 0, 255),
        net.quantize(net.conv(net.upsample(shuffled, (2, 2)), 4), -8, 7),
        net.quantize(net.deform(x, dilation, 3, 1, 3), -128, 127),
        net.quantize(sum_pool(net, x, (2, 2), (2, 2)), 0, 15),
        net.quantize(reduce_map(net, x, True, True, True), 0, 255),
        net.quantize(net.conv(net.gather(x, (3, 1, 1, 0)), 4, (3, 3), pad=(-1, 0, 0, -1)), 0, 255),
        net.concat(net.shift(a, np.array([[0, 1], [1, 0], [0, 0], [-1, 1]])), b),
        blocks,
    ]
    return Program(*to_program(requantize(net.graph(*outputs))[0]))


@pytest.mark.parametrize("form", ["float", "int8"])
def test_onnxruntime_gets_the_same_network(form: str) -> None:
    program = every_operator()
    feeds = feeds_of(program, 3, 0)
    frames = {f"in_{name}": x.transpose(0, 3, 1, 2).astype(np.float32) for name, x in feeds.items()}
    got: list[Any] = session(OrtNetwork(program, form).model()).run(None, frames)
    agreement = Agreement.of(PlannedProgram(program).run(feeds), got)
    assert agreement.differing <= (0 if form == "float" else agreement.values // 50)


def test_cellnet_is_the_same_in_both_forms() -> None:
    program = Program(*to_program(lower(resolve_model("cellnet")).graph))
    (feeds,) = feeds_of(program, 1, 0).items()
    expected = PlannedProgram(program).run(dict([feeds]))
    for form in ("float", "int8"):
        frame = feeds[1].transpose(0, 3, 1, 2).astype(np.float32)
        got = session(OrtNetwork(program, form).model()).run(None, {f"in_{feeds[0]}": frame})
        assert Agreement.of(expected, got).differing == 0
