# SPDX-License-Identifier: Apache-2.0
"""Constants that differ from pixel to pixel, as operands of everything elementwise: equal to onnxruntime's run of the file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from executions import integer_run, onnxruntime_run, pixels_for
from qonnx_file import QonnxFile

from headrace.compile import Lowered, lower
from headrace.errors import UnsupportedError

SHAPE = (1, 3, 4, 5)
SIZE = SHAPE[1:]
Build = Callable[[QonnxFile, str], str]
rng = np.random.default_rng(3)
EMBEDDING = np.round(rng.normal(size=SHAPE) * 100) / 256
"""On a grid of the image's step."""
FLOATS = rng.normal(size=SHAPE).astype(np.float32)
ROWS = np.linspace(-1, 0.5, 4).reshape(1, 1, 4, 1)
COLUMNS = np.linspace(-1, 1, 5).reshape(1, 1, 1, 5)
MASK = (rng.random((1, 1, 4, 5)) < 0.5).astype(np.float32)


def number(kind: str, constant: np.ndarray, *, first: bool = False) -> Build:
    return lambda f, x: f.node(kind, *((f.constant(constant), x) if first else (x, f.constant(constant))))


def quantized(f: QonnxFile, constant: np.ndarray, scale: float = 2.0**-6) -> str:
    """The constant behind a quantizer of its own."""
    return f.quant(f.constant(constant), scale)


def accumulated(f: QonnxFile, x: str) -> str:
    """Accumulators with a scale and a bias for each channel."""
    weight = f.weight((4, 3, 3, 3), np.array([0.25, 0.3, 0.011, 0.07]).reshape(4, 1, 1, 1))
    return f.node("Conv", x, weight, f.constant([0.3, -0.1, 0.017, 1 / 3]), pads=[1, 1, 1, 1])


EXACT: dict[str, Build] = {
    "embedding": number("Add", EMBEDDING),
    "of another step": number("Add", EMBEDDING * 3 / 16),
    "subtracted": number("Sub", EMBEDDING),
    "subtracted from": number("Sub", EMBEDDING, first=True),
    "quantized": lambda f, x: f.node("Add", x, quantized(f, FLOATS)),
    "mask": number("Mul", MASK),
    "gains": lambda f, x: f.node("Mul", quantized(f, FLOATS), x),
    "gains of a centred value": lambda f, x: f.node("Mul", f.node("Sub", x, f.constant(0.5)), f.constant(EMBEDDING)),
    "divided": number("Div", np.array([1.0, 2.0, 0.5, 4.0, 1.0]).reshape(1, 1, 1, 5)),
    "greater": number("Max", EMBEDDING),
    "less, for each channel": number("Min", np.array([0.25, 0.5, 0.75]).reshape(1, 3, 1, 1)),
    "compared": lambda f, x: f.node("Where", f.node("Less", x, f.constant(EMBEDDING)), x, f.constant(EMBEDDING)),
    "chosen by a mask": lambda f, x: f.node("Where", f.constant(MASK != 0, np.bool_), x, f.node("Neg", x)),
    "more channels": lambda f, x: f.node("Add", f.node("ReduceMax", x, axes=[1]), f.constant(EMBEDDING)),
    "more channels, for each": lambda f, x: f.node("Add", f.node("ReduceMax", x, axes=[1]), f.constant(EMBEDDING[..., :1, :1])),
    "more pixels": lambda f, x: f.node("Mul", f.node("ReduceMax", x, axes=[2, 3]), f.constant(EMBEDDING)),
    "joined": lambda f, x: f.node("Concat", f.constant(EMBEDDING), x, quantized(f, FLOATS), axis=1),
    "joined behind": lambda f, x: f.node("Concat", x, f.constant(np.zeros(SHAPE)), f.constant(EMBEDDING[..., :2]), axis=3),
    "in three": lambda f, x: f.node("Sum", x, f.constant(EMBEDDING), x),
    "all alike": lambda f, x: f.quant(f.node("Add", x, f.constant(np.full(SHAPE, 0.5))), 2.0**-7),
    "rectified": lambda f, x: f.node("Relu", number("Sub", ROWS)(f, f.node("Relu", f.node("Sub", x, f.constant(0.25))))),
}  # fmt: skip


def compare(build: Build, folder: Path, *, shape: tuple[int, ...] = SHAPE, exact: bool = True) -> tuple[Lowered, int]:
    """Compares with onnxruntime; returns how many numbers differ (by rounding the other way at a tie)."""
    file = QonnxFile(shape=shape)
    path = file.save(folder / "net.onnx", build(file, file.image()))
    lowered = lower(path)
    pixels, x = pixels_for(lowered, frames=5)
    (ours,) = integer_run(lowered, pixels)
    x = x.reshape(5, *shape[1:])
    theirs = np.concatenate([onnxruntime_run(file.proto(file.nodes[-1].output[0]), frame[None])[0] for frame in x])
    ours = ours.reshape(theirs.shape) if ours.size == theirs.size else ours
    if exact:
        np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-9)
    return lowered, int((np.abs(ours - theirs) > 1e-6).sum())


@pytest.mark.parametrize("name", EXACT)
def test_on_a_grid(name: str, tmp_path: Path) -> None:
    lowered, _ = compare(EXACT[name], tmp_path)
    assert all(c.exact for c in lowered.certificates)


