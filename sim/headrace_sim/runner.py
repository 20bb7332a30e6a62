# SPDX-License-Identifier: Apache-2.0
"""Builds a module with Verilator and runs a cocotb bench on it; see the package's docstring."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy.typing as npt
from cocotb_tools.check_results import get_results
from cocotb_tools.runner import Verilator

from headrace.build.toolenv import (
    applied_verilator_env,
    cache_dir,
    content_key,
    verilator_command,
    verilator_env,
    verilator_root,
)
from headrace.build.verilate import FAST_MODEL, OPTIMIZE, with_header
from headrace_sim.case import Case, write_case

HW = Path(__file__).resolve().parents[2] / "hw" / "rtl"
FORMAL = HW.parent / "formal"
TOPS = Path(__file__).resolve().parent / "tops"
"""Modules that benches put around those of the RTL."""

ParameterValue = int | str
_OPTIMIZE = " ".join([*OPTIMIZE, "VM_PARALLEL_BUILDS=0"])
_BUILD_OPTIONS = ("--no-public-flat-rw", "--assert", "-Wno-fatal", "-Werror-USERFATAL", "--quiet")
_PUBLIC = ("*_i", "*_o", "*_ni", "*_no", "*_axi_*", "aclk", "aresetn", "irq")
"""The ports that benches touch."""
_LOG_TAIL = 6000
_FUTURE = 4_000_000_000  # seconds since 1970: the year 2096


class BenchError(AssertionError):
    """A bench failed, or a module could not be built; the message ends with the log's tail."""


class BenchBuildError(BenchError):
    """A module could not be built; the message ends with the log's tail."""


_replaced: dict[str, Path] = {}
_COVERAGE_OPTIONS = ("--coverage-line", "--coverage-toggle")
_coverage_folder: list[Path] = []


