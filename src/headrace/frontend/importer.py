# SPDX-License-Identifier: Apache-2.0
"""Walks an ONNX graph once, in order, and builds the integer graph.

Every value is either a constant or a `Real`: an integer tensor of the graph under construction with the affine map that
gives it its meaning. Convolutions, batch norms, biases and constant factors only change that map; a quantizer turns it into
one `Quantize` node. So there is no float arithmetic left to streamline away afterwards.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import numpy_helper
from onnx.reference import ReferenceEvaluator

from headrace.errors import ModelError
from headrace.frontend.affine import AFFINE
from headrace.frontend.context import Context, Handler, OnnxNode, required
from headrace.frontend.functions import FUNCTIONS, compose, composes, of_one_tensor, realised
from headrace.frontend.layout import output_map
from headrace.frontend.neutral import NEUTRAL
from headrace.frontend.quantizers import QUANTIZERS
from headrace.frontend.steps import STEPS
from headrace.frontend.values import Flat, ModelInput, QuantConst, Value, View
from headrace.frontend.views import VIEWS, handled
from headrace.ir.graph import Graph
from headrace.ir.tensor import Tensor
from headrace.operators import HANDLERS as OPERATOR_HANDLERS

KNOWN_DOMAINS = ("", "ai.onnx", "qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general", "headrace.ops")
HANDLERS: dict[str, Handler] = {**QUANTIZERS, **AFFINE, **STEPS, **FUNCTIONS, **NEUTRAL, **OPERATOR_HANDLERS, **VIEWS}
"""ONNX operator type -> its import."""
KEEP_FUNCTIONS = QUANTIZERS.keys() | STEPS.keys() | NEUTRAL.keys()
"""Operators that take a function as it is; to all others it is brought as integers, where that is possible."""
MALFORMED = (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError)
"""What Python and numpy raise where a damaged file has other inputs, attributes or types than its operators ask for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedModel:
    """An integer graph and what the file said beside it."""

    graph: Graph
    metadata: dict[str, Any]
    """``metadata_props`` entries named ``headrace.*``, JSON decoded, without the prefix."""
    producer: str


def load_onnx(path: Path) -> onnx.ModelProto:
    """Reads an ONNX file.

    Raises:
        ModelError: it is missing, not an ONNX file, or holds an empty graph.
    """
    if not path.is_file():
        raise ModelError(f"{path}: no such model file")
    try:
        model = onnx.load(str(path))
    except Exception as error:  # protobuf and onnx raise many unrelated types on damaged files
        raise ModelError(f"{path}: not a readable ONNX file ({_first_line(error)})") from error
    if not model.graph.node:
        raise ModelError(f"{path}: the file holds no ONNX graph (truncated, or not an ONNX file)")
    return model


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:200]


def import_model(path: Path) -> ImportedModel:
    """Reads a QONNX file into an integer graph.

    Raises:
        ModelError: the file is damaged or inconsistent.
        UnsupportedError: a node cannot be mapped; names node, reason and remedy.
    """
    model = load_onnx(path)
    try:
        graph = _import_graph(model)
    except MALFORMED as error:
        raise ModelError(f"{path}: damaged model ({_first_line(error)}); export it again") from error
    return ImportedModel(graph=graph, metadata=_metadata(path, model), producer=model.producer_name)


