# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of the ways from memory: `tensor_reader`, `axi_reader`, `burst_walk`, `frame_checker`, `axi_read_mux`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from deep import deep_but
from headrace_sim.runner import run_bench
from headrace_sim.tensors import Tensor

# name: bits of a word and of an address; two tensors: shape, bits, signed, lanes; repeated, if so
PAIRS: dict[str, tuple[int, int, tuple[Any, Any]]] = {
    "bytes_and_nibbles": (64, 32, (((6, 9, 3), 8, False, 3), ((3, 3, 7), 3, True, 2))),
    "bits_and_words": (64, 40, (((9, 5, 13), 1, False, 5), ((3, 7, 5), 32, True, 2))),
    "wide_bus": (128, 40, (((5, 5, 6), 8, True, 6), ((4, 4, 9), 16, False, 16))),
    "less_than_a_word": (128, 32, (((1, 1, 3), 2, False, 1), ((1, 2, 1), 33, True, 1))),
    "weights": (64, 32, (((6, 9, 3), 8, False, 3), ((3, 5, 16), 4, True, 8, True))),
    "lanes_as_wide_as_words": (64, 36, (((8, 8, 8), 8, False, 8), ((4, 4, 16), 4, True, 16))),
}
QUICK = ("bytes_and_nibbles", "wide_bus", "weights")


def parameters_and_tensors(name: str) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """Parameters of `read_path` and `write_path`, and the tensors as cases carry them."""
    data_bits, address_bits, pair = PAIRS[name]
    parameters = {"DataW": data_bits, "AddrW": address_bits}
    keys = ("shape", "bits", "signed", "lanes", "repeat")
    tensors = [dict(zip(keys, tensor, strict=False)) for tensor in pair]
    for data, suffix in zip(tensors, "AB", strict=True):
        parameters |= Tensor.of(data, data_bits // 8).parameters(suffix)
    return parameters, tensors


@pytest.mark.parametrize("name", deep_but(QUICK, PAIRS))
def test_brings_tensors_from_memory(name: str, tmp_path: Path) -> None:
    parameters, tensors = parameters_and_tensors(name)
    run_bench(
        "read_path",
        bench="headrace_sim.benches.read_path",
        folder=tmp_path,
        parameters=parameters,
        case={"tensors": tensors},
    )
