# SPDX-License-Identifier: Apache-2.0
"""The command line: what works, and that every mistake is one line on standard error with exit code 2."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from command_line import Run, assert_refused, left_in
from headrace_host.manifest import MANIFEST, file_digest
from PIL import Image
from qonnx_file import QonnxFile, plain, small_detector

from headrace.cli import cli

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
    assert {"pynq-z2", "ultra96v2"} <= {board["name"] for board in json.loads(out)}


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
        (["eval", "nonsense", "--data", "nowhere"], "nonsense"),
        (["eval", "cellnet", "--data", "nowhere"], "nowhere: no data set"),
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
    assert_refused(run("simulate", "grey", "--images", "pictures"), "does not read one 8-bit RGB image; leave --images out")


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
