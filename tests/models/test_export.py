# SPDX-License-Identifier: Apache-2.0
"""The exported file: exact, complete, and the same bytes every time."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from headrace_host.detector import DetectorConfig
from headrace_models.cellnet import CellNet
from headrace_models.errors import ExactnessError
from headrace_models.exact import deform_weights, integer_convs, limit_accumulators, snap_biases, snap_weights
from headrace_models.export import METADATA_KEY, export
from headrace_models.styles import weight_scaling
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx


@pytest.fixture(scope="module")
def exported(make_lively: Callable[[], CellNet], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("zoo") / "lively.onnx"
    export(make_lively(), path)
    return path


def test_torch_equals_qonnx_bit_for_bit(lively: CellNet, images: torch.Tensor, exported: Path) -> None:
    snap_biases(lively)
    wrapper = ModelWrapper(str(exported))
    for x in images[:2]:
        context = execute_onnx(wrapper, {"image": x[None].numpy()}, return_full_exec_context=True)
        with torch.no_grad():
            heatmap, box = lively(x[None])
        np.testing.assert_array_equal(context["heatmap"], heatmap.numpy())
        np.testing.assert_array_equal(context["box"], box.numpy())
        assert len(np.unique(context["heatmap"])) > 20
        assert len(np.unique(context["box"])) > 20
        assert len(np.unique(context["ups.2.spread.dilation.quant"])) > 1


def test_same_network_same_bytes(lively: CellNet, exported: Path, tmp_path: Path) -> None:
    export(lively, tmp_path / "again.onnx")
    assert (tmp_path / "again.onnx").read_bytes() == exported.read_bytes()


def test_snapping_changes_nothing_but_the_biases_last_step(lively: CellNet, images: torch.Tensor) -> None:
    model, x = lively, images[:1]
    with torch.no_grad():
        before = model(x)
        snap_weights(model)
        for a, b in zip(before, model(x), strict=True):
            assert torch.equal(a, b)
    biases = {name: p.detach().clone() for name, p in model.named_parameters() if name.endswith("bias")}
    snap_biases(model)
    steps = {f"{name}.conv.bias": c.input_scale * c.weight_scale for name, c in integer_convs(model).items()}
    for name, p in model.named_parameters():
        if name.endswith("bias"):
            assert np.all(np.abs((p.detach() - biases[name]).double().numpy()) <= 0.5001 * steps[name])


def test_carries_the_detector_and_nothing_of_the_machine(exported: Path) -> None:
    model = onnx.load(exported)
    (metadata,) = model.metadata_props
    assert metadata.key == METADATA_KEY
    config = DetectorConfig.from_json(json.loads(metadata.value))
    assert (config.classes, config.stride, config.image_scale) == (("RBC", "WBC", "Platelets"), 4, 2.0**-8)
    assert [o.name for o in model.graph.output] == [config.heatmap, config.box]
    assert [i.name for i in model.graph.input] == ["image"]
    assert not any(n.metadata_props or n.doc_string for n in model.graph.node)
    assert b"/" not in exported.read_bytes().replace(metadata.value.encode(), b"")[:200]
    assert b".py" not in exported.read_bytes()
    assert exported.stat().st_size < 100_000


def test_nodes_are_named_after_modules(exported: Path) -> None:
    graph = onnx.load(exported).graph
    names = [node.name for node in graph.node]
    assert len(set(names)) == len(names)
    assert {"stem", "stages.0.1.pw1", "ups.2.lateral", "heatmap.final", "box.out_act.quant"} <= set(names)
    assert {n.op_type for n in graph.node if n.domain == "headrace.ops"} == {"SquareDeformDepthwise"}
    assert {"stem.weight", "stem.bias"} <= {i.name for i in graph.initializer}


def test_true_integers(trained: Callable[[], CellNet]) -> None:
    model = trained()
    snap_biases(model)
    convs = integer_convs(model)
    for name, conv in convs.items():
        wide = name == "stem" or name.endswith(("final", "offset"))
        assert np.abs(conv.weight).max() <= (127 if wide else 7)
        assert conv.headroom_bits >= 0
    assert {w.shape for w in deform_weights(model).values()} == {(16, 1, 3, 3), (8, 1, 3, 3)}


def test_refuses_biases_off_the_grid(trained: Callable[[], CellNet]) -> None:
    model = trained()
    with torch.no_grad():
        bias = model.stem.conv.bias
        assert bias is not None
        bias.add_(1e-3)
    with pytest.raises(ExactnessError, match="stem: biases"):
        integer_convs(model)


def test_refuses_accumulators_beyond_float32_and_can_limit_them(trained: Callable[[], CellNet]) -> None:
    model = trained()
    with torch.no_grad():
        conv = model.heatmap.final.conv
        assert conv.bias is not None
        conv.bias.fill_(-3.0)
        weight_scaling(conv).log_scale.fill_(-21.0)
    snap_biases(model)
    with pytest.raises(ExactnessError, match=r"heatmap.final: an accumulator may need"):
        integer_convs(model)
    limit_accumulators(model)
    snap_biases(model)
    assert integer_convs(model)["heatmap.final"].headroom_bits > 0.9
