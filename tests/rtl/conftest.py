# SPDX-License-Identifier: Apache-2.0
"""Makes the benches under ``sim`` importable, here and in the simulator's own process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

_SIM = str(Path(__file__).resolve().parents[2] / "sim")
if _SIM not in sys.path:
    sys.path.insert(0, _SIM)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Runs a bench's data on the module in Verilator, then on its C++ twin, if it has one; refusals likewise."""
    from headrace.hls.kernels import KERNELS

    module = metafunc.module.__name__.rpartition("test_")[2]
    both = module in KERNELS and metafunc.definition.get_closest_marker("rtl_only") is None
    metafunc.parametrize("target", ["rtl", "hls"] if both else ["rtl"], indirect=True)


@pytest.fixture(autouse=True)
def target(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """``rtl`` or ``hls``."""
    from headrace_sim import csim

    if request.param == "hls":
        monkeypatch.setattr(request.module, "run_bench", csim.run_bench)
        monkeypatch.setattr(request.module, "expect_refusal", csim.expect_refusal)
