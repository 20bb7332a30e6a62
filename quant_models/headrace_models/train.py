# SPDX-License-Identifier: Apache-2.0
"""Training: float, then fold batch normalisation, calibrate, and train on quantized.

    checkpoint = train(recipe, seed=0, data_dir=Path("cbc"), out_dir=Path("runs/cellnet-0"), progress=print)

leaves ``float.pt`` and ``quant.pt`` in the folder, and continues from them when called again. The same recipe, seed and
machine give the same weights, interrupted or not. `build_float` and `build_quantized` give back the networks. A float network
that CoDeNet's authors published can take the place of the first phase.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from headrace_host.datasets import Sample
from torch import Tensor, nn

from headrace_models import checkpoint as checkpoints
from headrace_models import published
from headrace_models.augment import BatchMaker, Pictures
from headrace_models.checkpoint import Checkpoint, PhaseName
from headrace_models.codenet import CoDeNet
from headrace_models.datasets import load
from headrace_models.errors import RecipeError
from headrace_models.exact import limit_accumulators
from headrace_models.networks import Network, network
from headrace_models.recipes import STRIDE, Phase, Recipe
from headrace_models.styles import FloatStyle, QuantStyle, calibrate, fold_into

GRADIENT_NORM = 10.0
"""Gradients are cut to this norm; single batches early in training exceed it."""

CALIBRATION_IMAGES = 32
"""Training pictures that choose the activation scales."""

State = dict[str, Any]
"""Of a network: tensors by name."""

_PHASE_CODE = {"float": 1, "quant": 2, "calibrate": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Sent after each epoch: ``epoch`` of ``epochs`` of a phase is done, with the mean loss of its batches."""

    phase: PhaseName
    epoch: int
    epochs: int
    loss: float


def train(
    recipe: Recipe,
    *,
    seed: int,
    data_dir: Path,
    out_dir: Path,
    start: Path | None = None,
    progress: Callable[[Progress], None] | None = None,
    threads: int = 1,
    device: str = "cpu",
) -> Path:
    """Train ``recipe`` on the training part of its data set; return the path of the quantized checkpoint.

    Args:
        recipe: what to train, how, and on what.
        seed: of all random draws.
        data_dir: folder of the data set.
        out_dir: folder of checkpoints.
        start: a float checkpoint of CoDeNet's authors, see `headrace_models.published`; it takes the float phase's place.
        progress: told of each epoch.
        threads: of torch. One is fastest on a small machine, and keeps sums in one order.
        device: of torch, such as ``cuda``, where weights may differ in last bits from run to run.

    Raises:
        DataError: the data set is incomplete or damaged.
        CheckpointError: ``out_dir`` holds a run of another recipe, seed or start, or ``start`` is not of this network.
        RecipeError: ``start`` is given and the recipe's network is no CoDeNet, or torch has no such device.
    """
    torch.set_num_threads(threads)
    place = _device(device)
    first = None if start is None else _published(recipe, start)
    digest = "" if start is None else hashlib.sha256(start.read_bytes()).hexdigest()
    pictures = Pictures(training_samples(recipe, data_dir), recipe.shape.width, recipe.shape.height)
    tell = progress or (lambda _: None)
    in_float = _Run(name="float", recipe=recipe, seed=seed, start=digest, pictures=pictures, folder=out_dir, device=place)
    if first is None:
        in_float.advance(lambda: _fresh_float(recipe, seed), tell)
    else:
        in_float.skip(first)
    quantized = replace(in_float, name="quant")
    quantized.advance(lambda: _fresh_quantized(recipe, seed, in_float.path, pictures), tell)
    return quantized.path


def training_samples(recipe: Recipe, data_dir: Path) -> Sequence[Sample]:
    """Return the pictures that ``recipe`` trains on."""
    samples = load(recipe.dataset, data_dir, "training", complete=recipe.images is None)[: recipe.images]
    return [s for i, s in enumerate(samples) if not recipe.hold_out or i % recipe.hold_out]


def held_out_samples(recipe: Recipe, data_dir: Path) -> Sequence[Sample]:
    """Return the training pictures that ``recipe`` keeps back for tuning."""
    samples = load(recipe.dataset, data_dir, "training", complete=recipe.images is None)[: recipe.images]
    return [s for i, s in enumerate(samples) if recipe.hold_out and i % recipe.hold_out == 0]


def build_float(recipe: Recipe, checkpoint: Checkpoint) -> Network:
    """Return the averaged float network of a checkpoint of the float phase, in evaluation mode."""
    checkpoint.check_recipe(recipe)
    model = network(recipe.shape, FloatStyle())
    model.load_state_dict(checkpoint.average)
    return model.eval()


def build_quantized(recipe: Recipe, checkpoint: Checkpoint) -> Network:
    """Return the averaged quantized network of a checkpoint of the quant phase, in evaluation mode."""
    checkpoint.check_recipe(recipe)
    model = network(recipe.shape, QuantStyle())
    model.load_state_dict(checkpoint.average)
    return model.eval()


def _device(name: str) -> torch.device:
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:  # the latter where torch was built for the CPU alone
        raise RecipeError(f"torch has no device {name!r} here: {str(error).splitlines()[0]}") from error


def _published(recipe: Recipe, path: Path) -> Network:
    """The network of a checkpoint that CoDeNet's authors published."""
    model = network(recipe.shape, FloatStyle())
    if not isinstance(model, CoDeNet):
        raise RecipeError(f"recipe '{recipe.name}' trains no CoDeNet; published checkpoints to start from are of CoDeNet alone")
    published.load_into(model, published.read(path))
    return model


def _fresh_float(recipe: Recipe, seed: int) -> Network:
    torch.manual_seed(seed)
    return network(recipe.shape, FloatStyle())


