# SPDX-License-Identifier: Apache-2.0
"""Small networks with the real topologies of the efficient-convolution literature, in ordinary Brevitas layers.

    family = FAMILIES["mobilenet_v2"]
    model = settled(family)          # random weights, settled statistics, evaluation mode

They are examples to copy from, and what the compiler is tested on; they are not trained.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import onnx
import torch
from brevitas.export import export_qonnx
from brevitas.nn import QuantConv2d
from torch import nn

from headrace_models.export import export_network
from headrace_models.families import deformable, dense_output, fusion, large, mobile
from headrace_models.quantizers import best_weight_scale
from headrace_models.styles import calibrate, weight_scaling

SETTLING_BATCHES = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One kind of network."""

    title: str
    source: str
    """arXiv number of the paper."""
    build: Callable[[], nn.Module]
    shape: tuple[int, ...] = (3, 24, 24)
    """Of one input, without the batch axis."""
    exact: bool = False
    """Made of `headrace_models.styles`, whose scales make float32 exact; the others have ordinary float scales."""


FAMILIES: dict[str, Family] = {
    "mobilenet_v1": Family(title="MobileNetV1", source="1704.04861", build=mobile.MobileNetV1),
    "mobilenet_v2": Family(title="MobileNetV2", source="1801.04381", build=mobile.MobileNetV2),
    "xception": Family(title="Xception", source="1610.02357", build=mobile.Xception),
    "shufflenet_v2": Family(title="ShuffleNetV2", source="1807.11164", build=fusion.ShuffleNetV2),
    "resnext": Family(title="ResNeXt, grouped convolution", source="1611.05431", build=fusion.ResNext, shape=(3, 16, 16)),
    "mixconv": Family(title="MixConv", source="1907.09595", build=mobile.MixNet),
    "aspp": Family(title="Atrous separable pyramid (DeepLabv3+)", source="1802.02611", build=fusion.DeepLab),
    "efficientnet": Family(title="EfficientNet MBConv, squeeze-and-excite", source="1905.11946", build=mobile.EfficientNet),
    "eca": Family(title="ECA channel attention", source="1910.03151", build=mobile.EcaNet),
    "fpn": Family(title="Feature pyramid", source="1612.03144", build=fusion.FeaturePyramid),
    "bifpn": Family(title="BiFPN, weighted addition", source="1911.09070", build=fusion.BiFpn),
    "dla": Family(title="Deep layer aggregation", source="1707.06484", build=fusion.DeepLayerAggregation),
    "densenet": Family(title="DenseNet", source="1608.06993", build=fusion.DenseNet, shape=(3, 16, 16)),
    "quartznet": Family(
        title="QuartzNet, 1-D time-channel separable", source="1910.10261", build=mobile.QuartzNet, shape=(16, 48)
    ),
    "espcn": Family(title="ESPCN sub-pixel super-resolution", source="1609.05158", build=dense_output.Espcn, shape=(1, 16, 20)),
    "fastdepth": Family(title="FastDepth decoder", source="1903.03273", build=dense_output.FastDepth),
    "unet": Family(title="U-Net, transposed convolution", source="1505.04597", build=dense_output.UNet, shape=(3, 16, 16)),
    "inceptionnext": Family(title="InceptionNeXt band kernels", source="2303.16900", build=large.InceptionNext),
    "convnext": Family(title="ConvNeXt 7x7", source="2201.03545", build=large.ConvNext),
    "unireplknet": Family(title="UniRepLKNet, RepLKNet: 13x13 and 31x31", source="2311.15599", build=large.UniRepLkNet),
    "fasternet": Family(title="FasterNet partial convolution", source="2303.03667", build=fusion.FasterNet),
    "shiftnet": Family(title="Shift network", source="1711.08141", build=fusion.ShiftNet),
    "deform_resnet": Family(
        title="Deformable ResNet, DCNv1 and DCNv2",
        source="1811.11168",
        build=deformable.DeformResNet,
        shape=(3, 16, 20),
        exact=True,
    ),
    "codenet": Family(title="CoDeNet unit", source="2006.08357", build=deformable.CoDeNet, shape=(3, 24, 32), exact=True),
    "das": Family(title="DAS deformable gating", source="2311.12091", build=deformable.DasNet, shape=(3, 16, 20), exact=True),
    "ddrnet": Family(title="DDRNet two-resolution fusion", source="2101.06085", build=fusion.DdrNet),
}


def settled(family: Family, seed: int = 0) -> nn.Module:
    """The family's network with random weights and lively statistics, in evaluation mode."""
    torch.manual_seed(seed)
    model = family.build()
    _settle_scales(model, family.shape) if family.exact else _settle_norms(model, family.shape)
    return model.eval()


def _settle_norms(model: nn.Module, shape: tuple[int, ...]) -> None:
    """Random batch norms; activation scales and means from a few batches."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.4, 1.5)
            nn.init.uniform_(module.bias, -0.4, 0.6)
            module.momentum = None  # the mean over all batches
    model.train()
    with torch.no_grad():
        for _ in range(SETTLING_BATCHES):
            model(torch.rand(8, *shape))


def _settle_scales(model: nn.Module, shape: tuple[int, ...]) -> None:
    """Random weights, their best short-mantissa scales, and activation scales from one batch."""
    for name, module in model.named_modules():
        if isinstance(module, QuantConv2d):
            gain = 2.0 if "offset" in name or "final" in name else 1.3
            nn.init.normal_(module.weight, std=gain / module.weight[0].numel() ** 0.5)
            with torch.no_grad():
                scale = best_weight_scale(module.weight, int(module.weight_quant.bit_width()))
                weight_scaling(module).log_scale.copy_(scale.log2())
    calibrate(model, torch.randint(0, 256, (4, *shape)) / 256)


def export_family(family: Family, model: nn.Module) -> onnx.ModelProto:
    """The family's network as Brevitas exports it to QONNX."""
    inputs = (1, *family.shape)
    if family.exact:
        return export_network(model, inputs, ("image",), ("scores",))
    with TemporaryDirectory() as folder, torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = Path(folder) / "model.onnx"
        export_qonnx(model, args=torch.zeros(inputs), export_path=str(path), dynamo=False)
        return onnx.load(path)
