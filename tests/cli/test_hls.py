# SPDX-License-Identifier: Apache-2.0
"""``headrace compile --backend hls`` and ``headrace simulate --csim``: what they do, and what they refuse."""

from __future__ import annotations

import errno
import json
import re
from pathlib import Path

import pytest
from command_line import Run, assert_refused

from headrace.build.csim import ap_types
from headrace.errors import ToolError


def test_compiles_and_says_what_it_did_not(run: Run, small_model: Path) -> None:
    status, out, err = run("compile", small_model, "--fps", 200_000, "--backend", "hls", "-o", "build")
    assert status == 0, err
    assert "not synthesised here (no Vitis HLS)" in " ".join(out.split())
    assert Path("build/hls/top.cpp").is_file()


def test_simulates_the_kernels(run: Run, hls_build: Path) -> None:
    status, out, err = run("simulate", hls_build, "--csim", "--frames", 3, "--json")
    assert status == 0, err
    facts = json.loads(out)
    assert facts["bit_exact"]
    assert facts["frames"] == 3
    assert facts["changed"] == []
    assert json.loads((hls_build / "manifest.json").read_text())["steps"]["csim"]["bit_exact"]


def test_a_changed_kernel_is_named_and_its_fault_found(run: Run, hls_build: Path) -> None:
    header = hls_build / "hls/headrace/requant.hpp"
    header.write_text(header.read_text() + "// mine\n")
    status, out, err = run("simulate", hls_build, "--csim")
    assert status == 0, err
    assert "changed since it was compiled: hls/headrace/requant.hpp" in " ".join(out.split())
    header.write_text(header.read_text().replace("rounded < lo ? lo", "rounded < lo ? hi"))
    refused = run("simulate", hls_build, "--csim")
    assert_refused(refused, r"C simulation differs from golden in \w+, frame \d, pixel \(\d+, \d+\), channel \d+: golden", 1)
    header.write_text(header.read_text() + "nonsense\n")
    assert_refused(run("simulate", hls_build, "--csim"), r"g\+\+: headrace/requant.hpp:\d+:\d+: error: ")


def test_a_kernel_that_reads_too_much_is_found(run: Run, hls_build: Path) -> None:
    kernel = next((hls_build / "hls/kernels").glob("quant_3.hpp"))
    text = kernel.read_text()
    kernel.write_text(text.replace("(unsigned frames, ", "(unsigned frames_, ").replace(">(frames,", ">(frames_ + 1,"))
    assert_refused(
        run("simulate", hls_build, "--csim"), "C simulation failed: headrace_network: stream .*: read while empty", 1
    )


def test_checks_changed_kernels(run: Run, hls_build: Path) -> None:
    header = hls_build / "hls/headrace/requant.hpp"
    lines = header.read_text().splitlines()
    place = lines.index("#pragma HLS pipeline II=1 style=flp")
    header.write_text("\n".join([*lines[:place], "// gone", *lines[place + 1 :]]))
    status, out, _ = run("check", hls_build, "--json")
    assert status == 1
    assert {fault["file"] for fault in json.loads(out)} == {"headrace/requant.hpp"}
    status, out, _ = run("check", hls_build)
    assert status == 1
    assert re.search(r"requant\.hpp:\d+: an innermost loop is neither pipelined nor unrolled \[pipeline\]", out)


def test_layers_take_part_in_rtl_simulation(run: Run, mixed_build: Path) -> None:
    status, out, err = run("simulate", mixed_build, "--frames", 3, "--stall", 0.2, "--json")
    assert status == 0, err
    assert json.loads(out)["changed"] == []
    status, out, err = run("simulate", mixed_build, "--csim", "--frames", 3, "--json")
    assert status == 0, err
    assert json.loads(out)["macs"] > 0
    status, out, err = run("check", mixed_build)
    assert (status, err) == (0, ""), out
    assert re.fullmatch(r"no faults in \d+ files\n", out)
    header = mixed_build / "hls/quant_3/headrace/requant.hpp"
    header.write_text(header.read_text() + "// mine\n")
    status, out, err = run("simulate", mixed_build)
    assert status == 0, err
    assert "changed since it was compiled: hls/quant_3/headrace/requant.hpp" in " ".join(out.split())
    header.write_text(header.read_text().replace("rounded < lo ? lo", "rounded < lo ? hi"))
    assert_refused(run("simulate", mixed_build), r"simulation differs from golden; first differing layer 'quant_3'", 1)
    assert_refused(run("simulate", mixed_build, "--csim"), "C simulation of layer quant_3 differs from golden in ", 1)
    header.write_text(header.read_text() + "nonsense\n")
    assert_refused(run("simulate", mixed_build), r"g\+\+: headrace/requant.hpp:\d+:\d+: error: ")
    (mixed_build / "hls/quant_3/network.cpp").unlink()
    assert_refused(run("simulate", mixed_build), r"hls/quant_3/network\.cpp: missing from the build")


