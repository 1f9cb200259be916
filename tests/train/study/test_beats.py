from __future__ import annotations

import os

import numpy as np
import pytest

from firmware_bridge.types import BadInput
from train import splits
from train.study.beats import (
    Beats,
    chances,
    draws,
    filtered,
    gather,
    halved,
    lead_of,
    load,
    people,
    scales,
    shares,
    strips,
    thinned,
    windows,
)
from train.study.config import TaskConfig


@pytest.mark.parametrize("fold", [0, 1, 2])
@pytest.mark.parametrize("patients", [0, 5, 22, 60])
def test_people_when_held_out_then_nobody_is_on_both_sides_or_in_ds2(fold: int, patients: int) -> None:
    inside, out = people(fold, 3, patients)
    assert not {splits.person(*key) for key in inside} & {splits.person(*key) for key in out}
    assert not {key for key in inside + out if key[0] == "mitdb" and key[1] in splits.DS2}
    assert all(key[0] == "mitdb" for key in out)
    assert len(inside) == (patients if 0 < patients < 53 else len(inside))


def test_people_when_all_folds_are_taken_then_each_of_ds1_is_held_out_once() -> None:
    out = [key for fold in range(3) for key in people(fold, 3)[1]]
    assert sorted(name for _, name in out) == sorted(splits.DS1)


def test_people_when_fewer_then_they_are_among_the_more() -> None:
    sets = [set(people(1, 3, n)[0]) for n in (5, 11, 22, 60)]
    assert [len(s) for s in sets[:3]] == [5, 11, 22]
    assert all(a < b for a, b in zip(sets, sets[1:], strict=False))


def test_people_when_nobody_is_held_out_then_201_is_left_out_for_202_is_the_same_man() -> None:
    inside, out = people(0, 1)
    assert out == []
    assert ("mitdb", "201") not in inside
    assert len(inside) == 21


def test_rate_when_it_is_no_rate_of_the_study_then_one_line_says_so() -> None:
    with pytest.raises(BadInput, match=r"expected 125.0 or 62.5"):
        gather([("mitdb", "101")], 100.0)


def test_window_when_cut_then_the_r_peak_lies_a_quarter_second_before_its_end(beats: Beats) -> None:
    x = windows(beats, TaskConfig(window_s=1.0))
    assert x.shape == (len(beats), 125)
    tops = x[:, 60:].argmax(1) + 60
    assert np.abs(tops - (125 - 1 - 31)).max() <= 1


def test_window_when_longer_than_the_record_so_far_then_zeros_stand_in_front(beats: Beats) -> None:
    first = beats.part(np.array([0]))
    x = windows(first, TaskConfig(window_s=16.0))[0]
    n = int(first.asked_at(TaskConfig())[0]) + 1
    assert not x[: len(x) - n].any()
    np.testing.assert_array_equal(x[-n:], first.leads[0].x[:n, 0])


def test_window_when_augmented_then_the_same_generator_gives_the_same(beats: Beats) -> None:
    task = TaskConfig(window_s=1.0)
    one, two = (windows(beats, task, np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert np.abs(one - windows(beats, task)).max() > 0.05


def test_shares_when_classes_are_rare_then_by_the_root_of_their_count(beats: Beats) -> None:
    counts = np.bincount(beats.c, minlength=4)
    np.testing.assert_allclose(shares(beats), np.sqrt(counts) / np.sqrt(counts).sum())


def test_chances_when_summed_by_class_then_they_are_the_shares(beats: Beats) -> None:
    chance = chances(beats)
    np.testing.assert_allclose([chance[beats.c == k].sum() for k in range(4)], shares(beats))


def test_draws_when_made_then_numpys_own_choice_by_the_same_chances(beats: Beats) -> None:
    ours, theirs = np.random.default_rng(2), np.random.default_rng(2)
    draw, chance = draws(beats, ours), chances(beats)
    for n in (64, 1, 7):
        np.testing.assert_array_equal(draw(n), theirs.choice(len(beats), n, p=chance))


def test_thinned_when_few_are_wanted_then_rare_classes_stay_and_weights_make_up(beats: Beats) -> None:
    few = thinned(beats, 60)
    assert len(few) <= 62
    for k in range(4):
        assert few.weight[few.c == k].sum() == pytest.approx((beats.c == k).sum())
    assert (few.c == 2).sum() == min((beats.c == 2).sum(), 20)


def test_strips_when_drawn_then_labels_sit_where_the_beats_are_heard(beats: Beats) -> None:
    task = TaskConfig("stream", strip_s=6.0, window_s=1.0)
    got = next(strips(beats, task, np.random.default_rng(0), 40))
    assert len(got.c) >= 40
    assert got.x.shape[1] == 750
    assert got.at.min() >= 124
    assert got.at.max() < 750
    for row, at in zip(got.row, got.at, strict=True):
        assert (
            abs(int(got.x[row, at - 45 : at - 16].argmax()) - 14) <= 2
        )  # the R-peak, 31 samples before the answer


def test_halved_when_made_then_peaks_stay_where_they_are_in_time(beats: Beats) -> None:
    slow = halved(beats.leads[0])
    for r, rate in ((beats.leads[0].r, 1), (slow.r, 2)):
        x = beats.leads[0].x if rate == 1 else slow.x
        at = np.rint(r[5:40]).astype(int)
        assert np.abs(x[at[:, None] + np.arange(-4, 5), 0].argmax(1) - 4).max() <= 1


def test_lead_when_made_of_one_column_then_scaled_and_twice_and_q_is_not_asked_for() -> None:
    n = 125 * 40
    x = np.zeros((n, 1), np.float32)
    r = np.arange(100.0, n, 125.0)
    x[r.astype(int)] = 3.0
    c = np.zeros(len(r), np.int64)
    c[35] = 4
    mask = np.ones(n, np.uint8)
    mask[int(r[36]) - 5 : int(r[36]) + 5] = 0
    made = lead_of("mitdb/x", x, r, c, mask)
    assert made.x.shape == (n, 2)
    assert made.x.max() == pytest.approx(1.0)
    assert np.flatnonzero(made.ok).tolist() == [33, 34, 37, 38]


def test_record_when_filtered_now_then_as_from_the_cache() -> None:
    if not os.environ.get("HEARTWIRE_DATA"):
        pytest.skip("HEARTWIRE_DATA is not set")
    load.cache_clear()
    for name in ("114", "207"):  # the first lead is the second column; fibrillation and noise
        now, cached = filtered("mitdb", name), load("mitdb", name)
        np.testing.assert_allclose(now.x, cached.x, atol=1e-5)
        np.testing.assert_allclose(now.r, cached.r)
        assert (now.c == cached.c).all()
        assert (now.ok == cached.ok).all()


def test_scales_when_a_lead_is_flat_then_it_is_not_blown_up() -> None:
    assert scales(np.zeros((5000, 2), np.float32)).tolist() == pytest.approx([0.05, 0.05])
