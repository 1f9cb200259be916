from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.artefact import load_networks, shipped
from edge.cnn import Int8Cnn
from firmware_bridge.patient import VirtualPatient
from firmware_bridge.types import BadInput
from train import databases, recordings
from train.dataset import Fold
from train.evaluate_all import FOLDS, fold_models
from train.forest import Forest
from train.recording_features import FEATURES
from train.recordings import (
    LABELS,
    Judge,
    all_beats,
    beats_of,
    labels,
    lines,
    load_judge,
    rhythm_of,
    row,
    scores,
    table,
)

N = len(FEATURES)


def stumps() -> Forest:
    """A round of trees of one question each: whether feature k of class k is above 0.5."""
    feature = np.array([[[k, -1, -1] for k in range(4)]], np.int16)
    value = np.array([[[0.0, -1.0, 2.0]] * 4], np.float32)
    ones = np.ones_like(feature)
    return Forest(feature, 0.5 * ones.astype(np.float32), ones, 2 * ones, value, np.zeros(4, np.float32))


def judge(seed: int = 0) -> Judge:
    rng = np.random.default_rng(seed)
    shapes = ((2, N, 3), (2, 3), (2, 3, 4), (2, 4))
    return Judge(
        rng.normal(size=N).astype(np.float32),
        np.ones(N, np.float32),
        *(rng.normal(size=shape).astype(np.float16).astype(np.float32) for shape in shapes),
        stumps(),
    )


def test_judge_when_it_answers_then_it_is_the_mean_of_its_networks_and_of_its_trees() -> None:
    j, x = judge(), np.random.default_rng(1).normal(size=(6, N)).astype(np.float32)
    found = j.probs(x)
    assert found.sum(1) == pytest.approx(np.ones(6), abs=1e-5)
    alone = [
        Judge(j.mean, j.spread, j.w1[k : k + 1], j.b1[k : k + 1], j.w2[k : k + 1], j.b2[k : k + 1], j.trees)
        for k in (0, 1)
    ]
    assert found == pytest.approx((alone[0].probs(x) + alone[1].probs(x)) / 2.0, abs=1e-6)
    logits = np.where(x[:, :4] <= 0.5, -1.0, 2.0)
    of_trees = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert j.trees.probs(x) == pytest.approx(of_trees, abs=1e-6)
    of_networks = 2.0 * found - of_trees
    assert of_networks.min() > -1e-6
    assert of_networks.sum(1) == pytest.approx(np.ones(6), abs=1e-5)


def test_judge_when_saved_and_read_then_it_answers_the_same(tmp_path: Path) -> None:
    x = np.random.default_rng(1).normal(size=(6, N)).astype(np.float32)
    judge().save(tmp_path / "a" / "recordings.json")
    assert np.array_equal(load_judge(tmp_path / "a" / "recordings.json").probs(x), judge().probs(x))


def test_load_judge_when_missing_damaged_or_of_other_features_then_one_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "recordings.json"
    with pytest.raises(BadInput, match=r"cannot read .*python -m train fit recordings"):
        load_judge(path)
    judge().save(path)
    content = path.read_bytes()
    for damaged in (
        b"",
        b"{}",
        b"[]",
        b"\xff",
        content[: len(content) // 2],
        content.replace(b'"w1": "', b'"w1": "A'),
    ):
        path.write_bytes(damaged)
        with pytest.raises(BadInput, match=r"cannot read .*python -m train fit recordings"):
            load_judge(path)
    path.write_bytes(content)
    monkeypatch.setattr(recordings, "FEATURES", FEATURES[1:])
    with pytest.raises(BadInput, match="its features are not those of this code"):
        load_judge(path)


def test_scores_when_one_n_is_called_o_then_f1_is_as_the_challenge_has_it() -> None:
    table = np.diag([4, 2, 3, 1])
    table[0, 2] = 1
    found = scores(table)
    assert found["N"] == pytest.approx(200 * 4 / 9)
    assert found["A"] == 100.0
    assert found["O"] == pytest.approx(200 * 3 / 7)
    assert found["mean"] == pytest.approx((found["N"] + 100.0 + found["O"]) / 3)


def test_row_when_made_then_intervals_hold_the_values_and_the_table_every_recording() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 400)
    said = np.where(rng.random(400) < 0.8, truth, rng.integers(0, 4, 400))
    found = row(truth, said)
    assert sum(n for line in found["table"].values() for n in line.values()) == found["recordings"] == 400
    for name, value in found["f1"].items():
        low, high = found["interval_95"][name]
        assert low < value < high
    assert f"mean {found['f1']['mean']:.2f}" in "".join(lines(found))