def collect_coverage(folder: Path) -> None:
    """From now on, count which lines and toggles of the modules the benches of this process reach; see `headrace_sim.coverage`.

    Each run that passes leaves one file in ``folder``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _coverage_folder[:] = [folder.resolve()]


@contextmanager
def replaced_sources(files: Mapping[str, Path]) -> Iterator[None]:
    """Within a ``with`` block, take modules from other files: ``{module: file}``. For benches of changed modules.

    The files keep the names of the modules, which Verilator wants. A run ends with its first failing test.
    """
    before = dict(_replaced)
    _replaced.update(files)
    try:
        yield
    finally:
        _replaced.clear()
        _replaced.update(before)


def module_sources(top: str, *, folders: Sequence[Path] = (HW,), more: Sequence[Path] = ()) -> list[Path]:
    """Return the files under ``folders`` (default: ``hw/rtl``), or among ``more``, that ``top`` needs, in order of name.

    Raises:
        BenchError: No file holds the module.
    """
    known = {path.stem: path for folder in folders for path in sorted(folder.rglob("*.sv"))}
    known |= {path.stem: path for path in more} | _replaced
    if top not in known:
        raise BenchError(f"no file {top}.sv under {', '.join(map(str, folders))}; there are {', '.join(known)}")
    found: set[str] = set()
    queue = [top]
    while queue:
        name = queue.pop()
        if name in found:
            continue
        found.add(name)
        code = re.sub(r"//.*", "", known[name].read_text())
        queue.extend(set(re.findall(r"\b\w+\b", code)) & set(known))
    # Packages must come before the modules that import them.
    return sorted((known[name] for name in found), key=lambda p: ("_pkg" not in p.stem, p.stem))


def run_bench(
    top: str,
    *,
    bench: str,
    folder: Path,
    parameters: Mapping[str, ParameterValue] | None = None,
    case: Mapping[str, Any] | None = None,
    arrays: Mapping[str, npt.NDArray[Any]] | None = None,
    roms: Mapping[str, str] | None = None,
    defines: Sequence[str] = (),
    cpp: Sequence[Path] = (),
    rendered: Sequence[Path] = (),
    public: Sequence[str] = (),
    testcase: str | None = None,
) -> None:
    """Build ``top`` with ``parameters`` and run the tests of the module ``bench`` on it.

    Args:
        top: The module, in the file of its name under ``hw/rtl``, beside the benches, or among ``rendered``.
        bench: Import name of the cocotb half, such as ``headrace_sim.benches.stream_fifo``.
        folder: An empty folder for logs and ROM files, such as pytest's ``tmp_path``.
        parameters: Integers, strings, or literals made by `packed`.
        case: What JSON can carry, for `headrace_sim.case.current_case`.
        arrays: Arrays for the same.
        roms: File names and contents (`headrace_sim.words.rom_lines`), found through ``+rom_dir``.
        defines: Macros to define.
        cpp: C++ files that implement DPI functions.
        rendered: Modules made for this run, a file each.
        public: Variables that the bench touches besides the ports of ``top``, as ``module.variable``.
        testcase: Run this test only.

    Raises:
        BenchError: The build or a test failed.
        ToolError: Verilator is absent.
    """
    parameters = dict(parameters or {})
    executable = build_model(top, parameters, defines=defines, cpp=cpp, rendered=rendered, public=public)
    for name, text in (roms or {}).items():
        (folder / name).write_text(text)
    path = write_case(Case(parameters=parameters, data=case or {}, arrays=arrays or {}, folder=folder))
    log, results = folder / "sim.log", folder / "results.xml"
    runner = Verilator()
    runner.log.setLevel("WARNING")
    with applied_verilator_env():
        os.environ.pop("PYTEST_CURRENT_TEST", None)  # the verdict is read below, with the log
        os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
        # Of the bench alone: to rewrite all that it imports takes longer than most simulations.
        os.environ["COCOTB_REWRITE_ASSERTION_FILES"] = f"{bench.rpartition('.')[2]}.py"
        if _replaced:
            os.environ["COCOTB_MAX_FAILURES"] = "1"
        try:
            runner.test(
                test_module=bench,
                hdl_toplevel=top,
                hdl_toplevel_lang="verilog",
                build_dir=executable.parent,
                test_dir=folder,
                results_xml=str(results),
                plusargs=[f"+case={path}", f"+rom_dir={folder}", f"+verilator+coverage+file+{folder / 'coverage.dat'}"],
                testcase=testcase,
                log_file=log,
                seed=1,
            )
        except (SystemExit, RuntimeError) as error:
            raise BenchError(f"{top} {parameters}: {error}\n{_tail(log)}") from error
    _check_results(f"{top} {parameters}", results, log)
    if _coverage_folder:
        shutil.move(
            folder / "coverage.dat", _coverage_folder[0] / f"{executable.parent.name}-{os.getpid()}-{time.time_ns()}.dat"
        )


def expect_refusal(top: str, *, parameters: Mapping[str, ParameterValue], message: str, **_: str) -> None:
    """Check that elaboration of ``top`` fails and that its words hold ``message``.

    What else is given is for `headrace_sim.csim.expect_refusal`, the same for the C++ twin.

    Raises:
        BenchError: The module accepted ``parameters`` or failed with other words.
    """
    command = [*verilator_command(), "--lint-only", "-Wno-fatal", "-Werror-USERFATAL"]
    command += ["--top-module", top, *_parameter_options(parameters)]
    command += [str(path) for path in module_sources(top)]
    done = subprocess.run(command, env=verilator_env(), capture_output=True, text=True, check=False)
    said = done.stdout + done.stderr
    if done.returncode == 0 or message not in said or "USERFATAL" not in said:
        raise BenchError(f"{top} {dict(parameters)}: no refusal with '{message}'\n{said}")


def build_model(
    top: str,
    parameters: Mapping[str, ParameterValue],
    *,
    defines: Sequence[str] = (),
    cpp: Sequence[Path] = (),
    rendered: Sequence[Path] = (),
    public: Sequence[str] = (),
) -> Path:
    """Return the simulation executable of ``top``, compiled only if the cache has none.

    Raises:
        BenchError: Verilator or the compiler failed.
        ToolError: Verilator is absent.
    """
    sources = module_sources(top, folders=(HW, TOPS, FORMAL), more=rendered)
    options = [*_parameter_options(parameters), *(f"-D{name}" for name in defines)]
    options += _COVERAGE_OPTIONS if _coverage_folder else ()
    texts = (path.read_text() for path in (*sources, *cpp))
    touched = [*(f"{top}.{name}" for name in _PUBLIC), *public]
    key = content_key([*_versions(), _optimize(), *_BUILD_OPTIONS, *touched, *options, *texts])
    target = cache_dir() / "benches" / f"{top}-{key}" / top
    if target.is_file():
        return target
    target.parent.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent.parent, prefix="building-") as scratch:
        built = _compile(top, sources, [*options, *(str(path) for path in cpp)], touched, Path(scratch))
        keep = Path(scratch) / "keep"
        keep.mkdir()
        shutil.move(built, keep / top)
        try:
            keep.rename(target.parent)  # atomic: parallel runs see a whole model or none
        except OSError:
            if not target.is_file():
                raise
    return target


def _compile(top: str, sources: Sequence[Path], options: Sequence[str], public: Sequence[str], scratch: Path) -> Path:
    """Compile in ``scratch``; return the executable."""
    build, log = scratch / "build", scratch / "build.log"
    build.mkdir()
    control = scratch / "ports.vlt"
    # Only what a bench touches is public: models compile faster and run several times faster.
    touched = (name.split(".") for name in public)
    lines = (f'public_flat_rw -module "{module}" -var "{variable}"\n' for module, variable in touched)
    control.write_text("".join(["`verilator_config\n", *lines]))
    runtime = cache_dir() / "benches" / f"runtime-{content_key([*_versions(), _OPTIMIZE])}"
    for path in runtime.glob("*.o"):
        copy = Path(shutil.copyfile(path, build / path.name))
        # Make must take it as newer than the sources that Verilator is about to write.
        os.utime(copy, (_FUTURE, _FUTURE))
    runner = Verilator()
    runner.log.setLevel("WARNING")
    with applied_verilator_env():
        os.environ["MAKEFLAGS"] += f" {_optimize()}"
        if next(runtime.glob("*.o"), None):  # its own sources are not to be compiled so
            os.environ["MAKEFLAGS"] += " CXX=" + with_header(FAST_MODEL).replace(" ", r"\ ")
        os.environ["MAX_PARALLEL_BUILD_JOBS"] = "1"
        try:
            runner.build(
                sources=[control, *sources],
                hdl_toplevel=top,
                build_dir=build,
                log_file=log,
                build_args=[*_BUILD_OPTIONS, *options],
            )
        except (SystemExit, RuntimeError) as error:
            raise BenchBuildError(f"{top} {list(options)}: {error}\n{_tail(log)}") from error
    _keep_runtime(build, runtime)
    return build / top


def _optimize() -> str:
    """Options of make; a changed module runs for a moment only, so compiling it fast is all that counts."""
    return _OPTIMIZE.replace(FAST_MODEL, "-O0") if _replaced else _OPTIMIZE


def _keep_runtime(build: Path, runtime: Path) -> None:
    """Store the objects of Verilator's own runtime, which are the same for every model."""
    runtime.mkdir(parents=True, exist_ok=True)
    for path in build.glob("verilated*.o"):
        if not (runtime / path.name).exists():
            scratch = runtime / f"{path.name}.{os.getpid()}"
            shutil.copyfile(path, scratch)
            scratch.replace(runtime / path.name)


def _parameter_options(parameters: Mapping[str, ParameterValue]) -> list[str]:
    """Return the options that set parameters; text that is no sized literal becomes a string."""
    options = []
    for name, value in parameters.items():
        text = str(value)
        is_string = isinstance(value, str) and not re.fullmatch(r"\d+'[hbd][0-9a-fA-F_]+", text)
        options.append(f'-G{name}="{text}"' if is_string else f"-G{name}={text}")
    return options


def _versions() -> tuple[str, ...]:
    versions = (f"{name} {importlib.metadata.version(name)}" for name in ("cocotb", "verilator"))
    return (*versions, str(verilator_root()))


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-_LOG_TAIL:] if log.is_file() else "(no log)"


def _check_results(what: str, results: Path, log: Path) -> None:
    """Raise unless tests ran and all passed."""
    try:
        count, failed = get_results(results)
    except (RuntimeError, ElementTree.ParseError) as error:
        raise BenchError(f"{what}: {error}\n{_tail(log)}") from error
    if failed or not count:
        raise BenchError(f"{what}: {failed} of {count} tests failed\n{_tail(log)}")
