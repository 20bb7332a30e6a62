# SPDX-License-Identifier: Apache-2.0
"""What comes with the package: networks, sample pictures and recorded figures."""

import json
from importlib.resources import files

import numpy as np
import onnx
import pytest
from headrace_host.detector import DetectorConfig
from headrace_models.export import METADATA_KEY
from headrace_models.recipes import CELLNET, TINY, Recipe
from onnx import numpy_helper

PACKAGE = files("headrace_models")


@pytest.mark.parametrize("recipe", [CELLNET, TINY], ids=lambda r: r.name)
def test_networks_are_small_described_and_of_their_recipes_shape(recipe: Recipe) -> None:
    data = (PACKAGE / "zoo" / f"{recipe.name}.onnx").read_bytes()
    assert len(data) < 1_000_000
    model = onnx.load_model_from_string(data)
    config = DetectorConfig.from_json({p.key: json.loads(p.value) for p in model.metadata_props}[METADATA_KEY])
    dims = [d.dim_value for d in model.graph.input[0].type.tensor_type.shape.dim]
    assert dims == [1, 3, recipe.shape.height, recipe.shape.width]
    outputs = {o.name: [d.dim_value for d in o.type.tensor_type.shape.dim] for o in model.graph.output}
    cells = [recipe.shape.height // config.stride, recipe.shape.width // config.stride]
    assert outputs == {config.heatmap: [1, 3, *cells], config.box: [1, 4, *cells]}


@pytest.mark.parametrize("name", ["cellnet", "tiny"])
def test_scales_are_short_and_weights_whole(name: str) -> None:
    graph = onnx.load_model_from_string((PACKAGE / "zoo" / f"{name}.onnx").read_bytes()).graph
    constants = {i.name: numpy_helper.to_array(i).astype(np.float64) for i in graph.initializer}
    for node in graph.node:
        if node.op_type != "Quant":
            continue
        tensor, scale = node.input[0], constants[node.input[1]]
        mantissa = np.frexp(scale)[0]
        if tensor in constants:
            assert np.array_equal(mantissa * 16, np.round(mantissa * 16)), node.name
            whole = constants[tensor] / scale
            assert np.array_equal(whole, np.round(whole)), node.name
        else:
            assert np.all(mantissa == 0.5), node.name


def test_sample_pictures_come_with_their_licence() -> None:
    folder = PACKAGE / "zoo" / "images"
    assert len([item for item in folder.iterdir() if item.name.endswith(".jpg")]) == 6
    assert "Mahmudul Alam" in (folder / "LICENSE").read_text()
    assert "MIT" in (folder / "README.md").read_text()


def test_recorded_accuracy() -> None:
    figures = json.loads((PACKAGE / "results" / "cellnet.json").read_text())
    assert sorted(figures["seeds"]) == ["0", "1", "2"]
    for run in figures["seeds"].values():
        assert run["quantized"]["mean"] >= 0.92
        assert run["integer"] == run["quantized"]
