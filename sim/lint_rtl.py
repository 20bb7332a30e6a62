# SPDX-License-Identifier: Apache-2.0
"""Lints every module under ``hw/rtl`` with Verilator (``-Wall``) and slang; any warning fails.

    python sim/lint_rtl.py              all modules
    python sim/lint_rtl.py stream_fifo  the modules named

Each module is elaborated with its default parameters, which are legal, and with the sets below, as
simulation and as synthesis see it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

_HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(_HERE))

from headrace_sim.runner import HW, TOPS, module_sources  # noqa: E402

from headrace.build.toolenv import verilator_command, verilator_env  # noqa: E402
from headrace.engines.pointwise import Pointwise  # noqa: E402
from headrace.ir.tensor import Tensor  # noqa: E402

# Of a module, and options: what a tool says, or nothing.
Check = Callable[[str, list[str]], str]


def _pointwise_of_all() -> str:
    """Parameters of an expression of three streams in which every operation occurs."""
    a, b, c = (("in", k) for k in range(3))
    product = ("mul", ("max", a, b), ("add", ("mul", c, ("const", -7)), ("const", 5)))
    holds = ("add", ("eq", a, b), ("add", ("lt", b, c), ("le", c, a)))
    expression = ("select", holds, ("abs", ("sub", product, c)), ("neg", ("min", product, a)))
    kinds = [Tensor(name=n, shape=(2, 2, k), lo=lo, hi=9) for n, k, lo in (("a", 3, 0), ("b", 3, -9), ("c", 1, -2))]
    result = Tensor(name="d", shape=(2, 2, 3), lo=-1000, hi=1000)
    engine = Pointwise(name="all", expression=expression, operands=tuple(kinds), result=result, lanes=2)
    return ",".join(f"{name}={int(v) if isinstance(v, bool) else v}" for name, v in engine.parameters().items())


# Parameter sets that reach each generate branch; separated by commas in one string.
PARAMETER_SETS: dict[str, tuple[str, ...]] = {
    "axi_read_mux": ("Ports=3", "Ports=2,DataW=128,AddrW=40,BurstBeats=8,Outstanding=3"),
    "axi_reader": ("Repeat=1,FrameWords=100", "FrameWords=1,DataW=128,AddrW=40", "FrameWords=70000,BurstBeats=2"),
    "axi_write_mux": ("Ports=3", "Ports=2,DataW=128,AddrW=40,BurstBeats=8,Outstanding=3"),
    "axi_writer": ("FrameWords=100", "FrameWords=1,DataW=128,AddrW=40", "FrameWords=70000,BurstBeats=2"),
    "beat_counter": ("Beats=1", "Beats=77"),
    "burst_walk": ("Repeat=1", "FrameWords=1", "FrameWords=70000,WordBytes=16,AddrW=40"),
    "engine_deform": (
        "FractionBits=2,DataW=12",
        "Square=1,OffsetLo=0,OffsetHi=3,OffsetSigned=0,Rows=8",
        "MaskW=4,DataW=12,OutH=3,KH=1,KW=1,PadT=0,PadL=0,StrideH=2,StrideW=2,OutW=4",
        "FractionBits=3,MaskW=4,MaskSigned=1,LaneSigned=1,DataW=19,Rows=8,GroupBeats=3,Channels=9",
    ),
    "engine_depthwise": (
        'RomFile="w.hex"',
        'LutMul=1,RomFile="w.hex"',
        'LutMul=1,WgtW=2,RomFile="w.hex"',
        'GroupIn=2,GroupOut=3,RomFile="w.hex"',
        'Beats=3,Steps=9,Taps=1,RomFile="w.hex"',
    ),
    "engine_constant": (
        'RomFile="w.hex"',
        'Rows=1,Cols=1,Beats=3,RomFile="w.hex"',
        'RowSets=3,ColSets=4,RomFile="w.hex",RowFile="r.hex",ColFile="c.hex"',
    ),
    "engine_lookup": ('RomFile="v.hex"', 'Beats=3,RomFile="v.hex"', 'Shared=1,Lanes=1,InW=1,OutW=1,RomFile="v.hex"'),
    "engine_gather": (
        "LanesIn=4,OutC=5,Index=80'h00000003000200020001",
        "LanesIn=3,LanesOut=7,OutC=5,Index=80'h00000003000200020001",
        "LanesIn=3,LanesOut=3,OutC=5,Index=80'h00000003000200020001,Memory=1",
        "LanesIn=1,LanesOut=1,InC=9,OutC=3,Index=48'h000500040001",
    ),
    "engine_matvec": (
        'RomFile="w.hex"',
        'Groups=3,RomFile="w.hex"',
        'LutMul=1,ActW=1,Groups=2,BeatsOut=1,RomFile="w.hex"',
        'LutRom=1,RomFile="w.hex"',
        'BeatsIn=1,BeatsOut=1,ActSigned=1,RomFile="w.hex"',
    ),
    "engine_pointwise": (
        "Single=2'd2,Channels=5",
        "Channels=5,Mask=1",
        "Lanes=1,Channels=1,Operands=1,InW=1,OutW=1,Nodes=2,Op=8'h20,Args=48'h0,Width=16'h0101,Value=128'h0",
        _pointwise_of_all(),
    ),
    "engine_pool": (
        "Taps=1",
        "Steps=1",
        "Taps=1,Steps=1",
        "Signed=1,LaneW=1,Taps=9",
        "Sum=1,OutW=13",
        "Sum=1,Signed=1,OutW=12",
    ),
    "engine_reduce": ("Beats=1", "Sum=1,OutW=13", "Beats=1,Sum=1,Signed=1,OutW=20", "Pixels=1", "Signed=1,LaneW=1"),
    "engine_requant": (
        'RomFile="q.hex"',
        'AccW=32,MulW=24,AddW=50,RomFile="q.hex"',
        'LutMul=1,RomFile="q.hex"',
        'Shift=0,Lo=-128,Hi=127,Beats=3,RomFile="q.hex"',
    ),
    "engine_stationary": ("LutMul=1", "Held=1,BeatsIn=1,BeatsOut=1", "Held=1", "ActSigned=1,AccW=9,LanesIn=1,LanesOut=1"),
    "engine_topk": (
        "Lanes=1",
        "Lanes=1,Channels=8,K=8",
        "Lanes=3,Channels=11,K=2,Indices=1",
        "Lanes=4,Channels=4,Last=1,Signed=1,Indices=1",
        "Smallest=1,Indices=1,K=3",
    ),
    "engine_slide": (
        "Channels=9",
        "KH=1,KW=1,PadT=0,PadL=0,StrideH=2,StrideW=2,OutH=4,OutW=4",
        "KH=1,KW=2,PadT=0,PadL=0,InH=1,OutH=1,OutW=7",
        "PadT=-2,PadL=2,OutH=4,OutW=8",
    ),
    "slide_inside": ("Offset=-1", "Offset=1", "Offset=-8", "Offset=8"),
    "slide_delay": ("Delay=1",),
    "engine_thresholds": (
        'RomFile="n"',
        'Beats=3,Base=-8,RomFile="n"',
        'Thresholds=1,Base=-1,Step=2,OutW=2,ThrW=3,RomFile="n"',
        'Table=1,Beats=5,Thresholds=6,ThrW=30,RomFile="n"',
        'SharedThr=1,Table=1,SharedValues=1,Beats=2,RomFile="n"',
        'Table=1,Beats=7,Thresholds=60,OutW=7,RomFile="n"',
    ),
    "engine_taps": (
        "StrideH=2,StrideW=3,OutH=4,OutW=3",
        "GroupBeats=2",
        "KH=1,KW=1,PadT=0,PadL=0,Pixels=1",
        "InH=1,InW=1,OutH=1,OutW=1,Channels=1,Pixels=1",
    ),
    "engine_transpose": ("Unit=3", "Outer=9,Inner=8", "Outer=2,Inner=2"),
    "transpose_walk": ("Unit=3",),
    "engine_upsample": ("Beats=3", "InW=1", "InW=1,Beats=1,FactorH=1,FactorW=1", "FactorW=1"),
    "engine_window": (
        "Taps=3",
        "Taps=9",
        "Taps=9,GroupBeats=3,Channels=9",
        "Taps=2,Rows=4,GroupBeats=2,Channels=8",
        "KH=1,KW=1,StrideH=2,StrideW=2,PadT=0,PadL=0,OutH=4,OutW=4",
        "PadT=-2,PadL=-1,OutH=4,OutW=5",
        "Deform=1,DilationW=3,DilationSigned=1,DilationLo=-2,DilationHi=3,Rows=8",
        "Deform=1,DilationW=3,DilationLo=0,DilationHi=3,RepeatH=2,RepeatW=4,OutH=16,OutW=32,Rows=8",
        "RepeatH=2,OutH=16,Taps=3",
    ),
    "ip_control": ("Inputs=2,Outputs=3", "AddrW=64,WordBytes=16"),
    "ip_registers": ("Inputs=2,Outputs=3", "AddrW=64,WordBytes=16"),
    "pointwise_scale": ("Factor=64'hfffffffffffffffd,OutW=20", "Factor=64'h3e8,InW=1,OutW=3", "Factor=64'h0"),
    "pulse_join": ("Ports=1", "Ports=3"),
    "round_robin": ("Ports=1", "Ports=4"),
    "segment_counter": ("Segments=3,Beats=48'h000300010002", "Segments=2,Beats=32'h00010001"),
    "stream_cast": ("OutW=8", "OutW=3", "Signed=1"),
    "stream_dense": (
        "LanesIn=3,LanesOut=8,SegmentIn=3,SegmentOut=48",
        "LanesIn=64,LanesOut=8,SegmentIn=64,SegmentOut=640",
        "LaneW=1,LanesIn=64,LanesOut=5,SegmentIn=130,SegmentOut=13",
        "LanesIn=16,LanesOut=16,SegmentIn=32,SegmentOut=16",
    ),
    "stream_fifo": ("Depth=1", "Depth=3", "Depth=13,Width=40", "Depth=2000", "Depth=4,Block=1"),
    "stream_fork": ("Outputs=1", "Outputs=5,Width=1"),
    "stream_interleave": ("Ins=1", "Ins=3,Lanes=1"),
    "stream_repack": (
        "LanesIn=4,LanesOut=4",
        "LanesIn=2,LanesOut=4",
        "LanesIn=3,LanesOut=4",
        "LanesIn=8,LanesOut=8,Ins=2,InC=32'h003a003a,OutC=16'h0074",
        "LanesIn=8,LanesOut=8,Outs=2,InC=16'h0074,OutC=32'h003a003a",
        "LanesIn=8,LanesOut=4,Outs=2,InC=16'h0010,OutC=32'h00080008",
        "LanesIn=2,LanesOut=4,Ins=2,Outs=2,InC=32'h00060008,OutC=32'h00060008",
        "LanesIn=7,LanesOut=3,InC=16'd1024,OutC=16'd1024",
    ),
    "stream_rom": (
        'Depth=1,RomFile="w.hex"',
        'Block=1,RomFile="w.hex"',
        'Width=300,Depth=77,RomFile="w.hex"',
        'Fields=3,Field=1,RomFile="w.hex"',
        'Late=1,RomFile="w.hex"',
        'Late=1,Block=1,RomFile="w.hex"',
    ),
    "stream_rom_parts": ('RomFile="w.hex"', 'Depth=65,RomFile="w.hex"'),
    "stream_rom_loop": ('Depth=1,RomFile="w.hex"', 'Block=1,RomFile="w.hex"', 'Depth=65,Block=0,RomFile="w.hex"'),
    "tensor_reader": (
        "Repeat=1,Start=64'h0123456789abcdef",
        "ElementW=1,LaneW=1,Lanes=5,Channels=7,FrameElements=21",
        "ElementW=32,LaneW=20,Lanes=1",
        "DataW=128,LaneW=6",
    ),
    "tensor_writer": (
        "ElementW=1,LaneW=1,Lanes=5,Channels=7,FrameElements=21",
        "ElementW=32,LaneW=20,Lanes=1,Signed=1",
        "DataW=128,LaneW=6",
    ),
    "topk_merge": ("K=1", "K=5,LaterWins=1"),
}

# A function's argument may have the name of a signal, and a cast that does nothing with one set of
# parameters is needed with another.
_SLANG_WARNINGS = ("-Wextra", "-Wno-shadow-value", "-Wno-useless-cast")


def variants(module: str) -> Iterator[list[str]]:
    """Yield the options for each elaboration of ``module``; Verilator and slang share their form."""
    sets = ("", *PARAMETER_SETS.get(module, ()))
    defines: list[tuple[str, ...]] = [(), ("-DSYNTHESIS",)]
    if any("HEADRACE_PROFILE" in path.read_text() for path in module_sources(module)):
        defines.append(("-DHEADRACE_PROFILE",))
    for parameters in sets:
        for macros in defines:
            yield [*macros, *(f"-G{item}" for item in parameters.split(",") if item)]


def verilator_messages(module: str, options: list[str], rendered: Sequence[Path] = ()) -> str:
    """What Verilator says about one elaboration of a module, which may need ``rendered`` files; empty if it is clean."""
    command = [*verilator_command(), "--lint-only", "-Wall", "--quiet", "--top-module", module]
    command += [*options, *(str(path) for path in module_sources(module, folders=(HW, TOPS), more=rendered))]
    done = subprocess.run(command, env=verilator_env(), capture_output=True, text=True, check=False)
    said = (done.stdout + done.stderr).strip()
    return said or (f"exit status {done.returncode}" if done.returncode else "")


def slang_messages(module: str, options: list[str], rendered: Sequence[Path] = ()) -> str:
    """What slang says about one elaboration, empty if it is clean; its details go to stderr."""
    from pyslang.driver import Driver

    driver = Driver()
    driver.addStandardArgs()
    sources = [str(path) for path in module_sources(module, folders=(HW, TOPS), more=rendered)]
    arguments = ["slang", *_SLANG_WARNINGS, "--top", module, *options, *sources]
    line = " ".join(re.sub(r"([\\\"' ])", r"\\\1", argument) for argument in arguments)
    if not (driver.parseCommandLine(line) and driver.processOptions() and driver.parseAllSources()):
        return "it cannot read its options or the sources"
    driver.runFullCompilation(quiet=True)
    engine = driver.diagEngine
    if engine.numErrors or engine.numWarnings:
        return f"{engine.numErrors} errors, {engine.numWarnings} warnings; see above"
    return ""


def all_modules() -> list[str]:
    """Every module of the RTL; packages are linted with the modules that import them."""
    return sorted(path.stem for path in HW.rglob("*.sv") if not path.stem.endswith("_pkg"))


def main(names: list[str]) -> int:
    """Lint the modules ``names``, or all; return the exit status."""
    modules = names or all_modules()
    complaints = 0
    for module in modules:
        count = 0
        for options in variants(module):
            count += 1
            for tool, check in (("verilator", verilator_messages), ("slang", slang_messages)):
                said = check(module, options)
                if said:
                    complaints += 1
                    print(f"{module} {' '.join(options)}: {tool} says\n{said}\n")
        print(f"{module}: {count} elaborations", flush=True)
    print(f"{len(modules)} modules, {complaints} elaborations with complaints")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
