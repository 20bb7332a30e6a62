# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the model tests: a made-up data set (discs on a bright ground) and a network trained on it for a moment."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from annotated import voc_annotation, write_voc
from headrace_models import checkpoint as checkpoints
from headrace_models.cellnet import CellNet
from headrace_models.recipes import SMOKE, TINY_SHAPE
from headrace_models.styles import FloatStyle, QuantStyle, calibrate, fold_into
from headrace_models.train import build_quantized, train
from PIL import Image, ImageDraw

_COLOURS = {"RBC": (200, 120, 120), "WBC": (110, 90, 180), "Platelets": (150, 110, 190)}


def _make_data_set(folder: Path, *, training: int = 8, testing: int = 2, size: tuple[int, int] = (160, 120)) -> Path:
    """Write the data set; the same one every time."""
    rng = np.random.default_rng(7)
    for split, count in (("Training", training), ("Testing", testing)):
        for kind in ("Images", "Annotations"):
            (folder / split / kind).mkdir(parents=True)
        for index in range(count):
            _write(folder / split, f"BloodImage_{index:05d}", size, rng)
    return folder


def _write(split: Path, name: str, size: tuple[int, int], rng: np.random.Generator) -> None:
    image = Image.new("RGB", size, (235, 225, 230))
    pen = ImageDraw.Draw(image)
    objects = []
    for kind, radius in (("WBC", 24), ("RBC", 14), ("RBC", 14), ("Platelets", 6)):
        x, y = (int(rng.integers(radius, side - radius)) for side in size)
        box = (x - radius, y - radius, x + radius, y + radius)
        pen.ellipse(box, fill=_COLOURS[kind])
        objects.append((kind, box))
    image.save(split / "Images" / f"{name}.jpg", quality=90)
    (split / "Annotations" / f"{name}.xml").write_text(voc_annotation(size, objects))


@pytest.fixture(scope="session")
def make_data_set() -> Callable[..., Path]:
    """A function that writes a made-up data set into a folder."""
    return _make_data_set


@pytest.fixture(scope="session")
def annotation() -> Callable[..., str]:
    """A function that returns a Pascal VOC annotation for a picture size and named boxes."""
    return voc_annotation


@pytest.fixture(scope="session")
def data_set(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a made-up data set of eight training and two test pictures."""
    return _make_data_set(tmp_path_factory.mktemp("cbc") / "data")


@pytest.fixture(scope="session")
def devkit(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The VOCdevkit folder of a made-up Pascal VOC."""
    return write_voc(tmp_path_factory.mktemp("voc"))


@pytest.fixture(scope="session")
def trained(data_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], CellNet]:
    """A function that returns a fresh copy of the network of the smoke recipe, seed 0."""
    torch.set_num_threads(1)
    path = train(SMOKE, seed=0, data_dir=data_set, out_dir=tmp_path_factory.mktemp("run"))

    def copy() -> CellNet:
        model = build_quantized(SMOKE, checkpoints.load(path))
        assert isinstance(model, CellNet)
        return model

    return copy


@pytest.fixture(scope="session")
def images() -> torch.Tensor:
    """Four blotchy pictures times 2**-8, (4, 3, 64, 64)."""
    coarse = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    return (torch.nn.functional.interpolate(coarse, scale_factor=8.0) * 255).round() / 256


@pytest.fixture(scope="session")
def float_network(images: torch.Tensor) -> CellNet:
    """An untrained network with settled statistics whose every part varies with its input, dilations included."""
    torch.manual_seed(3)
    model = CellNet(TINY_SHAPE, FloatStyle())
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):  # gains and shifts that folding has to get right
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, std=0.3)
            module.momentum = 0.5
    for conv in (model.heatmap.final.conv, model.box.final.conv):
        torch.nn.init.normal_(conv.weight, std=0.5)
    for name, conv in model.named_modules():
        if name.endswith("spread.offset.conv") and isinstance(conv, torch.nn.Conv2d):
            torch.nn.init.normal_(conv.weight, std=0.4)
    with torch.no_grad():
        for _ in range(4):
            model.train()(images)
    return model.eval()


@pytest.fixture(scope="session")
def make_lively(float_network: CellNet, images: torch.Tensor) -> Callable[[], CellNet]:
    """A function that returns a fresh copy of the quantized twin of `float_network`."""
    model = CellNet(TINY_SHAPE, QuantStyle())
    fold_into(float_network, model)
    calibrate(model, images)
    state = {key: value.clone() for key, value in model.state_dict().items()}

    def make() -> CellNet:
        copy = CellNet(TINY_SHAPE, QuantStyle())
        copy.load_state_dict(state)
        return copy.eval()

    return make


@pytest.fixture
def lively(make_lively: Callable[[], CellNet]) -> CellNet:
    """A fresh quantized twin of `float_network`."""
    return make_lively()
