# SPDX-License-Identifier: Apache-2.0
"""Frames per second of the CPU path beside onnxruntime on the same network, on one thread each, in one run.

    python benchmarks/cpu_path.py                  cellnet, all families, networks in the QDQ format: some minutes
    python benchmarks/cpu_path.py cellnet resnet   those whose names hold one of these
    python benchmarks/cpu_path.py --golden         also the golden

What is compared. *Ours* is what `Accelerator(..., device="cpu").run` calls: integers (N, H, W, C) in, integers out, numpy and
its BLAS on one thread. *onnxruntime* is the CPU provider with all graph optimizations and ``intra_op_num_threads=1``, from a
float32 tensor to float32 tensors. As it knows neither QONNX's quantizers nor our deformable convolutions, it gets the compiled
program written as ONNX (see ort_network.py), with the requantizers' factors folded into the convolutions, in two forms:

- float: float32, quantizers as Clip and Round. Convolutions run in onnxruntime's float kernels, Clip is fused into them.
- int8: 8-bit tensors between QuantizeLinear and DequantizeLinear, which become onnxruntime's int8 kernels (VNNI where the
  processor has it). Deformable convolutions have no such kernel and stay in float32.

Networks in the QDQ format also run as the *file*, as its users would run it. All compute the same network; what no other
program does is leave out the quantizers. The ratio is our speed over that of the fastest of them; a ratio to the float form
stands beside it, since int8 kernels are out of reach of float32 BLAS where a network is bound by large matrix products.

Each turn runs one of them for some hundredths of a second, one after the other; the times are medians over all turns. Before
that, results are compared: how many output values differ, and the mean difference relative to the mean magnitude. Float32
arithmetic in onnxruntime, and biases rounded to int32 in its int8 form, may move a value across a step, and what follows with
it. Networks that headrace_models makes exact must agree in every value of the float form.
"""

from __future__ import annotations

import os

