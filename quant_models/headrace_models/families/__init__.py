# SPDX-License-Identifier: Apache-2.0
"""Small networks with the real topologies of the efficient-convolution literature, in ordinary Brevitas layers.

    family = FAMILIES["mobilenet_v2"]
    model = settled(family)          # random weights, settled statistics, evaluation mode

They are examples to copy from, and what the compiler is tested on; they are not trained.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from headrace_models.families import dense_output, fusion, large, mobile

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
    "ddrnet": Family(title="DDRNet two-resolution fusion", source="2101.06085", build=fusion.DdrNet),
}


def settled(family: Family, seed: int = 0) -> nn.Module:
    """The family's network with random weights and lively statistics, in evaluation mode."""
    torch.manual_seed(seed)
    model = family.build()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.4, 1.5)
            nn.init.uniform_(module.bias, -0.4, 0.6)
            module.momentum = None  # the mean over all batches
    model.train()
    with torch.no_grad():
        for _ in range(SETTLING_BATCHES):
            model(torch.rand(8, *family.shape))
    return model.eval()
