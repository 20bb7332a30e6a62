# SPDX-License-Identifier: Apache-2.0
"""Files that are no networks, and networks whose inputs or outputs make no sense; damaged files never crash the import."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from qonnx_file import QonnxFile, distorted, plain, specimen

from headrace.compile import lower
from headrace.errors import HeadraceError, ModelError


def good(path: Path) -> Path:
    file = QonnxFile()
    return file.save(path, plain(file))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "holds no ONNX graph"),
        (b"# not a network\n" * 20, "not a readable ONNX file|holds no ONNX graph"),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "not a readable ONNX file|holds no ONNX graph"),
        (b"\x00" * 1000, "not a readable ONNX file|holds no ONNX graph"),
    ],
    ids=["empty", "text", "picture", "zeros"],
)
def test_refuses_files_that_are_no_onnx(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=f"{path}: .*({message})"):
        lower(path)


def test_refuses_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "none.onnx", tmp_path):
        with pytest.raises(ModelError, match="no such model file"):
            lower(path)


def test_refuses_a_truncated_file(tmp_path: Path) -> None:
    path = good(tmp_path / "model.onnx")
    whole = path.read_bytes()
    for share in (0.1, 0.5, 0.9, 0.99):
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(ModelError):
            lower(path)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 3, "height", "width"), "unknown channel count or size .*; export with a fixed size"),
        ((1, "c", 8, 8), "unknown channel count"),
        ((1, 3, 0, 8), "unknown channel count"),
        ((1, 3, 8, 8, 8), r"has 5 axes; headrace reads \(N, C, H, W\)"),
        ((1, "features"), "unknown channel count"),
        ((), "has 0 axes"),
    ],
)
def test_refuses_inputs_of_unknown_shape(shape: tuple[int | str, ...], message: str, tmp_path: Path) -> None:
    file = QonnxFile(shape=shape)
    path = file.save(tmp_path / "model.onnx", plain(file))
    with pytest.raises(ModelError, match=f"input 'x' .*{message}"):
        lower(path)


def test_a_free_batch_size_is_fine(tmp_path: Path) -> None:
    file = QonnxFile(shape=("batch", 3, 8, 8))
    assert lower(file.save(tmp_path / "model.onnx", plain(file))).graph.inputs


def test_refuses_an_output_that_is_listed_twice(tmp_path: Path) -> None:
    file = QonnxFile()
    y = plain(file)
    with pytest.raises(ModelError, match="is listed twice"):
        lower(file.save(tmp_path / "model.onnx", y, y))


def test_refuses_outputs_that_nothing_writes_and_none_at_all(tmp_path: Path) -> None:
    file = QonnxFile()
    plain(file)
    with pytest.raises(ModelError, match="'nowhere' is written by no node"):
        lower(file.save(tmp_path / "model.onnx", "nowhere"))
    with pytest.raises(ModelError, match="no output"):
        lower(file.save(tmp_path / "model.onnx"))


def test_refuses_an_input_that_leads_nowhere(tmp_path: Path) -> None:
    file = QonnxFile(extra_inputs={"other": (1, 2, 8, 8)})
    y = plain(file)
    file.quant("other", 1.0)
    with pytest.raises(ModelError, match=r"input 'other' .*no output"):
        lower(file.save(tmp_path / "model.onnx", y))


def test_refuses_metadata_that_is_no_json(tmp_path: Path) -> None:
    file = QonnxFile(metadata={"headrace.detector": "{"})
    with pytest.raises(ModelError, match="metadata is not JSON"):
        lower(file.save(tmp_path / "model.onnx", plain(file)))


def mutated(whole: bytes, rng: np.random.Generator) -> bytes:
    """A few flipped bits, changed, dropped or repeated bytes, or a cut."""
    data = bytearray(whole)
    for _ in range(int(rng.integers(1, 6))):
        at = int(rng.integers(len(data)))
        match int(rng.integers(6)):
            case 0 | 1 | 2:
                data[at] ^= 1 << int(rng.integers(8))
            case 3:
                data[at] = int(rng.integers(256))
            case 4:
                del data[at : at + int(rng.integers(1, 4))]
            case _:
                data[at:at] = data[at : at + int(rng.integers(1, 9))]
    return bytes(data[: int(rng.integers(1, len(data)))]) if rng.random() < 0.1 else bytes(data)


def outcome(path: Path) -> str:
    """What the import makes of a file; anything but these two fails the test."""
    try:
        lower(path)
    except HeadraceError:
        return "refused"
    return "imported"


@pytest.mark.parametrize("seed", range(8))
def test_damaged_files_give_a_refusal_or_a_network(seed: int, tmp_path: Path) -> None:
    """Bit flips and cuts anywhere in a file, most of them in its structure rather than in its weights."""
    whole = specimen().SerializeToString()
    rng = np.random.default_rng(seed)
    path = tmp_path / "model.onnx"
    path.write_bytes(whole)
    assert outcome(path) == "imported"
    outcomes = set()
    for _ in range(50):
        path.write_bytes(mutated(whole, rng))
        outcomes.add(outcome(path))
    assert "refused" in outcomes


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("seed", range(8))
def test_distorted_networks_give_a_refusal_or_another_network(seed: int, tmp_path: Path) -> None:
    model = specimen()
    rng = np.random.default_rng(seed)
    path = tmp_path / "model.onnx"
    outcomes = set()
    for _ in range(50):
        path.write_bytes(distorted(model, rng).SerializeToString())
        outcomes.add(outcome(path))
    assert outcomes == {"imported", "refused"}
