# SPDX-License-Identifier: Apache-2.0
"""A study of several seeds."""

import json
from pathlib import Path

import numpy as np
from headrace_models.recipes import SMOKE
from headrace_models.study import study
from headrace_models.train import Progress


def test_records_each_seed_and_goes_on(data_set: Path, tmp_path: Path) -> None:
    steps: list[tuple[int, Progress]] = []
    figures = study(
        SMOKE,
        seeds=(0, 1),
        data_dir=data_set,
        out_dir=tmp_path / "runs",
        report=tmp_path / "figures.json",
        progress=lambda seed, step: steps.append((seed, step)),
    )
    assert json.loads((tmp_path / "figures.json").read_text()) == json.loads(json.dumps(figures))
    assert [seed for seed, _ in steps] == [0, 0, 0, 1, 1, 1]
    both = [figures["seeds"][seed]["quantized"]["mean"] for seed in ("0", "1")]
    assert figures["quantized"]["mean"]["mean"] == np.round(np.mean(both), 4)
    steps.clear()
    again = study(
        SMOKE, seeds=(0, 1), data_dir=data_set, out_dir=tmp_path / "runs", report=tmp_path / "figures.json",
        progress=lambda seed, step: steps.append((seed, step)),
    )  # fmt: skip
    assert again == figures
    assert not steps
