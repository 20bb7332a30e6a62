# SPDX-License-Identifier: Apache-2.0
"""Kernels of engines that hold rows of a map: what convolutions, poolings and deformable convolutions read."""

from __future__ import annotations

from headrace.hls.kernel import Beats, Kernel, Values, pick

_SIZES = ("LaneW", "Lanes", "Channels", "InH", "InW", "OutH", "OutW")
_MAP = (*_SIZES, "KH", "KW", "StrideH", "StrideW", "DilH", "DilW", "PadT", "PadL")


def _pixels(p: Values) -> Beats:
    return Beats(p["LaneW"], p["Lanes"])


def _frame_beats(p: Values) -> int:
    beats: int = p["InH"] * p["InW"] * -(-p["Channels"] // p["Lanes"])
    return beats


WINDOW = Kernel(
    function="window",
    constants=pick(
        *_MAP, "Taps", "GroupBeats", "Rows", "PadValue", "Deform", "DilationW", "DilationSigned", "DilationLo", "DilationHi"
    ),
    inputs=lambda p: (_pixels(p), *((Beats(p["DilationW"], 1),) if p["Deform"] else ())),
    outputs=lambda p: (Beats(p["LaneW"], p["Taps"] * p["Lanes"]),),
    frame_beats=_frame_beats,
    outputs_first=True,
)


def _deform_inputs(p: Values) -> tuple[Beats, ...]:
    taps = p["KH"] * p["KW"]
    streams = (_pixels(p), Beats(p["OffsetW"], 1 if p["Square"] else 2 * taps))
    return (*streams, Beats(p["MaskW"], taps)) if p["MaskW"] else streams


DEFORM = Kernel(
    function="deform",
    constants=pick(
        *_MAP,
        *("LaneSigned", "GroupBeats", "Rows", "Square", "FractionBits"),
        *("OffsetW", "OffsetSigned", "OffsetLo", "OffsetHi", "MaskW", "MaskSigned", "DataW"),
    ),
    inputs=_deform_inputs,
    outputs=lambda p: (Beats(p["DataW"], p["Lanes"]),),
    frame_beats=_frame_beats,
    outputs_first=True,
)
SLIDE = Kernel(
    function="slide",
    constants=pick(*_MAP, "PadValue"),
    inputs=lambda p: (_pixels(p),),
    outputs=lambda p: (Beats(p["LaneW"], p["KH"] * p["KW"] * p["Lanes"]),),
    frame_beats=_frame_beats,
)

WINDOWS: dict[str, Kernel] = {
    "engine_window": WINDOW,
    "engine_deform": DEFORM,
    "engine_slide": SLIDE,
}
