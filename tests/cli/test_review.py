# SPDX-License-Identifier: Apache-2.0
"""What users lose by mistake: files overwritten, folders replaced, pictures misread, numbers that are none."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import Run, assert_refused, files_of, left_in
from headrace_host.accelerator import Accelerator
from headrace_host.errors import HostError
from headrace_host.images import read_image
from headrace_host.manifest import MANIFEST, Build, seal
from PIL import Image

from headrace import simulation
from headrace.errors import BuildError, ModelError
from headrace.files import check_target, replacing, save_json
from headrace.models import resolve_model, zoo
from headrace.simulation import record_step

DETECT = importlib.import_module("headrace.cli.detect")  # of the package, that name is the command


def picture(path: Path, seed: int = 0) -> Path:
    """Writes 32 x 24 random pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (24, 32, 3), np.uint8)).save(path)
    return path


# ---- compile -o


def test_a_build_with_files_of_others_is_not_replaced(run: Run, small_model: Path, small_build: Path) -> None:
    (small_build / "rtl" / "notes.txt").write_text("precious")
    before = files_of(small_build)
    message = r"small: holds rtl/notes.txt, which the build there did not write; move it away or choose another -o"
    assert_refused(run("compile", small_model, "--fps", 200_000, "-o", small_build), message)
    assert files_of(small_build) == before


@pytest.mark.parametrize(
    "manifest",
    ['{"name": "my web app", "start_url": "/"}', "[]", "{", '{"schema": 1, "build_id": 3, "files": {}}', "\xff"],
)
def test_a_folder_with_another_manifest_is_not_replaced(manifest: str, run: Run, small_model: Path) -> None:
    Path("app").mkdir()
    Path("app/manifest.json").write_text(manifest, encoding="latin-1")
    before = files_of(Path("app"))
    assert_refused(run("compile", small_model, "-o", "app"), "app: holds files that are not a headrace build")
    assert files_of(Path("app")) == before


def test_what_a_build_may_hold(small_build: Path, tmp_path: Path) -> None:
    """Simulators, what a killed process left of a manifest, builds of other versions; and folders that do not exist yet."""
    (small_build / f".{MANIFEST}.0123456789ab.partial").write_text("{")
    check_target(small_build)
    manifest = json.loads((small_build / MANIFEST).read_text())
    (small_build / MANIFEST).write_text(json.dumps({**manifest, "schema": 99}))
    check_target(small_build)
    check_target(tmp_path / "new" / "and" / "deep")
    (small_build / ".hidden").write_text("precious")
    with pytest.raises(BuildError, match=r"holds \.hidden"):
        check_target(small_build)


