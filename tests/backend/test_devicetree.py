# SPDX-License-Identifier: Apache-2.0
"""Device tree overlays, applied by `fdtoverlay` to trees with the labels of each system's Linux."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import fdt
import pytest

from headrace.backend.devicetree import render_dtbo
from headrace.backend.processors import address_map

TREE = """
/dts-v1/;
/ {{
  #address-cells = <{cells}>; #size-cells = <{cells}>; interrupt-parent = <&{gic}>;
  compatible = "xlnx,{ps}";
  fpga_full: fpga-full {{ compatible = "fpga-region"; #address-cells = <{cells}>; #size-cells = <{cells}>; ranges; }};
  {clock}: clock-controller {{ #clock-cells = <1>; }};
  amba: axi {{
    compatible = "simple-bus"; #address-cells = <{cells}>; #size-cells = <{cells}>; ranges;
    {gic}: interrupt-controller@f8f00100 {{
      compatible = "arm,gic-400"; interrupt-controller; #interrupt-cells = <3>; #address-cells = <0>;
      reg = <{zero}0xf8f00100 {zero}0x100>;
    }};
  }};
}};
"""
SYSTEMS = {"zynq7": {"cells": 1, "gic": "intc", "clock": "clkc"}, "zynqmp": {"cells": 2, "gic": "gic", "clock": "zynqmp_clk"}}
# The fabric's first interrupt, UG585 table 7-4 and UG1085 table 13-1: 61 and 121, of which the kernel takes 32 away
INTERRUPTS = {"zynq7": 61 - 32, "zynqmp": 121 - 32}
CLOCKS = {"zynq7": 15, "zynqmp": 71}


def applied(overlay: bytes, ps: str, folder: Path) -> fdt.FDT:
    """The tree of a system with an overlay."""
    for tool in ("dtc", "fdtoverlay"):
        if shutil.which(tool) is None:
            pytest.skip("needs device-tree-compiler: apt-get install device-tree-compiler")
    text = TREE.format(ps=ps, zero="0 " if SYSTEMS[ps]["cells"] == 2 else "", **SYSTEMS[ps])
    (folder / "base.dts").write_text(text)
    (folder / "x.dtbo").write_bytes(overlay)
    subprocess.run(["dtc", "-q", "-@", "-O", "dtb", "-o", "base.dtb", "base.dts"], cwd=folder, check=True)
    subprocess.run(["fdtoverlay", "-i", "base.dtb", "-o", "all.dtb", "x.dtbo"], cwd=folder, check=True)
    # dtc judges the whole: lengths of reg, parents of interrupts, cells of clocks. Clocks lie on the bus in AMD's overlays too.
    judge = ["dtc", "-I", "dtb", "-O", "null", "-W", "no-simple_bus_reg", "all.dtb"]
    assert subprocess.run(judge, cwd=folder, check=True, capture_output=True, text=True).stderr == ""
    return fdt.parse_dtb((folder / "all.dtb").read_bytes())


def words(tree: fdt.FDT, path: str, name: str) -> list[int]:
    """The cells of a property."""
    return list(tree.get_property(name, path).data)


def strings(tree: fdt.FDT, path: str, name: str) -> list[str]:
    """The strings of a property."""
    return list(tree.get_property(name, path).data)


@pytest.mark.parametrize("ps", SYSTEMS)
def test_shows_the_design(ps: str, tmp_path: Path) -> None:
    tree = applied(render_dtbo("mine", ps, 180, 64), ps, tmp_path)
    assert strings(tree, "fpga-full", "firmware-name") == ["mine.bit.bin"]
    gic = words(tree, "axi/interrupt-controller@f8f00100", "phandle")
    clock = words(tree, "clock-controller", "phandle")
    places = address_map(ps)
    wide = SYSTEMS[ps]["cells"] == 2

    controller = f"axi/headrace-ip-interrupts@{places['interrupts'][0]:x}"
    assert strings(tree, controller, "compatible") == ["generic-uio"]
    assert words(tree, controller, "interrupt-parent") == gic
    assert words(tree, controller, "interrupts") == [0, INTERRUPTS[ps], 4]
    block = f"axi/headrace-ip@{places['block'][0]:x}"
    assert strings(tree, block, "compatible") == ["headrace,headrace-ip-1.0", "generic-uio"]
    for node, (base, size) in {controller: places["interrupts"], block: places["block"]}.items():
        assert words(tree, node, "reg") == ([0, base, 0, size] if wide else [base, size])
    for name in ("clocks", "assigned-clocks"):
        assert words(tree, "axi/headrace-ip-clock", name) == [*clock, CLOCKS[ps]]
    assert words(tree, "axi/headrace-ip-clock", "assigned-clock-rates") == [166_666_667]  # 1000 / 6 or 1500 / 9 MHz


@pytest.mark.parametrize(("data_bits", "code"), [(128, 0), (64, 1)])
def test_sets_the_memory_port_of_an_ultrascale(data_bits: int, code: int, tmp_path: Path) -> None:
    tree = applied(render_dtbo("mine", "zynqmp", 200.0, data_bits), "zynqmp", tmp_path)
    assert words(tree, "axi/headrace-ip-ports", "config-afi") == [4, code, 5, code, 14, 0xA00]


def test_names_are_any(tmp_path: Path) -> None:
    tree = applied(render_dtbo("détecteur 2", "zynq7", 100.0, 64), "zynq7", tmp_path)
    raw = tree.get_property("firmware-name", "fpga-full").data
    assert bytes(raw).rstrip(b"\0").decode() == "détecteur 2.bit.bin"


def test_the_same_bytes_each_time() -> None:
    assert render_dtbo("mine", "zynqmp", 150.0, 128) == render_dtbo("mine", "zynqmp", 150.0, 128)
