# SPDX-License-Identifier: Apache-2.0
"""Checkpoints: everything that training needs to go on as if it had never stopped.

Written to a temporary file and renamed, so an interruption leaves the last whole one. Loaded without unpickling code.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from headrace_models.errors import CheckpointError
from headrace_models.recipes import Augmentation, Recipe

FORMAT = 1
"""Raised whenever older checkpoints can no longer be read."""

PhaseName = Literal["float", "quant"]

_UNSAID = {"dataset": "cbc", "augmentation": asdict(Augmentation())}
"""Of recipes in checkpoints from before they named it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """State after ``epoch`` whole epochs of one phase.

    ``model`` are the trained weights, ``average`` their moving average (what is evaluated and exported), ``optimizer`` and
    ``schedule`` the states of AdamW and its learning rate. Random draws depend on seed and epoch alone and need no state.
    ``start`` is the SHA-256 of the published checkpoint that took the place of training in float, or empty.
    """

    recipe: dict[str, Any]
    seed: int
    phase: PhaseName
    epoch: int
    model: dict[str, Any]
    average: dict[str, Any]
    optimizer: dict[str, Any]
    schedule: dict[str, Any]
    start: str = ""

    def check_recipe(self, recipe: Recipe) -> None:
        """Refuse to make another recipe's network of these weights.

        Raises:
            CheckpointError: the checkpoint comes from another recipe.
        """
        if _UNSAID | self.recipe != asdict(recipe):
            raise CheckpointError(
                f"the checkpoint was trained by recipe '{self.recipe['name']}', not by '{recipe.name}' as it is now"
            )

    def check_belongs(self, recipe: Recipe, seed: int, start: str, path: Path) -> None:
        """Refuse to continue another run.

        Raises:
            CheckpointError: the checkpoint comes from another recipe, seed or start.
        """
        theirs = _UNSAID | self.recipe | {"seed": self.seed, "start": self.start}
        ours = asdict(recipe) | {"seed": seed, "start": start}
        different = sorted(key for key in ours if theirs.get(key) != ours[key])
        if different:
            raise CheckpointError(
                f"{path} was trained with another {', '.join(different)}; give another output folder or remove it"
            )


def save(checkpoint: Checkpoint, path: Path) -> None:
    """Write atomically; creates the folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    fields = {name: getattr(checkpoint, name) for name in Checkpoint.__dataclass_fields__}
    torch.save({"format": FORMAT, **fields}, partial)
    partial.replace(path)


def load(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        CheckpointError: the file is missing, damaged or of another format.
    """
    try:
        data = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises many unrelated types for a damaged file
        raise CheckpointError(f"{path} is not a readable checkpoint: {error}") from error
    if not isinstance(data, dict) or data.pop("format", None) != FORMAT:
        raise CheckpointError(f"{path} is not a headrace checkpoint of format {FORMAT}")
    return Checkpoint(**data)
