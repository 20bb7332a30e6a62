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
POOL = Kernel(
    function="pool",
    constants=pick("Lanes", "Taps", "Steps", "LaneW", "Signed", "Sum", "OutW"),
    inputs=lambda p: (Beats(p["LaneW"], p["Taps"] * p["Lanes"]),),
    outputs=lambda p: (Beats(p["OutW"], p["Lanes"]),),
    pixel_beats=lambda p: p["Steps"],  # each beat of results stands for itself
)
REDUCE = Kernel(
    function="reduce",
    constants=lambda p: {**pick("Lanes", "LaneW", "Signed", "Beats", "Sum", "OutW")(p), "Group": p["Pixels"]},
    inputs=lambda p: (Beats(p["LaneW"], p["Lanes"]),),
    outputs=lambda p: (Beats(p["OutW"], p["Lanes"]),),
    pixel_beats=lambda p: p["Beats"] * p["Pixels"],  # of a pixel of results
)
TOPK = Kernel(
    function="topk",
    constants=pick("Lanes", "LaneW", "Signed", "Channels", "K", "Smallest", "Last", "Indices"),
    inputs=lambda p: (Beats(p["LaneW"], p["Lanes"]),),
    outputs=lambda p: (Beats(max(1, (p["Channels"] - 1).bit_length()) if p["Indices"] else p["LaneW"], p["K"]),),
    pixel_beats=lambda p: -(-p["Channels"] // p["Lanes"]),
)

VALUE_KERNELS: dict[str, Kernel] = {
    "engine_depthwise": DEPTHWISE,
    "engine_pool": POOL,
    "engine_reduce": REDUCE,
    "engine_topk": TOPK,
}
"""By the name of the module."""
