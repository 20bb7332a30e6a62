# SPDX-License-Identifier: Apache-2.0
"""Every module that a design instantiates has a C++ twin, whose bench runs on both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import headrace.backend.design  # noqa: F401  # brings all engines
from headrace.engines.base import Engine
from headrace.hls.kernels import KERNELS

FIFO = "stream_fifo"
"""Becomes the depth of a stream."""


def engines(kind: type[Engine]) -> Iterator[type[Engine]]:
    for known in kind.__subclasses__():
        yield known
        yield from engines(known)


def test_every_module_has_a_twin_and_a_bench() -> None:
    modules = {engine.module for engine in engines(Engine) if isinstance(getattr(engine, "module", None), str)}  # type: ignore[type-abstract]  # only walked
    assert modules - {FIFO} == KERNELS.keys()
    tests = Path(__file__).parents[1] / "rtl"
    assert all((tests / f"test_{module}.py").is_file() for module in modules)
