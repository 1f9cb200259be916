from __future__ import annotations

import math

import numpy as np
import pytest

from edge.scatter import LONGEST_RR_S, MEASURES, SHORTEST_RR_S, measures


def named(rr_s: list[float]) -> dict[str, float]:
    return dict(zip(MEASURES, measures(np.array(rr_s)).tolist(), strict=True))


def test_measures_when_intervals_alternate_then_bigeminy_has_a_memory_of_two_beats() -> None:
    m = named([0.5, 1.0] * 20)
    assert (m["memory_1"], m["memory_3"]) == pytest.approx((-1.0, -1.0), abs=0.02)
    assert (m["memory_2"], m["memory_4"]) == pytest.approx((1.0, 1.0), abs=0.02)
    assert m["bounded_memory_1"] == pytest.approx(-1.0, abs=0.05)
    assert m["turns"] == 1.0
    assert m["share_of_steps"] == 1.0
    assert m["steady_3"] == m["steady_5"] == m["at_rest"] == 0.0
    for step in (
        "mean_step",
        "rms_step",
        "median_step",
        "lower_step",
        "upper_step",
        "least_step",
        "largest_step",
    ):
        assert m[step] == pytest.approx(math.log(math.log(2.0) + 0.005))
    assert m["step_over_two"] == pytest.approx(math.log(0.005))
    assert m["level"] == pytest.approx(math.log(math.sqrt(0.5)))
    assert m["breadth"] == pytest.approx(math.log(2.0))
    assert m["lean"] == pytest.approx(0.0, abs=1e-9)
    assert m["early"] == m["late"] == 0.5
    assert m["early_then_late"] == pytest.approx(20 / 39)
    assert m["squares"] == pytest.approx(2 / 38)


def test_measures_when_one_beat_comes_early_in_a_steady_rhythm_then_it_is_counted_once() -> None:
    rr = [0.8] * 40
    rr[20:22] = [0.5, 1.1]
    m = named(rr)
    assert m["early"] == m["late"] == 1 / 40
    assert m["early_then_late"] == 1 / 39
    assert m["near_3"] == m["near_8"] == 38 / 40
    assert m["steady_3"] == pytest.approx(34 / 38)
    assert m["least_step"] == m["median_step"] == m["distance"] == pytest.approx(math.log(0.005))
    # (rest, rest), (rest, early), (early, late), (late, back), (back, rest)
    assert m["squares"] == pytest.approx(5 / 38)
    assert m["lean"] == pytest.approx(0.0, abs=1e-9)


def test_measures_when_intervals_return_then_their_share_is_that_of_all_pairs_in_reach() -> None:
    rr = [0.6, 0.7, 0.82, 0.96, 1.12, 1.31]  # every one 16 % above the last: none returns
    m = named(rr)
    assert m["returns"] == pytest.approx(math.log(1 / 15))
    assert m["returns_go_on"] == pytest.approx(math.log(0.5))
    m = named([0.8] * 6)  # all 15 pairs are alike, and the next of 10 of them are too
    assert m["returns"] == pytest.approx(math.log(16 / 15))
    assert m["returns_go_on"] == pytest.approx(math.log(10.5 / 16))
    n, reach = 40, 23
    pairs = sum(n - lag for lag in range(1, reach + 1))
    assert named([0.8] * n)["returns"] == pytest.approx(math.log((pairs + 1) / pairs))


def test_measures_when_intervals_are_equal_then_finite_and_at_rest() -> None:
    m = named([0.8] * 40)
    assert np.isfinite(list(m.values())).all()
    assert m["entropy"] == pytest.approx(0.0, abs=1e-7)
    assert m["at_rest"] == m["steady_3"] == m["near_3"] == 1.0
    assert m["squares"] == pytest.approx(1 / 38)


def test_measures_when_an_interval_is_absurd_then_it_is_bounded() -> None:
    absurd = measures(np.array([0.8, 0.0, 1e9, 0.8, 0.8, 0.1]))
    assert np.isfinite(absurd).all()
    assert np.array_equal(
        absurd, measures(np.array([0.8, SHORTEST_RR_S, LONGEST_RR_S, 0.8, 0.8, SHORTEST_RR_S]))
    )


def test_measures_when_many_series_are_given_then_each_is_measured_by_itself() -> None:
    rr = np.random.default_rng(0).uniform(0.4, 1.2, (3, 50))
    found = measures(rr)
    assert found.shape == (3, len(MEASURES))
    assert found == pytest.approx(np.stack([measures(one) for one in rr]))


@pytest.mark.parametrize("n", [6, 7, 24, 31, 128])
def test_measures_when_quantiles_are_taken_by_hand_then_they_are_numpys_bit_for_bit(n: int) -> None:
    for rr in np.random.default_rng(n).uniform(0.4, 1.4, (50, n)):
        m, level = named(rr.tolist()), np.log(rr)
        size, from_middle = np.abs(np.diff(level)), level - np.median(level)
        names = ("least_step", "lower_step", "median_step", "upper_step", "largest_step")
        assert [m[name] for name in names] == np.log(
            np.quantile(size, (0.1, 0.25, 0.5, 0.75, 0.9)) + 0.005
        ).tolist()
        lowest, low, high, highest = np.quantile(from_middle, (0.05, 0.1, 0.9, 0.95))
        assert (m["breadth"], m["lean"]) == (high - low, highest + lowest)
        assert m["distance"] == np.log(np.median(np.abs(from_middle)) + 0.005)
        assert m["scatter"] == np.log(level.std() + 0.005)
        assert m["rms_step"] == np.log(np.sqrt((np.diff(level) ** 2).mean()) + 0.005)
        around = level - level.mean()
        assert m["memory_3"] == (around[3:] * around[:-3]).mean() / (around.std() + 1e-3) ** 2
