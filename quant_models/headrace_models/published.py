# SPDX-License-Identifier: Apache-2.0
"""Reads the checkpoints that CoDeNet's authors published (github.com/Zhen-Dong/CoDeNet), in float.

Theirs expect pictures as OpenCV reads them, blue first, less a mean and over a deviation; ours expect pixels * 2**-8, red
first. The stem takes up the difference. One thing stays: they pad with the mean colour and we with black, so the outermost
cells at the top and on the left differ a little before the first fine-tuning.
"""

from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor

from headrace_models.codenet import CoDeNet
from headrace_models.errors import CheckpointError
from headrace_models.recipes import IMAGE_EXPONENT

MEAN = (0.485, 0.456, 0.406)
DEVIATION = (0.229, 0.224, 0.225)
"""Of pixels / 255 in the order in which theirs have them, blue first."""
_WHITE = 255.0

_NORM = ("weight", "bias", "running_mean", "running_var")
_UNIT = {"pw1": ("b2.0", "b2.1"), "dw": ("b2.3", "b2.4"), "pw2": ("b2.5", "b2.6")}
_DOWN = {"left_dw": ("b1.0", "b1.1"), "left_pw": ("b1.2", "b1.3"), **_UNIT}
_HEADS = {"heatmap": "hm", "size": "wh", "offset": "reg"}


def _layers(model: CoDeNet) -> Iterator[tuple[str, str, str | None]]:
    """Our convolution with its norm, and their names of both; without a norm there is a bias."""
    yield "stem", "layer0.0", "layer0.1"
    for stage, units in enumerate(model.stages):
        for unit in range(len(units)):  # type: ignore[arg-type]  # a Sequential
            for ours, (conv, norm) in (_DOWN if unit == 0 else _UNIT).items():
                place = f"layer{stage + 1}.{unit}"
                yield f"stages.{stage}.{unit}.{ours}", f"{place}.{conv}", f"{place}.{norm}"
    yield "last", "layer4.0", "layer4.1"
    for step in range(len(model.steps)):
        place = f"deconv_layers.{4 * step}"
        yield f"steps.{step}.spread.offset", f"{place}.conv_scale", None
        yield f"steps.{step}.pw", f"{place}.conv_channel", f"deconv_layers.{4 * step + 1}"
    for ours, theirs in _HEADS.items():
        yield f"heads.{ours}.pw", f"{theirs}.0", f"{theirs}.1"
        yield f"heads.{ours}.dw", f"{theirs}.3", f"{theirs}.4"
        yield f"heads.{ours}.final", f"{theirs}.6", None


def names(model: CoDeNet) -> dict[str, str]:
    """Their names of our tensors."""
    out = {}
    for ours, conv, norm in _layers(model):
        out[f"{ours}.conv.weight"] = f"{conv}.weight"
        if norm is None:
            out[f"{ours}.conv.bias"] = f"{conv}.bias"
        else:
            out |= {f"{ours}.norm.{part}": f"{norm}.{part}" for part in _NORM}
    for step in range(len(model.steps)):
        out[f"steps.{step}.spread.weights.weight"] = f"deconv_layers.{4 * step}.conv.weight"
    return out


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a published file, without the prefix that training on several GPUs leaves.

    Raises:
        CheckpointError: the file is missing or damaged, or holds no tensors.
    """
    try:
        data = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many unrelated types for a damaged file
        raise CheckpointError(f"{path} is not a readable checkpoint: {error}") from error
    tensors = data.get("state_dict", data) if isinstance(data, dict) else {}
    if not tensors or not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
        raise CheckpointError(f"{path} holds no tensors by name")
    return {name.removeprefix("module."): tensor for name, tensor in tensors.items()}


@torch.no_grad()
def load_into(model: CoDeNet, tensors: dict[str, Tensor]) -> None:
    """Copies published tensors into a network in float style.

    Raises:
        CheckpointError: tensors are missing or of other shapes: another configuration, other classes, or a quantized one.
    """
    known = names(model)
    if missing := [theirs for theirs in known.values() if theirs not in tensors]:
        raise CheckpointError(
            f"the checkpoint lacks {len(missing)} tensors, first {missing[0]}; headrace reads the published networks in float"
        )
    state = model.state_dict()
    for ours, theirs in known.items():
        if state[ours].shape != tensors[theirs].shape:
            raise CheckpointError(
                f"{theirs} is of shape {tuple(tensors[theirs].shape)}, not {tuple(state[ours].shape)}: "
                "it is of another configuration, or has other classes"
            )
    for ours, theirs in known.items():
        state[ours].copy_(tensors[theirs])
    _take_up_normalisation(state)


def _take_up_normalisation(state: dict[str, Tensor]) -> None:
    """Lets the stem see pixels * 2**IMAGE_EXPONENT, red first."""
    weight, mean = state["stem.conv.weight"], state["stem.norm.running_mean"]
    over = weight / torch.tensor(DEVIATION).reshape(1, 3, 1, 1)
    mean += (over * torch.tensor(MEAN).reshape(1, 3, 1, 1)).sum(dim=(1, 2, 3))
    weight.copy_(over.flip(1) / (_WHITE * 2.0**IMAGE_EXPONENT))
