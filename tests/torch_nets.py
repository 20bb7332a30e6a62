# SPDX-License-Identifier: Apache-2.0
"""Random Brevitas networks: ordinary ones with float scales and batch norms, and exact ones of headrace_models' blocks."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from brevitas.export import export_qonnx
from brevitas.nn import QuantConv2d, QuantIdentity, QuantReLU
from brevitas.quant import Int8WeightPerChannelFloat, Int8WeightPerTensorFloat, Uint8ActPerTensorFloat
from headrace_models.blocks import DeformUp, HeadBranch, ShuffleDown, ShuffleUnit
from headrace_models.quantizers import best_weight_scale
from headrace_models.styles import QuantStyle, calibrate, weight_scaling
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # torch's own convention


class FloatNet(nn.Module):
    """Stem, then a random line of blocks, then one or two heads; float scales, batch norms left unfolded."""

    BLOCKS = ("depthwise", "pointwise", "residual", "join", "shuffle", "pool", "grow", "relu6")

    def __init__(self, rng: np.random.Generator, blocks: int = 3) -> None:
        super().__init__()
        self.rng = rng
        self.image = QuantIdentity(act_quant=Uint8ActPerTensorFloat)
        c = int(rng.choice((4, 6, 8)))
        self.stem = self.conv(int(rng.choice((1, 3))), c, 3, stride=int(rng.integers(1, 3)))
        self.stem_norm = nn.BatchNorm2d(c)
        self.stem_act = QuantReLU(bit_width=int(rng.integers(3, 9)))
        self.plan: list[tuple[str, nn.ModuleList]] = []
        self.layers = nn.ModuleList()
        for kind in rng.choice(self.BLOCKS, blocks):
            modules, c = self.block(str(kind), c)
            self.plan.append((str(kind), modules))
            self.layers.append(modules)
        self.head = self.conv(c, int(rng.choice((1, 3, 5))), 1, bits=8)
        self.head_act = QuantIdentity(bit_width=8)
        self.second = self.conv(c, 2, 1, bits=4) if rng.random() < 0.4 else None

    def conv(self, c_in: int, c_out: int, k: int, *, stride: int = 1, groups: int = 1, bits: int = 0) -> QuantConv2d:
        """A "same"-padded convolution with random weight bits and granularity."""
        weight_quant = Int8WeightPerChannelFloat if self.rng.random() < 0.5 else Int8WeightPerTensorFloat
        return QuantConv2d(
            c_in, c_out, k, stride, k // 2, groups=groups, bias=bool(self.rng.random() < 0.7),
            weight_quant=weight_quant, weight_bit_width=bits or int(self.rng.integers(2, 9)),
        )  # fmt: skip

    def block(self, kind: str, c: int) -> tuple[nn.ModuleList, int]:
        """The layers of one block and the channels that leave it."""
        act: type[nn.Module] = QuantReLU if self.rng.random() < 0.5 else QuantIdentity
        match kind:
            case "depthwise":
                return nn.ModuleList([self.conv(c, c, 3, groups=c), nn.BatchNorm2d(c), act(bit_width=8)]), c
            case "pointwise":
                out = int(self.rng.choice((4, 6, 8)))
                return nn.ModuleList([self.conv(c, out, 1), nn.BatchNorm2d(out), act(bit_width=5)]), out
            case "residual":
                return nn.ModuleList([self.conv(c, c, 3), QuantIdentity(bit_width=6), QuantReLU(bit_width=8)]), c
            case "join":
                return nn.ModuleList([self.conv(c, 4, 1), QuantIdentity(bit_width=7)]), c + 4
            case "shuffle":
                half = c // 2
                return nn.ModuleList([self.conv(half, half, 1), QuantIdentity(bit_width=8)]), c
            case "pool" | "grow":
                return nn.ModuleList(), c
            case _:
                return nn.ModuleList([self.conv(c, c, 1), nn.ReLU6(), QuantIdentity(bit_width=8)]), c

    def run_block(self, kind: str, m: nn.ModuleList, x: Tensor) -> Tensor:
        """Map (N, C, H, W) through one block."""
        match kind:
            case "residual":
                shared = m[1]
                y: Tensor = m[2](shared(x) + shared(m[0](x)))
            case "join":
                shared = m[1]
                y = torch.cat([shared(x), shared(m[0](x))], dim=1)
            case "shuffle":
                shared = m[1]
                kept, worked = shared(x).chunk(2, dim=1)
                y = torch.cat([kept, shared(m[0](worked))], dim=1)
                n, c, h, w = y.shape
                y = y.reshape(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)
            case "pool":
                y = F.max_pool2d(x, 2, ceil_mode=True)
            case "grow":
                y = F.interpolate(x, scale_factor=2.0, mode="nearest")
            case _:
                y = x
                for layer in m:
                    y = layer(y)
        return y

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Quantized head, and sometimes a second one of raw accumulators."""
        x = self.stem_act(self.stem_norm(self.stem(self.image(x))))
        for kind, modules in self.plan:
            x = self.run_block(kind, modules, x)
        first = self.head_act(self.head(x))
        return (first,) if self.second is None else (first, self.second(x))


