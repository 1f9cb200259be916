from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge.artefact import load_models, load_networks, shipped
from edge.fusion import FUSION_INPUTS, MeanFusion
from edge.types import AAMI, RHYTHMS
from firmware_bridge.types import BadInput

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the shipped networks that may be spoilt."""
    for kind in ("gru", "beat_cnn", "rhythm_cnn", "af"):
        shutil.copytree(shipped() / kind, tmp_path / kind)
    return tmp_path


def _edit(folder: Path, change: Change) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def _refusal(root: Path) -> str:
    with pytest.raises(BadInput) as error:
        load_networks(root)
    text = str(error.value)
    assert "\n" not in text
    return text


def test_networks_when_shipped_then_all_fit_together() -> None:
    models = load_networks(shipped())
    assert models.fs == 125.0
    assert isinstance(models.fusion, MeanFusion)
    assert models.manifests["gru"].classes == AAMI
    assert models.manifests["rhythm_cnn"].classes == RHYTHMS
    assert models.beat_cnn.window == models.manifests["beat_cnn"].window


def test_manifests_when_shipped_then_each_says_what_it_was_trained_on() -> None:
    for kind, manifest in load_networks(shipped()).manifests.items():
        assert manifest.trained_on, kind
        assert manifest.parity or manifest.results, kind


@pytest.mark.parametrize("name", ["manifest.json", "model.tflite"])
@pytest.mark.parametrize("kind", ["gru", "beat_cnn", "rhythm_cnn", "af"])
def test_networks_when_a_file_is_missing_then_the_folder_is_named(root: Path, kind: str, name: str) -> None:
    (root / kind / name).unlink()
    assert _refusal(root) == (
        f"{root / kind}: No such file or directory; expected manifest.json and model.tflite"
    )


def test_networks_when_model_was_changed_then_both_hashes_are_named(root: Path) -> None:
    file = root / "gru" / "model.tflite"
    content = bytearray(file.read_bytes())
    said = hashlib.sha256(content).hexdigest()[:12]
    content[5000] ^= 1
    file.write_bytes(content)
    found = hashlib.sha256(content).hexdigest()[:12]
    assert _refusal(root) == (
        f"{file}: sha256 {found}..., manifest says {said}...; "
        "the file was changed or damaged, install heartwire again"
    )


def test_networks_when_model_was_cut_short_then_refused_before_the_runtime_sees_it(root: Path) -> None:
    file = root / "rhythm_cnn" / "model.tflite"
    file.write_bytes(file.read_bytes()[:1000])
    assert _refusal(root).startswith(f"{file}: sha256 ")


def test_networks_when_damaged_model_has_the_right_hash_then_the_runtime_refuses_it(root: Path) -> None:
    file = root / "gru" / "model.tflite"
    content = b"no model " * 100
    file.write_bytes(content)
    _edit(root / "gru", lambda m: m.update(sha256=hashlib.sha256(content).hexdigest()))
    text = _refusal(root)
    assert text.startswith("model: ")
    assert text.endswith("; the file is damaged or too new, export it again")


def test_networks_when_models_are_swapped_then_the_kind_is_named(root: Path) -> None:
    (root / "gru").rename(root / "other")
    (root / "beat_cnn").rename(root / "gru")
    assert _refusal(root) == (
        f"{root / 'gru' / 'manifest.json'}: kind 'beat_cnn' version 1, expected 'gru' version 1; "
        "export the model again"
    )


def test_networks_when_manifest_is_of_another_version_then_refused(root: Path) -> None:
    _edit(root / "gru", lambda m: m.update(version=2))
    assert _refusal(root) == (
        f"{root / 'gru' / 'manifest.json'}: kind 'gru' version 2, expected 'gru' version 1; "
        "export the model again"
    )


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda m: m.update(colour="red"), "Object contains unknown field `colour`"),
        (lambda m: m.pop("sha256"), "Object missing required field `sha256`"),
        (lambda m: m.update(fs="fast"), "Expected `float`, got `str` - at `$.fs`"),
    ],
)
def test_networks_when_manifest_is_no_manifest_then_the_key_is_named(
    root: Path, change: Change, text: str
) -> None:
    _edit(root / "gru", change)
    assert _refusal(root) == f"{root / 'gru' / 'manifest.json'}: {text}; export the model again"


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe{}", b"[]", b"{}" * 3, b'{"kind": "\xff"}'])
def test_networks_when_manifest_is_rubbish_then_one_line_names_the_file(root: Path, content: bytes) -> None:
    (root / "gru" / "manifest.json").write_bytes(content)
    assert _refusal(root).startswith(f"{root / 'gru' / 'manifest.json'}: ")


@pytest.mark.parametrize(
    ("kind", "change", "text"),
    [
        ("gru", lambda m: m["thresholds"].pop("clip_mv"), "no thresholds.clip_mv"),
        ("gru", lambda m: m.update(delay={}), "no delay.qrs, delay.class, delay.filter"),
        ("gru", lambda m: m.update(calibration={}), "no calibration.peak_lag"),
        ("gru", lambda m: m.update(fs=0.0), "fs 0, expected 20 to 1000 Hz"),
    ],
)
def test_networks_when_manifest_lacks_what_the_pipeline_reads_then_refused(
    root: Path, kind: str, change: Change, text: str
) -> None:
    _edit(root / kind, change)
    assert _refusal(root) == f"{root / kind / 'manifest.json'}: {text}; export the model again"


@pytest.mark.parametrize(
    ("kind", "change", "text"),
    [
        ("gru", lambda m: m.update(classes=["N"]), "gru: classes ['N'], expected ['N', 'S', 'V', 'F', 'Q']"),
        ("beat_cnn", lambda m: m.update(classes=["V"]), "beat_cnn: classes ['V'], expected ['N', 'S', "),
        ("gru", lambda m: m.update(sos=[]), "gru: its manifest has no filters (sos); export the model again"),
        (
            "beat_cnn",
            lambda m: m.update(before=10),
            "beat_cnn: window 128 with 10 before the R-peak, expected",
        ),
        (
            "beat_cnn",
            lambda m: m.update(window=125),
            "beat_cnn: input (1, 128, 3), output (1, 5), expected (1,",
        ),
        (
            "rhythm_cnn",
            lambda m: m.update(hop=0),
            "rhythm_cnn: window 500, hop 0, expected 0 < hop <= window",
        ),
        ("rhythm_cnn", lambda m: m.update(window=4000), "rhythm_cnn: window 4000, hop 125, expected 0 < hop"),
    ],
)
def test_networks_when_they_do_not_fit_then_the_folder_and_both_sides_are_named(
    root: Path, kind: str, change: Change, text: str
) -> None:
    _edit(root / kind, change)
    assert _refusal(root).startswith(f"{root}/{text}")


def test_networks_when_filter_is_unusable_then_the_section_is_named(root: Path) -> None:
    _edit(root / "gru", lambda m: m.update(sos=[[1, 0, 0, 0, 0, 0]]))
    assert _refusal(root).startswith("filter section 0: got [1.0, 0.0, 0.0, 0.0, 0.0, 0.0], expected ")


def test_networks_when_rates_differ_then_both_are_named(root: Path) -> None:
    _edit(root / "rhythm_cnn", lambda m: m.update(fs=250.0))
    assert _refusal(root) == (
        f"{root}: the models run at different rates [125.0, 250.0] Hz; export them together"
    )


def test_models_when_fusion_is_missing_then_the_folder_is_named(root: Path) -> None:
    with pytest.raises(BadInput) as error:
        load_models(root)
    assert str(error.value) == (
        f"{root / 'fusion'}: No such file or directory; expected manifest.json and model.tflite"
    )


def _with_fusion(root: Path, **change: object) -> str:
    content = (root / "beat_cnn" / "model.tflite").read_bytes()
    (root / "fusion").mkdir()
    (root / "fusion" / "model.tflite").write_bytes(content)
    manifest = {
        "kind": "fusion",
        "version": 1,
        "name": "f",
        "sha256": hashlib.sha256(content).hexdigest(),
        "fs": 125.0,
        "units": "",
        "classes": AAMI,
        "inputs": FUSION_INPUTS,
        **change,
    }
    (root / "fusion" / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(BadInput) as error:
        load_models(root)
    return str(error.value).removeprefix(f"{root / 'fusion'}: ")


def test_models_when_fusion_has_other_features_then_refused(root: Path) -> None:
    assert _with_fusion(root, inputs=["a", "b"]) == (
        "its inputs are not those of this heartwire; fit it again"
    )


def test_models_when_fusion_is_for_another_rate_then_both_are_named(root: Path) -> None:
    assert _with_fusion(root, fs=250.0) == "made for 250 Hz, the networks run at 125 Hz"


def test_models_when_fusion_has_another_shape_then_both_are_named(root: Path) -> None:
    assert _with_fusion(root) == (
        "inputs [(1, 128, 3)] and outputs [(1, 5)], expected x (1, 33), s (1, n) and y (1, 10), s (1, n); "
        "export the model again"
    )


def test_networks_when_af_has_other_features_then_refused(root: Path) -> None:
    _edit(root / "af", lambda m: m.update(inputs=["a", "b"]))
    assert _refusal(root) == f"{root / 'af'}: its inputs are not those of this heartwire; fit it again"
