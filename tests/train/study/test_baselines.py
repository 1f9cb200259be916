from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from firmware_bridge.types import BadInput
from train.study.baselines import FEATURES, Nearest, Trees, features, median_us, qrs_width
from train.study.beats import Beats
from train.study.config import TaskConfig
from train.study.scores import confusion, macro_f1

HAS_SKLEARN = importlib.util.find_spec("sklearn") is not None


def test_features_when_made_then_intervals_and_widths_are_the_records(beats: Beats) -> None:
    x = features(beats)
    assert x.shape == (len(beats), len(FEATURES))
    early = beats.c == 1
    assert np.allclose(x[early, 0], 60 / 125, atol=1e-3)
    assert np.allclose(x[beats.c == 0, 0], 100 / 125, atol=1e-3)
    assert (x[early, 2] < 0.75).all()
    assert x[beats.c == 2, 5].min() > 1.5 * np.median(x[beats.c == 0, 5])


def test_features_when_what_comes_later_changes_then_they_do_not(beats: Beats) -> None:
    lead = beats.leads[0]
    cut = type(lead)(lead.name, lead.x, lead.r[:30], lead.c[:30], lead.ok[:30])
    few = Beats((cut,), beats.fs, *(v[:10] for v in (beats.lead, beats.r, beats.c, beats.weight)))
    np.testing.assert_allclose(features(few), features(beats)[:10])


def test_width_when_the_beat_is_wide_then_it_is_measured_so() -> None:
    t = np.arange(1000.0)
    x = np.exp(-0.5 * ((t - 300) / 2) ** 2) + np.exp(-0.5 * ((t - 700) / 6) ** 2)
    narrow, wide = qrs_width(x.astype(np.float32), np.array([300.0, 700.0]), 125.0)
    assert wide == pytest.approx(3 * narrow, rel=0.2)


def test_nearest_when_asked_for_what_it_remembers_then_right_unless_itself_is_left_out(beats: Beats) -> None:
    nearest = Nearest(beats, TaskConfig())
    assert (nearest.answers(beats) == beats.c).all()
    assert (nearest.answers(beats, itself=True) == beats.c).mean() > 0.9
    price = nearest.cost()
    assert price.params == len(beats) * 250
    assert price.us > 0


@pytest.mark.skipif(not HAS_SKLEARN, reason="scikit-learn is not installed")
def test_trees_when_taught_then_they_know_other_people_and_the_same_seed_gives_the_same(
    beats: Beats, others: Beats
) -> None:
    said = []
    for _ in range(2):
        trees = Trees(1, rounds=20)
        trees.fit(beats)
        said.append(trees.answers(others))
    np.testing.assert_array_equal(*said)
    assert macro_f1(confusion(others.c, said[0])) > 0.9
    assert trees.cost().engine == "scikit-learn"
    assert trees.cost().params > 100


def test_trees_when_the_library_is_missing_then_one_line_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sklearn.ensemble", None)
    with pytest.raises(BadInput, match=r"heartwire\[train\]"):
        Trees(1)


def test_median_when_calls_take_time_then_it_is_positive() -> None:
    calls: list[Path] = []
    assert median_us(lambda: calls.append(Path()), 9) > 0
    assert len(calls) == 10
