# SPDX-License-Identifier: Apache-2.0
"""Runs a build's Vivado script in Tcl, with a strict stand-in for Vivado, and says what is wrong with what it built."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import xml.etree.ElementTree as ET
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from headrace_host.manifest import Build
from headrace_host.registers import register_map
from vivado_library import Library, Port, inferred, library, tcl, top_ports

from headrace.backend.hwh import render_hwh
from headrace.backend.processors import address_map

STUB = Path(__file__).with_name("vivado_stub.tcl")
INSTALL = "no Tcl here; install it with: apt-get install --no-install-recommends tcl"
PROJECT = "bitstream/vivado"
CLOCKS = {"zynq7": "PCW_FPGA0_PERIPHERAL_FREQMHZ", "zynqmp": "PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ"}
WIDTHS = {"zynq7": "PCW_S_AXI_HP0_DATA_WIDTH", "zynqmp": "PSU__SAXIGP2__DATA_WIDTH"}
Fact = tuple[str, ...]


@dataclass(frozen=True)
class Recorded:
    """What a script did, or why it stopped."""

    facts: tuple[Fact, ...]
    error: str
    library: Library
    top: str
    made: tuple[str, ...]
    """Files in the folder where it ran."""

    def of(self, kind: str) -> list[Fact]:
        """The words of all facts of a kind."""
        return [fact[1:] for fact in self.facts if fact[0] == kind]


@dataclass
class System:
    """The block design."""

    cells: dict[str, str] = field(default_factory=dict)
    config: dict[str, dict[str, str]] = field(default_factory=dict)
    nets: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, recorded: Recorded) -> System:
        """As its script told."""
        system = cls(cells={fact[0]: fact[1] for fact in recorded.of("cell")})
        for name, vlnv in system.cells.items():
            system.config[name] = {key: str(value) for key, value in recorded.library[vlnv]["defaults"].items()}
        for name, parameter, value in recorded.of("config"):
            system.config[name][parameter] = value
        for net, pin in recorded.of("net"):
            if pin not in system.nets[net]:
                system.nets[net].append(pin)
        return system

    def present(self, known: Library, table: str) -> dict[str, str]:
        """Pins or buses that are there as cells are configured: mode by path."""
        return {
            f"{cell}/{name}": mode
            for cell, vlnv in self.cells.items()
            for name, (mode, conditions) in known[vlnv][table].items()
            if all(float(self.config[cell][parameter]) >= least for parameter, least in conditions.items())
        }


def tclsh() -> str:
    """The interpreter; where there is none, the test is skipped (CI installs it)."""
    found = shutil.which("tclsh")
    if found is None:
        pytest.skip(INSTALL)
    return found


def rom_names(build: Build) -> list[str]:
    """Memory files that the RTL names."""
    texts = [(build.folder / "rtl" / source).read_text() for source in build.manifest["ip"]["sources"]]
    return sorted({name for text in texts for name in re.findall(r'"(\w+\.hex)"', text)})


def write_library(
    build: Build, path: Path, slack: Mapping[str, float] | None = None, reports: tuple[str, str, str] = ("", "", "")
) -> None:
    """Writes what the stand-in is told; ``reports`` are those of utilization, of the same by instance, and timing."""
    top = (build.folder / PROJECT / "headrace_ip_top.v").read_text()
    told = {
        "library": library(top, build.manifest["ip"]["vlnv"]),
        "packaged": {"top": "headrace_ip_top", "interfaces": inferred(top)},
        "roms": rom_names(build),
        "slack": dict(slack or {"max": 0.1, "min": 0.01}),
        "utilization": reports[0],
        "hierarchy": reports[1],
        "timing": reports[2],
    }
    path.write_text("".join(f"set {key} {tcl(value)}\n" for key, value in told.items()))


def run_script(build: Build, *stages: str, slack: Mapping[str, float] | None = None) -> Recorded:
    """Runs bitstream/vivado/build.tcl of a build, in a new folder."""
    project = build.folder / PROJECT
    top = (project / "headrace_ip_top.v").read_text()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_library(build, folder / "library.tcl", slack)
        (folder / "run").mkdir()
        record = folder / "record"
        command = [tclsh(), str(STUB), str(folder / "library.tcl"), str(project / "build.tcl"), str(record), *stages]
        done = subprocess.run(command, cwd=folder / "run", capture_output=True, text=True, check=False)
        lines = record.read_text().splitlines() if record.exists() else []
        made = tuple(sorted(path.name for path in (folder / "run").iterdir()))
    facts = tuple(tuple(line.split("\t")) for line in lines if line)
    error = done.stderr.strip() if done.returncode else ""
    return Recorded(facts, error, library(top, build.manifest["ip"]["vlnv"]), top, made)


def problems(build: Build) -> list[str]:
    """What is wrong with a build's project; nothing if all is well."""
    recorded = run_script(build)
    if recorded.error:
        return [recorded.error]
    system = System.of(recorded)
    return [
        *_files(build, recorded),
        *_top(build, recorded),
        *_board(build, recorded, system),
        *_wires(recorded, system),
        *_buses(recorded, system),
        *_addresses(build, recorded, system),
        *_registers(build, recorded),
        *_handoff(build, recorded, system),
    ]


