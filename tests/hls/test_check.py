# SPDX-License-Identifier: Apache-2.0
"""The checker of what Vitis HLS synthesizes: the kernels pass, and every rule is noticed where it is broken."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from shutil import rmtree

import numpy as np
import pytest
from hls_cases import ALLOWED, BROKEN
from nets import NetBuilder, board, lowered
from network_check import folds_for

from headrace.backend.design import build_design
from headrace.build.csim import ap_types
from headrace.hls.check import Violation, check_sources
from headrace.hls.kernels import KERNELS
from headrace.hls.network import network_view
from headrace.hls.project import Project, Vectors
from headrace.hls.render import kernel_files, kernel_view
from headrace.resources import data_dir

HEADERS = sorted(data_dir("hls_templates").glob("headrace/*.hpp"))


def check(sources: Sequence[str], folder: Path) -> list[list[Violation]]:
    """What is found in each source, all of them read as one."""
    paths = [folder.resolve() / f"source{k}.hpp" for k in range(len(sources))]
    for path, source in zip(paths, sources, strict=True):
        path.write_text(source.replace("NAME", path.stem))
    found = check_sources(paths, ap_types())
    return [[v for v in found if v.file == path] for path in paths]


def test_all_kernels_pass() -> None:
    assert {kernel.function for kernel in KERNELS.values()} <= {header.stem for header in HEADERS}
    assert check_sources(HEADERS, ap_types()) == []


def test_generated_kernels_pass(tmp_path: Path) -> None:
    parameters = {"LanesIn": 2, "LanesOut": 1, "BeatsIn": 3, "BeatsOut": 2, "Groups": 1, "AccW": 16, "RomFile": "weights.hex"}
    values = {**parameters, "ActW": 4, "ActSigned": 0, "WgtW": 4}
    view = kernel_view("layer", KERNELS["engine_matvec"], values, {"weights.hex": np.ones((6, 2), np.int64)}, pixels=5)
    paths = [tmp_path / name for name in kernel_files(view)]
    for path, text in zip(paths, kernel_files(view).values(), strict=True):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    assert check_sources(paths, ("-I", str(tmp_path), *ap_types())) == []


def test_plans_of_many_channels_are_not_too_much_for_clang(tmp_path: Path) -> None:
    """What g++ computes at compile time, and clang, which Vitis HLS is made of, within its limit of steps."""
    shuffled = tuple(np.random.default_rng(1).permutation(2048).tolist())
    values = {"InC": 2048, "LanesIn": 2, "OutC": 2048, "LanesOut": 1, "LaneW": 8, "Index": shuffled}
    view = kernel_view("layer", KERNELS["engine_gather"], values, {}, pixels=4)
    for name, text in kernel_files(view).items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    source = tmp_path / "call.cpp"
    streams = "headrace::Stream<8, 2>& in, headrace::Stream<8, 1>& out"
    source.write_text(
        f'#include "kernels/layer.hpp"\nvoid call(unsigned frames, {streams}) {{ kernels::layer(frames, in, out); }}\n'
    )
    assert check_sources([source], ("-I", str(tmp_path), *ap_types())) == []


def test_generated_network_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A network between memories, cut into several dataflow functions."""
    monkeypatch.setattr("headrace.hls.network.STAGE_LINES", 30)
    net = NetBuilder(np.random.default_rng(3))
    x = net.quantize(net.conv(net.input((8, 8, 3)), 6, (3, 3), pad=(1, 1, 1, 1)), 0, 15)
    left, right = net.split(x, (2, 4))
    y = net.upsample(net.max_pool(net.concat(right, left), (2, 2), (2, 2)), (2, 2))
    graph = lowered(net.graph(net.quantize(net.add(x, y), 0, 15)))
    design = build_design(graph, folds_for(graph, 0.2))
    zeros = {n: np.zeros((1, *graph.tensors[n].shape), np.int64) for n in (*graph.inputs, *graph.outputs)}
    project = Project(model="test", board=board(), vectors=Vectors(what="zeros", tensors=zeros))
    sources = project.write_network(design, network_view(design, "test"), tmp_path)
    rmtree(tmp_path / "headrace")  # copies: the originals are what is checked
    assert {"stage_0.cpp", "stage_1.cpp", "network.cpp", "top.cpp"} <= set(sources)
    paths = [*(tmp_path / name for name in sources), *sorted(tmp_path.glob("kernels/*.hpp"))]
    options = ("-I", str(tmp_path), *ap_types())
    assert check_sources(paths, options) == []

    stage = tmp_path / "stage_1.cpp"
    text = stage.read_text()
    call = next(line for line in text.splitlines() if line.startswith("  ") and "(frames, " in line)
    stage.write_text(text.replace(call, f"{call}\n{call}"))
    assert {(v.file, v.rule) for v in check_sources(paths, options)} == {(stage, "dataflow")}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Violation]]:
    """What is found in all that is broken, by name."""
    lists = check([source for _, _, source in BROKEN.values()], tmp_path_factory.mktemp("broken"))
    return dict(zip(BROKEN, lists, strict=True))


def test_allows_what_is_as_it_must_be(tmp_path: Path) -> None:
    assert check(ALLOWED, tmp_path) == [[] for _ in ALLOWED]


@pytest.mark.parametrize("name", BROKEN)
def test_notices(name: str, found: dict[str, list[Violation]]) -> None:
    """A violation of the rule in each line marked so, and none of that rule elsewhere."""
    rule, sentence, source = BROKEN[name]
    marked = [number for number, line in enumerate(source.splitlines(), 1) if "// here" in line]
    broken = [v for v in found[name] if v.rule == rule]
    assert sorted({v.line for v in broken}) == marked
    assert any(sentence in v.message for v in broken), broken
    assert {v.rule for v in found[name]} == {rule}
