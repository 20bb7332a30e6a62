# SPDX-License-Identifier: Apache-2.0
"""The data sets that recipes name: their classes, and where their parts lie in a folder of one's own. Needs no torch.

    samples = load("voc", Path("VOCdevkit"), "training")

- ``cbc``: blood cells, https://github.com/MahmudulAlam/Complete-Blood-Cell-Count-Dataset (MIT licence), which
  `headrace_models.fetch` downloads.
- ``voc``: Pascal VOC, http://host.robots.ox.ac.uk/pascal/VOC. Trained on are trainval of 2007 and 2012, evaluated is test of
  2007, as CenterNet's authors do (arXiv 1904.07850, appendix D) and CoDeNet's after them.
- ``coco``: https://cocodataset.org, the pictures of 2017.

Training takes every object, also what evaluation ignores (VOC's difficult objects, COCO's crowds): so do their recipes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from headrace_host.datasets import Sample, open_dataset
from headrace_host.errors import HostError

from headrace_models.errors import DataError

Part = Literal["training", "testing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DataSet:
    """An annotated data set; a label is an index into ``classes``.

    ``parts`` are folders, below the one that people name, and the splits in them; ``holds`` is what each of these folders must
    hold for a split. ``counts`` are the pictures of splits that are published with a fixed number of them. If the folder
    that people name holds a folder ``inside``, that one is meant.
    """

    title: str
    remedy: str
    classes: tuple[str, ...]
    parts: Mapping[Part, tuple[tuple[str, str], ...]]
    holds: tuple[str, ...]
    counts: Mapping[str, int] = field(default_factory=dict)
    inside: str = ""


CBC = DataSet(
    title="the Complete Blood Count data set (Training/ and Testing/, each with Images/ and Annotations/)",
    remedy="fetch it with `headrace data cbc` or name its folder with --data",
    classes=("RBC", "WBC", "Platelets"),
    parts={"training": ((".", "Training"),), "testing": ((".", "Testing"),)},
    holds=("{}/Images", "{}/Annotations"),
    counts={"Training": 300, "Testing": 60},
)

VOC = DataSet(
    title="Pascal VOC (VOC2007/ and VOC2012/, each with JPEGImages/, Annotations/ and ImageSets/Main/)",
    remedy="unpack trainval and test of 2007 and trainval of 2012 and name their VOCdevkit/ with --data",
    classes=(
        "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog", "horse",
        "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
    ),
    parts={"training": (("VOC2007", "trainval"), ("VOC2012", "trainval")), "testing": (("VOC2007", "test"),)},
    holds=("JPEGImages", "Annotations", "ImageSets/Main/{}.txt"),
    inside="VOCdevkit",
)  # fmt: skip

COCO = DataSet(
    title="COCO of 2017 (train2017/, val2017/ and annotations/)",
    remedy="unpack its pictures and annotations and name the folder that holds them with --data",
    classes=(
        "person", "bicycle", "car", "motorcycle", "airplane", "bus", "train", "truck", "boat", "traffic light", "fire hydrant",
        "stop sign", "parking meter", "bench", "bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra",
        "giraffe", "backpack", "umbrella", "handbag", "tie", "suitcase", "frisbee", "skis", "snowboard", "sports ball", "kite",
        "baseball bat", "baseball glove", "skateboard", "surfboard", "tennis racket", "bottle", "wine glass", "cup", "fork",
        "knife", "spoon", "bowl", "banana", "apple", "sandwich", "orange", "broccoli", "carrot", "hot dog", "pizza", "donut",
        "cake", "chair", "couch", "potted plant", "bed", "dining table", "toilet", "tv", "laptop", "mouse", "remote",
        "keyboard", "cell phone", "microwave", "oven", "toaster", "sink", "refrigerator", "book", "clock", "vase", "scissors",
        "teddy bear", "hair drier", "toothbrush",
    ),
    parts={"training": ((".", "train2017"),), "testing": ((".", "val2017"),)},
    holds=("annotations/instances_{}.json",),
)  # fmt: skip

DATASETS: Mapping[str, DataSet] = {"cbc": CBC, "voc": VOC, "coco": COCO}
"""By the name that recipes give."""


def load(name: str, data_dir: Path, part: Part, *, complete: bool = True) -> tuple[Sample, ...]:
    """Read the annotations of one part of a data set, each split in the order of its list or of names.

    With ``complete`` the number of pictures must be the published one, where one is fixed.

    Raises:
        DataError: a folder, list, picture or annotation is missing or damaged, or has objects of other classes.
    """
    found = DATASETS[name]
    home = data_dir / found.inside if found.inside and (data_dir / found.inside).is_dir() else data_dir
    samples: list[Sample] = []
    for folder, split in found.parts[part]:
        read = _split(found, home / folder, split)
        if complete and len(read) != found.counts.get(split, len(read)):
            raise DataError(f"{home / folder} holds {len(read)} pictures; {split} has {found.counts[split]}")
        samples += read
    return tuple(samples)


def _split(found: DataSet, folder: Path, split: str) -> tuple[Sample, ...]:
    for wanted in found.holds:
        path = folder / wanted.format(split)
        if not path.exists():
            raise DataError(f"{path} is missing; expected {found.title}: {found.remedy}")
    try:
        return open_dataset(folder, found.classes, split, strict=True).samples
    except HostError as error:
        raise DataError(str(error)) from error
