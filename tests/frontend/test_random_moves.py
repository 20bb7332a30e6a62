# SPDX-License-Identifier: Apache-2.0
"""Random moves in a row against onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from move_check import check
from onnx import helper, numpy_helper

from headrace.errors import ModelError


def factors(size: int, count: int, rng: np.random.Generator) -> list[int]:
    """``count`` factors of ``size``, at random."""
    found = []
    for _ in range(count - 1):
        divisors = [d for d in range(1, size + 1) if size % d == 0]
        found.append(int(rng.choice(divisors)))
        size //= found[-1]
    return [*found, size]


def random_move(shape: tuple[int, ...], rng: np.random.Generator) -> tuple[str, list[list[int]], dict[str, Any]]:
    """Operator, constant inputs and attributes of a move of a tensor of ``shape``."""
    axis = int(rng.integers(1, len(shape)))
    match int(rng.integers(6)):
        case 0 | 1:
            return "Reshape", [[1, *factors(int(np.prod(shape)), int(rng.integers(1, 5)), rng)]], {}
        case 2:
            return "Transpose", [], {"perm": [0, *(rng.permutation(len(shape) - 1) + 1).tolist()]}
        case 3:
            step = int(rng.choice([1, 1, 2, -1]))
            first, last = (0, shape[axis]) if step > 0 else (-1, -(1 << 20))
            return "Slice", [[first], [last], [axis], [step]], {}
        case 4:
            return "Gather", [rng.integers(0, shape[axis], shape[axis]).tolist()], {"axis": axis}
        case _:
            pads = np.zeros(2 * len(shape), np.int64)
            pads[[axis, axis + len(shape)]] = rng.integers(0, 2, 2)
            return "Pad", [pads.tolist()], {}


@pytest.mark.parametrize("start", range(0, 200, 50))
def test_random_moves_in_a_row(start: int, tmp_path: Path) -> None:
    compared = 0
    for seed in range(start, start + 50):
        rng = np.random.default_rng(seed)
        shape = (1, *(int(v) for v in rng.choice([1, 2, 3, 4, 6], 3)))
        nodes, constants, now, probe = [], [], "x", np.zeros(shape)
        for i in range(int(rng.integers(1, 6))):
            op, given, attributes = random_move(probe.shape, rng)
            names = [f"c{i}_{k}" for k in range(len(given))]
            constants += [numpy_helper.from_array(np.array(v, np.int64), n) for n, v in zip(names, given, strict=True)]
            nodes.append(helper.make_node(op, [now, *names], [f"v{i}"], **attributes))
            now = f"v{i}"
            graph = helper.make_graph(nodes, "moves", [helper.make_tensor_value_info("x", 1, shape)], [], constants)
            graph.output.append(helper.make_tensor_value_info(now, 1, None))
            model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
            session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
            probe = np.asarray(session.run(None, {"x": np.zeros(shape, np.float32)})[0])
        channels_last = nodes[0].op_type == "Transpose" and list(nodes[0].attribute[0].ints) == [0, 3, 1, 2]
        if probe.ndim not in (2, 3, 4) or probe.size > 2048 or channels_last:
            continue
        try:
            check(model, shape, tmp_path)
        except ModelError as error:
            inside = "lays out the numbers" in str(error) and any(node.op_type == "Pad" for node in nodes)
            if inside or "graph input" in str(error):  # zeros inside the map, or moves that cancel
                continue
            raise
        compared += 1
    assert compared > 20