def _files(build: Build, recorded: Recorded) -> Iterator[str]:
    added = [Path(path) for project, path in recorded.of("file") if project == "ip"]
    sources = [path.name for path in added if path.suffix in (".sv", ".v")]
    if sources != [*build.manifest["ip"]["sources"], "headrace_ip_top.v"]:
        yield f"sources are not the build's, in its order: {sources}"
    for project in ("ip", "system"):
        roms = {Path(path).name for name, path in recorded.of("file") if name == project and path.endswith(".hex")}
        typed = {
            Path(own).name
            for kind, own, name, value in (fact for fact in recorded.of("property") if fact[0] == "file")
            if (kind, name, value) == ("file", "file_type", "Memory Initialization Files")
        }
        if missing := sorted(set(rom_names(build)) - (roms & typed)):
            yield f"{project}: memory files are missing: {missing}"
    name = build.manifest["name"]
    wanted = {f"{name}.bit", f"{name}.hwh", "utilization.rpt", "hierarchy.rpt", "timing.rpt"}
    if missing := sorted(wanted - set(recorded.made)):
        yield f"not made: {missing}"


def _block_ports(build: Build) -> dict[str, Port]:
    """Of headrace_ip, as the RTL has them."""
    text = re.sub(r"//.*", "", (build.folder / "rtl" / "headrace_ip.sv").read_text())
    header = re.search(r"\bmodule headrace_ip\b.*?\)\s*\((.*?)\);", text, re.DOTALL)
    assert header
    ports = {}
    for entry in header[1].split(","):
        words = entry.replace("[", " [").split()
        last = next((int(word[1:].split(":")[0]) for word in words if word.startswith("[")), 0)
        ports[words[-1]] = Port(words[0] == "output", last + 1)
    return ports


def _top(build: Build, recorded: Recorded) -> Iterator[str]:
    ports, told = top_ports(recorded.top)
    if ports != _block_ports(build):
        yield f"ports of the top differ from those of headrace_ip: {sorted(ports.items() ^ _block_ports(build).items())}"
    joined = dict(re.findall(r"^ +\.(\w+)\((\w+)\)", recorded.top, re.MULTILINE))
    if joined != {name: name for name in ports}:
        yield f"ports of headrace_ip are not all joined to those of the top: {sorted(set(ports) ^ set(joined))}"
    interfaces = inferred(recorded.top)
    for name in ports:
        if name not in told and not any(name.startswith(f"{bus}_") for bus in ("s_axi", "m_axi") if bus in interfaces):
            yield f"port {name} belongs to no interface"
    if interfaces.get("irq", {}).get("SENSITIVITY") != "LEVEL_HIGH" or interfaces["aresetn"].get("POLARITY") != "ACTIVE_LOW":
        yield "the interrupt is not high, or the reset not low"


