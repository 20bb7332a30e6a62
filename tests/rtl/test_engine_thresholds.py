# SPDX-License-Identifier: Apache-2.0
"""Runs the bench of ``engine_thresholds`` over counts, widths, shared and separate tables, on, before and behind each step."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from headrace_sim.runner import expect_refusal, run_bench
from headrace_sim.words import beats_of, ceil_div, pack, rom_lines

BENCH = "headrace_sim.benches.engine_thresholds"
IntArray = npt.NDArray[np.int64]

# Channels, Lanes, InW, ThrW, Thresholds, OutW, Base, Step, SharedThr; without Base: a table of values, shared or not
SHAPES = [
    (6, 4, 20, 20, 15, 4, 0, 1, False),
    (3, 3, 8, 9, 3, 2, -2, 1, False),
    (5, 2, 24, 12, 1, 2, -1, 2, False),
    (4, 4, 10, 10, 100, 8, 100, -1, True),
    (7, 3, 6, 7, 20, 8, None, False, False),
    (9, 2, 12, 11, 255, 8, 0, 1, False),
    (70, 1, 8, 8, 1, 1, 0, 1, False),
    (3, 1, 9, 8, 70, 8, None, True, False),
    (5, 3, 10, 9, 130, 7, None, False, True),
    (3, 2, 9, 9, 5, 1, None, True, True),
]


def searched(steps: IntArray, stage: int, stages: int, never: int) -> IntArray:
    """The thresholds (C, 2**stage) that one stage of a binary search may need: the middles of what is left."""
    full = np.full((len(steps), (1 << stages) - 1), never)
    full[:, : steps.shape[1]] = steps
    blocks = np.array_split(np.concatenate([full, np.full((len(full), 1), never)], axis=1), 1 << stage, axis=1)
    return np.stack([block[:, block.shape[1] // 2 - 1] for block in blocks], axis=1)


def rom(per_channel: IntArray, lanes: int, bits: int) -> str:
    """The words of a memory whose rows (C or 1, words) belong to channels, in beats of ``lanes``."""
    if len(per_channel) == 1:
        return rom_lines(pack(per_channel.T, bits=bits), width=bits)
    beats = beats_of(per_channel.T, lanes).reshape(per_channel.shape[1], -1, lanes).swapaxes(0, 1)
    return rom_lines(pack(beats.reshape(-1, lanes), bits=bits), width=bits * lanes)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_counts_thresholds(shape: tuple[int, ...], tmp_path: Path) -> None:
    channels, lanes, in_bits, thr_bits, count, out_bits, base, step, shared = shape
    rng = np.random.default_rng(count)
    least, most = -(1 << (in_bits - 1)), (1 << (in_bits - 1)) - 1
    never = min(most + 1, (1 << (thr_bits - 1)) - 1)
    least_thr = max(least, -(1 << (thr_bits - 1)))
    steps = np.sort(rng.integers(least_thr, never + 1, (1 if shared else channels, count)), axis=1)
    steps[0, : count // 3 + 1] = least_thr  # a channel that begins in the middle
    x = rng.integers(least, most + 1, (120, channels))
    near = steps[:, rng.integers(0, count, 120)].T + rng.integers(-1, 2, (120, len(steps)))  # on a step, before and behind it
    x = np.clip(np.where(rng.random(x.shape) < 0.7, near, x), least, most)
    x[:2] = [[least], [most]]
    if base is None:
        values = rng.integers(-(1 << (out_bits - 1)), 1 << (out_bits - 1), (1 if step else channels, count + 1))
    else:
        values = base + step * np.arange(count + 1)[None, :]
    stages = int(count).bit_length()
    assert 2**stages > count >= 2 ** (stages - 1)
    if count < (1 << stages) - 1:  # what pads the thresholds must be out of reach
        x = np.minimum(x, never - 1)
    roms = {f"f_t{s:02d}.hex": rom(searched(steps, s, stages, never), lanes, thr_bits) for s in range(stages)}
    whole = np.concatenate([values, np.repeat(values[:, -1:], (1 << stages) - 1 - count, axis=1)], axis=1)
    roms["f_v.hex"] = rom(whole, lanes, out_bits)
    run_bench(
        "engine_thresholds",
        bench=BENCH,
        folder=tmp_path,
        parameters={
            "Lanes": lanes, "InW": in_bits, "ThrW": thr_bits, "Thresholds": count, "OutW": out_bits, "Base": base or 0,
            "Step": step if base is not None else 0, "Beats": ceil_div(channels, lanes), "SharedThr": int(shared),
            "Table": int(base is None), "SharedValues": int(base is None and step), "RomFile": "f",
        },
        arrays={"x": x, "steps": steps, "values": values},
        roms=roms,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "message", "compared"),
    [
        ({"Thresholds": 0}, "Thresholds 0", "0 >= 1"),
        ({"OutW": 33}, "got 33", "33 <= 32"),
        ({"Thresholds": 65536, "OutW": 20}, "got 20 and 65536", "65536 <= 65535"),
        ({"Base": 1}, "from 1 to 16 do not fit 4 bits", "16 <= 15"),
        ({"Base": -1}, "from -1 to 14 do not fit 4 bits", "14 <= 7"),
        ({"Base": 3, "Step": -1}, "from -12 to 3 do not fit 4 bits", "-12 >= -8"),
    ],
)
def test_refuses_bad_parameters(parameters: dict[str, int], message: str, compared: str) -> None:
    expect_refusal("engine_thresholds", parameters=parameters, message=message, compared=compared)