def test_layers_may_hold_unlike_code_of_one_name(run: Run, mixed_build: Path) -> None:
    """The linker must not take one for the other."""
    for layer, kernel, frames in (("conv_2", "conv_2", "n"), ("quant_3", "quant_3", "0 * n")):
        (mixed_build / f"hls/{layer}/mine").mkdir()
        helper = f"namespace mine {{\n[[gnu::noinline]] inline unsigned count(unsigned n) {{ return {frames}; }}\n}}\n"
        (mixed_build / f"hls/{layer}/mine/count.hpp").write_text(helper)
        header = mixed_build / f"hls/{layer}/kernels/{kernel}.hpp"
        text = header.read_text().replace("(frames", "(mine::count(frames)")
        header.write_text(text.replace("#pragma once\n", '#pragma once\n#include "mine/count.hpp"\n'))
    assert_refused(run("simulate", mixed_build), "assertion", 1)
    wrong = mixed_build / "hls/quant_3/mine/count.hpp"
    wrong.write_text(wrong.read_text().replace("0 * n", "n"))
    assert run("simulate", mixed_build)[0] == 0


def test_a_kernel_without_iterations_is_told(run: Run, mixed_build: Path) -> None:
    kernel = mixed_build / "hls/quant_3/kernels/quant_3.hpp"
    kernel.write_text(kernel.read_text().replace("  headrace::requant", "  if (frames == 0) headrace::requant"))
    assert_refused(run("simulate", mixed_build), "assertion", 1)


def test_other_files_in_the_projects(run: Run, mixed_build: Path) -> None:
    """What Vitis HLS leaves there is none of ours; what is missing or cannot be read is named."""
    folder = mixed_build / "hls/quant_3"
    (folder / "vitis_quant_3_ip/solution").mkdir(parents=True)
    (folder / "vitis_quant_3_ip/solution/stage_0.pp.0.cpp").write_text("nonsense")
    status, out, err = run("simulate", mixed_build, "--json")
    assert (status, json.loads(out)["changed"]) == (0, []), err
    assert run("check", mixed_build)[0] == 0
    header = folder / "headrace/requant.hpp"
    header.write_bytes(header.read_bytes() + b"// caf\xe9\n")
    for command in (("simulate",), ("simulate", "--csim"), ("check",)):
        assert_refused(
            run(command[0], mixed_build, *command[1:]), r"requant\.hpp: is no UTF-8 \(byte \d+ is 0xe9\); convert it"
        )
    header.unlink()
    for command in (("simulate",), ("simulate", "--csim"), ("check",)):
        assert_refused(run(command[0], mixed_build, *command[1:]), r"requant\.hpp: missing from the build; put it back")


def test_a_layer_that_takes_too_much_stops_the_network(run: Run, mixed_build: Path) -> None:
    kernel = mixed_build / "hls/quant_3/kernels/quant_3.hpp"
    kernel.write_text(kernel.read_text().replace("headrace::requant", "in.read();\n  headrace::requant"))
    assert_refused(run("simulate", mixed_build), "deadlock|differs from golden", 1)


def test_refuses_layers_that_are_not_there(run: Run, small_model: Path) -> None:
    refused = run("compile", small_model, "--fps", 200_000, "--hls", "conv_22", "-o", "build")
    assert_refused(refused, "--hls conv_22: there is no such layer; there are 8, among them conv_2")
    assert not Path("build").exists()
    status, _, err = run("compile", small_model, "--backend", "hls", "--hls", "conv_2")
    assert status == 2
    assert "--backend hls makes all layers of C++" in " ".join(err.split())


def test_an_image_that_cannot_be_read_is_named(run: Run, small_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error", "pictures/cell.jpg")

    monkeypatch.setattr("headrace.hls.build.image_frames", fail)
    refused = run("compile", small_model, "--fps", 200_000, "--backend", "hls", "-o", "build")
    assert_refused(refused, "^error: pictures/cell.jpg: Input/output error$")
    assert not Path("build").exists()


def test_refusals(run: Run, small_build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_refused(run("simulate", small_build, "--csim"), "holds no C\\+\\+ kernels; compile it with --backend hls")
    assert_refused(run("check", small_build), "holds no C\\+\\+ kernels; compile it with --backend hls")
    status, _, err = run("simulate", small_build, "--csim", "--stall", 0.3)
    assert status == 2
    assert "--csim knows no clock" in " ".join(err.split())
    status, _, err = run("compile", "tiny", "--images", ".")
    assert status == 2
    assert "testbenches of C++" in " ".join(err.split())
    monkeypatch.setenv("HEADRACE_HLS_INCLUDE", "nowhere")
    with pytest.raises(ToolError, match=r"HEADRACE_HLS_INCLUDE=nowhere holds no ap_int\.h"):
        ap_types()
    monkeypatch.delenv("HEADRACE_HLS_INCLUDE")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ToolError, match=r"pip install 'hls4ml==.*', or set HEADRACE_HLS_INCLUDE"):
        ap_types()