def _board(build: Build, recorded: Recorded, system: System) -> Iterator[str]:
    manifest = build.manifest
    ps, part = manifest["ip"]["ps"], manifest["board"]["part"]
    parts = {fact[-1] for fact in (*recorded.of("project"), *recorded.of("synthesis"))}
    if parts != {part}:
        yield f"parts are {sorted(parts)}, not {part}"
    if float(system.config["ps"][CLOCKS[ps]]) != manifest["clock_mhz"]:
        yield f"the clock is {system.config['ps'][CLOCKS[ps]]} MHz"
    bits = {
        "manifest": manifest["ip"]["data_bits"],
        "RTL": _block_ports(build)["m_axi_wdata"].width,
        "processor": int(system.config["ps"][WIDTHS[ps]]),
    }
    if len(set(bits.values())) != 1:
        yield f"widths of the memory port differ: {bits}"
    if _block_ports(build)["m_axi_araddr"].width != manifest["ip"]["address_bits"]:
        yield "addresses are not as wide as the manifest says"
    if recorded.of("packaged") != [(manifest["ip"]["vlnv"],)]:
        yield f"packaged as {recorded.of('packaged')}"


_DRIVERS = {"clock": "clock_out", "reset": "reset_out", "irq": "irq_out"}


def _wires(recorded: Recorded, system: System) -> Iterator[str]:
    modes = system.present(recorded.library, "pins")
    nets = {pin: net for net, pins in system.nets.items() for pin in pins}
    if sum(map(len, system.nets.values())) != len(nets):
        yield "a pin is on two nets"
    for net, pins in system.nets.items():
        drivers = [pin for pin in pins if modes[pin].endswith("_out")]
        if len(drivers) != 1:
            yield f"net {net} has {len(drivers)} drivers"
    for pin, mode in modes.items():
        if mode.endswith("_out"):
            continue
        drivers = [modes[other] for other in system.nets.get(nets.get(pin, ""), []) if modes[other].endswith("_out")]
        if drivers != [_DRIVERS[mode]]:
            yield f"{pin} ({mode}) is driven by {drivers or 'nothing'}"
    clocks = {nets.get(pin) for pin, mode in modes.items() if mode in ("clock", "clock_out")}
    if len(clocks) != 1:
        yield f"there are {len(clocks)} clocks"
    if "ps" in {pin.split("/")[0] for pin in system.nets.get(nets.get("headrace_ip_0/aresetn", ""), [])}:
        yield "the reset of headrace_ip does not follow its clock"


def _buses(recorded: Recorded, system: System) -> Iterator[str]:
    modes = system.present(recorded.library, "buses")
    ends = [end for pair in recorded.of("bus") for end in pair] + [intf for _, intf in recorded.of("external")]
    for bus, mode in modes.items():
        if ends.count(bus) != 1:
            yield f"{bus} ({mode}) is connected {ends.count(bus)} times"
    for one, other in recorded.of("bus"):
        if {modes[one], modes[other]} != {"master", "slave"}:
            yield f"{one} and {other} are {modes[one]} and {modes[other]}"
    outside = {intf for _, intf in recorded.of("external")}
    if outside != {bus for bus, mode in modes.items() if mode == "pads"}:
        yield f"outside lie {sorted(outside)}"
    reach = {one: other for pair in recorded.of("bus") for one, other in (pair, pair[::-1])}
    ways = {(slave.split("/")[0], reach.get(slave)) for slave in modes if slave.startswith(("control/M", "memory/M"))}
    if {("control", "headrace_ip_0/s_axi"), ("control", "controller/s_axi")} - ways:
        yield "the processor does not reach all registers"
    if not str(reach.get("memory/M00_AXI")).startswith("ps/S_AXI_HP0") or reach.get("memory/S00_AXI") != "headrace_ip_0/m_axi":
        yield "headrace_ip does not reach memory"


