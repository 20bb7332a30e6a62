# SPDX-License-Identifier: Apache-2.0
"""Counts the output values in which the integer program differs from the Brevitas network it was exported from.

    python benchmarks/cellnet_agreement.py --data data/cbc --run runs/cellnet/seed-0

Both see the same letterboxed Testing images; every value of both heads is compared for equality, with no tolerance.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from cellnet_accuracy import integer_network
from headrace_host.detector import letterbox, real_values
from headrace_models.datasets import load
from headrace_models.inference import TorchNetwork
from headrace_models.recipes import CELLNET

from headrace.cli.export import load_quantized


def main() -> None:
    """Compares and prints the count."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path("data/cbc"))
    parser.add_argument("--run", type=Path, default=Path("runs/cellnet/seed-0"))
    options = parser.parse_args()
    integer, quantized = integer_network(CELLNET, options.run), TorchNetwork(load_quantized(CELLNET, options.run), CELLNET)
    compared = different = 0
    for sample in load("cbc", options.data, "testing"):
        pixels = letterbox(sample.pixels(), CELLNET.shape.height, CELLNET.shape.width)[0][None]
        ours, theirs = integer.run(pixels), quantized.run(pixels)
        for name, values in theirs.items():
            compared += values.size
            different += int(np.count_nonzero(real_values(ours[name], integer.outputs[name]) != values))
    print(f"{different:,} of {compared:,} output values differ")


if __name__ == "__main__":
    main()
