# SPDX-License-Identifier: Apache-2.0
"""``headrace compile``: what it refuses, what it writes, and what failing disks and interruptions leave behind: nothing."""

from __future__ import annotations

import errno
import json
import re
import resource
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from command_line import PROGRAM, Run, assert_refused, files_of, left_in
from headrace_host.manifest import MANIFEST
from qonnx_file import QonnxFile, plain

import headrace.compile as compiler

# ---- compile


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.onnx", b"", "empty.onnx: the file holds no ONNX graph"),
        ("text.onnx", b"hello, world\n" * 9, "text.onnx: "),
        ("missing.onnx", None, "missing.onnx: no such model file"),
        ("nonsense", None, "no model 'nonsense': give the path of an .onnx file, or one of .*tiny"),
    ],
)
def test_broken_models(name: str, content: bytes | None, message: str, run: Run) -> None:
    if content is not None:
        Path(name).write_bytes(content)
    assert_refused(run("compile", name), message)
    assert not Path("build").exists()


def test_a_cut_model(run: Run, small_model: Path) -> None:
    whole = small_model.read_bytes()
    Path("cut.onnx").write_bytes(whole[: len(whole) // 2])
    assert_refused(run("compile", "cut.onnx"), "cut.onnx: not a readable ONNX file")


def test_an_unsupported_operator_is_named_with_its_remedy(run: Run) -> None:
    file = QonnxFile()
    file.save(Path("m.onnx"), file.node("Softmax", plain(file)))
    assert_refused(run("compile", "m.onnx"), r"node 'Softmax_\d+' \(Softmax\): .*; leave it out of the exported model")


def test_a_wrong_input_shape(run: Run) -> None:
    file = QonnxFile(shape=(1, 3, 8, 8, 8))
    file.save(Path("m.onnx"), plain(file))
    assert_refused(run("compile", "m.onnx"), r"input 'x' has 5 axes; headrace reads \(N, C, H, W\), \(N, C, L\) and \(N, F\)")


def test_unknown_boards(run: Run, small_model: Path) -> None:
    assert_refused(run("compile", small_model, "--board", "zx81"), "unknown board 'zx81'; known: .*pynq-z2")
    assert_refused(run("compile", small_model, "--board", "mine.toml"), "unknown board 'mine.toml'")


BOARD = (
    'title = "T"\npart = "p"\nfamily = "xc7"\nclock_mhz = 100\n[resources]\nlut = 50000\nff = 50000\ndsp = 100\nbram36 = 100\n'
)


@pytest.mark.parametrize(
    "text",
    [
        "title = ",
        "\0\0\0",
        BOARD.replace("lut = 50000\n", ""),
        BOARD.replace("[resources]", "[other]"),
        BOARD.replace("dsp = 100", 'dsp = "many"'),
        BOARD.replace("dsp = 100", "dsp = -1"),
        BOARD.replace("clock_mhz = 100", "clock_mhz = 0"),
        BOARD.replace("clock_mhz = 100", "clock_mhz = nan"),
        "resources = 3\n" + BOARD.split("[resources]")[0],
    ],
    ids=["cut", "zeros", "no LUTs", "no resources", "text", "negative", "no clock", "NaN", "number"],
)
def test_bad_board_files(text: str, run: Run, small_model: Path) -> None:
    Path("mine.toml").write_text(text)
    assert_refused(run("compile", small_model, "--board", "mine.toml"), "mine.toml: not a valid board description")


def test_a_board_of_ones_own(run: Run, small_model: Path) -> None:
    Path("mine.toml").write_text(BOARD)
    assert run("compile", small_model, "--board", "mine.toml", "--fps", 200_000)[0] == 0


def test_goals_out_of_reach(run: Run, small_model: Path) -> None:
    message = r"frames/s need an interval of \d+ cycles .* the shortest on PYNQ-Z2 .*; lower --fps"
    assert_refused(run("compile", small_model, "--fps", 1e9, "-o", "b"), message)
    assert_refused(run("compile", small_model, "--fill", 0.001, "-o", "b"), "does not fit PYNQ-Z2 at any folding")
    assert left_in(Path()) == []


def test_targets_that_are_not_ours(run: Run, small_model: Path) -> None:
    Path("file").write_text("precious")
    Path("folder").mkdir()
    Path("folder/thesis.tex").write_text("precious")
    assert_refused(run("compile", small_model, "-o", "file"), "file: is a file; choose another -o")
    assert_refused(run("compile", small_model, "-o", "folder"), "folder: holds files that are not a headrace build")
    assert_refused(run("compile", small_model, "-o", "file/below"), "file")
    assert_refused(run("compile", small_model, "-o", "/proc/headrace"), "/proc/headrace: cannot write the build")
    assert_refused(run("compile", small_model, "-o", "/"), "/: holds files that are not a headrace build")
    assert left_in(Path()) == ["file", "folder"]
    assert left_in(Path("folder")) == ["thesis.tex"]


def test_compiles_into_the_working_directory(run: Run, small_model: Path, tmp_path: Path) -> None:
    assert run("compile", small_model, "--fps", 200_000, "-o", ".")[0] == 0
    assert (tmp_path / "cwd" / MANIFEST).is_file()
    assert left_in(tmp_path) == ["cwd"]


def test_compiles_and_replaces_an_older_build(run: Run, small_model: Path, pristine_build: Path) -> None:
    """Into an empty folder, over a build, and with the same bytes whenever inputs are the same."""
    Path("one").mkdir()
    status, out, _ = run("compile", small_model, "--fps", 200_000, "-o", "one")
    assert status == 0
    assert "requantizers proven exact" in out
    (Path("one") / "sim").mkdir()
    (Path("one") / "sim" / "stale.so").write_text("old")
    status, out, err = run("compile", small_model, "--fps", 200_000, "-o", "one", "--json")
    assert (status, err) == (0, "")
    facts = json.loads(out)
    assert facts["build_id"] == json.loads((pristine_build / MANIFEST).read_text())["build_id"]
    assert left_in(Path()) == ["one"]
    assert not (Path("one") / "sim").exists()


def test_the_same_model_gives_the_same_bytes(small_model: Path, tmp_path: Path) -> None:
    """Two processes, two folders of one name, two hash seeds, nothing cached for the second."""
    for seed in ("1", "2"):
        environment = {"PYTHONHASHSEED": seed, "PATH": "/usr/bin:/bin", "HEADRACE_CACHE": str(tmp_path / f"cache{seed}")}
        command = [*PROGRAM, "compile", str(small_model), "--fps", "200000", "-o", str(tmp_path / seed / "out"), "--json"]
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=300)
    one, two = files_of(tmp_path / "1" / "out"), files_of(tmp_path / "2" / "out")
    assert one.keys() == two.keys()
    assert [name for name in one if one[name] != two[name]] == []
    assert not any(str(tmp_path).encode() in content for content in one.values())


# ---- failing disks and interruptions


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
def test_a_disk_that_fails_leaves_nothing(
    code: int, run: Run, small_model: Path, pristine_build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del pristine_build  # its simulator is in the cache now

    def fail(*_: object, **__: object) -> None:
        raise OSError(code, errno.errorcode[code])

    monkeypatch.setattr(compiler, "save_json", fail)
    result = run("compile", small_model, "--fps", 200_000, "-o", "build")
    assert_refused(result, rf"build: cannot write the build \({errno.errorcode[code]}\); free space or choose another -o")
    assert left_in(Path()) == []


def test_an_older_build_survives_a_disk_that_fails(
    run: Run, small_model: Path, small_build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files_of(small_build)

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez_compressed", fail)
    assert_refused(run("compile", small_model, "--fps", 200_000, "-o", small_build), "No space left on device")
    assert files_of(small_build) == before
    assert left_in(small_build.parent) == ["cwd", "small"]


def test_files_that_cannot_grow(small_model: Path, pristine_build: Path, tmp_path: Path) -> None:
    """The kernel refuses every file above 4 kB, as a full disk would."""
    del pristine_build
    limit = 4096
    done = subprocess.run(
        [*PROGRAM, "compile", str(small_model), "--fps", "200000", "-o", str(tmp_path / "out"), "--json"],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 2, done.stderr
    assert re.fullmatch(r"error: .*File too large.*\n", done.stderr)
    assert left_in(tmp_path) == []


def test_an_interruption_leaves_nothing(small_model: Path, tmp_path: Path) -> None:
    """Ctrl-C, to the whole process group as a terminal sends it, while the simulator is being compiled."""
    environment = {"PATH": "/usr/bin:/bin", "HEADRACE_CACHE": str(tmp_path / "cache")}
    process = subprocess.Popen(
        [*PROGRAM, "compile", str(small_model), "--fps", "200000", "-o", str(tmp_path / "out")],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # a runner that was started in the background ignores Ctrl-C, and its children would inherit that
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stderr is not None
    seen = ""
    while "compiling" not in seen:
        line = process.stderr.readline()
        assert line, f"ended before it compiled anything: {seen}"
        seen += line
    time.sleep(1.0)
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=60)
    assert process.returncode == 130
    assert rest.splitlines()[-1] == "interrupted"
    assert "Traceback" not in rest
    assert left_in(tmp_path) == ["cache"]
    assert left_in(tmp_path / "cache" / "networks") == []


def test_an_interruption_while_writing_leaves_the_older_build(
    run: Run, small_model: Path, small_build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files_of(small_build)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(compiler, "describe", interrupt)
    status, out, err = run("compile", small_model, "--fps", 200_000, "-o", small_build, "--json")
    assert (status, out, err.strip()) == (130, "", "interrupted")
    assert files_of(small_build) == before
    assert left_in(small_build.parent) == ["cwd", "small"]
