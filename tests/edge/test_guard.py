from __future__ import annotations

import math

import pytest

from edge.guard import Guard


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e30, -1e30, 600.0, -600.0, 5000.0])
def test_push_when_value_is_unusable_then_last_good_value_stands_in(bad: float) -> None:
    guard = Guard(250.0)
    assert guard.push(0.4, False) == 0.4
    assert [guard.push(bad, False) for _ in range(3)] == [0.4] * 3
    assert (guard.n_bad, guard.run) == (3, 3)
    assert guard.push(0.5, False) == 0.5
    assert (guard.n_bad, guard.run) == (3, 0)


def test_push_when_lead_is_off_then_value_is_not_taken() -> None:
    guard = Guard(250.0)
    guard.push(0.4, False)
    assert guard.push(0.7, True) == 0.4
    assert guard.run == 1


def test_push_when_nothing_good_came_yet_then_zero_and_empty() -> None:
    guard = Guard(250.0)
    assert guard.push(math.nan, False) == 0.0
    assert guard.empty
    assert guard.push(300.0, False) == 300.0
    assert not guard.empty


@pytest.mark.parametrize(("fs", "patience"), [(125.0, 5), (250.0, 10), (1000.0, 40)])
def test_push_when_jump_lasts_then_it_is_a_new_baseline_after_40_ms(fs: float, patience: int) -> None:
    guard = Guard(fs)
    guard.push(1.0, False)
    assert [guard.push(50.0, False) for _ in range(patience)] == [1.0] * patience
    assert guard.push(50.0, False) == 50.0
    assert guard.push(50.1, False) == 50.1
    assert guard.n_bad == patience


def test_push_when_glitch_is_short_then_signal_goes_on_where_it_was() -> None:
    guard = Guard(250.0)
    out = [guard.push(x, False) for x in (0.1, -300.0, -300.0, 0.2, 0.3)]
    assert out == [0.1, 0.1, 0.1, 0.2, 0.3]
    assert guard.n_bad == 2


def test_push_when_steps_are_those_of_an_ecg_then_nothing_is_held() -> None:
    guard = Guard(125.0)
    ecg = [0.0, 3.0, -4.0, 12.0, -6.0]
    assert [guard.push(x, False) for x in ecg] == ecg
    assert guard.n_bad == 0


def test_reset_when_called_then_next_sample_is_the_first_and_the_count_stays() -> None:
    guard = Guard(250.0)
    guard.push(0.0, False)
    guard.push(math.nan, False)
    guard.reset()
    assert (guard.empty, guard.run, guard.n_bad) == (True, 0, 1)
    assert guard.push(500.0, False) == 500.0