if __name__ == "__main__":  # before numpy is there
    os.environ.update({f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM", "BLIS")})

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import onnxruntime
from headrace_host.cpu import PlannedProgram
from headrace_host.program import Program
from headrace_models.families import FAMILIES, export_family, settled
from ort_network import OrtNetwork
from qdq_networks import NETWORKS, quantized

from headrace.compile import lower
from headrace.ir.graph import multiply_accumulates, to_program
from headrace.models import resolve_model

Array = np.ndarray[Any, Any]
BATCHES = (1, 8)
SECONDS, TURN = 1.5, 0.03
"""Of measuring one network at one batch size, and of one turn."""
CLOSE = 0.1
"""Largest mean difference, relative to the mean magnitude, that rounding may make in a network that nobody trained."""


@dataclass(frozen=True)
class Network:
    """One row."""

    name: str
    program: Program
    macs: int
    exact: bool
    """Whether float32 computes it exactly."""
    file: Path | None = None
    """As its users run it, if onnxruntime takes it."""


def networks(wanted: Sequence[str], folder: Path) -> Iterator[Network]:
    """Those whose names hold one of ``wanted``, or all."""

    def chosen(name: str) -> bool:
        return not wanted or any(part.lower() in name.lower() for part in wanted)

    def compiled(name: str, path: Path, **facts: Any) -> Network:
        graph = lower(path).graph
        return Network(name=name, program=Program(*to_program(graph)), macs=multiply_accumulates(graph), **facts)

    if chosen("cellnet"):
        yield compiled("cellnet", resolve_model("cellnet"), exact=True)
    for name, family in FAMILIES.items():
        if chosen(name):
            onnx.save(export_family(family, settled(family)), folder / "family.onnx")
            yield compiled(name, folder / "family.onnx", exact=family.exact)
    for name in NETWORKS:
        if chosen(name):
            path = quantized(name, folder)
            yield compiled(name, path, exact=False, file=path)


def session(model: onnx.ModelProto | Path) -> Any:
    """onnxruntime on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    options.log_severity_level = 3
    source = str(model) if isinstance(model, Path) else model.SerializeToString()
    return onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])


def medians(runs: dict[str, Callable[[], object]]) -> dict[str, float]:
    """Seconds of one call of each, in turns."""
    times: dict[str, list[float]] = {name: [] for name in runs}
    for run in runs.values():
        run()
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end or min(map(len, times.values())) < 9:
        for name, run in runs.items():
            run()  # the caches are its own again
            turn = time.perf_counter() + TURN
            while True:
                started = time.perf_counter()
                run()
                times[name].append(time.perf_counter() - started)
                if time.perf_counter() > turn:
                    break
    return {name: float(np.median(values)) for name, values in times.items()}


@dataclass(frozen=True)
class Agreement:
    """Of onnxruntime's outputs with the program's."""

    differing: int
    values: int
    mean: float
    """Difference, relative to the mean magnitude."""

    @classmethod
    def of(cls, expected: dict[str, Array], got: list[Array]) -> Agreement:
        """Of outputs (N, H, W, C) and (N, C, H, W)."""
        pairs = [(y, np.rint(z.transpose(0, 2, 3, 1))) for y, z in zip(expected.values(), got, strict=True)]
        return cls(
            differing=sum(int((y != z).sum()) for y, z in pairs),
            values=sum(y.size for y, _ in pairs),
            mean=max(float(np.abs(y - z).mean() / np.abs(y.astype(np.int64)).mean()) for y, z in pairs),
        )

    def __str__(self) -> str:
        return f"{self.differing} of {self.values}" + (f" ({self.mean:.1%})" if self.differing else "")


def measure(network: Network, batch: int, *, golden: bool) -> None:
    """Prints a row."""
    program = network.program
    (name,) = program.spec["inputs"]
    tensor = program.spec["tensors"][name]
    pixels = np.random.default_rng(0).integers(tensor["lo"], tensor["hi"] + 1, (batch, *tensor["shape"]))
    pixels = pixels.astype(np.uint8) if tensor["lo"] >= 0 and tensor["hi"] <= 255 else pixels
    planned, frames = PlannedProgram(program), np.ascontiguousarray(pixels.transpose(0, 3, 1, 2), np.float32)
    runs: dict[str, Callable[[], object]] = {"ours": lambda: planned.run({name: pixels})}
    expected, agreements = planned.run({name: pixels}), []
    for form in ("float", "int8"):
        ort = session(OrtNetwork(program, form).model())
        agreement = Agreement.of(expected, ort.run(None, {f"in_{name}": frames}))
        if agreement.mean > CLOSE or (network.exact and form == "float" and agreement.differing):
            raise SystemExit(f"{network.name}: onnxruntime's {form} form gives something else ({agreement})")
        agreements.append(f"{form} {agreement}")
        runs[form] = lambda ort=ort: ort.run(None, {f"in_{name}": frames})  # type: ignore[misc]  # bound at once
    if network.file:
        file, real = session(network.file), (frames * np.float32(1 / 255)).astype(np.float32)
        runs["file"] = lambda: file.run(None, {"x": real})
    if golden:
        runs["golden"] = lambda: program.run({name: pixels})
    seconds = medians(runs)
    fastest = min(seconds[form] for form in ("float", "int8", "file") if form in seconds)
    rates = [f"{batch / seconds[run]:,.0f}" if run in seconds else "-" for run in ("golden", "ours", "float", "int8", "file")]
    ratios = f"{fastest / seconds['ours']:.2f}", f"{seconds['float'] / seconds['ours']:.2f}"
    print(
        "|",
        " | ".join((network.name, f"{network.macs:,}", str(batch), *rates, *ratios, "; ".join(agreements))),
        "|",
        flush=True,
    )


def main() -> None:
    """Prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--golden", action="store_true")
    options = parser.parse_args()
    print(f"numpy {np.__version__}, onnxruntime {onnxruntime.__version__}; frames/s; ratio: ours / fastest onnxruntime")
    print("| network | MAC | batch | golden | ours | float | int8 | file | ratio | to float | onnxruntime differs in |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    with TemporaryDirectory() as folder:
        for network in networks(options.names, Path(folder)):
            for batch in BATCHES:
                measure(network, batch, golden=options.golden)


if __name__ == "__main__":
    main()
