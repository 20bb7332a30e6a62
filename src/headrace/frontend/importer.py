# SPDX-License-Identifier: Apache-2.0
"""Walks an ONNX graph once, in order, and builds the integer graph.

Every value is either a constant or a `Real`: an integer tensor of the graph under construction with the affine map that
gives it its meaning. Convolutions, batch norms, biases and constant factors only change that map; a quantizer turns it into
one `Quantize` node. So there is no float arithmetic left to streamline away afterwards.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from headrace.errors import ModelError
from headrace.frontend.affine import AFFINE
from headrace.frontend.attributes import check_attributes, with_inputs
from headrace.frontend.constants import all_constant, dense, fold_constant
from headrace.frontend.context import Context, Handler, OnnxNode, required
from headrace.frontend.files import first_line, load_onnx, opset
from headrace.frontend.functions import FUNCTIONS, compose, composes, of_one_tensor, realised
from headrace.frontend.layout import output_map
from headrace.frontend.neutral import NEUTRAL
from headrace.frontend.qdq import QDQ, integer_range, on_integers, reads_integers
from headrace.frontend.qlinear import expanded
from headrace.frontend.quantizers import QUANTIZERS
from headrace.frontend.readers import handled
from headrace.frontend.refusals import never_folds, refusal
from headrace.frontend.scatter import SCATTERS
from headrace.frontend.steps import STEPS
from headrace.frontend.values import Flat, ModelInput, QuantConst, Quantized, Real, Value, View
from headrace.frontend.views import VIEWS
from headrace.ir.graph import Graph
from headrace.ir.tensor import Tensor
from headrace.operators import HANDLERS as OPERATOR_HANDLERS
from headrace.operators.elementwise import ELEMENTWISE
from headrace.operators.elementwise.maps import is_map

CUSTOM_DOMAINS = ("qonnx.custom_op.general", "onnx.brevitas", "finn.custom_op.general", "headrace.ops")
KEEPS_INTEGERS = frozenset({*QUANTIZERS, *QDQ})
"""Operators that keep the integers of their constants; any other node of constants is evaluated."""
HANDLERS: dict[str, Handler] = {
    **QUANTIZERS,
    **QDQ,
    **AFFINE,
    **STEPS,
    **FUNCTIONS,
    **NEUTRAL,
    **OPERATOR_HANDLERS,
    **VIEWS,
    **SCATTERS,
}
"""ONNX operator type -> its import."""
KEEP_FUNCTIONS = QUANTIZERS.keys() | QDQ.keys() | STEPS.keys() | NEUTRAL.keys()
"""Operators that take a function as it is; to all others it is brought as integers, where that is possible."""
POINTWISE = frozenset(name for entry in ELEMENTWISE for name in entry.types)
"""Operators that compute on integers even where a constant differs from pixel to pixel."""
MALFORMED = (ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError)
"""What Python and numpy raise where a damaged file has other inputs, attributes or types than its operators ask for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedModel:
    """An integer graph and what the file said beside it."""

    graph: Graph
    metadata: dict[str, Any]
    """``metadata_props`` entries named ``headrace.*``, JSON decoded, without the prefix."""
    producer: str


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
        raise ModelError(f"{path}: damaged model ({first_line(error)}); export it again") from error
    return ImportedModel(graph=graph, metadata=_metadata(path, model), producer=model.producer_name)


def _import_graph(model: onnx.ModelProto) -> Graph:
    context = Context(opset=opset(model))
    for initializer in model.graph.initializer:
        context.values[initializer.name] = numpy_helper.to_array(initializer)
    for sparse in model.graph.sparse_initializer:
        context.values[sparse.values.name] = dense(sparse)
    _declare_inputs(context, model)
    for index, whole in enumerate(model.graph.node):
        for proto in expanded(whole, index):
            _import_node(context, OnnxNode.of(proto, index), HANDLERS)
    names = [value.name for value in model.graph.output]
    reals = [_graph_output(context, name) for name in names]
    outputs = [_named(context, name, real) for name, real in zip(names, reals, strict=True)]
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
        if len(dims) not in (2, 3, 4):
            raise ModelError(f"input '{value.name}' has {len(dims)} axes; headrace reads (N, C, H, W), (N, C, L) and (N, F)")
        if min(dims[1:]) < 1:
            raise ModelError(f"input '{value.name}' has an unknown channel count or size {dims}; export with a fixed size")
        kind = onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type or onnx.TensorProto.FLOAT)
        if (levels := integer_range(kind)) is None and not np.issubdtype(kind, np.floating):
            raise ModelError(f"input '{value.name}' is of type {kind.name}; feed images as float32 or quantized integers")
        context.axes[value.name], context.batch = len(dims), max(context.batch, dims[0])
        c, h, w = (*dims[1:], 1, 1)[:3]  # (N, C, L) is a map of one column, (N, F) one pixel
        context.values[value.name] = ModelInput(name=value.name, shape=(c, h, w), integers=levels)


