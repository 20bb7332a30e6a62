# SPDX-License-Identifier: Apache-2.0
"""Runs imported networks as integer programs, and their files by qonnx."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from headrace_host.program import Program
from onnx import helper, numpy_helper
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes

from headrace.compile import Lowered
from headrace.ir.graph import to_program

Real = np.ndarray[Any, np.dtype[np.float64]]


def integer_run(lowered: Lowered, pixels: np.ndarray[Any, Any]) -> list[Real]:
    """The integer program's outputs as real values, NCHW, in the model's order."""
    (name,) = lowered.graph.inputs
    outputs = Program(*to_program(lowered.graph)).run({name: pixels})
    kinds = [lowered.graph.tensors[n] for n in lowered.graph.outputs]
    return [(outputs[k.name] * np.array(k.scale) + np.array(k.offset)).transpose(0, 3, 1, 2) for k in kinds]


def qonnx_run(path: Path, x: np.ndarray[Any, Any]) -> list[Real]:
    """qonnx's execution, frame by frame."""
    model = ModelWrapper(str(path)).transform(InferShapes())
    source = next(i.name for i in model.graph.input if model.get_initializer(i.name) is None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # qonnx infers no shapes through a chunk
        frames = [execute_onnx(model, {source: frame[None]}) for frame in x]
    return [np.concatenate([f[o.name] for f in frames]) for o in model.graph.output]


def pixels_for(lowered: Lowered, frames: int = 3) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Random integers for the network's input, NHWC, and the same as float32, NCHW."""
    tensor = lowered.graph.tensors[lowered.graph.inputs[0]]
    pixels = np.random.default_rng(0).integers(tensor.lo, tensor.hi + 1, (frames, *tensor.shape))
    return pixels, (pixels * np.float32(tensor.scale[0])).astype(np.float32).transpose(0, 3, 1, 2).copy()


def without_quant(model: onnx.ModelProto) -> onnx.ModelProto:
    """``model`` with its quantizers spelled out in ONNX's own operators, for runtimes that know no QONNX; zero points are 0."""
    plain = onnx.ModelProto()
    plain.CopyFrom(model)
    constants = {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    nodes: list[onnx.NodeProto] = []
    for node in model.graph.node:
        if node.op_type != "Quant":
            nodes.append(node)
            continue
        attrs = {a.name: a.i for a in node.attribute}
        bits = constants[node.input[3]]
        top = 2.0 ** float(bits.ravel()[0])
        lo, hi = (-top / 2 + attrs["narrow"], top / 2 - 1) if attrs["signed"] else (0.0, top - 1 - attrs["narrow"])
        names = [f"{node.output[0]}_{part}" for part in ("lo", "hi", "steps", "whole", "kept")]
        ends = [numpy_helper.from_array(np.array(v, np.float32), n) for v, n in zip((lo, hi), names, strict=False)]
        plain.graph.initializer.extend(ends)
        nodes += [
            helper.make_node("Div", [node.input[0], node.input[1]], [names[2]]),
            helper.make_node("Round", [names[2]], [names[3]]),
            helper.make_node("Clip", [names[3], names[0], names[1]], [names[4]]),
            helper.make_node("Mul", [names[4], node.input[1]], [node.output[0]]),
        ]
    del plain.graph.node[:]
    plain.graph.node.extend(nodes)
    return plain


def onnxruntime_run(model: onnx.ModelProto, x: np.ndarray[Any, Any]) -> list[Real]:
    """onnxruntime's execution of a model of QONNX quantizers without zero points."""
    session = onnxruntime.InferenceSession(without_quant(model).SerializeToString(), providers=["CPUExecutionProvider"])
    outputs: list[Real] = session.run(None, {"x": x.astype(np.float32)})
    return outputs
