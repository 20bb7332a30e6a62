# SPDX-License-Identifier: Apache-2.0
"""The C++ twins of the engines of values: convolutions in groups, pools, choices, tables, constant maps, upsampling."""

from __future__ import annotations

from headrace.hls.kernel import Beats, Column, Kernel, Memory, pick

DEPTHWISE = Kernel(
    function="depthwise",
    constants=pick("Lanes", "Taps", "GroupIn", "GroupOut", "ActW", "ActSigned", "WgtW", "AccW", "Beats", "Steps"),
    inputs=lambda p: (Beats(p["ActW"], p["Taps"] * p["Lanes"] * p["GroupIn"]),),
    outputs=lambda p: (Beats(p["AccW"], p["Lanes"] * p["GroupOut"]),),
    memories=lambda p: (
        Memory(p["RomFile"], p["Taps"] * p["Lanes"] * p["GroupOut"] * p["GroupIn"], (Column("weights", p["WgtW"]),)),
    ),
    pixel_beats=lambda p: p["Beats"] * p["Steps"],
)

VALUE_KERNELS: dict[str, Kernel] = {
    "engine_depthwise": DEPTHWISE,
}
"""By the name of the module."""