def _addresses(build: Build, recorded: Recorded, system: System) -> Iterator[str]:
    ip = build.manifest["ip"]
    places = address_map(ip["ps"])
    wanted = {
        ("ps/Data", "headrace_ip_0/s_axi/reg0", *places["block"]),
        ("ps/Data", "controller/S_AXI/Reg", *places["interrupts"]),
    }
    given = [fact for fact in recorded.of("address") if fact[0] == "ps/Data"]
    if {(space, segment, int(base, 16), int(size, 16)) for space, segment, base, size in given} != wanted:
        yield f"addresses of registers are {given}"
    segments = {
        f"ps/{name}"
        for name, conditions in recorded.library[system.cells["ps"]]["segments"].items()
        if all(float(system.config["ps"][parameter]) >= least for parameter, least in conditions.items())
    }
    memory = {segment for space, segment, *_ in recorded.of("address") if space == "headrace_ip_0/m_axi"}
    if memory != {segment for segment in segments if "DDR" in segment}:
        yield f"headrace_ip reaches {sorted(memory)}"
    if {segment for _, segment in recorded.of("excluded")} != segments - memory:
        yield "a segment is neither used nor excluded"
    if any(segment.endswith("HIGH") for segment in memory) != (ip["ps"] == "zynqmp" and ip["address_bits"] >= 36):
        yield "memory above 4 GiB is reached without the address bits for it, or not with them"


def _registers(build: Build, recorded: Recorded) -> Iterator[str]:
    found: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for kind, own, name, value in recorded.of("property"):
        if kind in ("register", "field"):
            found[own][name] = value
    wanted: dict[str, Any] = {}
    for register in register_map(len(build.manifest["ip"]["tensors"])):
        wanted[register.name] = {"address_offset": str(register.offset), "size": "32", "description": register.text}
        for part in register.fields:
            bits = {"bit_offset": str(part.first), "bit_width": str(part.width), "description": part.text}
            wanted[f"{register.name}/{part.name}"] = bits
    without = {own: {key: value for key, value in told.items() if key != "access"} for own, told in found.items()}
    if without != wanted or not all("access" in told for told in found.values()):
        yield f"registers differ: {sorted(own for own in {**wanted, **without} if wanted.get(own) != without.get(own))}"


def _handoff(build: Build, recorded: Recorded, system: System) -> Iterator[str]:
    """Where the simulated board's handoff file tells of another design."""
    manifest = build.manifest
    tensors = [entry["tensor"] for entry in manifest["ip"]["tensors"]]
    text = render_hwh("x", manifest["board"]["part"], manifest["ip"]["ps"], manifest["clock_mhz"], tensors)
    modules = {module.attrib["INSTANCE"]: module for module in ET.fromstring(text).iter("MODULE")}
    for name, module in modules.items():
        told, built = module.attrib["VLNV"], system.cells.get(name, "nothing")
        if built not in (told, told.rpartition(":")[0]):
            yield f"the handoff's {name} is {told}, not {built}"
    ranges = {
        (entry.attrib["INSTANCE"], int(entry.attrib["BASEVALUE"], 16), int(entry.attrib["HIGHVALUE"], 16))
        for entry in modules["ps"].iter("MEMRANGE")
    }
    given = [fact for fact in recorded.of("address") if fact[0] == "ps/Data"]
    built_at = {(seg.split("/")[0], int(base, 16), int(base, 16) + int(size, 16) - 1) for _, seg, base, size in given}
    if ranges != built_at:
        yield f"the handoff's addresses are {sorted(ranges)}, not {sorted(built_at)}"
    wires = {
        frozenset((f"{name}/{port.attrib['NAME']}", f"{end.attrib['INSTANCE']}/{end.attrib['PORT']}"))
        for name, module in modules.items()
        for port in module.iter("PORT")
        for end in port.iter("CONNECTION")
    }
    if not wires <= {frozenset(pins) for pins in system.nets.values()}:
        yield f"the handoff's interrupts are {[sorted(wire) for wire in wires]}"
    for parameter in modules["ps"].iter("PARAMETER"):
        name, value = parameter.attrib["NAME"], parameter.attrib["VALUE"]
        if system.config["ps"].get(name, value) != value:
            yield f"the handoff's {name} is {value}, not {system.config['ps'][name]}"
