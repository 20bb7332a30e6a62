# SPDX-License-Identifier: Apache-2.0
"""The C++ twins of the engines of values: convolutions in groups, pools, choices, tables, constant maps, upsampling."""

from __future__ import annotations

from headrace.hls.kernel import Beats, Column, Kernel, Memory, Values, pick


def _threshold_memories(p: Values) -> tuple[Memory, ...]:
    """The thresholds of each stage; the values, if they are in a table."""
    fields = 1 if p["SharedThr"] else p["Lanes"]
    stages = int(p["Thresholds"]).bit_length()
    tables = [Memory(f"{p['RomFile']}_t{s:02d}.hex", fields, (Column(f"thresholds{s:02d}", p["ThrW"]),)) for s in range(stages)]
    if p["Table"]:
        fields = 1 if p["SharedValues"] else p["Lanes"]
        tables.append(Memory(f"{p['RomFile']}_v.hex", fields, (Column("values", p["OutW"], signed=False),)))
    return tuple(tables)


def _constant_memories(p: Values) -> tuple[Memory, ...]:
    """The words, and the bases of rows and of columns where they differ."""
    address = max(1, (p["RowSets"] * p["ColSets"] * p["Beats"] - 1).bit_length())
    tables = [Memory(p["RomFile"], p["Lanes"], (Column("words", p["LaneW"], signed=False),))]
    if p["RowSets"] > 1:
        tables.append(Memory(p["RowFile"], 1, (Column("row_bases", address, signed=False),)))
    if p["ColSets"] > 1:
        tables.append(Memory(p["ColFile"], 1, (Column("col_bases", address, signed=False),)))
    return tuple(tables)


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
THRESHOLDS = Kernel(
    function="thresholds",
    constants=pick("Lanes", "InW", "ThrW", "Thresholds", "OutW", "Base", "Step", "Beats", "SharedThr", "Table", "SharedValues"),
    inputs=lambda p: (Beats(p["InW"], p["Lanes"]),),
    outputs=lambda p: (Beats(p["OutW"], p["Lanes"]),),
    memories=_threshold_memories,
    pixel_beats=lambda p: p["Beats"],
)
LOOKUP = Kernel(
    function="lookup",
    constants=pick("Lanes", "InW", "OutW", "Beats", "Shared"),
    inputs=lambda p: (Beats(p["InW"], p["Lanes"]),),
    outputs=lambda p: (Beats(p["OutW"], p["Lanes"]),),
    memories=lambda p: (Memory(p["RomFile"], 1 if p["Shared"] else p["Lanes"], (Column("table", p["OutW"], signed=False),)),),
    pixel_beats=lambda p: p["Beats"],
)
CONSTANT = Kernel(
    function="constant",
    constants=pick("Lanes", "LaneW", "Rows", "Cols", "Beats", "RowSets", "ColSets"),
    inputs=lambda _: (),
    outputs=lambda p: (Beats(p["LaneW"], p["Lanes"]),),
    memories=_constant_memories,
    frame_beats=lambda p: p["Rows"] * p["Cols"] * p["Beats"],
)
UPSAMPLE = Kernel(
    function="upsample",
    constants=pick("LaneW", "Lanes", "Beats", "InW", "FactorH", "FactorW"),
    inputs=lambda p: (Beats(p["LaneW"], p["Lanes"]),),
    outputs=lambda p: (Beats(p["LaneW"], p["Lanes"]),),
    pixel_beats=lambda p: p["Beats"] * p["InW"],  # of an input row
)

VALUE_KERNELS: dict[str, Kernel] = {
    "engine_depthwise": DEPTHWISE,
    "engine_pool": POOL,
    "engine_reduce": REDUCE,
    "engine_topk": TOPK,
    "engine_thresholds": THRESHOLDS,
    "engine_lookup": LOOKUP,
    "engine_constant": CONSTANT,
    "engine_upsample": UPSAMPLE,
}
"""By the name of the module."""
