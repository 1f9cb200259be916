from __future__ import annotations

from edge.vigil import DEAD_S, REASON, Vigil, status_of_the_dead


def test_poll_when_nothing_is_answered_then_dead_once_and_back_once() -> None:
    vigil = Vigil(100.0)
    assert not vigil.poll(100.0 + DEAD_S, silent=False)
    assert vigil.poll(100.1 + DEAD_S, silent=False)
    assert vigil.dead
    assert not vigil.poll(110.0, silent=False)
    assert vigil.answered(111.0)
    assert not vigil.answered(112.0)
    assert not vigil.poll(112.0 + DEAD_S, silent=False)


def test_poll_when_no_samples_arrive_then_there_is_nothing_to_answer() -> None:
    vigil = Vigil(0.0)
    assert not any(vigil.poll(float(t), silent=True) for t in range(60))
    assert not vigil.poll(60.0, silent=False)


def test_poll_when_the_signal_goes_while_dead_then_it_stays_dead() -> None:
    vigil = Vigil(0.0)
    assert vigil.poll(10.0, silent=False)
    assert not vigil.poll(11.0, silent=True)
    assert vigil.dead


def test_what_is_told_of_the_dead_when_asked_then_no_heart_rate_and_why() -> None:
    status = status_of_the_dead(7)
    assert (status.hr_bpm, status.reason, status.at) == (None, REASON, 7)
