# SPDX-License-Identifier: Apache-2.0
"""Executes a compiled network's integer program by the reference of every operator, which each build is checked against.

The CPU path, `headrace_host.cpu`, gives the same integers faster.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from headrace_host import expressions, golden, golden_moves, golden_pools, golden_tables
from headrace_host.errors import HostError
from headrace_host.golden import IntArray
from headrace_host.golden_deform import deform_conv

Attrs = Mapping[str, Any]
Arrays = Mapping[str, IntArray]
Kernel = Callable[[list[IntArray], Attrs, Arrays], list[IntArray]]


def _pair(value: Iterable[int]) -> tuple[int, int]:
    first, second = value
    return first, second


def _pads(value: Iterable[int]) -> golden.Pads:
    top, left, bottom, right = value
    return top, left, bottom, right


def _conv(x: list[IntArray], a: Attrs, w: Arrays) -> list[IntArray]:
    return [golden.conv2d(x[0], w["weight"], _pair(a["stride"]), _pads(a["pad"]), _pair(a["dilation"]), a["groups"])]


def _deform(x: list[IntArray], a: Attrs, w: Arrays) -> list[IntArray]:
    return [golden.deform_depthwise(x[0], x[1], w["weight"], a["lo"], a["hi"])]


def _deform_conv(x: list[IntArray], a: Attrs, w: Arrays) -> list[IntArray]:
    window = {"stride": _pair(a["stride"]), "pad": _pads(a["pad"]), "dilation": _pair(a["dilation"]), "groups": a["groups"]}
    offsets = {name: a[name] for name in ("square", "fraction_bits", "lo", "hi")}
    return [deform_conv(x[0], x[1], w["weight"], x[2] if len(x) > 2 else None, **window, **offsets)]


def _requant(x: list[IntArray], a: Attrs, w: Arrays) -> list[IntArray]:
    return [golden.requant(x[0], w["mul"], w["add"], a["shift"], a["lo"], a["hi"], a.get("odd", False))]


def _max_pool(x: list[IntArray], a: Attrs, _: Arrays) -> list[IntArray]:
    return [golden.max_pool(x[0], _pair(a["kernel"]), _pair(a["stride"]), _pads(a["pad"]), _pair(a["dilation"]))]


def _sum_pool(x: list[IntArray], a: Attrs, _: Arrays) -> list[IntArray]:
    return [golden_pools.sum_pool(x[0], _pair(a["kernel"]), _pair(a["stride"]), _pads(a["pad"]), _pair(a["dilation"]))]


def _split(x: list[IntArray], a: Attrs, _: Arrays) -> list[IntArray]:
    return np.split(x[0], np.cumsum(a["sizes"])[:-1], axis=-1)


_KERNELS: dict[str, Kernel] = {
    "conv": _conv,
    "deform_depthwise": _deform,
    "deform_conv": _deform_conv,
    "requant": _requant,
    "thresholds": lambda x, _a, w: [golden_tables.thresholds(x[0], w["steps"], w["values"])],
    "lookup": lambda x, a, w: [golden_tables.lookup(x[0], w["table"], a["lo"])],
    "max_pool": _max_pool,
    "sum_pool": _sum_pool,
    "reduce": lambda x, a, _: [golden_pools.reduce_map(x[0], a["rows"], a["cols"], a["total"])],
    "top_k": lambda x, a, _: [golden_pools.top_k(x[0], a["k"], a["largest"], a["last"], a["indices"])],
    "pointwise": lambda x, a, _: [expressions.evaluate(a["expression"], x)],
    "concat": lambda x, _a, _: [np.concatenate(x, axis=-1)],
    "split": _split,
    "interleave": lambda x, _a, _: [golden.channel_shuffle(np.concatenate(x, axis=-1), len(x))],
    "gather": lambda x, a, _: [golden_moves.gather(x[0], a["indices"])],
    "depth_to_space": lambda x, a, _: [golden_moves.depth_to_space(x[0], _pair(a["block"]))],
    "space_to_depth": lambda x, a, _: [golden_moves.space_to_depth(x[0], _pair(a["block"]))],
    "raster": lambda x, a, _: [golden_moves.raster(x[0], _pair(a["size"]))],
    "shift": lambda x, _a, w: [golden_moves.shift(x[0], w["offsets"])],
    "crop": lambda x, a, _: [golden_moves.crop(x[0], _pads(a["pad"]), _pair(a["stride"]))],
    "constant": lambda _x, _a, w: [w["value"][None]],
    "upsample": lambda x, a, _: [golden.upsample_nearest(x[0], _pair(a["factors"]))],
}


@dataclass(frozen=True, slots=True)
class Program:
    """A network's integer program: ``spec`` (JSON) and the ``arrays`` that it names."""

    spec: Mapping[str, Any]
    arrays: Arrays

    @classmethod
    def load(cls, folder: Path) -> Program:
        """Reads ``program.json`` and ``weights.npz`` of a build directory.

        Raises:
            HostError: a file is missing or damaged.
        """
        try:
            spec = json.loads((folder / "program.json").read_text())
            with np.load(folder / "weights.npz", allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
        except (OSError, ValueError, KeyError, EOFError, BadZipFile, zlib.error) as error:
            raise HostError(f"{folder}: no usable program ({error}); compile the model again") from error
        return cls(spec, arrays)

    def run(self, inputs: Mapping[str, IntArray], *, keep: Iterable[str] = ()) -> dict[str, IntArray]:
        """Executes one batch.

        Args:
            inputs: integer tensors (N, H, W, C) by name; sequences (N, C, L) as (N, L, 1, C), vectors (N, F) as (N, 1, 1, F).
            keep: names of inner tensors to return beside the outputs.

        Returns:
            tensors (N, H, W, C) by name.

        Raises:
            HostError: an input is missing, has the wrong shape, or a value outside the declared range.
        """
        self.check_inputs(inputs)
        values: dict[str, IntArray] = {name: inputs[name] for name in self.spec["inputs"]}
        frames = len(next(iter(values.values()))) if values else 1
        wanted = {*self.spec["outputs"], *keep}
        last_use = {name: i for i, node in enumerate(self.spec["nodes"]) for name in node["inputs"]}
        for i, node in enumerate(self.spec["nodes"]):
            operands = [values[name] for name in node["inputs"]]
            results = self.kernel(node)(operands)
            if not operands:  # the same map in every frame
                results = [np.repeat(result, frames, axis=0) for result in results]
            values.update(zip(node["outputs"], results, strict=True))
            for name in node["inputs"]:
                if last_use[name] == i and name not in wanted:
                    values.pop(name, None)
        return {name: values[name] for name in values if name in wanted}

    def kernel(self, node: Mapping[str, Any]) -> Callable[[list[IntArray]], list[IntArray]]:
        """The reference of one of the program's nodes: its results, given its operands."""
        arrays = {name: self.arrays[key] for name, key in node["arrays"].items()}
        return lambda operands: _KERNELS[node["op"]](operands, node["attrs"], arrays)

    def check_inputs(self, inputs: Mapping[str, IntArray]) -> None:
        """Checks that all inputs are there, and each of them.

        Raises:
            HostError: says what is missing, or what came and what is needed.
        """
        for name in self.spec["inputs"]:
            if name not in inputs:
                raise HostError(f"input '{name}' is missing; the network reads {self.spec['inputs']}")
            self.check_input(name, inputs[name])

    def check_input(self, name: str, x: IntArray) -> None:
        """Checks shape, type and range of one input (N, H, W, C).

        Raises:
            HostError: says what came and what is needed.
        """
        tensor = self.spec["tensors"][name]
        if x.ndim != 4 or list(x.shape[1:]) != tensor["shape"]:
            need = ", ".join(map(str, tensor["shape"]))
            raise HostError(f"input '{name}' has shape {x.shape}; the network needs (N, {need})")
        if not np.issubdtype(x.dtype, np.integer):
            raise HostError(f"input '{name}' holds {x.dtype} values; the network reads integers")
        lo, hi, kind = tensor["lo"], tensor["hi"], np.iinfo(x.dtype)
        if x.size and (kind.min < lo or kind.max > hi) and (int(x.min()) < lo or int(x.max()) > hi):
            raise HostError(f"input '{name}' spans [{x.min()}, {x.max()}]; the network reads [{lo}, {hi}]")
