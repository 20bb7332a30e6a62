# SPDX-License-Identifier: Apache-2.0
"""Builds and their manifests: what is refused, and what the outputs of an accelerator mean."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from headrace_host.accelerator import Accelerator, Output, ProgramRunner
from headrace_host.detector import Detector, DetectorConfig, Letterbox, decode, real_values
from headrace_host.errors import HostError
from headrace_host.manifest import MANIFEST, Build, file_digest, seal
from headrace_host.program import Program
from headrace_host.simulator import HARNESS_ABI, SimulationResult, _RunState, _StreamState

CONFIG = DetectorConfig(
    classes=("red", "white"),
    stride=4,
    image_scale=2.0**-8,
    heatmap="heatmap",
    box="box",
    box_scale=4.0,
    score_threshold=0.5,
    nms_iou=0.5,
    max_detections=10,
)
WHOLE = Letterbox(scale=1.0, left=0, top=0, image_width=64, image_height=48)


def read(build: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((build / MANIFEST).read_text())
    return manifest


def write(build: Path, manifest: Any) -> None:
    (build / MANIFEST).write_text(json.dumps(manifest))


# ---- manifests


def test_a_build_is_sealed_as_documented(pristine_build: Path) -> None:
    """SHA-256 over sorted keys without spaces, recomputed from the file."""
    manifest = read(pristine_build)
    body = {k: v for k, v in manifest.items() if k not in ("digest", "steps")}
    assert manifest["digest"] == sha256(json.dumps(body, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    assert seal(manifest) == manifest


def test_sealing_is_of_what_json_stores() -> None:
    sealed = seal({"pair": (1, 2), "numbers": {10: 0, 9: 1}})
    assert sealed == seal(json.loads(json.dumps(sealed)))


@pytest.mark.parametrize(
    "change",
    [
        lambda m: m["inputs"][0].update(lanes=m["inputs"][0]["lanes"] + 1),
        lambda m: m["outputs"][0].update(bits=3),
        lambda m: m["performance"].update(interval_cycles=1),
        lambda m: m["files"].update({"extra": "0"}),
        lambda m: m.update(later=1),
        lambda m: m.update(digest="0" * 64),
    ],
    ids=["lanes", "bits", "interval", "files", "unknown", "digest"],
)
def test_an_edited_manifest_is_told_in_one_line(change: Callable[[Any], None], small_build: Path) -> None:
    manifest = read(small_build)
    change(manifest)
    write(small_build, manifest)
    with pytest.raises(HostError, match=r"manifest.json: changed since it was compiled \(sha256 \w{12}, recorded \w{12}\)"):
        Build.load(small_build)


def test_steps_may_be_added(small_build: Path) -> None:
    manifest = read(small_build)
    write(small_build, {**manifest, "steps": {**manifest["steps"], "more": {"x": 1}}})
    assert Build.load(small_build).manifest["steps"]["more"] == {"x": 1}


KEYS = (
    *("build_id", "certificates", "detector", "digest", "fifos", "files"),
    *("inputs", "layers", "outputs", "performance", "rtl", "steps"),
)


@pytest.mark.parametrize("key", KEYS)
def test_a_manifest_that_lacks_a_key(key: str, small_build: Path) -> None:
    manifest = read(small_build)
    del manifest[key]
    write(small_build, manifest if key == "digest" else {**seal(manifest)})
    with pytest.raises(HostError, match=rf"manifest.json: damaged manifest \(it lacks '{key}'\); run headrace compile again"):
        Build.load(small_build)


@pytest.mark.parametrize("key", [key for key in KEYS if key != "detector"])
def test_a_manifest_with_a_key_of_another_type(key: str, small_build: Path) -> None:
    manifest = {**seal({**read(small_build), key: 7}), key: 7}
    write(small_build, manifest)
    with pytest.raises(HostError, match=rf"damaged manifest \(it has a wrong '{key}', 7\)"):
        Build.load(small_build)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m: m["inputs"].append(3), "one of its inputs is no dictionary"),
        (lambda m: m["outputs"][0].pop("lanes"), "one of its outputs lacks 'lanes'"),
        (lambda m: m["outputs"][0].update(bits="8"), "one of its outputs has a wrong 'bits', '8'"),
        (lambda m: m["fifos"][0].pop("reader"), "one of its fifos lacks 'reader'"),
        (lambda m: m["layers"][0].pop("name"), "one of its layers lacks 'name'"),
        (lambda m: m["performance"].pop("interval_cycles"), "its performance lacks 'interval_cycles'"),
        (lambda m: m["rtl"].update(sources="x"), "its rtl has a wrong 'sources', 'x'"),
        (lambda m: m["files"].update({"program.json": None}), "its files has a wrong 'program.json', None"),
    ],
)
def test_a_sealed_manifest_with_damaged_entries(change: Callable[[Any], None], message: str, small_build: Path) -> None:
    manifest = read(small_build)
    change(manifest)
    write(small_build, seal(manifest))
    with pytest.raises(HostError, match=rf"damaged manifest \({message}\)"):
        Build.load(small_build)


# ---- simulators


def test_hardware_of_another_build_is_not_simulated(small_build: Path) -> None:
    rom = next((small_build / "rtl" / "rom").glob("*.hex"))
    rom.write_text(rom.read_text().replace("0", "1", 1) + "0\n")
    with Accelerator(small_build) as accelerator:  # the CPU does not read it
        assert accelerator.device == "cpu"
    with pytest.raises(HostError, match=rf"{rom.name}: not of build \w+ \(sha256 {file_digest(rom)[:12]}"):
        Accelerator(small_build, "sim")


def test_a_simulator_of_another_harness_is_not_loaded(small_build: Path) -> None:
    build = Build.load(small_build)
    assert build.simulator.name == f"{build.build_id}-{HARNESS_ABI}.so"
    build.simulator.rename(build.simulator.with_name(f"{build.build_id}-{HARNESS_ABI - 1}.so"))
    with pytest.raises(HostError, match="has no simulator yet; run: headrace simulate"):
        Accelerator(small_build, "sim")


def test_the_harness_structures_are_those_of_its_version() -> None:
    """A change here needs another HARNESS_ABI, for simulators already compiled have the old layout."""
    layout = [f"{name}:{kind.__name__}" for structure in (_StreamState, _RunState) for name, kind in structure._fields_]
    assert (HARNESS_ABI, " ".join(layout)) == (
        1,
        "source:c_void_p sink:c_void_p words:c_long beats:c_long frame_beats:c_long done:c_long period:c_double "
        "inputs:LP__StreamState outputs:LP__StreamState input_count:c_long output_count:c_long stall_in:c_double "
        "stall_out:c_double max_cycles:c_long idle_limit:c_long frame_ends:LP_c_long frames_done:c_long cycles:c_long "
        "first_beat:c_long",
    )


# ---- what integers mean


def test_real_values_have_scale_and_offset() -> None:
    integers = np.array([[[1, 2], [3, -4]]], np.int8)
    per_tensor = real_values(integers, Output((1, 2, 2), 0.5, -1.0))
    assert per_tensor.tolist() == [[[-0.5, 0.0], [0.5, -3.0]]]
    per_channel = real_values(integers, Output((1, 2, 2), np.array([0.5, 2.0]), np.array([10.0, -1.0])))
    assert per_channel.tolist() == [[[10.5, 3.0], [11.5, -9.0]]]


def test_a_detector_adds_the_offset() -> None:
    """A build whose outputs are shifted finds what one without offset finds, if its integers are shifted back."""

    class Stub:
        input_shape = (1, 48, 64, 3)

        def __init__(self, shift: int) -> None:
            self.shift = shift
            self.outputs = {
                "heatmap": Output((12, 16, 2), 0.0625, np.array([0.0625, 0.0625]) * -shift),
                "box": Output((12, 16, 4), 0.125, 0.125 * -shift),
            }

        def run(self, batch: Any) -> dict[str, Any]:
            heatmap = np.full((len(batch), 12, 16, 2), -90, np.int64)
            heatmap[:, 6, 8, 0] = 64
            return {"heatmap": heatmap + self.shift, "box": np.full((len(batch), 12, 16, 4), 16) + self.shift}

    image = np.zeros((48, 64, 3), np.uint8)
    plain, shifted = (Detector(Stub(shift), CONFIG).detect([image]) for shift in (0, 24))
    assert [d.box for d in plain[0]] == [(26, 18, 42, 34)]
    assert shifted == plain


def test_outputs_tell_the_manifests_scale_and_offset(pristine_build: Path) -> None:
    outputs = ProgramRunner(Program.load(pristine_build)).outputs
    for entry in read(pristine_build)["outputs"]:
        output = outputs[entry["tensor"]]
        assert np.ravel(output.scale).tolist() == entry["scale"]
        assert np.ravel(output.offset).tolist() == entry["offset"]


# ---- detector descriptions


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stride": "4"}, "stride is '4', not a whole number"),
        ({"stride": 4.5}, "stride is 4.5, not a whole number"),
        ({"stride": True}, "stride is True, not a whole number"),
        ({"max_detections": None}, "max_detections is None, not a whole number"),
        ({"box_scale": "1"}, "box_scale is '1', not a finite number"),
        ({"box_scale": 10**400}, "box_scale is 1000"),
        ({"score_threshold": float("nan")}, "score_threshold is nan, not a finite number"),
        ({"nms_iou": float("inf")}, "nms_iou is inf, not a finite number"),
        ({"heatmap": 3}, "heatmap is 3, not a text"),
        ({"classes": "red"}, "classes are 'red', not a list"),
        ({"classes": None}, "classes are None, not a list"),
        ({"classes": ["red", 2]}, "classes are .*, not texts"),
        ({"kind": ["centernet-ltrb"]}, "is unknown"),
    ],
)
def test_descriptions_of_wrong_types(change: dict[str, Any], message: str) -> None:
    with pytest.raises(HostError, match=message):
        DetectorConfig.from_json({**CONFIG.to_json(), **change})


@pytest.mark.parametrize("data", [None, [], "text", 3])
def test_descriptions_that_are_no_dictionary(data: Any) -> None:
    with pytest.raises(HostError, match="not a dictionary"):
        DetectorConfig.from_json(data)


def test_maps_that_do_not_fit_the_description() -> None:
    with pytest.raises(HostError, match="output heatmap has 3 channels; its detector description has 2"):
        decode({"heatmap": np.zeros((12, 16, 3)), "box": np.ones((12, 16, 4))}, CONFIG, WHOLE)


def test_extreme_logits_are_scores_without_a_warning() -> None:
    heatmap = np.full((12, 16, 2), -1e6)
    heatmap[5, 7, 0] = 1e6
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        maps = {"heatmap": heatmap, "box": np.ones((12, 16, 4))}
        (one,) = decode(maps, replace(CONFIG, score_threshold=0.0, max_detections=1), WHOLE)
    assert (one.score, one.label) == (1.0, 0)


def test_the_interval_is_that_of_the_later_frames() -> None:
    def interval(*ends: int) -> float | None:
        return SimulationResult(outputs={}, cycles=ends[-1], first_beat=0, frame_ends=ends).cycles_per_frame

    assert interval(100) is None
    assert interval(100, 190) == 90
    assert interval(100, 190, 270, 334, 398, 462) == 64