def test_rhythm_of_when_half_a_minute_long_then_one_answer_a_second_as_the_monitor_gives() -> None:
    models = load_networks(shipped())
    cnn: Int8Cnn = models.rhythm_cnn
    x = np.random.default_rng(0).normal(0.0, 0.3, 30 * 125).astype(np.float32)
    found = rhythm_of(x, cnn)
    assert found.shape == (1 + (len(x) - cnn.window) // 125, 5)
    assert found.sum(1) == pytest.approx(np.ones(len(found)), abs=1e-4)
    assert rhythm_of(x[:100], cnn).shape == (0, 5)


def test_beats_of_when_the_heart_is_known_then_its_beats_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    patient = VirtualPatient(300.0, 0, "sinus:40s rate=75")
    mv = patient.read(30 * 300).mv[:, :1]
    monkeypatch.setattr(
        databases,
        "load",
        lambda d, n: databases.Record(d, n, 300.0, mv, ("ECG",), np.zeros(0, np.int64), (), (), (), ()),
    )
    found = beats_of("A00001", shipped())
    truth = np.array([b.sample / 300.0 for b in patient.beats if 1.0 < b.sample / 300.0 < 29.0])
    assert np.abs(truth[:, None] - found[None, :, 0]).min(1).max() < 0.05
    assert found.shape[1] == 8
    assert found[:, 3:].sum(1) == pytest.approx(np.ones(len(found)), abs=1e-5)
    assert (found[:, 3:].argmax(1) == 0).mean() > 0.9


def test_labels_when_read_then_each_recording_that_is_there_is_an_index_of_the_four(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "cinc2017"
    folder.mkdir()
    (folder / "REFERENCE-v3.csv").write_text("A00001,N\nA00002,O\nA00007,~\n")
    for name in ("A00001", "A00007"):
        (folder / f"{name}.hea").touch()
    monkeypatch.setenv("HEARTWIRE_DATA", str(tmp_path))
    assert labels() == {"A00001": LABELS.index("N"), "A00007": LABELS.index("~")}


@pytest.fixture
def six(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six recordings of the virtual patient, as cinc2017 has them, and an empty cache."""
    wfdb = pytest.importorskip("wfdb")
    folder = tmp_path / "cinc2017"
    folder.mkdir()
    lines = []
    for k, label in enumerate("NAONAO"):
        mv = (
            VirtualPatient(300.0, k, "af:20s" if label == "A" else "sinus:20s rate=75")
            .read(20 * 300)
            .mv[:, :1]
        )
        wfdb.wrsamp(
            f"A{k:05d}", fs=300, units=["mV"], sig_name=["ECG"], p_signal=mv.astype(np.float64), fmt=["16"],
            adc_gain=[1000.0], baseline=[0], write_dir=str(folder),
        )  # fmt: skip
        lines.append(f"A{k:05d},{label}\n")
    (folder / "REFERENCE-v3.csv").write_text("".join(lines))
    monkeypatch.setenv("HEARTWIRE_DATA", str(tmp_path))
    monkeypatch.setenv("HEARTWIRE_CACHE", str(tmp_path / "cache"))
    return folder


def test_table_when_recordings_are_there_then_each_is_judged_by_its_fold_and_again_the_same(
    six: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = table(fold_models(), FOLDS)
    assert found["recordings"] == 6
    assert {label: sum(line.values()) for label, line in found["table"].items()} == {
        "N": 2,
        "A": 2,
        "O": 2,
        "~": 0,
    }
    kept = all_beats(fold_models(), FOLDS)
    assert len(kept) == 6
    assert all(len(beats) > 15 for beats in kept.values())
    by_fold = {
        name: fold for fold in (Fold(k, FOLDS) for k in range(FOLDS)) for name in recordings.held(fold)
    }
    name, fold = next(iter(by_fold.items()))
    assert np.array_equal(kept[name], beats_of(name, fold_models() / fold.folder))
    monkeypatch.setattr(recordings, "beats_of", None)
    assert all(np.array_equal(beats, kept[name]) for name, beats in all_beats(fold_models(), FOLDS).items())
    assert table(fold_models(), FOLDS) == found
