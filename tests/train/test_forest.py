"""Boosted trees as arrays: they answer as the library that grew them, and are read as they were kept."""

from __future__ import annotations

import json

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="scikit-learn is not installed (pip install 'heartwire[train]')")

from sklearn.ensemble import HistGradientBoostingClassifier

from train import forest


def known(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Five features, of which three tell the label."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    x = rng.normal(size=(n, 5)).astype(np.float32)
    x[np.arange(n), y] += 2.0
    return x, y


def test_forest_when_asked_then_it_answers_as_the_library_does() -> None:
    x, y = known(400, 0)
    model = HistGradientBoostingClassifier(
        max_iter=20, max_leaf_nodes=8, early_stopping=False, random_state=0
    ).fit(x, y)
    strangers = np.concatenate([known(300, 1)[0], x, 50.0 * known(50, 2)[0]])
    assert forest.of_model(model).probs(strangers) == pytest.approx(model.predict_proba(strangers), abs=1e-6)


def test_fit_when_features_tell_then_strangers_are_told_apart_and_the_seed_decides() -> None:
    x, y = known(400, 0)
    one, same, other = (forest.fit(x, y, np.ones(len(y)), seed, 30, 0.1, 8) for seed in (1, 1, 2))
    strangers, truth = known(300, 1)
    assert (one.probs(strangers).argmax(1) == truth).mean() > 0.75
    assert np.array_equal(one.probs(strangers), same.probs(strangers))
    assert not np.array_equal(one.probs(strangers), other.probs(strangers))


def test_forest_when_kept_and_read_then_it_answers_the_same() -> None:
    x, y = known(200, 0)
    grown = forest.fit(x, y, np.ones(len(y)), 1, 5, 0.1, 6)
    again = forest.read(json.loads(json.dumps(grown.kept())))
    assert np.array_equal(again.probs(x), grown.probs(x))
