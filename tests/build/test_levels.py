# SPDX-License-Identifier: Apache-2.0
"""Levels between registers, on netlists made by hand."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.build.levels import longest_ways
from headrace.errors import ToolError


def cell(kind: str, parameters: dict[str, str] | None = None, **ports: Any) -> dict[str, Any]:
    connections = {port: bits if isinstance(bits, list) else [bits] for port, bits in ports.items()}
    return {"type": kind, "parameters": parameters or {}, "connections": connections}


def levels(**cells: dict[str, Any]) -> dict[str, tuple[float, str, str]]:
    ways = longest_ways({"cells": cells}, lambda name: name.split("_")[0])
    return {part: (way.levels, way.start, " ".join(way.cells)) for part, way in ways.items()}


def test_luts_in_a_row() -> None:
    found = levels(
        a_0=cell("FDRE", C=1, D=9, CE="1", R=2, Q=10),
        x_0=cell("LUT2", I0=10, I1=3, O=11),
        x_1=cell("LUT3", I0=11, I1=10, I2=10, O=12),
        x_2=cell("MUXF7", I0=12, I1=12, S=10, O=13),
        b_0=cell("FDRE", C=1, D=13, CE="1", R=2, Q=14),
    )
    assert found == {"a": (0.0, "a", "FDRE"), "b": (1.2, "a", "FDRE LUT3 MUXF7 FDRE")}  # both fit one LUT


@pytest.mark.parametrize(("inputs", "expected"), [(6, 1.0), (7, 2.0), (11, 2.0), (12, 3.0)])
def test_chains_of_small_luts_count_as_what_six_inputs_hold(inputs: int, expected: float) -> None:
    """A chain of LUT2, whose last input is the first one's register: of n inputs, ceil((n - 1) / 5) LUTs are in a row."""
    chain = {f"x_{n}": cell("LUT2", I0=100 + n, I1=200 + n, O=101 + n) for n in range(inputs - 1)}
    found = levels(a_0=cell("FDRE", C=1, D="0", Q=100), **chain, b_0=cell("FDRE", C=1, D=100 + inputs - 1, Q=99))
    assert found["b"][:2] == (expected, "a")


def test_luts_that_share_inputs_are_joined_too() -> None:
    """Two levels of three LUT6 of the same six inputs are one; of Lattice's LUT4, which stay as they are, two."""
    inputs: dict[str, Any] = {f"I{k}": 10 + k for k in range(6)}
    first = {f"x_{n}": cell("LUT6", **inputs, O=20 + n) for n in range(3)}
    last = cell("LUT3", I0=20, I1=21, I2=22, O=30)
    register = {"a_0": cell("FDRE", C=1, D="0", Q=10), "b_0": cell("FDRE", C=1, D=30, Q=31)}
    assert levels(**register, **first, y_0=last)["b"][0] == 1.0
    first = {f"x_{n}": cell("LUT4", A=10, B=11, C=12, D=13, Z=20 + n) for n in range(3)}
    register = {"a_0": cell("TRELLIS_FF", CLK=1, DI="0", Q=10), "b_0": cell("TRELLIS_FF", CLK=1, DI=30, Q=31)}
    assert levels(**register, **first, y_0=cell("LUT4", A=20, B=21, C=22, D=10, Z=30))["b"][0] == 2.0


def test_outputs_are_ends() -> None:
    cells = {"a_0": cell("FDRE", C=1, D="0", Q=10), "x_0": cell("LUT1", I0=10, O=11)}
    ways = longest_ways(
        {"cells": cells, "ports": {"q": {"direction": "output", "bits": [11, "0"]}, "d": {"direction": "input", "bits": [5]}}},
        lambda name: name.split("_")[0],
    )
    assert (ways["outputs"].levels, ways["outputs"].start, ways["outputs"].cells) == (1.0, "a", ("FDRE", "LUT1"))


def test_enables_and_resets_are_ends_too() -> None:
    found = levels(
        a_0=cell("FDRE", C=1, D="0", CE="1", R="0", Q=10),
        x_0=cell("LUT1", I0=10, O=11),
        b_0=cell("FDRE", C=1, D="0", CE=11, R="0", Q=12),
        c_0=cell("FDRE", C=1, D="0", CE="1", R=11, Q=13),
    )
    assert (found["b"][0], found["c"][0]) == (1.0, 1.0)