def test_targets_below_a_file_are_refused_before_work_starts(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("file").write_text("precious")
    Path("dangling").symlink_to("nowhere")

    def work(*_: object) -> None:
        raise AssertionError("work started")

    monkeypatch.setattr("headrace.compile.lower", work)
    assert_refused(run("compile", "cellnet", "-o", "file/sub"), "file/sub: .*file is not a folder; choose another -o")
    assert_refused(run("compile", "cellnet", "-o", "dangling/sub"), "dangling is not a folder; choose another -o")
    monkeypatch.setattr("headrace.files.os.access", lambda *_: False)  # root may write anywhere
    assert_refused(run("compile", "cellnet", "-o", "new"), r"new: cannot write the build \(.* is not writable\)")


def test_models_of_the_zoo_are_found_beside_folders_of_their_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cellnet").mkdir()
    Path("other").mkdir()
    assert resolve_model("cellnet") == zoo()["cellnet"]
    with pytest.raises(ModelError, match=r"other: is a folder; give the path of an \.onnx file, or one of .*cellnet"):
        resolve_model("other")


# ---- detect


def test_images_are_not_overwritten(run: Run, small_build: Path) -> None:
    image = picture(Path("p/a.png"))
    before = image.read_bytes()
    message = "p/a.png: is one of the images and would be overwritten; choose another -o"
    assert_refused(run("detect", image, small_build, "-o", "p"), message)
    assert_refused(run("detect", "p", small_build, "-o", Path("p").absolute()), message)
    Path("link").symlink_to("p")
    assert_refused(run("detect", image, small_build, "-o", "link"), "link/a.png: is one of the images")
    assert image.read_bytes() == before
    assert left_in(Path("p")) == ["a.png"]


def test_pictures_of_images_of_one_name_are_kept_apart(run: Run, small_build: Path) -> None:
    images = [picture(Path(name), i) for i, name in enumerate(["p1/a.png", "p2/a.png", "p2/a_2.png", "p3/A.png"])]
    status, out, _ = run("detect", *images, small_build, "--json", "-o", "out")
    assert status == 0
    names = ["a.png", "a_2.png", "a_2_2.png", "A_3.png"]
    assert left_in(Path("out")) == sorted([*names, "detections.json"])
    report = json.loads(out)["images"]
    assert [(entry["file"], entry["picture"]) for entry in report] == list(zip(map(str, images), names, strict=True))
    for image, name in zip(images, names, strict=True):
        assert run("detect", image, small_build, "-o", "alone")[0] == 0
        alone = Path("alone") / image.with_suffix(".png").name
        assert (Path("out") / name).read_bytes() == alone.read_bytes()


@pytest.mark.parametrize("device", ["cpu", "sim"])
def test_pictures_are_taken_in_chunks(device: str, run: Run, small_build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same detections as at once, never more than a chunk in the accelerator."""
    for i in range(5):
        picture(Path(f"p/{i}.png"), i)
    _, whole, _ = run("detect", "p", small_build, "--device", device, "--json")
    sizes: list[int] = []
    original = Accelerator.run

    def record(self: Accelerator, batch: Any) -> Any:
        sizes.append(len(batch))
        return original(self, batch)

    monkeypatch.setattr(Accelerator, "run", record)
    monkeypatch.setattr(DETECT, "CHUNK", 2)
    status, out, _ = run("detect", "p", small_build, "--device", device, "--check", "--json")
    assert status == 0
    assert json.loads(out)["images"] == json.loads(whole)["images"]
    assert sizes == [2, 2, 2, 2, 1, 1]  # each chunk on the device and, to check, on the CPU
    assert (json.loads(out)["cycles_per_frame"] is None) == (device == "cpu")


def test_a_damaged_image_in_a_late_chunk_is_told_before_anything_is_written(
    run: Run, small_build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DETECT, "CHUNK", 1)
    picture(Path("p/a.png"))
    Path("p/b.png").write_text("no picture")
    assert_refused(run("detect", "p", small_build, "-o", "out"), "p/b.png: not a readable image")
    assert not Path("out").exists()


# ---- images


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (4, 6, 3), np.uint8)
    for orientation, upright in {1: pixels, 3: pixels[::-1, ::-1], 6: np.rot90(pixels, -1), 8: np.rot90(pixels)}.items():
        image = Image.fromarray(pixels)
        exif = image.getexif()
        exif[0x0112] = orientation
        image.save(tmp_path / "a.png", exif=exif)
        assert np.array_equal(read_image(tmp_path / "a.png"), upright), orientation


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_greyscale_of_16_bits_is_scaled(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(np.array([[0, 128, 129, 257, 32896, 65406, 65407, 65535]], np.uint16)).save(path)
    assert read_image(path)[0].tolist() == [[v] * 3 for v in (0, 0, 1, 1, 128, 254, 255, 255)]


def test_greyscale_of_32_bits(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    Image.fromarray(np.array([[0, 65535]], np.int32)).save(path)
    assert read_image(path)[0, :, 0].tolist() == [0, 255]
    Image.fromarray(np.array([[0, 65536]], np.int32)).save(path)
    with pytest.raises(HostError, match="greyscale from 0 to 65536 is beyond 16 bits"):
        read_image(path)


# ---- what is written


def test_files_are_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    save_json(path, {"a": 1})
    with replacing(path) as first, replacing(path) as second:
        assert first != second
        first.write_text("1")
        second.write_text("2")
    assert path.read_text() == "1"

    def interrupted() -> None:
        with replacing(path) as partial:
            partial.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    with pytest.raises(TypeError):
        save_json(path, {"a": object()})
    assert path.read_text() == "1"
    assert left_in(tmp_path) == ["a.json"]


def test_steps_recorded_meanwhile_are_kept(small_build: Path) -> None:
    first, second = Build.load(small_build), Build.load(small_build)
    record_step(first, "simulate", {"frames": 2})
    record_step(second, "detect", {"images": 1})
    steps = Build.load(small_build).manifest["steps"]
    assert (steps["simulate"], steps["detect"]) == ({"frames": 2}, {"images": 1})


def test_a_build_replaced_meanwhile_is_left_alone(small_build: Path) -> None:
    build = Build.load(small_build)
    (small_build / MANIFEST).write_text(json.dumps(seal({**build.manifest, "build_id": "f" * 16})))
    before = files_of(small_build)
    message = f"small: holds build {'f' * 16} by now, so what build {build.build_id} did is not recorded"
    with pytest.raises(BuildError, match=message):
        record_step(build, "simulate", {"frames": 2})
    assert files_of(small_build) == before
    (small_build / MANIFEST).unlink()
    with pytest.raises(HostError, match="holds no manifest"):
        record_step(build, "simulate", {"frames": 2})


def test_a_simulator_that_cannot_be_copied_leaves_nothing(small_build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = Build.load(small_build)
    build.simulator.unlink()

    def fail(_: Path, target: Path) -> None:
        target.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", fail)
    with pytest.raises(OSError, match="No space left"):
        simulation.ensure_simulator(build)
    assert left_in(build.simulator.parent) == []


# ---- arguments


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "NaN"])
@pytest.mark.parametrize(
    ("option", "args"),
    [
        ("--fps", ["compile", "cellnet"]),
        ("--fill", ["compile", "cellnet"]),
        ("--stall", ["simulate", "x"]),
        ("--threshold", ["detect", "a.png", "x"]),
    ],
)
def test_numbers_that_are_none(option: str, args: list[str], value: str, run: Run) -> None:
    assert_refused(run(*args, f"{option}={value}"), f"Invalid value for '{option}'")


def test_a_manifest_of_strange_types_is_one_line(run: Run, small_build: Path) -> None:
    manifest = json.loads((small_build / MANIFEST).read_text())
    image = picture(Path("a.png"))
    for change in ({"detector": {**manifest["detector"], "stride": "4"}}, {"detector": [1]}):
        (small_build / MANIFEST).write_text(json.dumps(seal({**manifest, **change})))
        assert_refused(run("detect", image, small_build), "detector configuration")
    (small_build / MANIFEST).write_text(json.dumps({**manifest, "inputs": []}))
    assert_refused(run("detect", image, small_build), "changed since it was compiled")


def test_runs_as_a_module() -> None:
    environment = {**os.environ, "COLUMNS": "100"}
    command = [sys.executable, "-m", "headrace"]
    help_text = subprocess.run([*command, "--help"], env=environment, capture_output=True, text=True, check=True, timeout=60)
    assert help_text.stdout.startswith("Usage: headrace [OPTIONS] COMMAND")
    wrong = subprocess.run([*command, "frobnicate"], env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.startswith("error: No such command 'frobnicate'")
