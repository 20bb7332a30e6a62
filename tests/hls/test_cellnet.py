# SPDX-License-Identifier: Apache-2.0
"""cellnet's C++ kernels on real images: the integer detector's outputs, bit for bit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from headrace_host.detector import letterbox
from headrace_host.images import find_images, read_image
from headrace_host.program import Program
from hls_check import check_kernels

from headrace.backend.design import build_design
from headrace.boards import load_board
from headrace.compile import lower
from headrace.ir.graph import to_program
from headrace.models import resolve_model, zoo_images
from headrace.passes.fold import fold

IMAGES = 8


def test_reproduces_the_detector_on_real_images() -> None:
    graph = lower(resolve_model("cellnet")).graph
    (name,) = graph.inputs
    height, width, _ = graph.tensors[name].shape
    paths = find_images([zoo_images(), Path(__file__).parent / "images"])
    assert len(paths) == IMAGES
    feeds = {name: np.stack([letterbox(read_image(path), height, width)[0] for path in paths])}
    golden = Program(*to_program(graph)).run(feeds)
    assert all(len(np.unique(values)) > 10 for values in golden.values())
    check_kernels(graph, build_design(graph, fold(graph, load_board("pynq-z2"), fill=0.7).folds), feeds, golden)
