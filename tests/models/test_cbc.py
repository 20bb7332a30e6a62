# SPDX-License-Identifier: Apache-2.0
"""Reading the data set, and what is said when it is not one."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from headrace_models.datasets import CBC, load
from headrace_models.errors import DataError


@pytest.fixture
def one_picture(tmp_path: Path, make_data_set: Callable[..., Path]) -> Path:
    return make_data_set(tmp_path / "data", training=1, testing=1)


def _annotate(folder: Path, text: str) -> None:
    (folder / "Training" / "Annotations" / "BloodImage_00000.xml").write_text(text)


def test_reads_boxes_labels_and_pixels(data_set: Path) -> None:
    samples = load("cbc", data_set, "training", complete=False)
    assert [s.name for s in samples] == [f"BloodImage_{i:05d}" for i in range(8)]
    assert samples[0].truth.labels.tolist() == [CBC.classes.index(n) for n in ("WBC", "RBC", "RBC", "Platelets")]
    assert np.all(samples[0].truth.boxes[0, 2:] - samples[0].truth.boxes[0, :2] == 48)
    assert samples[0].pixels().shape == (120, 160, 3)
    assert samples[0].pixels().dtype == np.uint8


def test_degenerate_boxes_are_left_out_and_others_cut(one_picture: Path, annotation: Callable[..., str]) -> None:
    objects = [("RBC", (5, 5, 5, 5)), ("RBC", (9, 9, 40, 10)), ("WBC", (150, 100, 170, 130))]
    _annotate(one_picture, annotation((160, 120), objects))
    (sample,) = load("cbc", one_picture, "training", complete=False)
    assert sample.truth.boxes.tolist() == [[150, 100, 160, 120]]
    assert sample.truth.labels.tolist() == [1]


def test_missing_folder_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Training/Images is missing; .* fetch it with `headrace data cbc`"):
        load("cbc", tmp_path, "training")


def test_incomplete_split_says_how_many(data_set: Path) -> None:
    with pytest.raises(DataError, match="holds 8 pictures; Training has 300"):
        load("cbc", data_set, "training")


@pytest.mark.parametrize("text", ["<annotation", "<annotation></annotation>", "nothing"])
def test_broken_annotation(one_picture: Path, text: str) -> None:
    _annotate(one_picture, text)
    with pytest.raises(DataError, match=r"BloodImage_00000\.xml is not a Pascal VOC annotation"):
        load("cbc", one_picture, "training", complete=False)


def test_unknown_class(one_picture: Path, annotation: Callable[..., str]) -> None:
    _annotate(one_picture, annotation((160, 120), [("Alien", (1, 1, 9, 9))]))
    with pytest.raises(DataError, match=r"BloodImage_00000\.xml: class 'Alien' is none of RBC, WBC, Platelets"):
        load("cbc", one_picture, "training", complete=False)


def test_picture_without_annotation(one_picture: Path) -> None:
    shutil.rmtree(one_picture / "Training" / "Annotations")
    (one_picture / "Training" / "Annotations").mkdir()
    with pytest.raises(DataError, match="each picture needs an annotation"):
        load("cbc", one_picture, "training", complete=False)
