# SPDX-License-Identifier: Apache-2.0
"""C simulation: kernels compiled with the machine's C++ compiler and the open ``ap_int`` headers, or those of Vitis HLS."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt

from headrace.build.precompiled import precompiled
from headrace.build.toolenv import cache_dir, content_key, make_alone
from headrace.errors import ToolError
from headrace.files import write_files
from headrace.resources import data_dir

Words = npt.NDArray[np.uint32]

CXX_OPTIONS = (
    "-std=c++17",
    "-U_FORTIFY_SOURCE",  # where it is the default, it takes coroutines' jumps between stacks for errors
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-unknown-pragmas",
    "-Wno-unused-label",
    "-Wno-uninitialized",  # this and the next come from the open ap_int headers
    "-Wno-maybe-uninitialized",
)
SANITIZERS = (
    "-O0",  # takes half the time of -O1 to compile, and simulations are short
    "-fsanitize=address,undefined",
    "-fno-sanitize=shift-base",  # the open ap_int headers shift negative numbers, which C++20 defines
    "-fno-sanitize-recover=all",
    "-fno-omit-frame-pointer",
)
FAST = ("-O1",)
"""Compiles faster than -O2 and, on `ap_int`, also runs faster."""
PLAIN_STREAMS = "sim"
CYCLE_STREAMS = "sim/cycles"
"""Folders of ``hls_stream.h`` in hls_templates: without bound, or of bounded depth, cycle by cycle."""
HLS4ML = "1.3.0"
PRECOMPILED = "".join(
    f"#include <{name}>\n"
    for name in (
        *("ap_int.h", "pthread.h", "array", "cstdint", "cstdio", "cstdlib", "deque", "exception", "fstream", "functional"),
        *("memory", "stdexcept", "string", "type_traits", "utility", "vector"),
    )
)


class CsimError(ToolError):
    """A simulated kernel failed: it read from an empty stream, left beats unread, or a sanitizer stopped it."""


def ap_types(streams: str = PLAIN_STREAMS) -> tuple[str, ...]:
    """Compiler options that find ``ap_int.h`` and ``hls_stream.h``.

    ``HEADRACE_HLS_INCLUDE`` names the include folder of a Vitis HLS installation; without it, the open headers that the
    package hls4ml carries are taken, with this project's own streams.

    Raises:
        ToolError: there are none.
    """
    chosen = os.environ.get("HEADRACE_HLS_INCLUDE")
    if chosen and streams == PLAIN_STREAMS:
        if not (Path(chosen) / "ap_int.h").is_file():
            raise ToolError(f"HEADRACE_HLS_INCLUDE={chosen} holds no ap_int.h; it must name the include folder of Vitis HLS")
        return ("-isystem", chosen)
    spec = importlib.util.find_spec("hls4ml")  # found, not imported: it would bring much along
    folder = Path(spec.origin).parent / "templates" / "vivado" / "ap_types" if spec and spec.origin else None
    if folder is None or not (folder / "ap_int.h").is_file():
        raise ToolError(
            f"C simulation needs the ap_int headers: pip install 'hls4ml=={HLS4ML}', or set HEADRACE_HLS_INCLUDE to the "
            "include folder of Vitis HLS"
        )
    return ("-isystem", str(data_dir("hls_templates") / streams), "-isystem", str(folder))


def compile_csim(
    files: Mapping[str, str],
    sources: Sequence[str],
    *,
    options: Sequence[str] = FAST,
    streams: str = PLAIN_STREAMS,
    jobs: int = 1,
) -> Path:
    """Returns the executable of ``sources``, compiled only if the cache has none.

    Args:
        files: generated files by name, ``sources`` among them.
        options: `FAST` or `SANITIZERS`.
        streams: `PLAIN_STREAMS` or `CYCLE_STREAMS`.
        jobs: compilers at the same time.

    Raises:
        ToolError: the compiler or the headers are absent, or it refused.
    """
    target = cache_dir() / "csim" / csim_key(files, [*options, *sources], streams)
    if target.is_file():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with make_alone(target), tempfile.TemporaryDirectory(dir=target.parent, prefix="building-") as name:
        if target.is_file():
            return target
        scratch = Path(name)
        objects = compile_objects(files, sources, scratch, options=options, streams=streams, jobs=jobs)
        _compile([_compiler(), *options, *map(str, objects), "-o", str(scratch / "csim")], scratch)
        (scratch / "csim").replace(target)  # atomic: parallel runs see a whole executable or none
    return target


def compile_objects(
    files: Mapping[str, str],
    sources: Sequence[str],
    scratch: Path,
    *,
    options: Sequence[str] = FAST,
    streams: str = PLAIN_STREAMS,
    jobs: int = 1,
) -> list[Path]:
    """Writes ``files`` to the folder ``scratch`` and compiles ``sources`` there; see `compile_csim`."""
    write_files(files, scratch)
    command = [_compiler(), *CXX_OPTIONS, *options, "-include", str(_precompiled(options, streams))]
    command += ["-I", str(scratch), "-I", str(data_dir("hls_templates")), *ap_types(streams)]
    objects = [scratch / f"{source}.o" for source in sources]
    pairs = zip(sources, objects, strict=True)
    with ThreadPoolExecutor(jobs) as pool:
        list(pool.map(lambda p: _compile([*command, "-c", str(scratch / p[0]), "-o", str(p[1])], scratch), pairs))
    return objects


def _precompiled(options: Sequence[str], streams: str) -> Path:
    """The header `PRECOMPILED`, compiled for these options: to read it takes longer than to compile most kernels."""
    command = [_compiler(), *CXX_OPTIONS, *options, *ap_types(streams)]
    return precompiled(f"// {_versions()!r}\n{PRECOMPILED}", command, lambda c: _compile(c, Path(c[-1]).parent))


def _compiler() -> str:
    compiler = shutil.which("g++")
    if compiler is None:
        raise ToolError("C simulation needs g++; on Debian or Ubuntu install with: apt-get install g++")
    return compiler


def csim_key(files: Mapping[str, str], options: Sequence[str], streams: str) -> str:
    """Hash of everything that decides what becomes of sources; same errors as `ap_types`."""
    options = [*CXX_OPTIONS, *options, *ap_types(streams)]
    headers = data_dir("hls_templates")
    own = sorted((*headers.glob("headrace/*.hpp"), *headers.glob("sim/**/*.h*")))
    texts = [f"{name}\0{text}" for name, text in sorted(files.items())]
    return content_key([*options, _versions(), PRECOMPILED, *texts, *(path.read_text() for path in own)])


def _compile(command: Sequence[str], scratch: Path) -> None:
    english = {**os.environ, "LC_ALL": "C"}  # what `_refusal` looks for
    done = subprocess.run(command, env=english, capture_output=True, text=True, check=False)
    if done.returncode:
        first = _refusal(done.stderr) or f"exit status {done.returncode}"
        log = cache_dir() / "csim" / "last-build.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(done.stderr)
        raise ToolError(f"g++: {first.removeprefix(f'{scratch}/')} (full log: {log})")


def _refusal(said: str) -> str:
    """The error that explains the others, if there is one, on one line.

    A failed assertion comes before what follows from it, such as arrays of size zero, and with the numbers that it compared.
    """
    errors = re.split(r"^(?=.*\berror: )", said, flags=re.MULTILINE)[1:]
    for error in errors:
        first = error.partition("\n")[0]
        if "error: static assertion failed" in first:
            numbers = re.search(r"note: (the comparison reduces to .*)", error)
            return f"{first}; {numbers[1]}" if numbers else first
    return errors[0].partition("\n")[0] if errors else ""


def run_csim(
    executable: Path, frames: int, inputs: Sequence[Words], out_words: Sequence[int], options: Sequence[str] = ()
) -> tuple[list[Words], str]:
    """Runs ``frames`` frames; takes and returns the words (beats, words) of each stream, and what the program printed.

    Args:
        out_words: 32-bit words of a beat of each output.
        options: further arguments of the program.

    Raises:
        CsimError: the simulation failed; the message is its own.
    """
    with tempfile.TemporaryDirectory(prefix="headrace-csim-") as name:
        folder = Path(name)
        sources = [folder / f"in{k}" for k in range(len(inputs))]
        sinks = [folder / f"out{k}" for k in range(len(out_words))]
        for path, words in zip(sources, inputs, strict=True):
            path.write_bytes(np.ascontiguousarray(words, "<u4").tobytes())
        command = [str(executable), str(frames), *options, *map(str, (*sources, *sinks))]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CsimError((done.stderr or f"exit status {done.returncode}").strip()[-4000:])
        results = [
            np.frombuffer(path.read_bytes(), "<u4").astype(np.uint32).reshape(-1, words)
            for path, words in zip(sinks, out_words, strict=True)
        ]
        return results, done.stdout


def _versions() -> str:
    compiler = subprocess.run(["g++", "-dumpfullversion"], capture_output=True, text=True, check=False).stdout
    return f"{compiler} {importlib.metadata.version('hls4ml') if importlib.util.find_spec('hls4ml') else ''}"
