"""Waiting times and clashes, by hand."""

from __future__ import annotations

from edge.io.redial import FIRST_S, LAST_S, N_SHORT, SHORT_S, Redial


def test_redial_when_failing_then_waits_double_to_the_last_and_the_first_failure_alone_is_news() -> None:
    redial, now_s, waits, news = Redial(), 0.0, [], []
    assert redial.due(0.0)
    for _ in range(8):
        news.append(redial.failed(now_s))
        begun_s = now_s
        while not redial.due(now_s):
            now_s += FIRST_S / 4
        waits.append(now_s - begun_s)
    assert waits == [min(FIRST_S * 2**k, LAST_S) for k in range(8)]
    assert news == [True] + [False] * 7


def test_redial_when_accepted_then_says_for_how_long_it_was_away_and_begins_again() -> None:
    redial = Redial()
    assert redial.accepted(0.0) is None
    redial.failed(10.0)
    redial.failed(12.0)
    assert redial.accepted(15.0) == 5.0
    assert redial.accepted(16.0) is None
    redial.failed(20.0)
    assert not redial.due(20.0 + FIRST_S - 0.01)
    assert redial.due(20.0 + FIRST_S)


def test_redial_when_connections_do_not_last_then_told_once_and_the_waits_are_not_begun_again() -> None:
    redial, told = Redial(), []
    for n in range(N_SHORT + 2):
        redial.accepted(float(n))
        told.append(redial.ended(True))
        redial.failed(float(n))
    assert told == [False] * (N_SHORT - 1) + [True] + [False] * 2
    assert not redial.due(N_SHORT + 1 + 2 * FIRST_S)


def test_redial_when_a_connection_lasts_or_was_never_accepted_then_no_clash() -> None:
    redial = Redial()
    for _ in range(2 * N_SHORT):
        assert not redial.ended(False)
    for _ in range(2 * N_SHORT):
        assert not redial.ended(True)
        redial.lasts(0.0, SHORT_S + 1.0)
    assert redial.n_short == 0
