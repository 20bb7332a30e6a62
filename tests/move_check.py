# SPDX-License-Identifier: Apache-2.0
"""Quantizes a model of moves, imports it, and compares the integer program with onnxruntime's run of the same file."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from headrace_host.program import Program
from onnx import helper, numpy_helper
from qonnx_file import QONNX
from torch import Tensor, nn

from headrace.compile import lower
from headrace.ir.graph import Graph, to_program

Move = Callable[[Tensor], Any]


class Moved(nn.Module):
    """A function as a module."""

    def __init__(self, move: Move) -> None:
        super().__init__()
        self.move = move

    def forward(self, x: Tensor) -> Any:
        return self.move(x)


def exported(move: Move, shape: tuple[int, ...], opset: int) -> onnx.ModelProto:
    """``move`` as torch writes it."""
    buffer = io.BytesIO()
    torch.onnx.export(
        Moved(move),
        (torch.zeros(shape),),
        buffer,  # type: ignore[arg-type]  # the older exporter takes streams too
        opset_version=opset,
        dynamo=False,
        input_names=["x"],
    )
    return onnx.load_model_from_string(buffer.getvalue())


def quantized(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same model behind a quantizer of signed bytes, in steps of 1."""
    model = onnx.ModelProto.FromString(model.SerializeToString())
    graph = model.graph
    constants = [numpy_helper.from_array(np.array(v, np.float32), n) for n, v in (("s", 1.0), ("z", 0.0), ("b", 8.0))]
    quant = helper.make_node("Quant", ["image", "s", "z", "b"], ["x"], domain=QONNX, signed=1, narrow=0)
    nodes = [quant, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(constants)
    graph.input[0].name = "image"
    model.opset_import.append(helper.make_opsetid(QONNX, 1))
    return model


def check(model: onnx.ModelProto, shape: tuple[int, ...], folder: Path) -> Graph:
    """Compares all outputs on random integers; returns the lowered graph."""
    path = folder / "model.onnx"
    onnx.save(quantized(model), path)
    graph = lower(path).graph
    x = np.random.default_rng(0).integers(-128, 128, shape)
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    theirs = session.run(None, {"x": x.astype(np.float32)})
    image = graph.tensors[graph.inputs[0]]
    ours = Program(*to_program(graph)).run({image.name: x.reshape(*shape[:3], -1).transpose(0, 2, 3, 1)})
    for name, expected in zip(graph.outputs, theirs, strict=True):
        scale, offset = graph.tensors[name].scale, graph.tensors[name].offset
        got = ours[name] * np.array(scale) + np.array(offset)
        if got.shape != expected.shape or not np.array_equal(got, expected):  # channels last, as the hardware has them
            np.testing.assert_array_equal(got.transpose(0, 3, 1, 2).reshape(expected.shape), expected, name)
    return graph
