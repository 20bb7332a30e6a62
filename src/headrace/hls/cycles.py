# SPDX-License-Identifier: Apache-2.0
"""Simulates the dataflow region of a network's kernels, cycle by cycle, as Verilator simulates that of its modules.

Kernels take turns: an iteration of a pipelined loop is a cycle, what it writes comes out of a pipeline of an assumed depth,
streams have their depths, reading an empty or writing a full one waits. Not modelled: how loops that do not flatten drain.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from headrace_host.simulator import SimulationResult, StreamSpec

from headrace.build.csim import CYCLE_STREAMS, CsimError, compile_csim, run_csim
from headrace.hls.network import NetworkView
from headrace.hls.sources import cycle_channels, cycle_files, included_headers, instrument
from headrace.ir.ops import IntArray


def instrumented(net: NetworkView) -> dict[str, str]:
    """The sources of the simulation; each pipelined loop counts its iterations."""
    files = cycle_files(net)
    return {**files, **instrument(included_headers(files))}


@dataclass(frozen=True, slots=True, kw_only=True)
class CycleResult(SimulationResult):
    """Outputs and timing of one run; ``waiting`` says what the kernels waited for, if the run did not end."""

    iterations: Mapping[str, int]
    """Iterations of each kernel's pipelined loop, all frames together."""
    pipeline: int
    """Cycles that each pipeline was assumed to take."""
    waiting: str = ""


class CycleSimulator:
    """Runs a network's kernels; has what FIFO sizing asks of a `NetworkSimulator`."""

    def __init__(
        self, net: NetworkView, inputs: Sequence[StreamSpec], outputs: Sequence[StreamSpec], pipeline: int | None = None
    ) -> None:
        """Compiles the kernels.

        Args:
            pipeline: cycles that each kernel's pipeline takes; None: what streams are sized for.

        Raises:
            ToolError: the compiler or the headers are absent, or it refused.
        """
        self._net, self._inputs, self._outputs = net, inputs, outputs
        files = instrumented(net)
        if pipeline is not None:
            files["cycles.cpp"] = f"#define HEADRACE_PIPELINE {pipeline}\n{files['cycles.cpp']}"
        self._executable = compile_csim(files, ["cycles.cpp"], streams=CYCLE_STREAMS)
        self._depths = {channel.name: channel.depth for channel in cycle_channels(net)}
        self._limits: dict[str, int] = {}
        self._most: Mapping[str, int] = {}

    def limit_fifo(self, index: int, depth: int | None = None) -> None:
        """Gives the stream of FIFO ``index`` another depth; None: the one it was compiled with."""
        name = self._net.fifos[index]
        self._limits.pop(name, None)
        if depth is not None:
            self._limits[name] = depth

    def fifo_peak(self, index: int) -> int:
        """The most beats that the stream of FIFO ``index`` held in the last run."""
        return self._most.get(self._net.fifos[index], 0)

    def run(
        self,
        frames: Mapping[str, IntArray],
        *,
        interval: float = 0,
        idle_limit: int = 0,  # noqa: ARG002  # Verilator's simulation must wait so long; here a deadlock is seen at once
        partial: bool = False,
        due: Sequence[int] = (),  # noqa: ARG002  # frames are not waited for here either
    ) -> CycleResult:
        """Runs frames (N, H, W, C) of each input tensor.

        Args:
            interval: least cycles from one frame to the next.
            partial: return what there is where the kernels deadlock.

        Raises:
            CsimError: the kernels deadlock, and ``partial`` is not set; or the simulation failed.
        """
        count = len(next(iter(frames.values()))) if frames else 1
        with TemporaryDirectory(prefix="headrace-cycles-") as folder:
            depths = Path(folder) / "depths"
            depths.write_text("\n".join(str(self._limits.get(name, depth)) for name, depth in self._depths.items()))
            words, printed = run_csim(
                self._executable,
                count,
                [s.pack(frames[s.tensor]) for s in self._inputs],
                [s.words for s in self._outputs],
                (str(interval), str(depths)),
            )
        measured = json.loads(printed)
        self._most = measured["most"]
        waiting, times = measured["waiting"], measured["times"]
        if waiting and not partial:
            raise CsimError(f"the kernels deadlock in cycle {measured['cycles']:,}: {waiting}")
        per_frame = self._outputs[0].frame_beats
        whole = not waiting
        return CycleResult(
            outputs={s.tensor: s.unpack(w) for s, w in zip(self._outputs, words, strict=True)} if whole else {},
            cycles=measured["cycles"],
            first_beat=0,
            frame_ends=tuple(times[per_frame - 1 :: per_frame]),
            iterations=measured["iterations"],
            pipeline=measured["pipeline"],
            waiting=waiting,
        )
