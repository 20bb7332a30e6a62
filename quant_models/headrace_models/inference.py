# SPDX-License-Identifier: Apache-2.0
"""Runs torch networks on pixels, as `headrace_models.evaluate` wants them."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from headrace_models.evaluate import Maps, Network
from headrace_models.recipes import IMAGE_EXPONENT


def as_network(model: nn.Module) -> Network:
    """Wrap a torch model so that it maps pixels in NHWC to real-valued maps in NHWC."""

    def run(batch: NDArray[np.uint8]) -> tuple[Maps, Maps]:
        model.eval()
        pixels = torch.from_numpy(batch.transpose(0, 3, 1, 2).astype(np.float32)) * 2.0**IMAGE_EXPONENT
        with torch.no_grad():
            heatmap, box = model(pixels.contiguous(memory_format=torch.channels_last))
        return _channels_last(heatmap), _channels_last(box)

    return run


def _channels_last(maps: torch.Tensor) -> Maps:
    return maps.permute(0, 2, 3, 1).contiguous().numpy().astype(np.float64)
