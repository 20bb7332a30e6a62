# SPDX-License-Identifier: Apache-2.0
"""Networks changed at random and executed by ONNX's reference implementation: what is imported computes the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from headrace_host.program import Program
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun
from qonnx_file import QONNX, distorted, specimen

from headrace.compile import lower
from headrace.errors import HeadraceError
from headrace.ir.graph import to_program
from headrace.ops import square_deform_depthwise

Array = npt.NDArray[Any]
MAX_PIXELS = 5_000
REFERENCE_REFUSES = (TypeError, ValueError, RuntimeError, IndexError)


class Quant(OpRun):
    """As the QONNX standard defines it, in float32."""

    op_domain = QONNX

    def _run(
        self, x: Array, scale: Array, zero: Array, bits: Array, signed: int = 1, narrow: int = 0, rounding_mode: str = "ROUND"
    ) -> tuple[Array]:
        assert rounding_mode == "ROUND"
        top = 2.0 ** float(bits.ravel()[0])
        lo, hi = (-top / 2 + bool(narrow), top / 2 - 1) if signed else (0.0, top - 1 - bool(narrow))
        return (((np.clip(np.round(x / scale + zero), lo, hi) - zero) * scale).astype(np.float32),)


class SquareDeformDepthwise(OpRun):
    """The definition that qonnx executes."""

    op_domain = "headrace.ops"

    def _run(self, x: Array, d: Array, w: Array, lo: int = -(1 << 20), hi: int = 1 << 20) -> tuple[Array]:
        return (square_deform_depthwise(x, d, w, lo, hi).astype(np.float32),)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("start", range(0, 600, 100))
def test_what_is_imported_computes_what_the_file_says(start: int, tmp_path: Path) -> None:
    original, compared = specimen(), 0
    for seed in range(start, start + 100):
        model = distorted(original, np.random.default_rng(seed))
        path = tmp_path / "model.onnx"
        path.write_bytes(model.SerializeToString())
        try:
            lowered = lower(path)
        except HeadraceError:
            continue
        graph = lowered.graph
        if max(t.pixels for t in graph.tensors.values()) > MAX_PIXELS:
            continue
        image = graph.tensors[graph.inputs[0]]
        pixels = np.random.default_rng(seed).integers(image.lo, image.hi + 1, (1, *image.shape))
        x = (pixels * np.float32(image.scale[0])).astype(np.float32).transpose(0, 3, 1, 2)
        try:
            expected = ReferenceEvaluator(model, new_ops=[Quant, SquareDeformDepthwise]).run(None, {"x": x})
        except REFERENCE_REFUSES:  # an attribute that headrace knows a default for, or does not look at
            continue
        outputs = Program(*to_program(graph)).run({image.name: pixels})
        for name, theirs in zip(graph.outputs, expected, strict=True):
            kind = graph.tensors[name]
            ours = (outputs[name] * np.array(kind.scale) + np.array(kind.offset)).transpose(0, 3, 1, 2)
            assert ours.shape == theirs.shape, f"seed {seed}"
            wrong = ~np.isclose(ours, theirs, rtol=1e-4, atol=1e-6)
            steps = np.abs(ours - theirs).max() / min(kind.scale)
            exact = all(c.exact and c.float32_exact for c in lowered.certificates)
            assert not np.any(wrong) or (not exact and steps < 1.01 and np.mean(wrong) < 0.2), f"seed {seed}: {name}"
            compared += 1
    assert compared > 30
