"""Linear probes: what is there is found on strangers, what is not is not, and the measures are the textbook's."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from train.study.linear import (
    Halves,
    Rows,
    area,
    balanced_accuracy,
    interval,
    rank_correlation,
    ranks,
    replicates,
)


def test_ranks_when_values_are_equal_then_they_share_their_mean() -> None:
    values = np.array([3.0, 1.0, 3.0, 2.0, 3.0])
    assert ranks(values).tolist() == stats.rankdata(values).tolist()


def test_rank_correlation_when_compared_with_scipy_then_it_is_spearmans() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 9, 200).astype(float), rng.normal(size=200)
    assert rank_correlation(a, b + a) == pytest.approx(stats.spearmanr(a, b + a).statistic)
    assert math.isnan(rank_correlation(np.zeros(4), np.arange(4.0)))


def test_area_when_compared_with_the_u_test_then_it_is_its_share_of_pairs() -> None:
    rng = np.random.default_rng(1)
    truth, answers = rng.random(300) < 0.3, rng.normal(size=300).round(1)
    u = stats.mannwhitneyu(answers[truth], answers[~truth]).statistic
    assert area(answers, truth) == pytest.approx(u / (truth.sum() * (~truth).sum()))
    assert math.isnan(area(answers, np.zeros(300, bool)))


def test_balanced_accuracy_when_one_class_is_rare_then_it_weighs_as_much() -> None:
    truth = np.array([0] * 98 + [1, 2])
    answers = np.zeros((100, 3))
    answers[:, 0] = 1.0
    assert balanced_accuracy(answers, truth) == pytest.approx(1 / 3)


def test_ridge_when_the_strength_is_small_then_it_is_least_squares() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(400, 5)).astype(np.float32)
    y = (x.astype(float) @ np.arange(5.0) + 2.0)[:, None]
    rows = Rows(x, np.ones(400))
    weak, strong = rows.ridge(y, 1e-7), rows.ridge(y, 1e9)
    assert np.allclose(weak.answers(x), y, atol=1e-3)
    assert np.allclose(strong.answers(x), y.mean(), atol=1e-4)


def test_fit_when_a_feature_is_each_patients_own_then_the_strength_is_chosen_against_it() -> None:
    rng = np.random.default_rng(3)
    patients = np.repeat(np.arange(40), 20)
    truth = rng.normal(size=800)
    own = rng.normal(size=(40, 60))[patients]  # tells who it is, and nothing else
    x = np.concatenate([own, (truth + 0.5 * rng.normal(size=800))[:, None]], 1).astype(np.float32)
    new = patients >= 20

    def score(answers: np.ndarray, rows: np.ndarray) -> float:
        return rank_correlation(answers[:, 0], truth[~new][rows])

    probe = Halves(x[~new], np.ones(400), patients[~new]).fit(truth[~new, None], score)
    answers = probe.answers(x[new])[:, 0]
    assert rank_correlation(answers, truth[new]) > 0.7
    drawn = replicates(rank_correlation, answers, truth[new], patients[new], 100)
    assert drawn.tolist() == replicates(rank_correlation, answers, truth[new], patients[new], 100).tolist()
    low, high = interval(drawn)
    assert 0.6 < low < rank_correlation(answers, truth[new]) < high < 1.0


def test_interval_when_no_draw_has_a_value_then_it_has_none() -> None:
    low, high = interval(replicates(area, np.arange(6.0), np.ones(6), np.arange(6), 10))
    assert math.isnan(low)
    assert math.isnan(high)
