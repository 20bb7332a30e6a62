# SPDX-License-Identifier: Apache-2.0
"""The C++ files of a network: as it is synthesised, and as it is simulated."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headrace.errors import BuildError
from headrace.hls.network import CallView, ChannelView, NetworkView
from headrace.hls.render import CsimView, csim_main, environment, kernel_files, stream_view
from headrace.resources import data_dir

PIPELINE = re.compile(
    r"^[ \t]*#pragma\s+HLS\s+pipeline\b(?!.*\boff\b)(?:(?:\\\n|.)*?\bII\s*=\s*(\d+))?(?:\\\n|.)*$", re.IGNORECASE | re.MULTILINE
)


@dataclass(frozen=True, kw_only=True)
class FlatView:
    """A network without stages."""

    headers: tuple[str, ...]
    inputs: tuple[ChannelView, ...]
    outputs: tuple[ChannelView, ...]
    channels: tuple[ChannelView, ...]
    calls: tuple[CallView, ...]


def network_files(net: NetworkView) -> dict[str, str]:
    """The generated sources by name; `headrace/` holds what they include besides."""
    templates = environment()
    files: dict[str, str] = {}
    for view in net.kernels:
        files.update(kernel_files(view))
    for stage in net.stages:
        files[f"{stage.name}.cpp"] = templates.get_template("stage.cpp.j2").render(stage=stage)
    for name in ("network.hpp", "network.cpp"):
        files[name] = templates.get_template(f"{name}.j2").render(net=net)
    return files


def network_csim(net: NetworkView) -> str:
    """The program that runs a network's C simulation."""
    inputs, outputs = (tuple(stream_view(c.name, c.beats) for c in side) for side in (net.inputs, net.outputs))
    top = CsimView(function=net.top.name, headers=("network.hpp",), inputs=inputs, outputs=outputs, streams=(*inputs, *outputs))
    return csim_main(top)


def cycle_channels(net: NetworkView) -> tuple[ChannelView, ...]:
    """The streams between kernels, whatever stage they are in."""
    return tuple(c for stage in (*net.stages, net.top) for c in stage.channels)


def cycle_files(net: NetworkView) -> dict[str, str]:
    """The sources of a simulation that counts cycles: all kernels side by side, streams as deep as they are in hardware.

    ``cycles.cpp`` is to be compiled; see hls_templates/sim/cycles.
    """
    files: dict[str, str] = {}
    for kernel in net.kernels:
        files.update(kernel_files(kernel))
    files["cycles.cpp"] = environment().get_template("sim/cycles.cpp.j2").render(net=FlatView(**flat(net)))
    return files


def flat(net: NetworkView) -> dict[str, Any]:
    """The members of a `FlatView`."""
    return {
        "headers": tuple(kernel.symbol for kernel in net.kernels),
        "inputs": net.inputs,
        "outputs": net.outputs,
        "channels": cycle_channels(net),
        "calls": tuple(call for stage in net.stages for call in stage.calls),
    }


def instrument(files: Mapping[str, str]) -> dict[str, str]:
    """The same sources, with each iteration of a pipelined loop taking as many cycles as its II says."""

    def ticks(pragma: re.Match[str]) -> str:
        return pragma[0] + "\n" + "headrace::sim::tick();" * int(pragma[1] or 1)

    return {name: PIPELINE.sub(ticks, text) for name, text in files.items()}


def network_sources(net: NetworkView) -> list[str]:
    """The files to compile."""
    return [*(f"{stage.name}.cpp" for stage in net.stages), "network.cpp"]


def included_headers(files: Mapping[str, str]) -> dict[str, str]:
    """The headers of hls_templates/headrace that ``files`` include, and those that these include."""
    folder = data_dir("hls_templates")
    found: dict[str, str] = {}
    queue = list(files.values())
    while queue:
        for name in re.findall(r'#include "(headrace/\w+\.hpp)"', queue.pop()):
            if name not in found:
                if not (folder / name).is_file():
                    raise BuildError(f"the installation lacks the C++ header {name}; install headrace again")
                found[name] = (folder / name).read_text()
                queue.append(found[name])
    return found