def _import_graph(model: onnx.ModelProto) -> Graph:
    context = Context(opset=max((o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=0))
    for initializer in model.graph.initializer:
        context.values[initializer.name] = numpy_helper.to_array(initializer)
    _declare_inputs(context, model)
    for index, proto in enumerate(model.graph.node):
        _import_node(context, OnnxNode.of(proto, index), HANDLERS)
    outputs = [_graph_output(context, value.name) for value in model.graph.output]
    if not outputs:
        raise ModelError("the graph has no output; export the model again")
    graph = Graph(
        inputs=tuple(context.inputs), outputs=tuple(outputs), tensors=dict(context.tensors), nodes=tuple(context.nodes)
    )
    _refuse_idle_inputs(graph)
    return graph


def _refuse_idle_inputs(graph: Graph) -> None:
    live = set(graph.outputs)
    for node in reversed(graph.nodes):
        if live & set(node.outputs):
            live.update(node.inputs)
    if idle := [name for name in graph.inputs if name not in live]:
        raise ModelError(f"input '{idle[0]}' leads to no output; remove it from the model")


def _metadata(path: Path, model: onnx.ModelProto) -> dict[str, Any]:
    prefix = "headrace."
    try:
        return {p.key[len(prefix) :]: json.loads(p.value) for p in model.metadata_props if p.key.startswith(prefix)}
    except ValueError as error:
        raise ModelError(f"{path}: the headrace metadata is not JSON ({error})") from error


def _declare_inputs(context: Context, model: onnx.ModelProto) -> None:
    for value in model.graph.input:
        if value.name in context.values:
            continue  # old exporters list initializers among the inputs
        dims = [d.dim_value if d.HasField("dim_value") else 0 for d in value.type.tensor_type.shape.dim]
        if len(dims) != 4:
            raise ModelError(f"input '{value.name}' has {len(dims)} axes; headrace needs images (N, C, H, W)")
        if min(dims[1:]) < 1:
            raise ModelError(
                f"input '{value.name}' has an unknown channel count or size {dims}; export with a fixed image size"
            )
        context.axes[value.name], context.batch = len(dims), max(context.batch, dims[0])
        context.values[value.name] = ModelInput(name=value.name, shape=(dims[1], dims[2], dims[3]))


def _import_node(context: Context, node: OnnxNode, handlers: dict[str, Handler]) -> None:
    names = list(node.proto.input)
    if missing := [name for name in names if name and name not in context.values]:
        raise ModelError(f"node '{node.name}' ({node.op_type}) reads '{missing[0]}', which nothing writes")
    if node.proto.domain not in KNOWN_DOMAINS:
        raise node.unsupported(f"unknown operator domain '{node.proto.domain}'", "use ONNX, QONNX or headrace.ops operators")
    inputs = [context.values[name] if name else None for name in names]
    handler, inputs = _routed(context, node, inputs, handlers)
    if node.op_type != "Quant" and node.proto.domain in ("", "ai.onnx") and _all_constant(inputs):
        results: list[Value] = _fold_constant(context, node, inputs)
    elif handler is None:
        raise node.unsupported("this operator is not mapped to hardware", REMEDIES.get(node.op_type, "replace it in the model"))
    else:
        try:
            results = handled(handler, context, node, inputs)
        except MALFORMED as error:
            raise node.unsupported(f"malformed ({_first_line(error)})", "export the model again") from error
    outputs = [name for name in node.proto.output if name]
    if len(outputs) > len(results):
        raise node.unsupported(f"its output {len(results) + 1} is used", "export for inference")
    context.values.update(zip(outputs, results, strict=False))
    axes = _result_axes(context, node)
    context.axes.update((name, _axes(value, axes)) for name, value in zip(outputs, results, strict=False))


def _routed(
    context: Context, node: OnnxNode, inputs: list[Value | None], handlers: dict[str, Handler]
) -> tuple[Handler | None, list[Value | None]]:
    """The import of a node: what is computed of one tensor alone is a function, all else reads integers."""
    if of_one_tensor(inputs) and (node.op_type in FUNCTIONS or composes(node.op_type, inputs)):
        return compose if composes(node.op_type, inputs) else FUNCTIONS[node.op_type], inputs
    if node.op_type not in KEEP_FUNCTIONS:
        inputs = [realised(context, value, OPERATOR_HANDLERS) for value in inputs]
    return compose if composes(node.op_type, inputs) else handlers.get(node.op_type), inputs


def _result_axes(context: Context, node: OnnxNode) -> int:
    """Axes of a node's results: those of its first activation, less those that a reduction leaves out."""
    read = [name for name in node.proto.input if name and not isinstance(context.values[name], np.ndarray | QuantConst)]
    axes = context.axes.get(read[0], 4) if read else 4
    if node.attrs.get("keepdims", 1) or not node.op_type.startswith(("Reduce", "Arg")):
        return axes
    reduced = node.attrs.get("axes", [node.attrs.get("axis", 0)])
    if len(node.proto.input) > 1 and isinstance(given := context.values.get(node.proto.input[1]), np.ndarray):
        reduced = given.ravel().tolist()
    return max(1, axes - len(reduced))


def _axes(value: Value, axes: int) -> int:
    """Axes of one result, where an activation has ``axes``."""
    if isinstance(value, View):
        return value.index.ndim
    return value.ndim if isinstance(value, np.ndarray) else 2 if isinstance(value, Flat) else axes


REMEDIES = {
    "Softmax": "leave it out of the exported model: the host applies it",
    "QuantizeLinear": "export with Brevitas' export_qonnx",
    "DequantizeLinear": "export with Brevitas' export_qonnx",
    "ConvTranspose": "use nearest upsampling followed by a convolution",
    "LpPool": "use AveragePool or MaxPool",
    "GlobalLpPool": "use GlobalAveragePool or GlobalMaxPool",
    "Hardmax": "use ArgMax",
    "Gemm": "use a 1x1 convolution",
    "MatMul": "use a 1x1 convolution",
}


def _all_constant(inputs: list[Value | None]) -> bool:
    return all(value is None or isinstance(value, np.ndarray | QuantConst) for value in inputs)


def _fold_constant(context: Context, node: OnnxNode, inputs: list[Value | None]) -> list[Value]:
    """Evaluates a node of constants with ONNX's own reference implementation."""
    feeds: dict[str, npt.NDArray[Any]] = {}
    for name, value in zip(node.proto.input, inputs, strict=True):
        if isinstance(value, QuantConst):
            feeds[name] = value.real.astype(np.float32)
        elif isinstance(value, np.ndarray):
            feeds[name] = value
    graph = onnx.helper.make_graph(
        [node.proto],
        "constant",
        [
            onnx.helper.make_tensor_value_info(k, onnx.helper.np_dtype_to_tensor_dtype(v.dtype), v.shape)
            for k, v in feeds.items()
        ],
        [onnx.ValueInfoProto(name=name) for name in node.proto.output],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", context.opset or 18)])
    try:
        return [np.asarray(result) for result in ReferenceEvaluator(model).run(None, feeds)]
    except Exception as error:  # the evaluator raises whatever numpy raises
        raise node.unsupported(
            f"cannot evaluate this constant ({_first_line(error)})", "fold constants before export"
        ) from error


def _graph_output(context: Context, name: str) -> str:
    node = OnnxNode.of(onnx.NodeProto(name=name, op_type="graph output"), 0)
    if name not in context.values:
        raise ModelError(f"graph output '{name}' is written by no node")
    value = required(node, realised(context, context.values[name], OPERATOR_HANDLERS))
    real = context.settled(node, output_map(context, value) if isinstance(value, Flat | View) else value)
    if real.tensor in context.inputs:
        raise ModelError(f"graph output '{name}' is a graph input; there is nothing to compute")
    if real.tensor not in context.tensors:
        raise ModelError(f"graph output '{name}' is the same tensor as an earlier output; export it once")
    typed = replace(
        context.tensors[real.tensor],
        name=context.output_name(name),
        scale=tuple(map(float, real.scale)),
        offset=tuple(map(float, real.offset)),
    )
    _rename(context, real.tensor, typed)
    return typed.name


def _rename(context: Context, old: str, tensor: Tensor) -> None:
    """Replaces tensor ``old`` by ``tensor``, which bears the name that the ONNX file gives it, so that hosts find it."""
    del context.tensors[old]
    context.tensors[tensor.name] = tensor

    def renamed(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(tensor.name if name == old else name for name in names)

    context.nodes[:] = [replace(n, inputs=renamed(n.inputs), outputs=renamed(n.outputs)) for n in context.nodes]
