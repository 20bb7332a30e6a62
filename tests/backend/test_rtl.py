# SPDX-License-Identifier: Apache-2.0
"""The generated top module: its text, that Verilator finds nothing to complain about, and its memory files."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
from nets import NetBuilder, lowered
from random_nets import random_network

from headrace.backend.design import build_design
from headrace.backend.rtl import NETWORK, render_network, rtl_sources, write_rtl
from headrace.build.toolenv import verilator_command, verilator_env
from headrace.engines.base import Rom
from headrace.errors import BuildError
from headrace.ir.graph import Graph
from headrace.operators import fold_options
from headrace.operators.base import Fold

WAIVED = (
    "-Wno-PINCONNECTEMPTY",  # static windows leave their dilation stream open on purpose
)


def tiny() -> Graph:
    """One pointwise convolution and its quantizer."""
    net = NetBuilder(rng=np.random.default_rng(0))
    return lowered(net.graph(net.quantize(net.conv(net.input((2, 2, 3)), 2), 0, 15)))


def test_golden_render() -> None:
    graph = tiny()
    folds = {node.name: Fold(lanes=2, pe=2) for node in graph.nodes}
    requantizer = build_design(graph, folds).instances[2].engine.parameters()
    text = render_network(build_design(graph, folds, {"image0->n0_conv.0": 5}), "tiny")
    assert text == dedent(f"""\
        // SPDX-License-Identifier: Apache-2.0
        // Written by headrace; changes here are lost at the next compile.

        /// The network tiny: every tensor is a stream of NHWC pixels, a few channels a beat.
        module headrace_network (
          input  logic clk_i,
          input  logic rst_ni,   // synchronous
          input  logic [15:0] in_image0_data_i,
          input  logic in_image0_valid_i,
          output logic in_image0_ready_o,
          output logic [7:0] t_n1_quantize_out__q_data_o,
          output logic t_n1_quantize_out__q_valid_o,
          input  logic t_n1_quantize_out__q_ready_i
        );
          logic [15:0] in_image0_data;
          logic in_image0_valid, in_image0_ready;
          logic [15:0] in_image0__q_data;
          logic in_image0__q_valid, in_image0__q_ready;
          logic [{2 * int(requantizer["AccW"]) - 1}:0] t_n0_conv_out_data;
          logic t_n0_conv_out_valid, t_n0_conv_out_ready;
          logic [7:0] t_n1_quantize_out_data;
          logic t_n1_quantize_out_valid, t_n1_quantize_out_ready;
          logic [7:0] t_n1_quantize_out__q_data;
          logic t_n1_quantize_out__q_valid, t_n1_quantize_out__q_ready;

          assign in_image0_data = in_image0_data_i;
          assign in_image0_valid = in_image0_valid_i;
          assign in_image0_ready_o = in_image0_ready;
          assign t_n1_quantize_out__q_data_o = t_n1_quantize_out__q_data;
          assign t_n1_quantize_out__q_valid_o = t_n1_quantize_out__q_valid;
          assign t_n1_quantize_out__q_ready = t_n1_quantize_out__q_ready_i;

          stream_fifo #(
            .Width(16),
            .Depth(5),
            .Id(0)
          ) u_in_image0__q_fifo (
            .clk_i,
            .rst_ni,
            .valid_i(in_image0_valid),
            .ready_o(in_image0_ready),
            .data_i(in_image0_data),
            .valid_o(in_image0__q_valid),
            .ready_i(in_image0__q_ready),
            .data_o(in_image0__q_data)
          );

          engine_matvec #(
            .LanesIn(2),
            .LanesOut(2),
            .ActW(8),
            .ActSigned(1'b0),
            .WgtW(4),
            .AccW({requantizer["AccW"]}),
            .BeatsIn(2),
            .BeatsOut(1),
            .Groups(1),
            .LutMul(1'b0),
            .RomFile("n0_conv.hex"),
            .LutRom(1'b0)
          ) u_n0_conv (
            .clk_i,
            .rst_ni,
            .valid_i(in_image0__q_valid),
            .ready_o(in_image0__q_ready),
            .data_i(in_image0__q_data),
            .valid_o(t_n0_conv_out_valid),
            .ready_i(t_n0_conv_out_ready),
            .data_o(t_n0_conv_out_data)
          );

          engine_requant #(
            .Lanes(2),
            .AccW({requantizer["AccW"]}),
            .MulW({requantizer["MulW"]}),
            .AddW({requantizer["AddW"]}),
            .Shift({requantizer["Shift"]}),
            .OutW(4),
            .Lo(0),
            .Hi(15),
            .Beats(1),
            .Hold(1),
            .LutMul(1'b0),
            .Odd(1'b0),
            .RomFile("n1_quantize.hex")
          ) u_n1_quantize (
            .clk_i,
            .rst_ni,
            .valid_i(t_n0_conv_out_valid),
            .ready_o(t_n0_conv_out_ready),
            .data_i(t_n0_conv_out_data),
            .valid_o(t_n1_quantize_out_valid),
            .ready_i(t_n1_quantize_out_ready),
            .data_o(t_n1_quantize_out_data)
          );

          stream_fifo #(
            .Width(8),
            .Depth(2),
            .Id(1)
          ) u_t_n1_quantize_out__q_fifo (
            .clk_i,
            .rst_ni,
            .valid_i(t_n1_quantize_out_valid),
            .ready_o(t_n1_quantize_out_ready),
            .data_i(t_n1_quantize_out_data),
            .valid_o(t_n1_quantize_out__q_valid),
            .ready_i(t_n1_quantize_out__q_ready),
            .data_o(t_n1_quantize_out__q_data)
          );
        endmodule
        """)


@pytest.mark.parametrize("seed", range(12))
def test_generated_networks_are_lint_clean(seed: int, tmp_path: Path) -> None:
    """All of Verilator's warnings, over the whole network: engines, parameters and the generated top."""
    graph = lowered(random_network(seed, steps=7))
    rng = np.random.default_rng(seed)
    folds = {}
    for node in graph.nodes:
        options = [f for f in fold_options(graph, node) if f.lanes * f.taps * f.pe <= 128]
        folds[node.name] = options[int(rng.integers(len(options)))]
    names = write_rtl(build_design(graph, folds), tmp_path, "lint")
    command = [
        *verilator_command(),
        "--lint-only",
        "-Wall",
        *WAIVED,
        "--assert",
        "--no-timing",
        "--top-module",
        NETWORK,
        *names,
    ]
    done = subprocess.run(command, cwd=tmp_path, env=verilator_env(), capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[:3000]
    assert "%Warning" not in done.stderr


def test_sources_are_complete_and_no_more() -> None:
    names = [path.stem for path in rtl_sources(["engine_requant"])]
    assert "engine_requant" in names
    assert "stream_rom" in names
    assert "engine_window" not in names
    assert len(set(names)) == len(names)


def test_a_missing_source_is_named() -> None:
    with pytest.raises(BuildError, match=r"lacks the hardware source engine_teapot\.sv; install headrace again"):
        rtl_sources(["engine_teapot"])


def test_rom_words_hold_field_0_in_the_low_bits() -> None:
    rom = Rom(file="x.hex", fields=np.array([[1, -1, 2, 3], [-8, 7, 0, 15]]), widths=(4, 8))
    assert [int(line, 16) for line in rom.lines()] == [
        1 | 0xFF << 4 | 2 << 12 | 3 << 16,
        8 | 7 << 4 | 0 << 12 | 15 << 16,
    ]
    assert [len(line) for line in rom.lines()] == [6, 6]


@pytest.mark.parametrize("seed", range(6))
def test_every_rom_has_its_file_of_the_right_size(seed: int, tmp_path: Path) -> None:
    graph = lowered(random_network(seed))
    folds = {node.name: fold_options(graph, node)[-1] for node in graph.nodes}
    design = build_design(graph, folds)
    write_rtl(design, tmp_path, "roms")
    text = (tmp_path / f"{NETWORK}.sv").read_text()
    named = set(re.findall(r'RomFile\("(.+?)"\)', text))
    files = {rom.file for instance in design.instances for rom in instance.engine.roms()}
    assert files == {path.name for path in (tmp_path / "rom").iterdir()}
    assert named == {name if name in named else re.sub(r"_(t\d\d|v)\.hex$", "", name) for name in files}
    for instance in design.instances:
        for rom in instance.engine.roms():
            lines = (tmp_path / "rom" / rom.file).read_text().splitlines()
            assert len(lines) == rom.fields.shape[0]
            assert len({len(line) for line in lines}) == 1
