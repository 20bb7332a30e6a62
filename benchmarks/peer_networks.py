# SPDX-License-Identifier: Apache-2.0
"""Small networks that several tools can build: 8-bit weights and activations, random weights, each as QONNX."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from headrace_models.blocks import ResidualAdd
from headrace_models.export import export_network, write_model
from headrace_models.quantizers import best_weight_scale
from headrace_models.styles import ConvNorm, QuantStyle, calibrate, quantized_convs, weight_scaling
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  # torch's own convention

BITS = 8
STYLE = QuantStyle()


class Layer(nn.Module):
    """A convolution and its ReLU (or, with ``signed``, its quantizer)."""

    def __init__(self, source: nn.Module, c_in: int, c_out: int, k: int = 3, *, stride: int = 1, act: nn.Module | None = None,
                 groups: int = 1) -> None:  # fmt: skip
        super().__init__()
        self.conv: ConvNorm = STYLE.conv(source, c_in, c_out, k, stride=stride, groups=groups, bits=BITS)
        self.act = act if act is not None else STYLE.relu()

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, c_in, H, W) to (N, c_out, H / stride, W / stride)."""
        y: Tensor = self.act(self.conv(x))
        return y


def classifier(source: nn.Module, c_in: int, classes: int, k: int = 1) -> Layer:
    """Logits of a map of k x k pixels."""
    layer = Layer(source, c_in, classes, k, act=STYLE.signed())
    layer.conv.conv.padding = (0, 0)
    return layer


class Tiny16(nn.Module):
    """Two convolutions and a fully connected layer: 410,624 multiply-accumulates."""

    shape = (3, 16, 16)

    def __init__(self) -> None:
        super().__init__()
        self.image = STYLE.unsigned(-8, 8)
        self.conv1 = Layer(self.image, 3, 16)
        self.conv2 = Layer(self.conv1.act, 16, 32)
        self.fc = classifier(self.conv2.act, 32, 10, 4)

    def forward(self, x: Tensor) -> Tensor:
        """Map images to logits (N, 10, 1, 1)."""
        y = F.max_pool2d(self.conv1(self.image(x)), 2)
        z: Tensor = self.fc(F.max_pool2d(self.conv2(y), 2))
        return z


class DsBlock(nn.Module):
    """Two depthwise separable layers: 318,080 multiply-accumulates."""

    shape = (16, 16, 16)

    def __init__(self) -> None:
        super().__init__()
        self.image = STYLE.unsigned(-8, 8)
        self.dw1 = Layer(self.image, 16, 16, groups=16)
        self.pw1 = Layer(self.dw1.act, 16, 32, 1)
        self.dw2 = Layer(self.pw1.act, 32, 32, stride=2, groups=32)
        self.pw2 = Layer(self.dw2.act, 32, 64, 1)
        self.mean = STYLE.relu()
        self.fc = classifier(self.mean, 64, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Map maps to logits (N, 10, 1, 1)."""
        y = self.pw2(self.dw2(self.pw1(self.dw1(self.image(x)))))
        z: Tensor = self.fc(self.mean(F.avg_pool2d(y, 8)))
        return z


class Residual(nn.Module):
    """Two 3x3 convolutions beside a way of their own, or where the size changes a 1x1 convolution."""

    def __init__(self, source: nn.Module, c_in: int, c_out: int, stride: int) -> None:
        super().__init__()
        self.conv1 = Layer(source, c_in, c_out, stride=stride)
        self.sum_act = STYLE.signed() if stride > 1 else source
        self.conv2 = Layer(self.conv1.act, c_out, c_out, act=self.sum_act)
        self.way = Layer(source, c_in, c_out, 1, stride=stride, act=self.sum_act) if stride > 1 else None
        self.add = ResidualAdd(STYLE)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, c_in, H, W) to (N, c_out, H / stride, W / stride)."""
        y: Tensor = self.add(self.conv2(self.conv1(x)), x if self.way is None else self.way(x))
        return y


class ResNet8(nn.Module):
    """MLPerf Tiny's image classifier on 32 x 32 pixels: 12,501,632 multiply-accumulates."""

    shape = (3, 32, 32)

    def __init__(self) -> None:
        super().__init__()
        self.image = STYLE.unsigned(-8, 8)
        self.stem = Layer(self.image, 3, 16)
        self.stack1 = Residual(self.stem.act, 16, 16, 1)
        self.stack2 = Residual(self.stack1.add.act, 16, 32, 2)
        self.stack3 = Residual(self.stack2.add.act, 32, 64, 2)
        self.mean = STYLE.relu()
        self.fc = classifier(self.mean, 64, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Map images to logits (N, 10, 1, 1)."""
        y = self.stack3(self.stack2(self.stack1(self.stem(self.image(x)))))
        z: Tensor = self.fc(self.mean(F.avg_pool2d(y, 8)))
        return z


class MobileNetV1(nn.Module):
    """MLPerf Tiny's visual wake words, width 0.25, on 96 x 96 pixels: 7,489,664 multiply-accumulates."""

    shape = (3, 96, 96)
    blocks = ((16, 1), (32, 2), (32, 1), (64, 2), (64, 1), (128, 2), *((128, 1),) * 5, (256, 2), (256, 1))

    def __init__(self) -> None:
        super().__init__()
        self.image = STYLE.unsigned(-8, 8)
        self.stem = Layer(self.image, 3, 8, stride=2)
        source, c_in, layers = self.stem.act, 8, []
        for c_out, stride in self.blocks:
            depthwise = Layer(source, c_in, c_in, stride=stride, groups=c_in)
            layers += [depthwise, Layer(depthwise.act, c_in, c_out, 1)]
            source, c_in = layers[-1].act, c_out
        self.layers = nn.Sequential(*layers)
        self.mean = STYLE.relu()
        self.fc = classifier(self.mean, 256, 2)

    def forward(self, x: Tensor) -> Tensor:
        """Map images to logits (N, 2, 1, 1)."""
        y = self.layers(self.stem(self.image(x)))
        z: Tensor = self.fc(self.mean(F.avg_pool2d(y, 3)))
        return z


@dataclass(frozen=True, slots=True)
class PeerNetwork:
    """One of them."""

    make: Callable[[], nn.Module]
    shape: tuple[int, int, int]
    macs: int


NETWORKS = {
    "tiny16": PeerNetwork(Tiny16, Tiny16.shape, 410_624),
    "dsblock": PeerNetwork(DsBlock, DsBlock.shape, 318_080),
    "resnet8": PeerNetwork(ResNet8, ResNet8.shape, 12_501_632),
    "mbv1": PeerNetwork(MobileNetV1, MobileNetV1.shape, 7_489_664),
}


def exported(name: str, path: Path) -> Path:
    """A network with random weights, its scales those of the least error and of random images."""
    torch.manual_seed(1)
    torch.set_num_threads(1)
    network = NETWORKS[name].make().eval()
    for conv in quantized_convs(network).values():
        weight_scaling(conv).log_scale.data.copy_(best_weight_scale(conv.weight.detach(), BITS).log2())
    shape = NETWORKS[name].shape
    calibrate(network, torch.rand(4, *shape))
    write_model(export_network(network, (1, *shape), ("image",), ("logits",), in_float32=False), path)
    return path
