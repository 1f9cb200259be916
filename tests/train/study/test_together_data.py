"""What networks are shown together: batch for batch what each is shown alone."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from train.study.beats import Beats, draws, strips, windows
from train.study.config import Budget, Job, NetConfig, TaskConfig
from train.study.together_data import course_of

SMALL = Budget(epochs=2, beats=100, batch=20, curve_beats=40)
WINDOW, STREAM = TaskConfig(window_s=1.0), TaskConfig("stream", window_s=1.0, strip_s=5.0)


def job(task: TaskConfig) -> Job:
    return Job((5,), "arm", NetConfig("gru", 1, 8), task, SMALL, 3, 0, 3, "full")


def test_windows_when_drawn_beforehand_then_they_are_those_of_the_training(
    beats: Beats, others: Beats
) -> None:
    course = course_of(job(WINDOW), beats, others)
    assert course.ends == [5, 10]
    assert course.rate.argmax() == 1
    rng = np.random.default_rng([3, 1])
    draw = draws(beats, rng)
    for x, c, at in zip(course.shown.x, course.shown.c, course.shown.at, strict=True):
        part = beats.part(draw(20))
        np.testing.assert_array_equal(x, windows(part, WINDOW, rng))
        np.testing.assert_array_equal(c, part.c)
        assert (at == WINDOW.n_window - 1).all()
    assert len(course.looks["test"].x[0]) <= 40


def test_strips_when_drawn_beforehand_then_only_zeros_of_no_weight_fill_them_up(
    beats: Beats, others: Beats
) -> None:
    shown = course_of(job(STREAM), beats, others).shown
    source = strips(beats, STREAM, np.random.default_rng([3, 1]), SMALL.batch)
    for k in range(len(shown.x)):
        strip = next(source)
        rows, m = len(strip.x), len(strip.c)
        np.testing.assert_array_equal(shown.x[k, :rows], strip.x)
        np.testing.assert_array_equal(shown.at[k, :m], strip.at)
        np.testing.assert_array_equal(shown.row[k, :m], strip.row)
        assert not shown.x[k, rows:].any()
        assert shown.there[k].sum() == rows
        assert (shown.weight[k, :m] > 0).all()
        assert not shown.weight[k, m:].any()


def test_looks_when_nobody_is_held_out_then_there_is_none_at_them(beats: Beats) -> None:
    course = course_of(job(WINDOW), beats, beats.part(np.zeros(0, np.int64)))
    assert set(course.looks) == {"train"}
