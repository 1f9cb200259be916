from __future__ import annotations

import numpy as np
import pytest

from train.study.scores import confusion, f1, macro_f1, matrix_of, pooled, scores_of


def test_scores_when_counted_by_hand_then_they_agree() -> None:
    c = np.array([0, 0, 0, 1, 1, 2, 3])
    answer = np.array([0, 0, 1, 1, 0, 2, 2])
    matrix = confusion(c, answer)
    assert matrix.tolist() == [[2, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0]]
    scores = scores_of(matrix)
    assert scores["se_N"] == pytest.approx(2 / 3)
    assert scores["ppv_V"] == pytest.approx(1 / 2)
    assert scores["f1_S"] == pytest.approx(1 / 2)
    assert scores["macro_f1"] == pytest.approx((2 / 3 + 1 / 2 + 2 / 3) / 3)
    assert scores["f1_F"] == 0.0


def test_f1_when_a_class_is_nowhere_then_zero_and_no_warning() -> None:
    assert f1(np.zeros((3, 4, 4))).tolist() == np.zeros((3, 4)).tolist()
    assert macro_f1(np.zeros((4, 4))) == 0.0


def test_confusion_when_beats_stand_for_more_then_they_weigh_so() -> None:
    assert confusion(np.array([0, 2]), np.array([0, 0]), np.array([3.0, 2.5]))[:, 0].tolist() == [
        3,
        0,
        2.5,
        0,
    ]


def test_counts_when_pooled_then_records_stay_apart_and_sum_to_all() -> None:
    one, two = {"a": list(range(16))}, {"a": [1] * 16, "b": [2] * 16}
    both = pooled([one, two])
    assert both["a"].ravel().tolist() == list(range(1, 17))
    assert both["b"].sum() == 32
    assert matrix_of(two).tolist() == np.full((4, 4), 3.0).tolist()
