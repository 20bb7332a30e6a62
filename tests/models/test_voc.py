# SPDX-License-Identifier: Apache-2.0
"""CoDeNet on Pascal VOC and COCO as people have them in folders of their own: reading, training, and what is refused."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from annotated import VOC_COLOURS, voc_annotation
from headrace_models import checkpoint as checkpoints
from headrace_models.augment import Pictures
from headrace_models.datasets import COCO, VOC, load
from headrace_models.errors import DataError, RecipeError
from headrace_models.evaluate import evaluate
from headrace_models.inference import TorchNetwork
from headrace_models.recipes import CODENET, CODENET_COCO, CODENET_SMOKE, CODENET_VOC_SMOKE, SMOKE, recipe_named
from headrace_models.train import Progress, build_float, build_quantized, train
from PIL import Image


def test_trained_on_are_both_years_and_tested_is_2007(devkit: Path) -> None:
    for folder in (devkit, devkit.parent):
        training, testing = load("voc", folder, "training"), load("voc", folder, "testing")
        assert [s.path.parts[-3] for s in training] == ["VOC2007"] * 5 + ["VOC2012"] * 3
        assert [s.name for s in testing] == [f"2007_test{number:02d}" for number in range(3)]
    truth = testing[0].truth
    assert [VOC.classes[label] for label in truth.labels] == list(VOC_COLOURS)
    assert truth.ignored.tolist() == [False, False, True]
    left, top, right, bottom = truth.boxes[2].astype(int)  # the last that was drawn, so nothing hides it
    block = testing[0].pixels()[top:bottom, left:right].reshape(-1, 3).astype(int)
    assert np.all(np.abs(np.median(block, axis=0) - VOC_COLOURS["tvmonitor"]) < 12)


def test_classes_are_in_their_usual_order() -> None:
    assert len(VOC.classes) == 20
    assert list(VOC.classes) == sorted(VOC.classes)
    assert len(set(COCO.classes)) == 80
    assert (COCO.classes[0], COCO.classes[-1]) == ("person", "toothbrush")


def _write(path: str, text: str) -> Callable[[Path], object]:
    return lambda devkit: (devkit / path).write_text(text)


def _remove(path: str) -> Callable[[Path], object]:
    return lambda devkit: shutil.rmtree(devkit / path) if (devkit / path).is_dir() else (devkit / path).unlink()


UNICORN = voc_annotation((96, 72), [("unicorn", (1, 1, 9, 9))])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (_remove("VOC2012"), r"VOC2012/JPEGImages is missing; expected Pascal VOC .* name their VOCdevkit/ with --data"),
        (_remove("VOC2007/JPEGImages"), r"VOC2007/JPEGImages is missing"),
        (_remove("VOC2007/ImageSets/Main/trainval.txt"), r"Main/trainval\.txt is missing"),
        (_write("VOC2012/ImageSets/Main/trainval.txt", "\n"), r"trainval\.txt: lists no pictures"),
        (_remove("VOC2007/JPEGImages/2007_trainval01.jpg"), "1 of 5 pictures are missing, the first is 2007_trainval01"),
        (_remove("VOC2012/Annotations/2012_trainval02.xml"), r"2012_trainval02\.xml: missing; each picture needs"),
        (_write("VOC2012/Annotations/2012_trainval02.xml", "<annotation"), "is not a Pascal VOC annotation"),
        (_write("VOC2007/Annotations/2007_trainval03.xml", UNICORN), r"trainval03\.xml: class 'unicorn' is none of aeroplane"),
    ],
)
def test_what_is_missing_is_named(devkit: Path, tmp_path: Path, damage: Callable[[Path], object], message: str) -> None:
    copy = Path(shutil.copytree(devkit, tmp_path / "VOCdevkit"))
    damage(copy)
    with pytest.raises(DataError, match=message) as raised:
        load("voc", copy, "training")
    assert "\n" not in str(raised.value)


def test_a_damaged_picture_ends_training_by_name(devkit: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(devkit, tmp_path / "VOCdevkit"))
    (copy / "VOC2012/JPEGImages/2012_trainval00.jpg").write_bytes(b"\xff\xd8 no more")
    with pytest.raises(DataError, match=r"2012_trainval00\.jpg: not a readable image"):
        train(CODENET_VOC_SMOKE, seed=0, data_dir=copy, out_dir=tmp_path / "run")


def test_trains_goes_on_and_is_evaluated(devkit: Path, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    recipe, seen = CODENET_VOC_SMOKE, list[Progress]()
    path = train(recipe, seed=0, data_dir=devkit, out_dir=tmp_path, progress=seen.append)
    assert [(step.phase, step.epoch) for step in seen] == [("float", 1), ("float", 2), ("quant", 1)]
    train(recipe, seed=0, data_dir=devkit, out_dir=tmp_path, progress=seen.append)
    assert len(seen) == 3
    model = build_quantized(recipe, checkpoints.load(path))
    samples = load("voc", devkit, "testing")
    for network in (model, build_float(recipe, checkpoints.load(tmp_path / "float.pt"))):
        for metric in ("voc", "voc07"):
            how = {"shape": recipe.shape, "classes": recipe.classes, "metric": metric}
            figures = evaluate(TorchNetwork(network, recipe), samples, **how)  # type: ignore[arg-type]
            assert list(figures) == [*VOC.classes, "mean"]
            assert [name for name, value in figures.items() if value == value] == ["aeroplane", "dog", "mean"]


def test_pictures_without_room_are_read_again_and_alike(devkit: Path) -> None:
    samples = load("voc", devkit, "training")
    kept, read = Pictures(samples, 64, 64), Pictures(samples, 64, 64, room_bytes=0)
    assert len(kept) == len(read) == 8
    assert kept[3] is kept[3]
    assert read[3] is not read[3]
    assert torch.equal(kept[3].pixels, read[3].pixels)
    np.testing.assert_array_equal(kept[3].boxes, read[3].boxes)


def test_coco_has_its_own_folders(tmp_path: Path) -> None:
    (tmp_path / "annotations").mkdir()
    for split in ("train2017", "val2017"):
        (tmp_path / split).mkdir()
        Image.new("RGB", (64, 48)).save(tmp_path / split / "1.jpg")
        content = {
            "images": [{"id": 1, "file_name": "1.jpg"}],
            "categories": [{"id": 90, "name": "toothbrush"}],
            "annotations": [{"image_id": 1, "category_id": 90, "bbox": [5, 6, 30, 20]}],
        }
        (tmp_path / "annotations" / f"instances_{split}.json").write_text(json.dumps(content))
    (sample,) = load("coco", tmp_path, "training")
    assert sample.path == tmp_path / "train2017" / "1.jpg"
    assert sample.truth.labels.tolist() == [79]
    (tmp_path / "train2017" / "1.jpg").unlink()
    Image.new("RGB", (64, 48)).save(tmp_path / "train2017" / "2.jpg")
    content["images"] = [{"id": 2, "file_name": "2.jpg"}, {"id": 1, "file_name": "1.jpg"}]
    (tmp_path / "annotations" / "instances_train2017.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"1 of 2 pictures are missing, the first is 1\.jpg"):
        load("coco", tmp_path, "training")
    content["categories"] = [{"id": 90, "name": "unicorn"}]
    (tmp_path / "annotations" / "instances_val2017.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"instances_val2017\.json: class 'unicorn' is none of person"):
        load("coco", tmp_path, "testing")
    with pytest.raises(DataError, match=r"annotations/instances_val2017\.json is missing; expected COCO"):
        load("coco", tmp_path / "train2017", "testing")


def test_recipes_of_every_configuration() -> None:
    for config in "abcde":
        for dataset, shapes in (("voc", CODENET), ("coco", CODENET_COCO)):
            recipe = recipe_named(f"codenet-{config}-{dataset}")
            assert (recipe.dataset, recipe.shape) == (dataset, shapes[config])
            assert len(recipe.classes) == recipe.shape.classes == len(recipe.class_weights)
    with pytest.raises(RecipeError, match="voc has 20 classes, the network 3, and 3 have a weight"):
        replace(CODENET_SMOKE, dataset="voc")
    with pytest.raises(RecipeError, match="there is no data set 'imagenet'; there are cbc, voc, coco"):
        replace(CODENET_SMOKE, dataset="imagenet")


def test_checkpoints_from_before_data_sets_were_named(data_set: Path, tmp_path: Path) -> None:
    path = train(SMOKE, seed=0, data_dir=data_set, out_dir=tmp_path)
    now = checkpoints.load(path)
    before = {key: value for key, value in asdict(SMOKE).items() if key not in ("dataset", "augmentation")}
    build_quantized(SMOKE, replace(now, recipe=before))
