# SPDX-License-Identifier: Apache-2.0
"""Each family of networks, from Brevitas to simulated hardware: the rows of docs/families.md.

A row is compared with the one in the page. ``make families`` runs these tests and writes the page anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from deep import deep_but
from families_table import FIXED, PAGE, RESULTS, Row, parse_rows
from headrace_host.program import Program
from headrace_models.families import FAMILIES, export_family, settled
from network_check import STALLS, check, folds_for

from headrace.compile import Lowered, lower
from headrace.ir.graph import multiply_accumulates, to_program
from headrace.ir.tensor import Tensor

Array = np.ndarray[Any, Any]
SIZE = 0.12
"""Budget for foldings, in PYNQ-Z2 boards."""
FRAMES = 3
LIKE_OTHERS = ("mobilenet_v1", "xception", "dla", "inceptionnext", "bifpn", "das", "ddrnet")
"""Families that have the engines of others, and are left to the deep runs: each takes half a minute to compile."""
KERNELS_LATER = ("mobilenet_v2", "shufflenet_v2", "eca", "densenet", "fastdepth", "unet", "fasternet", "shiftnet", "quartznet")
"""Families that only the deep runs simulate in C++ as well: their kernels are those of others, in other shapes."""
RARE = 0.01
"""Largest share of output values on which float32 may round otherwise than exact arithmetic."""


def as_torch(kind: Tensor, values: Array, axes: int) -> Array:
    """Integers (N, H, W, C) of the program as the model's real values: (N, C, H, W), (N, C, L) or (N, C)."""
    real: Array = (values * np.array(kind.scale) + np.array(kind.offset)).transpose(0, 3, 1, 2)
    return real if axes == 4 else real[..., 0] if axes == 3 else real[..., 0, 0]


def differing(lowered: Lowered, model: torch.nn.Module, shape: tuple[int, ...]) -> tuple[int, int]:
    """Output values on which Brevitas' float32 differs from the integer program, and how many there are.

    They may differ by what one step of an inner quantizer does, and only rarely.
    """
    graph = lowered.graph
    source = graph.tensors[graph.inputs[0]]
    pixels = np.random.default_rng(1).integers(source.lo, source.hi + 1, (FRAMES, *source.shape))
    x = as_torch(source, pixels, len(shape) + 1).astype(np.float32)
    with torch.no_grad():
        outputs = model(torch.from_numpy(np.ascontiguousarray(x)))
    wanted = [y.numpy() for y in (outputs if isinstance(outputs, tuple) else (outputs,))]
    got = Program(*to_program(graph)).run({source.name: pixels})
    wrong = total = 0
    for name, expected in zip(graph.outputs, wanted, strict=True):
        ours = as_torch(graph.tensors[name], got[name], expected.ndim)
        assert ours.shape == expected.shape
        assert len(np.unique(expected)) > 5, "a dead network proves nothing"
        scale = float(np.abs(expected).max())
        close = np.isclose(ours, expected, rtol=1e-5, atol=1e-5 * scale)
        wrong, total = wrong + int((~close).sum()), total + close.size
        assert np.abs(ours - expected).max() <= 0.1 * scale
    return wrong, total


@pytest.mark.parametrize("name", deep_but([name for name in FAMILIES if name not in LIKE_OTHERS], FAMILIES))
def test_family(name: str, tmp_path: Path, pytestconfig: pytest.Config) -> None:
    family = FAMILIES[name]
    model = settled(family)
    onnx.save(export_family(family, model), tmp_path / "net.onnx")
    lowered = lower(tmp_path / "net.onnx")
    wrong, total = differing(lowered, model, family.shape)
    assert wrong <= RARE * total, f"{wrong} of {total} values differ from Brevitas"
    graph = lowered.graph
    deep = pytestconfig.getoption("--deep")
    pace = check(
        graph,
        folds_for(graph, SIZE),
        tmp_path / "rtl",
        0,
        stalls=STALLS[:2],
        ship=deep,
        sanitize=deep,
        kernels=deep or name not in KERNELS_LATER,
    )
    row = Row(
        name=name,
        title=family.title,
        source=family.source,
        operators=tuple(sorted({node.op.kind for node in graph.nodes})),
        engines=tuple(e for e in pace.engines if e.startswith("engine_")),
        macs=multiply_accumulates(graph),
        cycles=round(pace.interval),
        slowest=pace.slowest,
        brevitas=f"{wrong} of {total:,}",
    )
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(row.to_json()))
    documented = parse_rows(PAGE.read_text())
    assert documented.get(name) == row.cells()[:FIXED], f"{PAGE.name} is not up to date: run make families"


def test_the_page_has_no_other_rows() -> None:
    assert list(parse_rows(PAGE.read_text())) == list(FAMILIES)
