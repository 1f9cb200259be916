from __future__ import annotations

from edge.load import WINDOW_S, LoadWatch


def _run(
    watch: LoadWatch, seconds: float, idle: float, waited: float | None = 0.0, start_s: float = 0.0
) -> float:
    """Let the loop come by four times a second with these shares; gives the time at the end."""
    n = round(seconds / 0.25)
    for k in range(1, n + 1):
        t_s = 0.25 * k
        watch.push(start_s + t_s, start_s + t_s * idle, None if waited is None else waited * t_s, 0.0)
    return start_s + seconds


def test_load_when_there_is_time_to_spare_then_no_alarm() -> None:
    watch = LoadWatch()
    _run(watch, 60.0, idle=0.3)
    assert not watch.cause
    assert watch.detail == "idle 30 % of the time"


def test_load_when_never_idle_then_after_a_window_and_over_when_idle_again() -> None:
    watch = LoadWatch()
    end_s = _run(watch, WINDOW_S, idle=0.01)
    assert not watch.cause
    watch.push(end_s + 0.25, 0.05, 0.0, 0.0)
    assert watch.cause
    assert watch.detail == "busy without a break for 5 s"
    watch.push(end_s + 2.0, 1.5, 0.0, 0.0)
    assert not watch.cause


def test_load_when_held_up_once_then_told_how_long_and_no_longer_at_the_next_turn() -> None:
    watch = LoadWatch()
    end_s = _run(watch, 10.0, idle=0.9)
    watch.push(end_s + 3.5, 9.0, 0.0, 3.25)
    assert watch.cause
    assert watch.detail == "the monitor was held up for 3.2 s"
    watch.push(end_s + 3.75, 9.2, 0.0, 0.0)
    assert not watch.cause


def test_load_when_somebody_else_has_the_processor_then_hogged_and_said_so() -> None:
    watch = LoadWatch()
    end_s = _run(watch, 10.0, idle=0.3, waited=0.5)
    assert watch.hogged
    assert not watch.cause
    watch.push(end_s + 2.0, 3.0, 6.5, 1.75)
    assert watch.detail == "the monitor was held up for 1.8 s, waiting for a processor 60 % of the time"


def test_load_when_the_system_does_not_say_who_waits_then_never_hogged() -> None:
    watch = LoadWatch()
    _run(watch, 10.0, idle=0.0, waited=None)
    assert watch.cause
    assert not watch.hogged
