# SPDX-License-Identifier: Apache-2.0
"""Export to QONNX: one file that says everything the compiler and the board need, the same bytes every time.

    export(build_quantized(recipe, checkpoint.load(path)), Path("cellnet.onnx"))

The image input is NCHW, pixels times 2**-8. The custom operator is ``headrace.ops.SquareDeformDepthwise``. How to decode the
outputs is JSON under the metadata key ``headrace.detector``.
"""

import json
import logging
import warnings
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import torch
from brevitas.export import export_qonnx
from torch import nn

from headrace_models.datasets import CBC
from headrace_models.evaluate import SCORE_THRESHOLD, detector_config
from headrace_models.exact import integer_convs, snap_biases, snap_weights
from headrace_models.naming import name_after_modules
from headrace_models.networks import Network

METADATA_KEY = "headrace.detector"
"""Where the detector's configuration is kept in the model."""

PRODUCER = "headrace"


def export(
    model: Network, path: Path, *, classes: tuple[str, ...] = CBC.classes, score_threshold: float = SCORE_THRESHOLD
) -> onnx.ModelProto:
    """Write ``model`` to ``path`` and return what was written. Snaps the model's weights and biases to their grids.

    ``classes`` are the names of the model's classes.

    Raises:
        RecipeError: the model has more classes or fewer.
        ExactnessError: float32 could round an accumulator, so the integers would not equal the quantized model.
    """
    shape = model.shape
    config = detector_config(score_threshold, shape, classes)
    proto = export_network(model, (1, 3, shape.height, shape.width), ("image",), model.outputs)
    proto.metadata_props.add(key=METADATA_KEY, value=json.dumps(config.to_json(), sort_keys=True))
    write_model(proto, path)
    return proto


def export_network(
    model: nn.Module,
    input_shape: tuple[int, ...],
    inputs: tuple[str, ...],
    outputs: tuple[str, ...],
    *,
    in_float32: bool = True,
) -> onnx.ModelProto:
    """Return the QONNX graph of any network built from `headrace_models.blocks`, without what changes between runs.

    Args:
        in_float32: float32 must hold every accumulator exactly, so that Brevitas computes the same integers.

    Raises:
        ExactnessError: with ``in_float32``, it may not.
    """
    model.eval()
    snap_weights(model)
    snap_biases(model)
    if in_float32:
        integer_convs(model)
    with TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        raw = Path(folder) / "raw.onnx"
        logging.getLogger("onnxscript").setLevel(logging.ERROR)
        with torch.no_grad():
            export_qonnx(
                model, args=torch.zeros(input_shape), export_path=str(raw), dynamo=True, optimize=True,
                input_names=list(inputs), output_names=list(outputs), verbose=False, external_data=False,
            )  # fmt: skip
            proto = onnx.load(raw)
    _drop_constant_inputs(proto)
    name_after_modules(proto)
    return strip(proto)


def strip(proto: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy without doc strings, source paths and stack traces, its tensors in a fixed order."""
    clean = onnx.ModelProto()
    clean.CopyFrom(proto)
    clean.doc_string = ""
    clean.producer_name, clean.producer_version = PRODUCER, ""
    del clean.metadata_props[:]
    graph = clean.graph
    graph.name, graph.doc_string = PRODUCER, ""
    del graph.metadata_props[:]
    for item in (*graph.node, *graph.initializer, *graph.value_info, *graph.input, *graph.output):
        item.doc_string = ""
        del item.metadata_props[:]
    for kind in (graph.initializer, graph.value_info, clean.opset_import):
        ordered = sorted(kind, key=lambda item: getattr(item, "name", "") or getattr(item, "domain", ""))
        copies = [type(item).FromString(item.SerializeToString()) for item in ordered]
        del kind[:]
        kind.extend(copies)
    del clean.functions[:]
    return clean


def _drop_constant_inputs(proto: onnx.ModelProto) -> None:
    """Remove graph inputs that are constants: the exporter's clean-up lists every constant as an input, as old ONNX did."""
    constants = {item.name for item in proto.graph.initializer}
    kept = [item for item in proto.graph.input if item.name not in constants]
    del proto.graph.input[:]
    proto.graph.input.extend(kept)


def write_model(proto: onnx.ModelProto, path: Path) -> None:
    """Write atomically, with one byte string for one model."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.write_bytes(proto.SerializeToString(deterministic=True))
    partial.replace(path)
