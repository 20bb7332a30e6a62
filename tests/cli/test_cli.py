# SPDX-License-Identifier: Apache-2.0
"""The command line: what works, and that every mistake is one line on standard error with exit code 2."""

from __future__ import annotations

import errno
import json
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from headrace_host.manifest import MANIFEST, file_digest
from PIL import Image
from qonnx_file import QonnxFile, plain, small_detector

import headrace.compile as compiler
from headrace.cli import cli, main

Run = Callable[..., tuple[int, str, str]]
PROGRAM = [sys.executable, "-c", "from headrace.cli import main; main()"]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Calls `main` in an empty working directory; returns exit code, standard output and standard error."""
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")

    def call(*args: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["headrace", *map(str, args)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as exit_info:
            main()
        out, err = capsys.readouterr()
        return int(exit_info.value.code or 0), out, err

    return call


def assert_refused(result: tuple[int, str, str], message: str, code: int = 2) -> None:
    """One line of error, no traceback, nothing on standard output."""
    status, out, err = result
    lines = [line for line in err.splitlines() if not line.endswith(" ...")]  # progress notes
    assert status == code, err
    assert len(lines) == 1, err
    assert lines[0].startswith("error: ")
    assert re.search(message, lines[0]), lines[0]
    assert out == ""


def left_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# ---- help and lists


@pytest.mark.parametrize("command", [None, *sorted(cli.commands)])
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_every_command_explains_itself(command: str | None, flag: str, run: Run) -> None:
    status, out, err = run(*([command] if command else []), flag)
    assert (status, err) == (0, "")
    assert out.startswith("Usage: headrace")
    if command:
        for option in cli.commands[command].params:
            assert any(name in out for name in (*option.opts, (option.metavar or option.human_readable_name).split()[0]))


def test_version(run: Run) -> None:
    status, out, _ = run("--version")
    assert status == 0
    assert re.fullmatch(r"headrace, version \d+\.\d+\.\d+\n", out)


def test_boards(run: Run) -> None:
    status, out, _ = run("boards")
    assert status == 0
    assert "PYNQ-Z2" in out
    status, out, err = run("boards", "--json")
    assert (status, err) == (0, "")
    assert {"pynq-z2", "ulx3s-85f"} <= {board["name"] for board in json.loads(out)}


def test_doctor(run: Run) -> None:
    status, out, _ = run("doctor")
    assert status == 0
    assert "verilator" in out
    found = {f["tool"]: f for f in json.loads(run("doctor", "--json")[1])}
    assert found["numpy"]["version"] == np.__version__
    assert all(f["version"] or f["install"] for f in found.values())


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["frobnicate"], "No such command 'frobnicate'"),
        (["compile"], "Missing argument 'MODEL'"),
        (["compile", "cellnet", "--fill", "2"], "Invalid value for '--fill'"),
        (["compile", "cellnet", "--fps", "0"], "Invalid value for '--fps'"),
        (["simulate", "x", "--stall", "1"], "Invalid value for '--stall'"),
        (["simulate", "x", "--frames", "0"], "Invalid value for '--frames'"),
        (["detect", "x"], "at least one image and, last, a build directory"),
        (["train", "nonsense"], "no recipe 'nonsense'"),
        (["export", "nowhere", "-o", "x.onnx"], "nowhere"),
        (["eval", "nonsense", "--data", "nowhere"], "nowhere"),
        (["data", "cbc", "--data", "nowhere"], "nowhere"),
    ],
)
def test_wrong_usage(args: list[str], message: str, run: Run) -> None:
    assert_refused(run(*args), message)


def test_no_command_shows_the_help(run: Run) -> None:
    status, out, err = run()
    assert "Usage: headrace" in out + err
    assert "Traceback" not in err
    assert not err.startswith("error:")
    assert status in (0, 2)


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
    file.save(Path("m.onnx"), file.node("Sigmoid", plain(file)))
    assert_refused(run("compile", "m.onnx"), r"node 'Sigmoid_\d+' \(Sigmoid\): .*; leave it out of the exported model")


def test_a_wrong_input_shape(run: Run) -> None:
    file = QonnxFile(shape=(1, 3, 8))
    file.save(Path("m.onnx"), plain(file))
    assert_refused(run("compile", "m.onnx"), r"input 'x' has 3 axes; headrace needs images \(N, C, H, W\)")


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
    (Path("one") / "rtl" / "stale.sv").write_text("old")
    status, out, err = run("compile", small_model, "--fps", 200_000, "-o", "one", "--json")
    assert (status, err) == (0, "")
    facts = json.loads(out)
    assert facts["build_id"] == json.loads((pristine_build / MANIFEST).read_text())["build_id"]
    assert left_in(Path()) == ["one"]
    assert not (Path("one") / "rtl" / "stale.sv").exists()


def files_of(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


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

    monkeypatch.setattr(compiler.np, "savez_compressed", fail)
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

    monkeypatch.setattr(compiler, "_build_id", interrupt)
    status, out, err = run("compile", small_model, "--fps", 200_000, "-o", small_build, "--json")
    assert (status, out, err.strip()) == (130, "", "interrupted")
    assert files_of(small_build) == before
    assert left_in(small_build.parent) == ["cwd", "small"]


# ---- simulate


def test_simulates_bit_exactly(run: Run, small_build: Path) -> None:
    status, out, _ = run("simulate", small_build, "--frames", 3, "--stall", 0.4, "--seed", 5)
    assert status == 0
    assert out.startswith("bit-exact: 3 frames in")
    status, out, err = run("simulate", small_build, "--frames", 6, "--json")
    assert (status, err) == (0, "")
    facts = json.loads(out)
    manifest = json.loads((small_build / MANIFEST).read_text())
    assert facts["cycles_per_frame"] <= 1.05 * manifest["performance"]["interval_cycles"]
    assert manifest["steps"]["simulate"]["frames"] == 6


def test_simulates_pictures(run: Run, small_build: Path) -> None:
    Path("pictures").mkdir()
    for i, size in enumerate([(40, 20), (16, 12), (9, 31)]):
        noise = np.random.default_rng(i).integers(0, 256, (size[1], size[0], 3), np.uint8)
        Image.fromarray(noise).save(Path("pictures") / f"{i}.png")
    assert run("simulate", small_build, "--images", "pictures", "--frames", 4)[0] == 0


def test_missing_and_foreign_builds(run: Run) -> None:
    Path("empty").mkdir()
    for command in (["simulate"], ["detect", "picture.png"]):
        assert_refused(run(*command, "nowhere"), "nowhere: no such build directory; make it with: headrace compile")
        assert_refused(run(*command, "empty"), "empty: holds no manifest.json")


@pytest.mark.parametrize(
    ("manifest", "message"),
    [
        ("{", "damaged manifest"),
        ("[]", "damaged manifest"),
        ('{"schema": 1}', "damaged manifest"),
        ("null", "damaged manifest"),
    ],
)
def test_damaged_manifests(manifest: str, message: str, run: Run, small_build: Path) -> None:
    (small_build / MANIFEST).write_text(manifest)
    assert_refused(run("simulate", small_build), message)


def test_builds_of_another_version(run: Run, small_build: Path) -> None:
    manifest = json.loads((small_build / MANIFEST).read_text())
    (small_build / MANIFEST).write_text(json.dumps({**manifest, "schema": 99}))
    assert_refused(run("simulate", small_build), r"manifest schema 99, this version reads \d+; compile the model again")


def test_tampered_weights_are_told_with_both_hashes(run: Run, small_build: Path) -> None:
    weights = small_build / "weights.npz"
    recorded = file_digest(weights)
    weights.write_bytes(weights.read_bytes() + b"\0")
    message = rf"weights.npz: not of build \w+ \(sha256 {file_digest(weights)[:12]}, manifest {recorded[:12]}\)"
    assert_refused(run("simulate", small_build), message)
    assert_refused(run("detect", "x.png", small_build), message)


@pytest.mark.parametrize("name", ["program.json", "weights.npz", "rtl/headrace_network.sv"])
def test_missing_files_are_named(name: str, run: Run, small_build: Path) -> None:
    (small_build / name).unlink()
    assert_refused(run("simulate", small_build), f"{name}: missing from build")


def test_tampered_hardware_is_refused(run: Run, small_build: Path) -> None:
    rom = next((small_build / "rtl" / "rom").glob("*.hex"))
    content = rom.read_text()
    rom.write_text(f"{int(content[0], 16) ^ 1:x}{content[1:]}")
    assert_refused(run("simulate", small_build), rf"{rom.name}: not of build")


def test_a_damaged_simulator_is_refused(run: Run, small_build: Path) -> None:
    (simulator,) = (small_build / "sim").glob("*.so")
    simulator.write_bytes(b"\x7fELF and then nothing")
    assert_refused(run("simulate", small_build), r"\.so: cannot load the simulator")


def test_pictures_that_do_not_fit(run: Run, small_build: Path) -> None:
    assert_refused(run("simulate", small_build, "--images", "nowhere"), "nowhere: no such image or folder")
    Path("none").mkdir()
    assert_refused(run("simulate", small_build, "--images", "none"), "none: no images")


def test_networks_that_read_no_pictures(run: Run, tmp_path: Path) -> None:
    model = small_detector(tmp_path / "grey.onnx", shape=(1, 1, 6, 6))
    assert run("compile", model, "--fps", 100_000, "-o", "grey")[0] == 0
    Path("pictures").mkdir()
    assert_refused(
        run("simulate", "grey", "--images", "pictures"), "does not read one 8-bit RGB image; simulate without --images"
    )


# ---- detect


def picture(path: Path) -> Path:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 32, 3), np.uint8)).save(path)
    return path


def test_detects_the_same_on_cpu_and_sim(run: Run, small_build: Path) -> None:
    image = picture(Path("a.png"))
    found = {}
    for device in ("cpu", "sim"):
        status, out, err = run("detect", image, small_build, "--device", device, "-o", device, "--json", "--check")
        assert (status, err) == (0, "")
        found[device] = json.loads(out)["images"]
        assert left_in(Path(device)) == ["a.png", "detections.json"]
        assert json.loads((Path(device) / "detections.json").read_text())["images"] == found[device]
    assert found["cpu"] == found["sim"]
    assert found["cpu"][0]["detections"], "a detector that finds nothing proves nothing"
    status, out, _ = run("detect", image, small_build)
    assert status == 0
    assert "a.png" in out


def test_pictures_that_are_none(run: Run, small_build: Path) -> None:
    whole = picture(Path("whole.png")).read_bytes()
    Path("text.jpg").write_text("no picture")
    Path("cut.png").write_bytes(whole[: len(whole) // 2])
    Path("empty.png").write_bytes(b"")
    assert_refused(run("detect", "none.png", small_build), "none.png: no such image or folder")
    for name in ("text.jpg", "cut.png", "empty.png"):
        assert_refused(run("detect", "whole.png", name, small_build, "-o", "out"), f"{name}: not a readable image")
    assert not Path("out").exists()


def test_models_without_a_detector(run: Run) -> None:
    file = QonnxFile()
    file.save(Path("plain.onnx"), plain(file))
    assert run("compile", "plain.onnx", "-o", "plain", "--fps", 100_000)[0] == 0
    assert_refused(run("detect", picture(Path("a.png")), "plain"), "plain: the model carries no detector description")


def test_detections_that_cannot_be_written(run: Run, small_build: Path) -> None:
    Path("file").write_text("precious")
    assert_refused(run("detect", picture(Path("a.png")), small_build, "-o", "file"), "file: File exists")
    assert Path("file").read_text() == "precious"
