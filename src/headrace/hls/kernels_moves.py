# SPDX-License-Identifier: Apache-2.0
"""The C++ twins of the modules that move values without changing them."""

from __future__ import annotations

from headrace.engines.technology import ceil_div
from headrace.hls.kernel import Beats, Kernel, Values, pick


def _lanes(p: Values) -> tuple[Beats, ...]:
    """The beats of an engine that has the same on both sides."""
    return (Beats(p["LaneW"], p["Lanes"]),)


def _one(_: Values) -> int:
    """Beats of a pixel where all beats are alike."""
    return 1


MOVES: dict[str, Kernel] = {
    "engine_gather": Kernel(
        function="gather",
        constants=pick("LaneW", "LanesIn", "LanesOut", "InC", "OutC", "Index"),
        inputs=lambda p: (Beats(p["LaneW"], p["LanesIn"]),),
        outputs=lambda p: (Beats(p["LaneW"], p["LanesOut"]),),
        pixel_beats=lambda p: ceil_div(p["InC"], p["LanesIn"]),
    ),
    "engine_transpose": Kernel(
        function="transpose",
        constants=pick("LaneW", "Lanes", "Outer", "Inner", "Unit"),
        inputs=_lanes,
        outputs=_lanes,
        pixel_beats=lambda p: p["Outer"] * p["Inner"] * p["Unit"],
    ),
    "engine_shift": Kernel(
        function="shift",
        constants=pick("LaneW", "Lanes", "Channels", "InH", "InW", "Kinds", "RowOffset", "ColOffset", "Kind", "Depth"),
        inputs=_lanes,
        outputs=_lanes,
        frame_beats=lambda p: p["InH"] * p["InW"] * ceil_div(p["Channels"], p["Lanes"]),
    ),
    "stream_cast": Kernel(
        function="cast",
        constants=pick("Lanes", "InW", "OutW", "Signed"),
        inputs=lambda p: (Beats(p["InW"], p["Lanes"]),),
        outputs=lambda p: (Beats(p["OutW"], p["Lanes"]),),
        pixel_beats=_one,
    ),
    "stream_repack": Kernel(
        function="repack",
        constants=pick("LaneW", "LanesIn", "LanesOut", "Ins", "Outs", "InC", "OutC"),
        inputs=lambda p: (Beats(p["LaneW"], p["LanesIn"]),) * p["Ins"],
        outputs=lambda p: (Beats(p["LaneW"], p["LanesOut"]),) * p["Outs"],
        pixel_beats=lambda p: ceil_div(p["InC"][0], p["LanesIn"]),
    ),
    "stream_interleave": Kernel(
        function="interleave",
        constants=pick("LaneW", "Lanes", "Ins"),
        inputs=lambda p: _lanes(p) * p["Ins"],
        outputs=lambda p: (Beats(p["LaneW"], p["Ins"] * p["Lanes"]),),
        pixel_beats=_one,
        outputs_first=True,
    ),
    "stream_fork": Kernel(
        function="fork",
        constants=pick("Outputs"),
        inputs=lambda p: (Beats(p["Width"], 1),),
        outputs=lambda p: (Beats(p["Width"], 1),) * p["Outputs"],
        pixel_beats=_one,
        any_beats=True,
    ),
}
"""By the name of the module."""
