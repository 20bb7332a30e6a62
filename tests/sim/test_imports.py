# SPDX-License-Identifier: Apache-2.0
"""An imported network whose channels are brought to one grid, Verilated."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from network_check import check, random_folds
from qonnx_file import QonnxFile

from headrace.compile import lower


def test_channels_on_one_grid(tmp_path: Path) -> None:
    """Scales per channel in whole ratios, a constant and a Relu, all in one requantizer without rounding."""
    file = QonnxFile(shape=(1, 3, 6, 7))
    image = file.image()
    scale = np.array([1, 2, 3, 0.5, 4]).reshape(1, 5, 1, 1) / 8
    a = file.quant(file.conv(image, file.weight((5, 3, 3, 3))), scale, bits=6.0)
    b = file.node("Add", file.quant(file.conv(image, file.weight((4, 3, 3, 3))), 0.25, bits=5.0), file.constant(0.75))
    joined = file.node("Relu", file.node("Concat", a, b, axis=1))
    y = file.quant(file.conv(joined, file.weight((3, 9, 1, 1))), 0.5)
    graph = lower(file.save(tmp_path / "net.onnx", y)).graph
    assert [n.op.kind for n in graph.nodes].count("requant") == 5  # a scale of 3/8 has ties, which take two
    check(graph, random_folds(graph, 1), tmp_path / "rtl", 1)
