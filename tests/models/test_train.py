# SPDX-License-Identifier: Apache-2.0
"""Training is reproducible, resumes exactly, and refuses what is not its own."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from headrace_models import checkpoint as checkpoints
from headrace_models.errors import CheckpointError, RecipeError
from headrace_models.evaluate import evaluate
from headrace_models.inference import TorchNetwork
from headrace_models.networks import network
from headrace_models.recipes import CODENET_SMOKE, RECIPES, SMOKE, Phase, Recipe, Shape, recipe_named
from headrace_models.styles import FloatStyle, QuantStyle, calibrate, fold_into
from headrace_models.targets import Targets
from headrace_models.train import (
    Progress,
    build_float,
    build_quantized,
    held_out_samples,
    train,
    training_samples,
)


class _PowerCutError(Exception):
    """Ends a run in the middle of a run."""


def _same(first: Path, second: Path) -> bool:
    a, b = checkpoints.load(first), checkpoints.load(second)
    return all(torch.equal(getattr(a, part)[key], getattr(b, part)[key]) for part in ("model", "average") for key in a.model)


@pytest.fixture(scope="module")
def finished(data_set: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    train(SMOKE, seed=4, data_dir=data_set, out_dir=folder)
    return folder


@pytest.mark.parametrize("stop_at", [("float", 1), ("float", 2), ("quant", 1)])
def test_resumes_exactly(data_set: Path, finished: Path, tmp_path: Path, stop_at: tuple[str, int]) -> None:
    def stop(progress: Progress) -> None:
        if (progress.phase, progress.epoch) == stop_at:
            raise _PowerCutError

    with pytest.raises(_PowerCutError):
        train(SMOKE, seed=4, data_dir=data_set, out_dir=tmp_path, progress=stop)
    seen: list[Progress] = []
    train(SMOKE, seed=4, data_dir=data_set, out_dir=tmp_path, progress=seen.append)
    assert len(seen) < SMOKE.float_phase.epochs + SMOKE.quant_phase.epochs
    assert _same(finished / "float.pt", tmp_path / "float.pt")
    assert _same(finished / "quant.pt", tmp_path / "quant.pt")


def test_another_seed_gives_another_network(data_set: Path, finished: Path, tmp_path: Path) -> None:
    train(SMOKE, seed=5, data_dir=data_set, out_dir=tmp_path)
    assert not _same(finished / "quant.pt", tmp_path / "quant.pt")


def test_evaluates_both_networks(data_set: Path, finished: Path) -> None:
    held = training_samples(SMOKE, data_set)[:3]
    done: list[int] = []
    for model in (
        build_float(SMOKE, checkpoints.load(finished / "float.pt")),
        build_quantized(SMOKE, checkpoints.load(finished / "quant.pt")),
    ):
        result = evaluate(TorchNetwork(model, SMOKE), held, batch=2, progress=done.append)
        assert set(result) == {"RBC", "WBC", "Platelets", "mean"}
        assert 0 <= result["mean"] <= 1
    assert done == [1, 2, 3] * 2


def test_refuses_another_runs_folder(data_set: Path, finished: Path) -> None:
    with pytest.raises(CheckpointError, match="another seed"):
        train(SMOKE, seed=6, data_dir=data_set, out_dir=finished)
    with pytest.raises(CheckpointError, match="another batch"):
        train(replace(SMOKE, batch=2), seed=4, data_dir=data_set, out_dir=finished)


def test_refuses_a_damaged_checkpoint(tmp_path: Path) -> None:
    (tmp_path / "float.pt").write_bytes(b"PK\x03\x04 no checkpoint")
    with pytest.raises(CheckpointError, match="not a readable checkpoint"):
        checkpoints.load(tmp_path / "float.pt")
    with pytest.raises(CheckpointError, match="not a readable checkpoint"):
        checkpoints.load(tmp_path / "absent.pt")


def test_held_out_pictures_are_not_trained_on(data_set: Path) -> None:
    recipe = replace(SMOKE, hold_out=4)
    trained_on = {s.name for s in training_samples(recipe, data_set)}
    held = {s.name for s in held_out_samples(recipe, data_set)}
    assert len(held) == 2
    assert not held & trained_on
    assert len(held | trained_on) == 8


@pytest.mark.parametrize("recipe", [SMOKE, CODENET_SMOKE], ids=lambda recipe: recipe.name)
def test_whole_networks_move_to_a_device(recipe: Recipe) -> None:
    """On ``meta``, which computes nothing and takes no tensor of another device."""
    place = torch.device("meta")
    shape = recipe.shape
    images = torch.rand(2, 3, shape.height, shape.width, generator=torch.Generator().manual_seed(1))
    plain, quantized = network(shape, FloatStyle()), network(shape, QuantStyle())
    plain.train()(images)
    fold_into(plain.eval(), quantized)
    calibrate(quantized, images)
    for model in (plain, quantized):
        model = deepcopy(model).to(place).train()  # a copy, as Brevitas' networks share constants
        maps = model(images.to(place))
        heat = torch.zeros(maps[0].shape)
        targets = Targets(heat=heat, box=heat[:, :1].repeat(1, 4, 1, 1), weight=heat[:, :1]).to(place)
        model.loss(maps, targets, recipe.class_weights).backward()  # type: ignore[no-untyped-call]  # torch's own signature
        assert all(parameter.grad is not None and parameter.grad.device == place for parameter in model.parameters())


def test_recipes_by_name() -> None:
    assert recipe_named("cellnet") is RECIPES["cellnet"]
    with pytest.raises(RecipeError, match=r"no recipe 'celnet'; there are cellnet"):
        recipe_named("celnet")


def test_impossible_recipes() -> None:
    with pytest.raises(RecipeError, match="epochs"):
        Phase(epochs=0, learning_rate=1e-3, average=0.9)
    with pytest.raises(RecipeError, match="multiples of 32"):
        Shape(width=100)
