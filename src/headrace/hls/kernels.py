# SPDX-License-Identifier: Apache-2.0
"""The C++ twin of every SystemVerilog module that a design instantiates."""

from __future__ import annotations

from headrace.hls.expressions import compute_function
from headrace.hls.kernel import Beats, Column, Kernel, Memory, pick
from headrace.hls.kernels_moves import MOVES
from headrace.hls.kernels_values import VALUE_KERNELS
from headrace.hls.kernels_windows import WINDOWS

MATVEC = Kernel(
    function="matvec",
    constants=pick("LanesIn", "LanesOut", "BeatsIn", "BeatsOut", "Groups", "ActW", "ActSigned", "WgtW", "AccW"),
    inputs=lambda p: (Beats(p["ActW"], p["LanesIn"]),),
    outputs=lambda p: (Beats(p["AccW"], p["LanesOut"]),),
    memories=lambda p: (Memory(p["RomFile"], p["LanesOut"] * p["LanesIn"], (Column("weights", p["WgtW"]),)),),
    pixel_beats=lambda p: p["BeatsIn"] * p["Groups"],
    burst=lambda p: p["BeatsIn"] if p["BeatsOut"] > 1 else 0,
)
STATIONARY = Kernel(
    function="stationary",
    constants=pick("LanesIn", "LanesOut", "BeatsIn", "BeatsOut", "Held", "ActW", "ActSigned", "WgtW", "AccW"),
    inputs=lambda p: (Beats(p["ActW"], p["LanesIn"]), Beats(p["WgtW"], p["LanesOut"] * p["LanesIn"])),
    outputs=lambda p: (Beats(p["AccW"], p["LanesOut"]),),
    pixel_beats=lambda p: p["BeatsIn"] * p["Held"],
)
REQUANT = Kernel(
    function="requant",
    constants=pick("Lanes", "AccW", "MulW", "AddW", "Shift", "OutW", "Lo", "Hi", "Beats", "Hold", "Odd"),
    inputs=lambda p: (Beats(p["AccW"], p["Lanes"]),),
    outputs=lambda p: (Beats(p["OutW"], p["Lanes"]),),
    memories=lambda p: (Memory(p["RomFile"], 2 * p["Lanes"], (Column("mul", p["MulW"]), Column("add", p["AddW"]))),),
    pixel_beats=lambda p: p["Beats"] * p["Hold"],
)
POINTWISE = Kernel(
    function="pointwise",
    constants=pick("Lanes", "Channels", "Operands", "InW", "OutW", "Single", "Mask"),
    inputs=lambda p: tuple(Beats(p["InW"], 1 if single else p["Lanes"]) for single in p["Single"]),
    outputs=lambda p: (Beats(p["OutW"], p["Lanes"]),),
    functions=compute_function,
    pixel_beats=lambda p: 1 if p["Single"][0] else -(-p["Channels"] // p["Lanes"]),
    outputs_first=True,
)

KERNELS: dict[str, Kernel] = {
    "engine_matvec": MATVEC,
    "engine_pointwise": POINTWISE,
    "engine_requant": REQUANT,
    "engine_stationary": STATIONARY,
    **VALUE_KERNELS,
    **WINDOWS,
    **MOVES,
}
"""By the name of the module."""