def _fresh_quantized(recipe: Recipe, seed: int, float_path: Path, pictures: Pictures) -> Network:
    model = network(recipe.shape, QuantStyle())
    fold_into(build_float(recipe, checkpoints.load(float_path)), model)
    rng = np.random.default_rng([seed, _PHASE_CODE["calibrate"]])
    chosen = [pictures[i] for i in rng.permutation(len(pictures))[:CALIBRATION_IMAGES]]
    images, _ = _batch_maker(recipe, model).batch(chosen, rng)
    calibrate(model, images)
    limit_accumulators(model)
    return model


def _batch_maker(recipe: Recipe, model: Network) -> BatchMaker:
    shape = recipe.shape
    return BatchMaker(
        width=shape.width, height=shape.height, stride=STRIDE, classes=shape.classes, augmentation=recipe.augmentation,
        draw=model.draw,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Run:
    """One phase of training, from its checkpoint if there is one."""

    name: PhaseName
    recipe: Recipe
    seed: int
    start: str
    pictures: Pictures
    folder: Path
    device: torch.device

    @property
    def phase(self) -> Phase:
        return self.recipe.float_phase if self.name == "float" else self.recipe.quant_phase

    @property
    def path(self) -> Path:
        return self.folder / f"{self.name}.pt"

    @property
    def batches(self) -> int:
        """In an epoch."""
        return max(1, len(self.pictures) // self.recipe.batch)

    def skip(self, model: Network) -> None:
        """Save a network that is trained already as what the last epoch leaves."""
        if self._saved() is None:
            state = model.state_dict()
            self._save(self.phase.epochs, state, state, {}, {})

    def advance(self, fresh: Callable[[], Network], tell: Callable[[Progress], None]) -> None:
        """Run all epochs that the checkpoint does not hold yet, saving after each."""
        saved = self._saved()
        if saved is not None and saved.epoch == self.phase.epochs:
            return
        style = FloatStyle() if self.name == "float" else QuantStyle()
        model = network(self.recipe.shape, style) if saved else fresh()
        model = model.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks it
        average = {key: value.clone() for key, value in model.state_dict().items()}
        optimizer, schedule = self._optimizer(model)
        if saved is not None:
            model.load_state_dict(saved.model)
            average = {key: value.to(self.device) for key, value in saved.average.items()}
            optimizer.load_state_dict(saved.optimizer)
            schedule.load_state_dict(saved.schedule)
        for epoch in range(saved.epoch if saved else 0, self.phase.epochs):
            loss = self._epoch(model, average, optimizer, schedule, epoch)
            self._save(epoch + 1, model.state_dict(), average, optimizer.state_dict(), schedule.state_dict())
            tell(Progress(phase=self.name, epoch=epoch + 1, epochs=self.phase.epochs, loss=loss))
        model.to("cpu")  # Brevitas' networks share constants: those of the next one are to be there, too

    def _saved(self) -> Checkpoint | None:
        """The checkpoint, if there is one; raises CheckpointError if it is of another run."""
        if not self.path.exists():
            return None
        saved = checkpoints.load(self.path)
        saved.check_belongs(self.recipe, self.seed, self.start, self.path)
        return saved

    def _save(self, epoch: int, model: State, average: State, optimizer: dict[str, Any], schedule: dict[str, Any]) -> None:
        done = Checkpoint(
            recipe=asdict(self.recipe), seed=self.seed, start=self.start, phase=self.name, epoch=epoch,
            model=model, average=average, optimizer=optimizer, schedule=schedule,
        )  # fmt: skip
        checkpoints.save(done, self.path)

    def _epoch(
        self,
        model: Network,
        average: dict[str, Tensor],
        optimizer: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LRScheduler,
        epoch: int,
    ) -> float:
        rng = np.random.default_rng([self.seed, _PHASE_CODE[self.name], epoch])
        order, maker = rng.permutation(len(self.pictures)), _batch_maker(self.recipe, model)
        size = min(self.recipe.batch, len(self.pictures))
        model.train()
        losses = []
        for index in range(self.batches):
            chosen = [self.pictures[i] for i in order[index * size : (index + 1) * size]]
            images, targets = maker.batch(chosen, rng)
            maps = model(images.to(self.device).contiguous(memory_format=torch.channels_last))
            loss = model.loss(maps, targets.to(self.device), self.recipe.class_weights)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]  # torch's own signature
            nn.utils.clip_grad_norm_(model.parameters(), GRADIENT_NORM)
            optimizer.step()
            schedule.step()
            _update_average(average, model, self.phase.average)
            losses.append(float(loss.detach()))
        return float(np.mean(losses))

    def _optimizer(self, model: nn.Module) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
        parameters = list(model.named_parameters())
        # Decay pulls on kernels only: shrinking biases, norms or log scales would change what the network computes.
        kernels = [p for name, p in parameters if p.ndim == 4 and not name.endswith("log_scale")]
        others = [p for name, p in parameters if p.ndim != 4 or name.endswith("log_scale")]
        optimizer = torch.optim.AdamW(
            [{"params": kernels, "weight_decay": self.recipe.weight_decay}, {"params": others, "weight_decay": 0.0}],
            lr=self.phase.learning_rate,
        )
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, self.phase.learning_rate, total_steps=self.batches * self.phase.epochs,
            pct_start=self.phase.warm_up, cycle_momentum=False,
        )  # fmt: skip
        return optimizer, schedule


@torch.no_grad()
def _update_average(average: dict[str, Tensor], model: nn.Module, decay: float) -> None:
    for key, value in model.state_dict().items():
        if value.is_floating_point():
            average[key].lerp_(value, 1 - decay)
        else:
            average[key].copy_(value)