def test_carries_are_fast() -> None:
    chain = {
        f"x_{n}": cell(
            "CARRY4", CI=20 + n if n else "0", CYINIT="0", DI=10, S=[10, 10, 10, 10], O=30 + n, CO=["x", "x", "x", 21 + n]
        )
        for n in range(4)
    }
    found = levels(a_0=cell("FDRE", C=1, D="0", Q=10), **chain, b_0=cell("FDRE", C=1, D=33, Q=50))
    assert found["b"][0] == pytest.approx(0.6)
    assert found["b"][2] == "FDRE CARRY4 CARRY4 CARRY4 CARRY4 FDRE"


def test_memories_and_multipliers() -> None:
    memory = cell("DP16KD", CLKA=1, ADA0=5, DOA0=10)
    product = cell("MULT18X18D", A0=10, B0=11, P0=12)
    found = levels(
        m_0=memory, a_0=cell("TRELLIS_FF", CLK=1, DI="0", Q=11), x_0=product, b_0=cell("TRELLIS_FF", CLK=1, DI=12, Q=13),
        c_0=cell("TRELLIS_FF", CLK=1, DI=10, Q=14),
    )  # fmt: skip
    assert found["b"] == (9.0, "m", "DP16KD MULT18X18D TRELLIS_FF")
    assert found["c"][0] == 3.0
    assert found["m"][0] == 0.0


@pytest.mark.parametrize(
    ("registers", "before", "behind"),
    [
        ("", 0.0, 6.0),
        ("AREG BREG", 0.0, 6.0),
        ("AREG BREG MREG", 0.0, 2.0),
        ("AREG BREG MREG PREG", 0.0, 0.5),
        ("PREG", 6.0, 0.5),
    ],
)
def test_registers_within_a_dsp(registers: str, before: float, behind: float) -> None:
    dsp = cell("DSP48E1", dict.fromkeys(registers.split(), "1"), CLK=1, A=10, B=10, P=11)
    found = levels(a_0=cell("FDRE", C=1, D="0", Q=10), d_0=dsp, b_0=cell("FDRE", C=1, D=11, Q=12))
    assert found["b"][0] == behind
    assert found["b"][1] == ("d" if registers else "a")
    assert found.get("d", (0.0,))[0] == before


def test_the_registers_of_a_dsps_inputs_count_one_by_one() -> None:
    """A has one and B has none: P comes back to B by way of A without a loop, and C waits for no multiplier."""
    product = cell("DSP48E1", {"AREG": "1", "CREG": "0"}, CLK=1, A=12, B=10, P=11)
    registers = {"a_0": cell("FDRE", C=1, D="0", Q=10), "b_0": cell("FDRE", C=1, D=12, Q=13)}
    assert levels(**registers, d_0=product, x_0=cell("LUT1", I0=11, O=12))["b"][0] == 7.0
    added = cell("DSP48E1", {"PREG": "1"}, CLK=1, A="0", B="0", C=11, P=12)
    assert levels(**registers, x_0=cell("LUT1", I0=10, O=11), d_0=added)["d"][0] == 3.0


@pytest.mark.parametrize(("first", "second"), [(2, 4), (3, 4), (4, 2), (4, 3)])
def test_amds_lut4_is_joined_as_others_are(first: int, second: int) -> None:
    ports: dict[str, Any] = {f"I{k}": 10 + k for k in range(first)}
    more: dict[str, Any] = {f"I{k}": 20 + k for k in range(1, second)}
    x, y = cell(f"LUT{first}", **ports, O=20), cell(f"LUT{second}", I0=20, **more, O=30)
    registers = {"a_0": cell("FDRE", C=1, D="0", Q=10), "b_0": cell("FDRE", C=1, D=30, Q=31)}
    assert levels(**registers, x_0=x, y_0=y)["b"][0] == 1.0


def test_what_is_refused() -> None:
    with pytest.raises(ToolError, match="no delay is known of the cells GTX, WIBBLE"):
        levels(a_0=cell("WIBBLE"), b_0=cell("GTX"))
    with pytest.raises(ToolError, match="combinational loop at cell"):
        levels(x_0=cell("LUT1", I0=11, O=10), x_1=cell("LUT1", I0=10, O=11))
