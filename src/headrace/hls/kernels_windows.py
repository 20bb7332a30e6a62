# SPDX-License-Identifier: Apache-2.0
"""Kernels of engines that hold rows of a map: what convolutions, poolings and deformable convolutions read."""

from __future__ import annotations

from headrace.hls.kernel import Beats, Kernel, Pauses, Values, pick

_SIZES = ("LaneW", "Lanes", "Channels", "InH", "InW", "OutH", "OutW")
_MAP = (*_SIZES, "KH", "KW", "StrideH", "StrideW", "DilH", "DilW", "PadT", "PadL")


def _pixels(p: Values) -> Beats:
    return Beats(p["LaneW"], p["Lanes"])


def _frame_beats(p: Values) -> int:
    beats: int = p["InH"] * p["InW"] * -(-p["Channels"] // p["Lanes"])
    return beats


def _pauses(p: Values, end: int, window_beats: int) -> Pauses:
    """Of a line buffer whose first window ends ``end`` rows below the map's first one."""
    row = p["InW"] * -(-p["Channels"] // p["Lanes"])
    skipped = max(0, -p["PadT"])
    given = p["OutW"] * window_beats
    return Pauses(
        between_rows=max(0, p["StrideH"] * row - given),
        at_start=min(p["InH"], skipped + max(0, end) + 1) * row,
        beats=p["OutH"] * given,
    )


def _window_pauses(p: Values) -> Pauses:
    beats, taps = -(-p["Channels"] // p["Lanes"]), p["Taps"]
    steps = 1 if taps > p["KH"] else -(-p["KH"] // taps) * p["KW"]
    far = max(abs(p["DilationLo"]), abs(p["DilationHi"])) * ((p["KH"] - 1) // 2)
    end = far if p["Deform"] else (p["KH"] - 1) * p["DilH"] - max(0, p["PadT"])
    return _pauses(p, end // p["RepeatH"], beats * steps)


def _taps_pauses(p: Values) -> Pauses:
    return _window_pauses({**p, "Taps": 1, "Deform": 0, "DilationLo": 0, "DilationHi": 0, "RepeatH": 1})


def _slide_pauses(p: Values) -> Pauses:
    return _pauses(p, (p["KH"] - 1) * p["DilH"] - p["PadT"], -(-p["Channels"] // p["Lanes"]))


def _deform_pauses(p: Values) -> Pauses:
    whole, middle = 1 << p["FractionBits"], (p["KH"] - 1) // 2
    if p["Square"]:
        lowest = middle + -(-max(abs(p["OffsetLo"]), abs(p["OffsetHi"])) * middle // whole)
    else:
        lowest = (p["KH"] - 1) * p["DilH"] + -(-p["OffsetHi"] // whole)
    end = lowest - p["PadT"]
    return _pauses(p, end, -(-p["Channels"] // p["Lanes"]) * p["KH"] * p["KW"])


WINDOW = Kernel(
    function="window",
    constants=pick(
        *(*_MAP, "RepeatH", "RepeatW", "Taps", "GroupBeats", "Rows", "PadValue"),
        *("Deform", "DilationW", "DilationSigned", "DilationLo", "DilationHi"),
    ),
    inputs=lambda p: (_pixels(p), *((Beats(p["DilationW"], 1),) if p["Deform"] else ())),
    outputs=lambda p: (Beats(p["LaneW"], p["Taps"] * p["Lanes"]),),
    frame_beats=_frame_beats,
    pauses=_window_pauses,
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
    pauses=_deform_pauses,
    outputs_first=True,
)
TAPS = Kernel(
    function="taps",
    constants=pick(*_MAP, "GroupBeats", "Pixels", "PadValue"),
    inputs=lambda p: (_pixels(p),),
    outputs=lambda p: (Beats(p["LaneW"], p["Lanes"]),),
    frame_beats=_frame_beats,
    pauses=_taps_pauses,
    outputs_first=True,
)
SLIDE = Kernel(
    function="slide",
    constants=pick(*_MAP, "PadValue"),
    inputs=lambda p: (_pixels(p),),
    outputs=lambda p: (Beats(p["LaneW"], p["KH"] * p["KW"] * p["Lanes"]),),
    frame_beats=_frame_beats,
    pauses=_slide_pauses,
)

WINDOWS: dict[str, Kernel] = {
    "engine_window": WINDOW,
    "engine_deform": DEFORM,
    "engine_slide": SLIDE,
    "engine_taps": TAPS,
}
