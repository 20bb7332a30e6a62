# SPDX-License-Identifier: Apache-2.0
"""The generated C++ that tests compare with stored files.

python tests/hls_golden.py    stores it anew, after a change that is meant
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from qonnx_file import small_detector

from headrace.boards import load_board
from headrace.compile import Goal, HlsOptions, compile_model

GOLDEN = Path(__file__).resolve().parent / "hls" / "golden"
SHOWN = (
    "kernels/conv_2.hpp",
    "kernels/conv_2_window.hpp",
    "kernels/quant_3.hpp",
    "stage_0.cpp",
    "network.cpp",
    "network.hpp",
    "top.cpp",
    "run_hls.tcl",
    "hls_config.cfg",
)


LAYERS = ("conv_2", "quant_3")
"""Layers of the small detector that are kernels among RTL."""
LAYER_FILES = (
    "hls/conv_2/top.cpp",
    "hls/conv_2/top.hpp",
    "hls/conv_2/run_hls.tcl",
    "hls/conv_2/sim/model.cpp",
    "rtl/conv_2_hls.sv",
)
"""What is shown of them."""


def stored(name: str) -> Path:
    """Where a generated file is stored."""
    return GOLDEN / name.replace("/", "_")


def main() -> None:
    """Compiles the small detector and stores the files."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        model = small_detector(folder / "small.onnx")
        compile_model(model, load_board("pynq-z2"), folder / "small", Goal(fps=200_000), hls=HlsOptions())
        layers = HlsOptions(layers=LAYERS)
        compile_model(model, load_board("pynq-z2"), folder / "layers", Goal(fps=200_000), hls=layers)
        GOLDEN.mkdir(exist_ok=True)
        for shown in SHOWN:
            stored(shown).write_text((folder / "small" / "hls" / shown).read_text())
        for shown in LAYER_FILES:
            stored(shown).write_text((folder / "layers" / shown).read_text())


if __name__ == "__main__":
    main()
