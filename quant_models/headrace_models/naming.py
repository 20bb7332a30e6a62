# SPDX-License-Identifier: Apache-2.0
"""Gives the nodes and tensors of an exported graph the names of the modules they came from.

torch numbers everything it exports; compilers, reports and error messages want ``stages.0.1.pw1``. The exporter's metadata
says which module each node came from. Every node, its first output and its constants get a name; several from one module are
numbered.
"""

import ast
from collections import Counter

import onnx

_SCOPES = "pkg.torch.onnx.name_scopes"
_WRAPPERS = (".export_handler", ".fused_activation_quant_proxy.activation_impl", ".act_quant")
_QUANT_INPUTS = ("", "scale", "zero_point", "bits")


def name_after_modules(proto: onnx.ModelProto) -> None:
    """Rename nodes, tensors and constants in place; the graph's inputs and outputs keep their names."""
    graph = proto.graph
    fixed = {item.name for item in (*graph.input, *graph.output)}
    renamed = {name: name for name in fixed}
    used: Counter[str] = Counter(fixed)
    constants = {item.name for item in graph.initializer}
    for node in graph.node:
        node.name = _unique(_node_name(node, renamed), used)
        for index, tensor in enumerate(node.input):
            if tensor in constants and tensor not in renamed:
                renamed[tensor] = _unique(_constant_name(node, index, tensor), used)
        for index, tensor in enumerate(node.output):
            if tensor not in fixed:
                renamed[tensor] = node.name if len(node.output) == 1 else f"{node.name}.{index}"
    for node in graph.node:
        for tensors in (node.input, node.output):
            new = [renamed.get(tensor, tensor) for tensor in tensors]
            del tensors[:]
            tensors.extend(new)
    for item in (*graph.initializer, *graph.value_info):
        item.name = renamed.get(item.name, item.name)


def _node_name(node: onnx.NodeProto, renamed: dict[str, str]) -> str:
    metadata = {item.key: item.value for item in node.metadata_props}
    kind = node.op_type.lower()
    if _SCOPES not in metadata:
        # Nodes made by the graph optimiser have no module; they are named after what they read.
        return f"{renamed.get(node.input[0], node.input[0])}.{kind}"
    scope = str(ast.literal_eval(metadata[_SCOPES])[-2])
    for wrapper in _WRAPPERS:
        scope = scope.removesuffix(wrapper)
    if node.op_type == "Conv":
        return scope.removesuffix(".conv")
    if scope.endswith(".weight_quant"):
        return f"{scope.removesuffix('.weight_quant').removesuffix('.conv')}.weight_quant"
    return f"{scope}.{kind}" if scope else kind


def _constant_name(node: onnx.NodeProto, index: int, tensor: str) -> str:
    if node.op_type == "Quant":
        return f"{node.name}.{_QUANT_INPUTS[index]}" if index else node.name.removesuffix("_quant")
    if node.op_type == "Conv" and index == 2:
        return f"{node.name}.bias"
    return f"{node.name}.constant{index}" if tensor else tensor


def _unique(name: str, used: Counter[str]) -> str:
    used[name] += 1
    if used[name] == 1:
        return name
    return _unique(f"{name}_{used[name]}", used)
