# SPDX-License-Identifier: Apache-2.0
"""How the nodes of FINN are described that engine_costs.py sets beside our engines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Attributes = Mapping[str, Any]

PART = "xc7z020clg400-1"
CLOCK_NS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """FINN nodes, chained, that do the same work."""

    nodes: tuple[Attributes, ...]
    beats: int
    """Output beats of a frame."""

    @property
    def title(self) -> str:
        """Their names."""
        return " + ".join(
            str(node["op"]).removesuffix("_rtl").replace("_hls", " (HLS, FINN's estimate)") for node in self.nodes
        )

    @property
    def in_hls(self) -> bool:
        """Whether FINN has no RTL for this work."""
        return any(str(node["op"]).endswith("_hls") for node in self.nodes)


def node(op: str, name: str, inputs: list[Attributes], **attributes: Any) -> Attributes:
    """A FINN node; an input with ``lo`` and ``hi`` is a constant of random values between them, in units of ``unit``."""
    return {"op": op, "name": name, "inputs": inputs, "attributes": attributes, "part": PART, "clock_ns": CLOCK_NS}


def stream(shape: list[int], type_: str) -> Attributes:
    """The streamed input of a node."""
    return {"name": "x", "shape": shape, "type": type_}


def in_hls(op: str, beats: int, **attributes: Any) -> Peer:
    """A node of FINN's that takes 16 x 16 pixels of 16 channels of 8 bits and is HLS only."""
    return Peer(nodes=(node(f"{op}_hls", f"node_{op.lower()}", [stream([1, 16, 16, 16], "UINT8")], **attributes),), beats=beats)
