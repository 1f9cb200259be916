"""Silence and wrong rates, told by time and sample counts alone."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest

from edge.link import HELD_S, LinkWatch

POLL_S = 0.25


def play(
    watch: LinkWatch, arrivals: Iterable[tuple[float, int, int]], fs: float, until_s: float
) -> list[tuple[str, float]]:
    """Push (t_s, n, index) in order and poll in between; give (kind, time) of all that was said."""
    said: list[tuple[str, float]] = []
    now = 0.0
    for t_s, n, index in arrivals:
        while now + POLL_S <= t_s:
            now += POLL_S
            said += [(state.kind, now) for state in watch.poll(now)]
        said += [(state.kind, t_s) for state in watch.push(t_s, n, index, fs)]
    while now < until_s:
        now += POLL_S
        said += [(state.kind, now) for state in watch.poll(now)]
    return said


def steady(
    fs: float, seconds: float, chunk: int = 10, t0: float = 0.0, index: int = 0
) -> list[tuple[float, int, int]]:
    return [(t0 + k * chunk / fs, chunk, index + k * chunk) for k in range(int(seconds * fs / chunk))]


def test_link_when_samples_flow_then_nothing_is_said_and_rate_is_measured() -> None:
    watch = LinkWatch()
    assert play(watch, steady(250, 30), 250, 30) == []
    assert watch.fs_est == pytest.approx(250, rel=1e-3)


def test_link_when_samples_stop_then_no_signal_within_two_seconds_and_once() -> None:
    watch = LinkWatch()
    ((kind, at),) = play(watch, steady(250, 10), 250, 60)
    assert kind == "no_signal"
    assert 1.5 <= at - 10 <= 2.0
    assert watch.silent
    assert watch.fs_est is None
    assert watch.age_s(60.0) == pytest.approx(50, abs=0.1)


def test_link_when_nothing_ever_comes_then_no_signal() -> None:
    assert [kind for kind, _ in play(LinkWatch(), [], 250, 10)] == ["no_signal"]


def test_link_when_samples_return_then_signal_at_the_first() -> None:
    watch = LinkWatch()
    again = steady(250, 10, t0=15.0, index=3750)
    said = play(watch, steady(250, 10) + again, 250, 25)
    assert [kind for kind, _ in said] == ["no_signal", "signal"]
    assert said[1][1] == 15.0


def test_link_when_the_same_samples_repeat_for_ever_then_no_signal() -> None:
    repeated = [(10 + k * 0.04, 10, 2490) for k in range(500)]
    said = play(LinkWatch(), steady(250, 10) + repeated, 250, 30)
    assert [kind for kind, _ in said] == ["no_signal"]


@pytest.mark.parametrize("true_fs", [125.0, 244.0, 256.0, 360.0, 500.0])
def test_rate_when_declared_wrongly_then_flagged_within_ten_seconds(true_fs: float) -> None:
    said = play(LinkWatch(), steady(true_fs, 60), 250, 60)
    assert [kind for kind, _ in said] == ["rate_mismatch"]
    assert said[0][1] <= 10.0


@pytest.mark.parametrize("true_fs", [247.0, 249.95, 252.0])
def test_rate_when_within_two_percent_then_not_flagged(true_fs: float) -> None:
    assert play(LinkWatch(), steady(true_fs, 60), 250, 60) == []


def test_rate_when_right_again_then_rate_ok() -> None:
    wrong, right = steady(360, 20), steady(250, 40, t0=20.0, index=7200)
    said = play(LinkWatch(), wrong + right, 250, 60)
    assert [kind for kind, _ in said] == ["rate_mismatch", "rate_ok"]


@pytest.mark.parametrize("burst_s", [0.1, 0.5, 1.0])
def test_rate_when_delivered_in_bursts_then_not_flagged(burst_s: float) -> None:
    n = int(250 * burst_s)
    bursts = [((k + 1) * burst_s, n, k * n) for k in range(int(60 / burst_s))]
    assert play(LinkWatch(), bursts, 250, 60) == []


def test_rate_when_each_chunk_is_late_by_chance_then_not_flagged() -> None:
    chance = random.Random(1)
    late: list[tuple[float, int, int]] = []
    for t_s, n, index in steady(250, 120):
        late.append((max(t_s + chance.uniform(0, 0.3), late[-1][0] if late else 0.0), n, index))
    assert play(LinkWatch(), late, 250, 120) == []


def test_rate_when_a_backlog_comes_first_then_not_flagged() -> None:
    backlog = [(0.001 * k, 250, 250 * k) for k in range(20)]
    said = play(LinkWatch(), backlog + steady(250, 60, t0=0.03, index=5000), 250, 60)
    assert said == []


def test_rate_when_one_second_stalls_then_catches_up_then_not_flagged() -> None:
    arrivals = [(21.0 if 20.0 <= t_s < 21.0 else t_s, n, index) for t_s, n, index in steady(250, 60)]
    assert play(LinkWatch(), arrivals, 250, 60) == []


def test_rate_when_samples_are_lost_then_losses_count_as_time() -> None:
    kept = [arrival for k, arrival in enumerate(steady(250, 60)) if k % 5]
    assert play(LinkWatch(), kept, 250, 60) == []


def test_rate_when_device_reboots_without_losses_counted_then_not_flagged() -> None:
    watch = LinkWatch()
    assert play(watch, steady(250, 20), 250, 20) == []
    watch.restart()
    after = [(t_s + 1.4, n, index) for t_s, n, index in steady(250, 40, t0=20.0, index=5000)]
    said = [state for t_s, n, index in after for state in (*watch.push(t_s, n, index, 250), *watch.poll(t_s))]
    assert said == []


def test_watch_when_frames_come_before_the_first_sample_then_no_silence_while_their_rate_is_measured() -> (
    None
):
    watch, said = LinkWatch(), []
    for turn in range(18):
        watch.hold(60 * turn, 0.25 * turn)
        said += watch.poll(0.25 * turn)
    assert said == []
    assert watch.push(4.5, 1000, 0, 250.0) == []


def test_watch_when_frames_never_become_samples_or_are_no_more_then_silence_is_said() -> None:
    for last_turn in (8, 10_000):
        watch, said = LinkWatch(), []
        for turn in range(60):
            watch.hold(60 * min(turn, last_turn), 0.25 * turn)
            said += [(state.kind, 0.25 * turn) for state in watch.poll(0.25 * turn)]
        assert [kind for kind, _ in said] == ["no_signal"]
        assert said[0][1] <= (3.75 if last_turn == 8 else HELD_S + 2.0)


def test_watch_when_samples_have_come_once_then_frames_alone_are_silence() -> None:
    watch, said = LinkWatch(), []
    watch.push(0.0, 10, 0, 250.0)
    for turn in range(12):
        watch.hold(60 * turn, 0.25 * turn)
        said += watch.poll(0.25 * turn)
    assert [state.kind for state in said] == ["no_signal"]