def float_net(seed: int, hw: tuple[int, int]) -> FloatNet:
    """A `FloatNet` with settled statistics, in evaluation mode."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    model = FloatNet(np.random.default_rng(seed))
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, -0.3, 1.5)  # some channels fall
            nn.init.uniform_(module.bias, 0, 1)
    model.train()
    with torch.no_grad():
        for _ in range(3):
            model(torch.rand(4, model.stem.in_channels, *hw))
    return model.eval()


class ExactNet(nn.Module):
    """Encoder and decoder of headrace_models' blocks, with random channels."""

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        style = QuantStyle()
        c1, c2, c3 = (int(rng.choice((4, 6, 10))), int(rng.choice((4, 8, 12))), int(rng.choice((4, 6))))
        self.image = style.unsigned(-8, 8)
        self.stem = style.conv(self.image, 3, c1, 3, stride=2, bits=8)
        self.stem_act = style.relu()
        self.out_act = style.relu()
        self.down = ShuffleDown(style, self.stem_act, c1, c2, self.out_act)
        self.unit = ShuffleUnit(style, c2, self.out_act) if c2 % 4 == 0 else nn.Identity()
        self.up = DeformUp(style, (self.out_act, self.stem_act), (c2, c1, c3), deform=bool(rng.random() < 0.8))
        self.head = HeadBranch(style, self.up.out_act, (c3, 3), style.signed(-4), bias=-1.0)

    def forward(self, x: Tensor) -> Tensor:
        """One head."""
        skip = self.stem_act(self.stem(self.image(x)))
        y: Tensor = self.head(self.up(self.unit(self.down(skip)), skip))
        return y


def exact_net(seed: int, hw: tuple[int, int]) -> ExactNet:
    """A calibrated `ExactNet` whose dilations vary, in evaluation mode."""
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    model = ExactNet(np.random.default_rng(seed))
    for name, module in model.named_modules():
        if isinstance(module, QuantConv2d):
            gain = 2.0 if name.endswith(("offset.conv", "final.conv")) else 1.3
            nn.init.normal_(module.weight, std=gain / module.weight[0].numel() ** 0.5)
            with torch.no_grad():
                scale = best_weight_scale(module.weight, int(module.weight_quant.bit_width()))
                weight_scaling(module).log_scale.copy_(scale.log2())
    calibrate(model, torch.randint(0, 256, (4, 3, *hw)) / 256)
    return model.eval()


def export_plain(model: nn.Module, path: Path, shape: tuple[int, ...], *, dynamo: bool) -> Path:
    """Brevitas' own export, by torch.export or by tracing."""
    options = {"dynamo": True, "optimize": True, "external_data": False, "verbose": False} if dynamo else {"dynamo": False}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        export_qonnx(model, args=torch.zeros(shape), export_path=str(path), **options)
    return path
