# SPDX-License-Identifier: Apache-2.0
"""Makes the benches under ``sim`` importable, here and in the simulator's own process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

_SIM = str(Path(__file__).resolve().parents[2] / "sim")
if _SIM not in sys.path:
    sys.path.insert(0, _SIM)


@pytest.fixture(autouse=True, params=["rtl", "hls"])
def target(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs a bench's data on the module in Verilator, then on its C++ twin."""
    from headrace_sim import csim

    if request.param == "hls":
        if "run_bench" not in vars(request.module) or "refuse" in request.node.name:
            pytest.skip("concerns the SystemVerilog alone")
        monkeypatch.setattr(request.module, "run_bench", csim.run_bench)
