from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from train import fit_recordings, recordings
from train.dataset import Fold
from train.fit_recordings import RecordingRecipe, fit
from train.recording_features import FEATURES
from train.recordings import LABELS, judge_of, load_judge

N = len(FEATURES)
TINY = RecordingRecipe(
    n_nets=2, n_hidden=8, steps=150, batch=64, lr=0.02, weight_decay=0.01, tree_rounds=20, tree_rate=0.1
)


def known(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Features of which four tell the label."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, len(LABELS), n)
    x = rng.normal(size=(n, N)).astype(np.float32)
    x[np.arange(n), y] += 4.0
    return x, y


def test_fit_when_features_tell_then_unseen_recordings_are_told_apart_and_the_seed_decides() -> None:
    one, same = (fit(*known(400, 0), TINY) for _ in range(2))
    x, y = known(200, 1)
    assert (one.probs(x).argmax(1) == y).mean() > 0.8
    assert np.array_equal(one.w1, same.w1)


def test_main_when_it_has_run_then_each_folds_judge_is_of_the_other_folds_recordings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"A{k:05d}" for k in range(90)]
    x, y = known(90, 2)
    given: list[int] = []

    def of_fold(fold: Fold) -> list[str]:
        return names[fold.k :: 3]

    def remember(x: np.ndarray, y: np.ndarray, recipe: RecordingRecipe) -> recordings.Judge:
        given.append(len(x))
        return fit(x, y, recipe)

    monkeypatch.setattr(fit_recordings, "labels", lambda: dict(zip(names, y, strict=True)))
    monkeypatch.setattr(fit_recordings, "all_beats", lambda folds, n: {})
    monkeypatch.setattr(fit_recordings, "networks", lambda folds, n: [(Fold(k, n), None) for k in range(n)])
    monkeypatch.setattr(fit_recordings, "held", of_fold)
    monkeypatch.setattr(
        fit_recordings, "rows", lambda which, *rest: np.stack([x[names.index(name)] for name in which])
    )
    monkeypatch.setattr(fit_recordings, "fit", remember)
    fit_recordings.main(tmp_path, 3, n_nets=2, n_hidden=8, steps=300, batch=32, lr=0.02, weight_decay=0.01)
    told = json.loads(capsys.readouterr().out)
    assert given == [60, 60, 60]
    assert told["recordings"] == 90
    assert told["f1"]["mean"] > 50.0
    for k in range(3):
        assert load_judge(judge_of(Fold(k, 3), tmp_path)).w1.shape == (2, N, 8)
