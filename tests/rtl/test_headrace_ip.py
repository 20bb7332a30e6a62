# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of ``headrace_ip``, rendered around a network that gives back what it takes."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from pathlib import Path
from typing import Any

import lint_rtl
import pytest
from deep import deep_but
from headrace_host.layout import MemoryLayout
from headrace_sim.runner import run_bench

from headrace.backend.ip import IP, IpView
from headrace.backend.ports import PortView
from headrace.backend.rtl import template

NETWORK = "loopback"
BUILD_ID = "0123456789abcdef"
# bits of a word, and of an address; soft resets at random times
BUSES = [(64, 32, 200), (128, 40, 40), (64, 64, 1000)]
# wire: shape, bits, signed, lanes
REPEATED = ("w",)
TENSORS: dict[str, tuple[Any, int, bool, int]] = {
    "a": ((5, 7, 6), 8, False, 3),
    "b": ((4, 5, 7), 5, True, 2),
    "w": ((4, 5, 7), 6, True, 2),
    "x": ((5, 7, 6), 8, False, 4),
    "y": ((4, 5, 7), 12, True, 2),
}


def port(index: int, wire: str, word_bytes: int) -> PortView:
    """A tensor of the network, as the template wants it."""
    shape, bits, signed, lanes = TENSORS[wire]
    layout = MemoryLayout.of(shape, bits, signed, word_bytes)
    return PortView(
        index=index,
        tensor=wire,
        wire=wire,
        lanes=lanes,
        bits=bits,
        signed=signed,
        channels=shape[-1],
        elements=prod(shape),
        element_bits=layout.element_bits,
        repeat=wire in REPEATED,
    )


def render(data_bits: int, address_bits: int) -> str:
    """The block around the network."""
    ports = tuple(port(index, wire, data_bits // 8) for index, wire in enumerate(TENSORS))
    view = IpView(
        module=IP,
        network=NETWORK,
        build_id=BUILD_ID,
        data_bits=data_bits,
        address_bits=address_bits,
        inputs=ports[:3],
        outputs=ports[3:],
    )
    return template("ip.sv.j2").render(ip=view)


@pytest.mark.parametrize("options", [[], ["-DSYNTHESIS"]])
@pytest.mark.parametrize("check", [lint_rtl.verilator_messages, lint_rtl.slang_messages])
def test_has_no_warnings(check: Callable[..., str], options: list[str], tmp_path: Path) -> None:
    rendered = tmp_path / f"{IP}.sv"
    rendered.write_text(render(64, 32))
    assert check(IP, options, [rendered]) == ""


@pytest.mark.parametrize("bus", deep_but(BUSES[:2], BUSES))
def test_is_exact_whatever_happens(bus: tuple[int, int, int], tmp_path: Path) -> None:
    (tmp_path / "rtl").mkdir()
    (tmp_path / "run").mkdir()
    rendered = tmp_path / "rtl" / f"{IP}.sv"
    rendered.write_text(render(*bus[:2]))
    run_bench(
        "ip_bench",
        bench="headrace_sim.benches.headrace_ip",
        folder=tmp_path / "run",
        parameters={"DataW": bus[0], "AddrW": bus[1]},
        case={
            "tensors": [
                {"shape": shape, "bits": bits, "signed": signed, "lanes": lanes, "repeat": wire in REPEATED}
                for wire, (shape, bits, signed, lanes) in TENSORS.items()
            ],
            "resets": bus[2],
        },
        rendered=[rendered],
    )