def _import_node(context: Context, node: OnnxNode, handlers: dict[str, Handler]) -> None:
    names = list(node.proto.input)
    if missing := [name for name in names if name and name not in context.values]:
        raise ModelError(f"node '{node.name}' ({node.op_type}) reads '{missing[0]}', which nothing writes")
    inputs = [context.values[name] if name else None for name in names]
    inputs, handler = _reader(context, node, inputs, handlers)
    domain = node.proto.domain
    foldable = node.op_type not in KEEPS_INTEGERS and domain in ("", "ai.onnx") and not never_folds(domain, node.op_type)
    if foldable and all_constant(inputs):
        results: list[Value] = fold_constant(context, node, inputs)
    elif handler is None:
        raise node.unsupported(*refusal(domain, node.op_type))
    else:
        check_attributes(node)
        try:
            results = (handler if node.op_type in QDQ else partial(handled, handler))(context, node, inputs)
        except MALFORMED as error:
            raise node.unsupported(f"malformed ({first_line(error)})", "export the model again") from error
    outputs = [name for name in node.proto.output if name]
    if len(outputs) > len(results):
        raise node.unsupported(f"its output {len(results) + 1} is used", "export for inference")
    context.values.update(zip(outputs, results, strict=False))
    axes = _result_axes(context, node)
    context.axes.update((name, _axes(value, axes)) for name, value in zip(outputs, results, strict=False))


def _reader(
    context: Context, node: OnnxNode, inputs: list[Value | None], handlers: dict[str, Handler]
) -> tuple[list[Value | None], Handler | None]:
    """What imports a node, given what its inputs are, and the inputs as that reads them."""
    by_pixel = node.op_type in POINTWISE and any(is_map(context, node, value, inputs) for value in inputs)
    if not by_pixel and of_one_tensor(inputs) and (node.op_type in FUNCTIONS or composes(node.op_type, inputs)):
        return inputs, compose if composes(node.op_type, inputs) else FUNCTIONS[node.op_type]
    if node.op_type not in KEEP_FUNCTIONS:
        inputs = [realised(context, value, OPERATOR_HANDLERS) for value in inputs]
        if composes(node.op_type, inputs):
            return inputs, compose
    inputs, handler = with_inputs(node, inputs, context.opset), _handler(node, handlers)
    return inputs, on_integers(node, handler) if any(map(reads_integers, inputs)) else handler


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
    value = value.inner if isinstance(value, Quantized) else value
    if isinstance(value, View):
        return value.index.ndim
    return value.ndim if isinstance(value, np.ndarray) else 2 if isinstance(value, Flat) else axes


def _handler(node: OnnxNode, handlers: dict[str, Handler]) -> Handler | None:
    """The import of a node, by its domain: no other domain may redefine what ONNX defines."""
    match node.proto.domain:
        case "" | "ai.onnx":
            known = True
        case "com.microsoft":
            known = node.op_type in QDQ
        case _:
            known = node.proto.domain in CUSTOM_DOMAINS and not onnx.defs.has(node.op_type)
    return handlers.get(node.op_type) if known else None


def _graph_output(context: Context, name: str) -> Real:
    """The value of a graph output, on a grid: nodes are emitted, but no tensor bears the output's name yet."""
    node = OnnxNode.of(onnx.NodeProto(name=name, op_type="graph output"), 0)
    if name not in context.values:
        raise ModelError(f"graph output '{name}' is written by no node")
    value = context.values[name]
    value = required(node, realised(context, value.inner if isinstance(value, Quantized) else value, OPERATOR_HANDLERS))
    real = context.settled(node, output_map(context, value) if isinstance(value, Flat | View) else value)
    if real.tensor in context.inputs:
        raise ModelError(f"graph output '{name}' is a graph input; there is nothing to compute")
    return real


def _named(context: Context, name: str, real: Real) -> str:
    """Gives a graph output its name and its scale; the tensor of an earlier output is copied."""
    tensor = real.tensor
    if name in context.renamed.values():
        raise ModelError(f"graph output '{name}' is listed twice; list it once")
    if tensor not in context.tensors:
        node = OnnxNode.of(onnx.NodeProto(name=f"{name}_copy", op_type="graph output"), 0)
        tensor = context.copied(node, context.renamed[tensor])
    typed = replace(
        context.tensors[tensor],
        name=context.output_name(name),
        scale=tuple(map(float, real.scale)),
        offset=tuple(map(float, real.offset)),
    )
    _rename(context, tensor, typed)
    return typed.name


def _rename(context: Context, old: str, tensor: Tensor) -> None:
    """Replaces tensor ``old`` by ``tensor``, which bears the name that the ONNX file gives it, so that hosts find it."""
    del context.tensors[old]
    context.tensors[tensor.name] = tensor
    context.renamed[old] = tensor.name

    def renamed(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(tensor.name if name == old else name for name in names)

    context.nodes[:] = [replace(n, inputs=renamed(n.inputs), outputs=renamed(n.outputs)) for n in context.nodes]
