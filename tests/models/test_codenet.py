# SPDX-License-Identifier: Apache-2.0
"""CoDeNet: its size as published, and its authors' checkpoints."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from headrace_host.accelerator import ProgramRunner
from headrace_host.detector import SIZES, DetectorConfig, letterbox, real_values
from headrace_host.program import Program
from headrace_models import checkpoint as checkpoints
from headrace_models import published
from headrace_models.codenet import CoDeNet
from headrace_models.datasets import VOC, load
from headrace_models.errors import CheckpointError, RecipeError
from headrace_models.evaluate import detector_config, evaluate
from headrace_models.export import export
from headrace_models.inference import TorchNetwork
from headrace_models.recipes import CODENET, CODENET_COCO, CODENET_SMOKE, SMOKE, CoDeNetShape
from headrace_models.styles import FloatStyle
from headrace_models.train import Progress, build_float, build_quantized, train
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # torch's own convention

from headrace.compile import lower
from headrace.ir.graph import to_program

SMALL = CoDeNetShape(
    width=64, height=32, classes=3, stem=4, stages=(8, 12, 16), units=(2, 3, 2), last=20, decoder=(12, 8, 6), head=5
)


@pytest.mark.parametrize(
    ("config", "macs", "parameters"),
    [
        ("a", 279_844_352, 1_588_031),
        ("b", 287_806_976, 1_588_031),
        ("c", 1_119_377_408, 1_588_031),
        ("d", 3_507_274_240, 6_082_427),
        ("e", 3_539_124_736, 6_082_427),
    ],
)
def test_multiplications_and_parameters_are_those_published(config: str, macs: int, parameters: int) -> None:
    assert _count(CODENET[config]) == (macs, parameters)
    # Of COCO only the heatmap's last 1x1 differs: 60 more rows of 64 weights and a bias.
    shape = CODENET_COCO[config]
    assert _count(shape) == (macs + 60 * 64 * (shape.width // 4) * (shape.height // 4), parameters + 60 * 65)


def _count(shape: CoDeNetShape) -> tuple[int, int]:
    """Multiplications of a picture, and parameters."""
    with torch.device("meta"):
        model = CoDeNet(shape, FloatStyle()).eval()
    counted = []

    def count(module: nn.Module, _: object, output: Tensor) -> None:
        assert isinstance(module, nn.Conv2d)
        counted.append(output.numel() * module.weight[0].numel())

    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(count)
    outputs = model(torch.zeros(1, 3, shape.height, shape.width, device="meta"))
    maps = zip((shape.last, *shape.decoder[:2]), (32, 16, 8), strict=True)
    deformable = sum(9 * channels * (shape.width // s) * (shape.height // s) for channels, s in maps)
    channels = (shape.classes, 2, 2)
    assert [tuple(output.shape[1:]) for output in outputs] == [(n, shape.height // 4, shape.width // 4) for n in channels]
    return sum(counted) + deformable, sum(parameter.numel() for parameter in model.parameters())


class _Published:
    """The network by its authors' names, with dilations of one, for pictures as they have them."""

    def __init__(self, shape: CoDeNetShape, seed: int) -> None:
        self.shape = shape
        self._generator = torch.Generator().manual_seed(seed)
        self.tensors: dict[str, Tensor] = {}

    def _tensor(self, name: str, shape: tuple[int, ...], low: float = -1.0, high: float = 1.0) -> Tensor:
        if name not in self.tensors:
            self.tensors[name] = torch.rand(shape, generator=self._generator) * (high - low) + low
        return self.tensors[name]

    def conv(self, x: Tensor, name: str, outputs: int, k: int = 1, stride: int = 1, *, depthwise: bool = False) -> Tensor:
        inputs = x.shape[1]
        bound = 1.7 / (k * (1 if depthwise else inputs**0.5))
        weight = self._tensor(f"{name}.weight", (outputs, 1 if depthwise else inputs, k, k), -bound, bound)
        return F.conv2d(x, weight, None, stride, k // 2, groups=inputs if depthwise else 1)

    def norm(self, x: Tensor, name: str) -> Tensor:
        c = (x.shape[1],)
        mean, variance = self._tensor(f"{name}.running_mean", c), self._tensor(f"{name}.running_var", c, 0.5, 2.0)
        return F.batch_norm(x, mean, variance, self._tensor(f"{name}.weight", c, 0.5, 1.5), self._tensor(f"{name}.bias", c))

    def unit(self, x: Tensor, place: str, outputs: int, stride: int) -> Tensor:
        half = outputs // 2
        if stride == 1:
            kept, x = x[:, :half], x[:, half:]
        else:
            kept = self.norm(self.conv(x, f"{place}.b1.0", x.shape[1], 3, 2, depthwise=True), f"{place}.b1.1")
            kept = self.norm(self.conv(kept, f"{place}.b1.2", half), f"{place}.b1.3").relu()
        x = self.norm(self.conv(x, f"{place}.b2.0", half), f"{place}.b2.1").relu()
        x = self.norm(self.conv(x, f"{place}.b2.3", half, 3, stride, depthwise=True), f"{place}.b2.4")
        x = self.norm(self.conv(x, f"{place}.b2.5", half), f"{place}.b2.6").relu()
        return torch.stack([kept, x], dim=2).flatten(1, 2)

    def __call__(self, padded: Tensor) -> list[Tensor]:
        """The heads of a normalised picture that is already padded by one pixel."""
        shape = self.shape
        weight = self._tensor("layer0.0.weight", (shape.stem, 3, 3, 3), -0.3, 0.3)
        x = self.norm(F.conv2d(padded, weight, None, 4), "layer0.1").relu()
        for stage, (channels, units) in enumerate(zip(shape.stages, shape.units, strict=True)):
            for unit in range(units):
                x = self.unit(x, f"layer{stage + 1}.{unit}", channels, 2 if unit == 0 else 1)
        x = self.norm(self.conv(x, "layer4.0", shape.last), "layer4.1").relu()
        for step, channels in enumerate(shape.decoder):
            place = f"deconv_layers.{4 * step}"
            self._tensor(f"{place}.conv_scale.weight", (1, x.shape[1], 1, 1), 0.0, 0.0)
            self._tensor(f"{place}.conv_scale.bias", (1,), 1.0, 1.0)
            x = self.conv(x, f"{place}.conv", x.shape[1], 3, depthwise=True)
            x = self.norm(self.conv(x, f"{place}.conv_channel", channels), f"deconv_layers.{4 * step + 1}").relu()
            x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
        heads = []
        for name, outputs in (("hm", shape.classes), ("wh", 2), ("reg", 2)):
            y = self.norm(self.conv(x, f"{name}.0", shape.head), f"{name}.1").relu()
            y = self.norm(self.conv(y, f"{name}.3", shape.head, 3, depthwise=True), f"{name}.4").relu()
            heads.append(self.conv(y, f"{name}.6", outputs) + self._tensor(f"{name}.6.bias", (outputs,))[:, None, None])
        return heads


def _published(path: Path, prefix: str = "module.") -> tuple[Tensor, list[Tensor]]:
    """Writes a checkpoint; a picture (1, 3, H, W), red first, of whole numbers, and what the network makes of it."""
    network = _Published(SMALL, 3)
    picture = torch.randint(0, 256, (1, 3, SMALL.height, SMALL.width), generator=torch.Generator().manual_seed(4)).float()
    theirs = F.pad(picture.flip(1), (1, 1, 1, 1))  # black around, as on the device
    mean, deviation = (torch.tensor(values).reshape(1, 3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    heads = network((theirs / 255 - mean) / deviation)
    torch.save({"epoch": 1, "state_dict": {prefix + name: tensor for name, tensor in network.tensors.items()}}, path)
    return picture, heads


@pytest.mark.parametrize("prefix", ["", "module."])
def test_published_checkpoints(prefix: str, tmp_path: Path) -> None:
    picture, heads = _published(tmp_path / "model_last.pth", prefix)
    model = CoDeNet(SMALL, FloatStyle()).eval()
    published.load_into(model, published.read(tmp_path / "model_last.pth"))
    with torch.no_grad():
        found = model(picture * 2.0**-8)
    for ours, theirs in zip(found, heads, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)
        assert theirs.std() > 0.05


def test_unlike_checkpoints_are_refused(tmp_path: Path) -> None:
    _published(tmp_path / "model_last.pth")
    tensors = published.read(tmp_path / "model_last.pth")
    with pytest.raises(CheckpointError, match=r"hm\.6\.weight is of shape \(3, 5, 1, 1\), not \(4, 5, 1, 1\)"):
        published.load_into(CoDeNet(replace(SMALL, classes=4), FloatStyle()), tensors)
    with pytest.raises(CheckpointError, match=r"lacks 135 tensors, first layer1\.2\.b2\.0\.weight"):
        published.load_into(CoDeNet(CODENET["a"], FloatStyle()), tensors)
    whole, other = CoDeNet(SMALL, FloatStyle()), dict(tensors)
    other["reg.6.bias"] = torch.zeros(7)
    before = {name: tensor.clone() for name, tensor in whole.state_dict().items()}
    with pytest.raises(CheckpointError, match=r"reg\.6\.bias is of shape"):
        published.load_into(whole, other)
    assert all(torch.equal(tensor, before[name]) for name, tensor in whole.state_dict().items())
    with pytest.raises(RecipeError, match="the network has 20 classes; names are given of 3: RBC, WBC, Platelets"):
        detector_config(shape=CODENET["a"])
    assert detector_config(shape=CODENET["a"], classes=VOC.classes).classes == VOC.classes
    del tensors["deconv_layers.4.conv.weight"]
    with pytest.raises(CheckpointError, match=r"lacks 1 tensors, first deconv_layers\.4\.conv\.weight"):
        published.load_into(CoDeNet(SMALL, FloatStyle()), tensors)
    (tmp_path / "broken.pth").write_bytes(b"PK")
    with pytest.raises(CheckpointError, match="not a readable checkpoint"):
        published.read(tmp_path / "broken.pth")
    torch.save([1], tmp_path / "list.pth")
    with pytest.raises(CheckpointError, match="holds no tensors by name"):
        published.read(tmp_path / "list.pth")


def test_a_published_network_takes_the_float_phases_place(data_set: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    start, recipe, seen = tmp_path / "model_last.pth", replace(CODENET_SMOKE, shape=SMALL), list[Progress]()
    picture, heads = _published(start)

    def again(**other: Path | None) -> None:
        how = {"start": start, "out_dir": tmp_path / "run", **other}
        train(recipe, seed=0, data_dir=data_set, progress=seen.append, **how)  # type: ignore[arg-type]

    again()
    assert [(step.phase, step.epoch) for step in seen] == [("quant", 1)]
    with torch.no_grad():
        found = build_float(recipe, checkpoints.load(tmp_path / "run" / "float.pt"))(picture * 2.0**-8)
    for ours, theirs in zip(found, heads, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-3, atol=1e-3)
    again()
    assert len(seen) == 1
    with pytest.raises(CheckpointError, match=r"float\.pt was trained with another start"):
        again(start=None)
    with pytest.raises(RecipeError, match="recipe 'smoke' trains no CoDeNet"):
        train(SMOKE, seed=0, data_dir=data_set, out_dir=tmp_path / "other", start=start)
    with pytest.raises(CheckpointError, match="not a readable checkpoint"):
        again(start=tmp_path / "absent.pth")


def test_trains_and_is_exported(data_set: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    seen: list[Progress] = []
    path = train(CODENET_SMOKE, seed=0, data_dir=data_set, out_dir=tmp_path, progress=seen.append)
    assert [step.phase for step in seen] == ["float", "float", "quant"]
    model = build_quantized(CODENET_SMOKE, checkpoints.load(path))
    samples = load("cbc", data_set, "testing", complete=False)
    figures = evaluate(TorchNetwork(model, CODENET_SMOKE), samples, shape=CODENET_SMOKE.shape)
    assert set(figures) == {"RBC", "WBC", "Platelets", "mean"}
    proto = export(model, tmp_path / "codenet.onnx")
    assert [output.name for output in proto.graph.output] == ["heatmap", "size", "offset"]
    lowered = lower(tmp_path / "codenet.onnx")
    stored = DetectorConfig.from_json(lowered.model.metadata["detector"])
    assert (stored.kind, stored.box, stored.offset) == (SIZES, "size", "offset")
    runner = ProgramRunner(Program(*to_program(lowered.graph)))
    pixels = np.stack([letterbox(sample.pixels(), 64, 64)[0] for sample in samples])
    integers, real = runner.run(pixels), TorchNetwork(model, CODENET_SMOKE).run(pixels)
    for name in model.outputs:
        np.testing.assert_array_equal(real_values(integers[name], runner.outputs[name]), real[name])
