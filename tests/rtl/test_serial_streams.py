# SPDX-License-Identifier: Apache-2.0
"""Runs the benches of what lies between a serial line's packets and the network's streams."""

from __future__ import annotations

from pathlib import Path

import pytest
from deep import deep_but
from headrace_sim.runner import expect_refusal, run_bench

# name: bits of an element, of a lane; lanes, channels, elements of a frame
SHAPES = {
    "bytes": (8, 8, 3, 3, 48),
    "bits_and_a_part_of_a_byte": (1, 1, 5, 13, 39),
    "nibbles_of_three_bits": (4, 3, 2, 7, 63),
    "wide": (32, 20, 4, 5, 20),
    "two_bits_ragged": (2, 2, 3, 4, 20),
    "widest": (64, 33, 1, 2, 6),
    "as_many": (16, 16, 1, 1, 9),
}
QUICK = ("bytes", "bits_and_a_part_of_a_byte", "nibbles_of_three_bits", "wide")


def _parameters(name: str) -> dict[str, int]:
    element_w, lane_w, lanes, channels, elements = SHAPES[name]
    return {"ElementW": element_w, "LaneW": lane_w, "Lanes": lanes, "Channels": channels, "FrameElements": elements}


@pytest.mark.parametrize("name", deep_but(QUICK, SHAPES))
def test_reads_frames(name: str, tmp_path: Path) -> None:
    bench = "headrace_sim.benches.bytes_to_tensor"
    run_bench("bytes_to_tensor", bench=bench, folder=tmp_path, parameters=_parameters(name))


@pytest.mark.parametrize("signed", [0, 1])
@pytest.mark.parametrize("name", deep_but(QUICK, SHAPES))
def test_writes_frames(name: str, signed: int, tmp_path: Path) -> None:
    bench = "headrace_sim.benches.tensor_to_bytes"
    run_bench("tensor_to_bytes", bench=bench, folder=tmp_path, parameters=_parameters(name) | {"Signed": signed})


@pytest.mark.parametrize("module", ["bytes_to_tensor", "tensor_to_bytes"])
@pytest.mark.parametrize("widths", [(12, 8), (4, 8), (128, 8)])
def test_refuses_bad_widths(module: str, widths: tuple[int, int]) -> None:
    parameters = {"ElementW": widths[0], "LaneW": widths[1]}
    expect_refusal(module, parameters=parameters, message=f"got {widths[0]}, {widths[1]}")


@pytest.mark.parametrize("depth", [4, 32])
def test_holds_packets_back(depth: int, tmp_path: Path) -> None:
    run_bench("packet_buffer", bench="headrace_sim.benches.packet_buffer", folder=tmp_path, parameters={"Depth": depth})


@pytest.mark.parametrize("depth", [2, 12])
def test_refuses_bad_depths(depth: int) -> None:
    expect_refusal("packet_buffer", parameters={"Depth": depth}, message=f"got Depth {depth}")
