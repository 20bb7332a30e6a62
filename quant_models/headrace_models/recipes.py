# SPDX-License-Identifier: Apache-2.0
"""Training recipes. A recipe and a seed decide the trained weights. Needs no torch."""

from dataclasses import dataclass, replace

from headrace_models.datasets import DATASETS
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

CODENET_COCO = {config: replace(shape, classes=80) for config, shape in CODENET.items()}
"""The same with the classes of COCO: a heatmap's last 1x1 of 80 channels, all else alike."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Augmentation:
    """Ranges of the random changes; ``zoom`` multiplies the object size, ``shift`` is a part of the picture's side."""

    zoom: tuple[float, float] = (0.8, 1.35)
    shift: float = 0.2
    colour: float = 0.15
    hue: float = 0.04


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

    ``dataset`` is a key of `headrace_models.datasets.DATASETS`. ``class_weights`` weigh the classes in the heatmap's loss:
    there are ten red cells to each white cell or platelet. ``images`` limits the training pictures (smoke tests); ``hold_out``
    keeps every n-th training picture back for tuning.
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
    dataset: str = "cbc"
    augmentation: Augmentation = Augmentation()

    def __post_init__(self) -> None:
        if self.dataset not in DATASETS:
            raise RecipeError(f"{self.name}: there is no data set {self.dataset!r}; there are {', '.join(DATASETS)}")
        counts = len(self.classes), self.shape.classes, len(self.class_weights)
        if len(set(counts)) > 1:
            raise RecipeError(
                f"{self.name}: {self.dataset} has {counts[0]} classes, the network {counts[1]}, and {counts[2]} have a weight"
            )

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes; a label is an index into them."""
        return DATASETS[self.dataset].classes


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

CODENET_VOC_SMOKE = replace(
    CODENET_SMOKE,
    name="codenet-voc-smoke",
    shape=replace(CODENET_SMOKE.shape, classes=20),
    class_weights=(1.0,) * 20,
    dataset="voc",
)
"""Seconds of training on the first pictures of VOC, to see that it runs."""


def _codenet(config: str, dataset: str, shape: CoDeNetShape) -> Recipe:
    """CoDeNet for VOC or COCO, as near to its authors' training as is published.

    Theirs, from their repository (github.com/Zhen-Dong/CoDeNet) and CenterNet's, on which it builds: the data, targets, losses
    and their weights, 90 epochs in float in batches of 32 (the command for VOC), and the ranges of scale (0.6 to 1.3 times the
    view) and colour. Not as theirs: they start from a backbone trained on ImageNet, we from random weights or, with
    ``headrace train --start``, from the float network that they published; they take Adam at 1.25e-4, a tenth after 50 and 70
    epochs, and lighting along principal components. For quantized training on VOC they publish no schedule (for COCO 270
    epochs at 5e-4 in batches of 128), nor any for COCO in float. Learning rates, moving average, decay, shift, what is left out
    where pictures are cut, and the whole quantized phase are ours, and were never run on VOC or COCO: accuracies of these
    recipes are not known.
    """
    return Recipe(
        name=f"codenet-{config}-{dataset}",
        shape=shape,
        float_phase=Phase(epochs=90, learning_rate=1e-3, average=0.999),
        quant_phase=Phase(epochs=30, learning_rate=2e-4, average=0.998),
        batch=32,
        class_weights=(1.0,) * shape.classes,
        dataset=dataset,
        augmentation=Augmentation(zoom=(1 / 1.3, 1 / 0.6), colour=0.4, hue=0.1),
    )


_ALL = (
    CELLNET, CELLNET_SMALL, TINY, SMOKE, CODENET_CBC, CODENET_SMOKE, CODENET_VOC_SMOKE,
    *(_codenet(config, "voc", shape) for config, shape in CODENET.items()),
    *(_codenet(config, "coco", shape) for config, shape in CODENET_COCO.items()),
)  # fmt: skip
RECIPES = {recipe.name: recipe for recipe in _ALL}
"""All recipes by name."""


def recipe_named(name: str) -> Recipe:
    """Return a recipe.

    Raises:
        RecipeError: there is none of that name.
    """
    if name not in RECIPES:
        raise RecipeError(f"there is no recipe {name!r}; there are {', '.join(sorted(RECIPES))}")
    return RECIPES[name]
