# SPDX-License-Identifier: Apache-2.0
"""Bench of ``engine_taps``: that of ``engine_window``, a tap a beat."""

from headrace_sim.benches.engine_window import (
    comes_back_from_reset_empty,
    flows_from_frame_to_frame,
    gives_every_tap,
    starts_with_its_last_pixel,
)

__all__ = ["comes_back_from_reset_empty", "flows_from_frame_to_frame", "gives_every_tap", "starts_with_its_last_pixel"]
