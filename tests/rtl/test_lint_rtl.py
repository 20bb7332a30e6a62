# SPDX-License-Identifier: Apache-2.0
"""The RTL is free of warnings, and the lint script sees those that there are."""

from __future__ import annotations

import lint_rtl
import pytest


@pytest.mark.parametrize("module", lint_rtl.all_modules())
def test_module_has_no_warnings(module: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert lint_rtl.main([module]) == 0, capfd.readouterr()


@pytest.mark.parametrize("check", [lint_rtl.verilator_messages, lint_rtl.slang_messages])
def test_illegal_parameters_are_seen(check: lint_rtl.Check) -> None:
    assert not check("stream_fifo", ["-GDepth=4"])
    assert check("stream_fifo", ["-GDepth=0"])
