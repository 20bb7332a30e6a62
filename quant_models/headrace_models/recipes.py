# SPDX-License-Identifier: Apache-2.0
"""Training recipes. A recipe and a seed decide the trained weights. Needs no torch."""

from dataclasses import dataclass, replace

from headrace_models.errors import RecipeError

STRIDE = 4
"""Input pixels per cell of the output maps."""

IMAGE_EXPONENT = -8
"""The network reads ``pixel * 2**IMAGE_EXPONENT``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Shape of a `headrace_models.cellnet.CellNet`: input in pixels, channels of the stem, of the encoder and the decoder.

    ``units`` counts the units of each encoder stage, the one of stride 2 included. With ``deform`` the decoder's
    depthwise convolutions are square deformable ones.
    """

    width: int = 256
    height: int = 192
    classes: int = 3
    stem: int = 24
    stages: tuple[int, int, int] = (64, 128, 192)
    units: tuple[int, int, int] = (3, 4, 3)
    decoder: tuple[int, int, int] = (96, 64, 64)
    deform: bool = True

    def __post_init__(self) -> None:
        if self.width % 32 or self.height % 32 or any(c % 4 for c in (*self.stages, *self.decoder)):
            raise RecipeError(f"width and height must be multiples of 32, channels of 4; got {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class CoDeNetShape:
    """Shape of a `headrace_models.codenet.CoDeNet`: input in pixels and channels; the stem of stride 4, or 2 and a pool.

    ``dilations`` are the least and the greatest of its deformable convolutions, ``head`` the channels within each head.
    """

    width: int = 256
    height: int = 256
    classes: int = 20
    pool: bool = False
    stem: int = 24
    stages: tuple[int, int, int] = (116, 232, 464)
    units: tuple[int, int, int] = (4, 8, 4)
    last: int = 1024
    decoder: tuple[int, int, int] = (256, 128, 64)
    head: int = 64
    dilations: tuple[int, int] = (-7, 8)

    def __post_init__(self) -> None:
        if self.width % 32 or self.height % 32 or any(c % 2 for c in self.stages):
            raise RecipeError(f"width and height must be multiples of 32, channels of stages even; got {self}")


_A = CoDeNetShape()
_C = replace(_A, width=512, height=512)
_D = replace(_C, stages=(244, 488, 976), last=2153)
CODENET = {"a": _A, "b": replace(_A, pool=True), "c": _C, "d": _D, "e": replace(_D, pool=True)}
"""The configurations of CoDeNet's authors, with the classes of Pascal VOC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One stretch of training: AdamW under a one-cycle schedule; ``average`` is the decay of the weights' moving average."""

    epochs: int
    learning_rate: float
    average: float
    warm_up: float = 0.15

    def __post_init__(self) -> None:
        if self.epochs < 1 or not 0 < self.learning_rate < 1 or not 0 <= self.average < 1:
            raise RecipeError(f"need epochs >= 1, 0 < learning_rate < 1 and 0 <= average < 1; got {self}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How to train a network: first in float, then, folded and calibrated, quantized.

    ``class_weights`` weigh the classes in the heatmap's loss: there are ten red cells to each white cell or platelet.
    ``images`` limits the training pictures (smoke tests); ``hold_out`` keeps every n-th training picture back for tuning.
    """

    name: str
    shape: Shape | CoDeNetShape
    float_phase: Phase
    quant_phase: Phase
    batch: int = 16
    weight_decay: float = 0.02
    class_weights: tuple[float, ...] = (1.0, 1.0, 2.0)
    images: int | None = None
    hold_out: int | None = None


CELLNET = Recipe(
    name="cellnet",
    shape=Shape(),
    float_phase=Phase(epochs=70, learning_rate=4e-3, average=0.99),
    quant_phase=Phase(epochs=14, learning_rate=8e-4, average=0.98),
)

CELLNET_SMALL = Recipe(
    name="cellnet-small",
    shape=Shape(width=160, height=128, stem=16, stages=(32, 64, 96), units=(2, 2, 2), decoder=(48, 32, 32)),
    float_phase=Phase(epochs=70, learning_rate=4e-3, average=0.99),
    quant_phase=Phase(epochs=14, learning_rate=8e-4, average=0.98),
)
"""For devices whose memory does not hold cellnet: maps of 42 % of its size, half its channels."""

TINY_SHAPE = Shape(width=64, height=64, stem=8, stages=(8, 16, 16), units=(2, 1, 1), decoder=(8, 8, 8))

TINY = Recipe(
    name="tiny",
    shape=TINY_SHAPE,
    float_phase=Phase(epochs=30, learning_rate=6e-3, average=0.98),
    quant_phase=Phase(epochs=8, learning_rate=1e-3, average=0.95),
)
"""Every kind of layer of cellnet at a size that simulates in a second; it detects next to nothing."""

SMOKE = Recipe(
    name="smoke",
    shape=TINY_SHAPE,
    float_phase=Phase(epochs=2, learning_rate=2e-3, average=0.9),
    quant_phase=Phase(epochs=1, learning_rate=5e-4, average=0.9),
    batch=4,
    images=8,
)
"""Seconds of training, to see that it runs."""

CODENET_CBC = Recipe(
    name="codenet-cbc",
    shape=replace(CODENET["a"], classes=3),
    float_phase=Phase(epochs=40, learning_rate=2e-3, average=0.99),
    quant_phase=Phase(epochs=10, learning_rate=4e-4, average=0.98),
    class_weights=(1.0, 1.0, 1.0),
)
"""CoDeNet's configuration a, with its authors' targets and losses, for blood cells."""

CODENET_SMOKE = Recipe(
    name="codenet-smoke",
    shape=CoDeNetShape(
        width=64, height=64, classes=3, stem=8, stages=(8, 16, 16), units=(2, 1, 1), last=24, decoder=(8, 8, 8), head=8
    ),
    float_phase=Phase(epochs=2, learning_rate=2e-3, average=0.9),
    quant_phase=Phase(epochs=1, learning_rate=5e-4, average=0.9),
    batch=4,
    images=8,
)
"""Seconds of training, to see that it runs."""

RECIPES = {recipe.name: recipe for recipe in (CELLNET, CELLNET_SMALL, TINY, SMOKE, CODENET_CBC, CODENET_SMOKE)}
"""All recipes by name."""


def recipe_named(name: str) -> Recipe:
    """Return a recipe.

    Raises:
        RecipeError: there is none of that name.
    """
    if name not in RECIPES:
        raise RecipeError(f"there is no recipe {name!r}; there are {', '.join(sorted(RECIPES))}")
    return RECIPES[name]
