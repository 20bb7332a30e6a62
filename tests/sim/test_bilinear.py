# SPDX-License-Identifier: Apache-2.0
"""Linear resizing on both kinds of grid, Verilated."""

from __future__ import annotations

from pathlib import Path

from network_check import check, folds_for
from qonnx_file import QonnxFile

from headrace.compile import lower


def test_resized_linearly(tmp_path: Path) -> None:
    file = QonnxFile(shape=(1, 3, 4, 5))
    x = file.quant(file.conv(file.image(), file.weight((3, 3, 1, 1))), 2.0**-2, bits=4.0)
    smooth = file.node("Resize", x, "", file.constant([1, 1, 2, 2]), mode="linear")
    corners = file.node(
        "Resize", x, "", file.constant([1, 1, 3, 1]), mode="linear", coordinate_transformation_mode="align_corners"
    )
    heads = [file.quant(y, 2.0**-2, bits=5.0) for y in (smooth, corners)]
    graph = lower(file.save(tmp_path / "net.onnx", *heads)).graph
    assert [node.op.kind for node in graph.nodes].count("upsample") == 3
    check(graph, folds_for(graph, 0.05), tmp_path, 0)
