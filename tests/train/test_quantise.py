from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from edge.af import AF_INPUTS
from edge.artefact import load_models
from edge.pipeline import Pipeline
from edge.types import Beat, Status
from firmware_bridge.patient import VirtualPatient
from firmware_bridge.types import BadInput, SampleBlock
from train import __main__ as train_main

torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from train import beat_images, checkpoint, fit_cnn, fit_fusion, quantise, rhythm_windows  # noqa: E402
from train.dataset import Fold, load_noise, load_patients  # noqa: E402
from train.fit_af import AfNet, AfRecipe  # noqa: E402
from train.fit_cnn import CnnRecipe  # noqa: E402
from train.fit_fusion import FusionNet, FusionRecipe  # noqa: E402
from train.fit_gru import GruRecipe, start  # noqa: E402
from train.models import BeatCnn, GruConfig, RhythmCnn  # noqa: E402


@pytest.fixture
def runs(tmp_path: Path, synthetic_cache: Path) -> Path:
    """Checkpoints of networks that have seen a few windows."""
    pytest.importorskip("tensorflow", reason="tensorflow is not installed (pip install 'heartwire[train]')")
    folder = tmp_path / "runs"
    recipe, config = GruRecipe(), GruConfig()
    start(recipe, config).save(folder / "gru.pt", recipe=asdict(recipe), config=asdict(config))
    patients, _ = load_patients(Fold())
    noises = load_noise()
    sets = [beat_images.draw(patients[k % 2], k, noises) for k in range(4)]
    beats = np.concatenate([s[0] for s in sets]), np.concatenate([s[1] for s in sets])
    rng = np.random.default_rng(0)
    rhythms = rhythm_windows.noise_windows(rng, noises, 90)
    tiny = CnnRecipe(epochs=8, batch=16, ema=0.7)
    fit_cnn.fit(BeatCnn(), tiny, beats, beats, folder / "beat_cnn.pt")
    fit_cnn.fit(RhythmCnn(), tiny, rhythms, rhythms, folder / "rhythm_cnn.pt")
    assert len(set(beats[1])) == 3
    assert len(set(rhythms[1])) == 2
    torch.manual_seed(0)
    af = {"net": AfNet(32).state_dict(), "recipe": asdict(AfRecipe()), "patients": ["afdb/1"], "results": {}}
    checkpoint.write(af, folder / "af.pt")
    fusion = {
        "net": FusionNet(FusionRecipe()).state_dict(),
        "recipe": asdict(FusionRecipe()),
        "patients": {"ds1": ["mitdb/116"]},
        "rows": "networks of 3 folds",
        "command": "python -m train fit fusion",
        "factors": {"S": 1.0, "V": 0.35},
        "results": {"patients held out": {"early": {}}},
    }
    checkpoint.write(fusion, folder / "fusion.pt")
    return folder


def test_main_when_all_checkpoints_are_there_then_the_monitor_runs_on_the_artefacts(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "artefacts"
    capsys.readouterr()
    assert train_main.main(["quantise", "--runs", str(runs), "--out", str(out)]) == 0
    told = [json.loads(line)["kind"] for line in capsys.readouterr().out.splitlines()]
    assert told == ["gru", "beat_cnn", "rhythm_cnn", "af", "fusion"]
    models = load_models(out)
    m = models.manifests
    assert m["gru"].parity["max_abs_logit_difference"] <= 1e-4
    assert m["gru"].gate_order == "r z n (PyTorch)"
    assert m["gru"].delay == {"qrs": 13, "class": 24, "filter": quantise.FILTER_LAG}
    assert m["gru"].calibration == {"peak_lag": quantise.PEAK_LAG}
    assert m["beat_cnn"].parity["argmax_agreement"] >= 0.95
    assert m["rhythm_cnn"].parity["argmax_agreement"] >= 0.95
    assert (m["beat_cnn"].window, m["beat_cnn"].before) == (beat_images.WINDOW, beat_images.BEFORE)
    assert (m["rhythm_cnn"].window, m["rhythm_cnn"].hop) == (rhythm_windows.WINDOW, rhythm_windows.HOP)
    assert m["af"].inputs == AF_INPUTS
    assert m["fusion"].inputs == fit_fusion.FUSION_INPUTS
    for kind in ("gru", "beat_cnn", "rhythm_cnn"):
        account = m[kind].trained_on
        assert account["command"] == f"python -m train fit {kind}"
        assert account["left_out"] == ["mitdb/201", "all of DS2"]
    events = Pipeline(models).push(
        SampleBlock("t", 0, 250.0, VirtualPatient(250.0, 0, "sinus").read(1500).mv, ("ECG",))
    )
    assert [e for e in events if isinstance(e, (Status, Beat))]


@pytest.mark.parametrize("kind", ["gru", "beat_cnn", "rhythm_cnn", "af", "fusion"])
def test_main_when_a_checkpoint_is_missing_then_one_line_says_how_to_train(
    kind: str, synthetic_cache: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["quantise", kind, "--runs", str(tmp_path / "runs"), "--out", str(tmp_path / "out")]
    assert train_main.main(words) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"python -m train fit {kind}" in said
    assert not (tmp_path / "out").exists()


def test_main_when_the_kind_is_unknown_then_the_known_are_named(tmp_path: Path) -> None:
    with pytest.raises(
        BadInput, match="unknown model 'lstm': expected one of gru, beat_cnn, rhythm_cnn, af, fusion"
    ):
        quantise.main(["lstm", "--out", str(tmp_path)])


def test_write_when_done_then_the_hash_is_that_of_the_file(tmp_path: Path) -> None:
    quantise.write("gru", b"model", tmp_path, units="mV")
    manifest = json.loads((tmp_path / "gru" / "manifest.json").read_text())
    assert manifest["sha256"] == hashlib.sha256(b"model").hexdigest()
    assert manifest["units"] == "mV"
    assert (tmp_path / "gru" / "model.tflite").read_bytes() == b"model"


def test_main_when_scores_are_given_then_the_manifest_tells_them_and_the_models_stay(tmp_path: Path) -> None:
    quantise.write("fusion", b"model", tmp_path, units="", classes=["N"], results={"before": 1})
    scores = tmp_path / "ds2.json"
    scores.write_text('{"record": "100"}\n{"summary": {"records": 22, "qrs": {"se": 99.8, "ppv": 99.8}}}\n')
    assert quantise.main(["--ec57", str(scores), "--out", str(tmp_path)]) == 0
    results = json.loads((tmp_path / "fusion" / "manifest.json").read_text())["results"]
    assert results["before"] == 1
    assert results["EC57, mitdb DS2, detected peaks, one lead, the whole monitor"]["qrs"]["se"] == 99.8
    assert (tmp_path / "fusion" / "model.tflite").read_bytes() == b"model"


def test_main_when_the_scores_are_no_summary_then_one_line_says_what_was_expected(tmp_path: Path) -> None:
    quantise.write("fusion", b"model", tmp_path, units="", classes=["N"], results={})
    (tmp_path / "ds2.json").write_text("not a summary\n")
    with pytest.raises(BadInput, match="expected what `heartwire evaluate DIR --split ds2 --json` prints"):
        quantise.main(["--ec57", str(tmp_path / "ds2.json"), "--out", str(tmp_path)])
