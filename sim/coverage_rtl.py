# SPDX-License-Identifier: Apache-2.0
"""Runs all benches with coverage and reports what of the RTL they reached.

    python sim/coverage_rtl.py                   all benches
    python sim/coverage_rtl.py -k engine_pointwise     those that pytest's options choose

The report is printed and kept as build/coverage/report.md. The exit status is 1 if a bench fails.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE))

from headrace_sim.coverage import merge, report  # noqa: E402
from headrace_sim.runner import HW  # noqa: E402

FOLDER = _HERE.parent / "build" / "coverage"


def main(options: list[str]) -> int:
    """Run the benches with pytest's ``options`` and report; return the exit status."""
    for old in FOLDER.glob("*.dat"):
        old.unlink()
    tests = str(_HERE.parent / "tests" / "rtl")
    command = [sys.executable, "-m", "pytest", "-q", tests, "--deselect", f"{tests}/test_lint_rtl.py"]
    done = subprocess.run([*command, f"--rtl-coverage={FOLDER}", *options], check=False)
    files = sorted(FOLDER.glob("*.dat"))
    if not files:
        print("no bench left coverage counts")
        return 1
    text = report(merge(files), {path.stem: path for path in HW.rglob("*.sv")})
    (FOLDER / "report.md").write_text(text)
    print(text, end="")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