OFF_GRID: dict[str, Build] = {
    "added": lambda f, x: f.quant(f.node("Add", x, f.constant(FLOATS)), 2.0**-6),
    "subtracted from": lambda f, x: f.quant(f.node("Sub", f.constant(FLOATS), x), 0.021),
    "coordinates": lambda f, x: f.quant(f.node("Add", f.node("Add", x, f.constant(EMBEDDING)), f.constant(0.3)), 0.021),
    "behind accumulators": lambda f, x: f.quant(f.node("Add", accumulated(f, x), f.constant(FLOATS[:, :1])), 0.05),
    "rectified": lambda f, x: f.quant(
        f.node("Relu", f.node("Mul", f.node("Add", x, f.constant(ROWS)), f.constant(1.7))), 0.03, signed=0
    ),
    "gains": lambda f, x: f.quant(f.node("Mul", x, f.constant(FLOATS)), 0.013),
    "joined": lambda f, x: f.quant(f.node("Concat", f.constant(FLOATS), f.node("Mul", x, f.constant(0.7)), axis=1), 0.043),
    "gains of accumulators": lambda f, x: f.quant(f.node("Mul", f.conv(x, f.weight((3, 3, 1, 1))), f.constant(COLUMNS)), 0.05),
}


@pytest.mark.parametrize("name", OFF_GRID)
def test_off_the_grid_is_certified(name: str, tmp_path: Path) -> None:
    """Where integers and reals differ, the certificate has counted it; float32 itself rounds a few numbers otherwise."""
    lowered, differing = compare(OFF_GRID[name], tmp_path, exact=False)
    certificate = lowered.certificates[-1]
    assert certificate.differing_values <= certificate.reachable_values // 500
    assert differing <= 2
    assert not any(getattr(node.op, "residue", None) is not None for node in lowered.graph.nodes)


def test_the_certificate_counts_every_value(tmp_path: Path) -> None:
    """Against a plain loop over all pixels and all values in exact arithmetic."""
    from fractions import Fraction

    constant = (np.arange(12).reshape(1, 3, 2, 2) / 7).astype(np.float32)
    file = QonnxFile(shape=(1, 3, 2, 2))
    image = file.quant("x", 0.31, signed=0)
    path = file.save(tmp_path / "net.onnx", file.quant(file.node("Add", image, file.constant(constant)), 0.1))
    lowered = lower(path)
    scale, step = Fraction(float(np.float32(0.31))), Fraction(float(np.float32(0.1)))
    pixels = np.broadcast_to(np.arange(256)[:, None, None, None], (256, 2, 2, 3))
    (ours,) = integer_run(lowered, pixels)
    ours = np.rint(ours / float(step)).astype(int)
    wrong = 0
    for value in range(256):
        for place in np.ndindex(3, 2, 2):
            real = (value * scale + Fraction(float(constant[0][place]))) / step
            wrong += min(max(round(real), -128), 127) != ours[value][place]
    assert lowered.certificates[-1].differing_values == wrong
    assert lowered.certificates[-1].reachable_values == 256 * 12
    assert lowered.certificates[-1].exact == (wrong == 0)


def tokens(f: QonnxFile, x: str) -> str:
    """A position embedding on (N, L, C), and a class of its own for each token."""
    rows = f.node("Transpose", f.node("Reshape", x, f.constant([1, 3, 20], np.int64)), perm=[0, 2, 1])
    table = np.round(rng.normal(size=(1, 20, 3)) * 64) / 256
    y = f.quant(f.node("Add", rows, f.constant(table)), 2.0**-7)
    return f.node("Reshape", f.node("Transpose", y, perm=[0, 2, 1]), f.constant([1, 3, 4, 5], np.int64))


def test_embeddings_of_tokens_are_maps(tmp_path: Path) -> None:
    lowered, _ = compare(tokens, tmp_path)
    assert [node.op.kind for node in lowered.graph.nodes] == ["constant", "pointwise", "requant"]


def test_a_sequence_and_a_sliced_map(tmp_path: Path) -> None:
    compare(number("Add", EMBEDDING[0, :, :, 0][None]), tmp_path, shape=(1, 3, 4))
    cut = lambda f, x: f.node("Add", f.node("Slice", x, *(f.constant([v], np.int64) for v in (1, 3, 2))), f.constant(EMBEDDING[:, :, 1:3]))  # fmt: skip # noqa: E501, E731
    compare(cut, tmp_path)


REFUSED: dict[str, tuple[Build, str]] = {
    "compared with floats": (number("Max", FLOATS), r"a constant of \d+ numbers that are no whole multiples"),
    "another size": (number("Add", np.arange(6.0).reshape(1, 1, 2, 3)), r"of shape \(1, 1, 2, 3\) beside a \(3, 4, 5\) map"),
    "a batch": (number("Add", np.arange(40.0).reshape(2, 1, 4, 5)), r"beside a \(3, 4, 5\) map; use one that broadc"),
    "not finite": (number("Add", np.where(MASK > 0, np.inf, 0)), "not finite"),
    "read before it is quantized": (
        lambda f, x: f.conv(f.node("Add", x, f.constant(FLOATS)), f.weight((2, 3, 1, 1))),
        "put a quantizer directly behind",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refusals(name: str, tmp_path: Path) -> None:
    build, message = REFUSED[name]
    file = QonnxFile(shape=SHAPE)
    with pytest.raises(UnsupportedError, match=message):
        lower(file.save(tmp_path / "net.onnx", build(file, file.image())))
