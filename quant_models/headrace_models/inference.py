# SPDX-License-Identifier: Apache-2.0
"""Runs torch networks on pixels, behind the interface of an accelerator."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from headrace_models.networks import Network
from headrace_models.recipes import IMAGE_EXPONENT, Recipe


@dataclass(frozen=True)
class _Real:
    """An output whose values are real numbers already."""

    scale: float = 1.0
    offset: float = 0.0


class TorchNetwork:
    """A network in torch, as `headrace_host.detector.Detector` takes accelerators: NHWC pixels in, real-valued maps out."""

    def __init__(self, model: Network, recipe: Recipe) -> None:
        """Take a model of the recipe's input size."""
        self.outputs: Mapping[str, _Real] = dict.fromkeys(model.outputs, _Real())
        self.input_shape = (1, recipe.shape.height, recipe.shape.width, 3)
        self._model = model.eval()

    def run(self, batch: NDArray[np.uint8]) -> dict[str, NDArray[Any]]:
        """Run pixels uint8 (N, H, W, 3); return float64 (N, H', W', C) by output."""
        pixels = torch.from_numpy(batch.transpose(0, 3, 1, 2).astype(np.float32)) * 2.0**IMAGE_EXPONENT
        with torch.no_grad():
            maps = self._model(pixels.contiguous(memory_format=torch.channels_last))
        return {name: _channels_last(values) for name, values in zip(self.outputs, maps, strict=True)}


def _channels_last(maps: torch.Tensor) -> NDArray[np.float64]:
    return maps.permute(0, 2, 3, 1).contiguous().numpy().astype(np.float64)
