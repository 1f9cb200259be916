from __future__ import annotations

import numpy as np
import pytest

from edge.fusion import N_INPUTS
from train.beat_rows import UNKNOWN, Rows
from train.fusion_scores import calibration_error, chosen_factors, rates, scores, spread_of, table, weighed


def rows_of(patient: str) -> Rows:
    """120 beats of all classes, after the first five minutes."""
    c = np.random.default_rng(3).integers(0, 5, 120)
    return Rows(patient, "ds1", 0, 0, np.zeros((120, N_INPUTS), np.float32), c, 400.0 + np.arange(120))


def test_table_when_counted_then_the_first_five_minutes_are_left_out_and_false_peaks_stand_apart() -> None:
    probs = np.eye(5, dtype=np.float32)[[0, 2, 2, 1]]
    r = Rows(
        "p",
        "ds1",
        0,
        0,
        np.zeros((4, N_INPUTS), np.float32),
        np.array([0, 2, UNKNOWN, 2]),
        np.array([10.0, 300, 400, 500]),
    )
    t = table([probs], [r])
    assert t.sum() == 3
    assert (t[2, 2], t[5, 2], t[2, 1]) == (1, 1, 1)


def test_rates_when_f_or_q_is_called_v_then_it_is_no_false_v() -> None:
    t = np.zeros((6, 5), np.int64)
    t[2, 2], t[2, 0], t[3, 2], t[4, 2], t[0, 2], t[5, 2] = 8, 2, 7, 5, 1, 1
    assert rates(t)["V"] == {"se": 80.0, "ppv": 80.0, "f1": 80.0}


def test_calibration_error_when_sure_and_half_right_then_half() -> None:
    probs = np.tile(np.array([[0.99, 0.01, 0, 0, 0]], np.float32), (10, 1))
    assert calibration_error(probs, np.array([0, 1] * 5)) == pytest.approx(49.0, abs=0.01)
    assert calibration_error(probs, np.zeros(10, int)) == pytest.approx(1.0, abs=0.01)


def test_chosen_factors_when_v_is_too_probable_then_it_is_made_less_so() -> None:
    r = rows_of("mitdb/1")
    exact = np.full((len(r.c), 5), 0.02, np.float32)
    exact[np.arange(len(r.c)), r.c] = 0.4
    exact[r.c == 1, 2] = 0.0
    biased = exact.copy()
    biased[:, 2] += 0.5
    factors = chosen_factors([r], [(biased, biased)])
    assert factors[1] < 1.0
    before, after = (rates(table([p], [r]))["V"]["ppv"] for p in (biased, weighed(biased, factors)))
    assert after > before


def test_scores_when_answers_are_right_then_all_are_and_each_database_has_its_own() -> None:
    shown = [rows_of("mitdb/1"), rows_of("svdb/1")]
    right = np.eye(5, dtype=np.float32)
    answered = [(right[r.c], right[(r.c + k) % 5]) for k, r in enumerate(shown)]
    found = scores(shown, answered)
    assert found["early"]["all"]["V"]["f1"] == 100.0
    assert found["final"]["mitdb"]["S"]["f1"] == 100.0
    assert found["final"]["svdb"]["S"]["se"] == 0.0
    assert found["early"]["ece"] == 0.0


def test_spread_of_when_fits_differ_then_mean_deviation_and_the_sum_of_four() -> None:
    def result(s: float) -> dict[str, object]:
        both = {"all": {"S": {"f1": s}, "V": {"f1": 90.0}}}
        return {"early": both, "final": both}

    found = spread_of([result(60.0), result(62.0), result(64.0)])
    assert found["early S"] == [62.0, 2.0]
    assert found["final V"] == [90.0, 0.0]
    assert found["sum"] == [304.0, 4.0]
