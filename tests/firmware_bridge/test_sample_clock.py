from __future__ import annotations

import random

import pytest

from firmware_bridge.sample_clock import SampleClock, Sums


def clock_errors_ms(
    clock: SampleClock, fs: float, seconds: range, rng: random.Random, utc0: float = 1.7e9
) -> list[float]:
    """Feed ten chunks a second with a jittery way; the error of each second's last stamp."""
    errors: list[float] = []
    for second in seconds:
        for tenth in range(10):
            index = int((second + tenth / 10) * fs)
            clock.push(index, utc0 + index / fs + rng.expovariate(1 / 0.008))
        errors.append((clock.utc_s(index) - utc0 - index / fs) * 1000)
    return errors


@pytest.mark.parametrize("ppm", [-200, 0, 200])
def test_sample_clock_with_drift_and_jitter_is_within_20_ms_and_10_ppm(ppm: int) -> None:
    fs = 250 * (1 + ppm * 1e-6)
    clock = SampleClock(250.0)
    errors = clock_errors_ms(clock, fs, range(700), random.Random(7))
    assert max(map(abs, errors[2:])) <= 20
    assert clock.fs_est == pytest.approx(fs, rel=10e-6)


@pytest.mark.parametrize("ppm", [-200, 200])
def test_sample_clock_over_days_with_drift_losses_and_stalls_is_within_20_ms(ppm: int) -> None:
    """Three days, a chunk every half second, on the way mostly 8 ms, now and then a second; gaps as long as hours."""
    rng = random.Random(ppm)
    fs = 250 * (1 + ppm * 1e-6)
    clock = SampleClock(250.0)
    worst, second = 0.0, 0.0
    while second < 3 * 86_400:
        second += 0.5 if rng.random() > 1e-5 else rng.uniform(1, 7200)
        index = int(second * fs)
        way_s = rng.expovariate(1 / 0.008) + (rng.random() if rng.random() < 0.01 else 0.0)
        clock.push(index, 1.7e9 + second + way_s)
        if second > 60:
            worst = max(worst, abs(clock.utc_s(index) - 1.7e9 - index / fs))
    assert worst <= 0.02
    assert clock.drift_ppm == pytest.approx(ppm, abs=10)


@pytest.mark.parametrize(("from_ppm", "to_ppm"), [(-200, 200), (50, -50)])
def test_sample_clock_when_the_drift_changes_over_hours_follows_within_20_ms(
    from_ppm: int, to_ppm: int
) -> None:
    """A crystal that warms up: its rate changes over an hour."""
    rng = random.Random(1)
    clock = SampleClock(250.0)
    exact, worst = 0.0, 0.0
    for second in range(3 * 3600):
        share = min(max((second - 3600) / 3600, 0.0), 1.0)
        exact += 250 * (1 + (from_ppm + share * (to_ppm - from_ppm)) * 1e-6)
        index = int(exact)
        clock.push(index, 1.7e9 + second + rng.expovariate(1 / 0.008))
        if second > 60:
            worst = max(worst, abs(clock.utc_s(index) - 1.7e9 - second))
    assert worst <= 0.02 + 1 / 250
    assert clock.drift_ppm == pytest.approx(to_ppm, abs=20)


def test_sums_when_points_come_and_go_then_as_if_only_those_left_had_come() -> None:
    rng = random.Random(3)
    points = [(10**9 + 250 * k, rng.random()) for k in range(500)]
    moving = Sums()
    for k, point in enumerate(points):
        moving.add(*point)
        if k >= 100:
            moving.drop(*points[k - 100])
    assert moving.line() == pytest.approx(Sums(points[-100:]).line(), rel=1e-9)
    assert Sums([(5, 2.0)]).line() == (5, 2.0, 0.0)


def test_sample_clock_never_goes_backwards() -> None:
    rng = random.Random(2)
    clock = SampleClock(100.0)
    last = 0.0
    for k in range(0, 40_000, 10):
        step = 3.0 if 10_000 < k < 20_000 else -2.0 if k >= 30_000 else 0.0
        clock.push(k, 1e9 + k / 100 + step + rng.expovariate(1 / 0.02))
        for index in range(k - 9, k + 1):
            stamp = clock.utc_s(index)
            assert stamp >= last
            last = stamp


def test_sample_clock_when_the_host_steps_forward_follows() -> None:
    clock = SampleClock(100.0)
    for k in range(0, 20_000, 10):
        clock.push(k, 1e9 + k / 100 + (30.0 if k >= 10_000 else 0.0))
    assert clock.utc_s(19_990) == pytest.approx(1e9 + 199.9 + 30, abs=0.02)


def test_sample_clock_when_the_host_steps_back_comes_round() -> None:
    clock = SampleClock(100.0)
    for k in range(0, 30_000, 10):
        clock.push(k, 1e9 + k / 100 - (5.0 if k >= 10_000 else 0.0))
    assert clock.utc_s(29_990) == pytest.approx(1e9 + 299.9 - 5, abs=0.02)


def test_sample_clock_after_restart_takes_the_new_line_within_seconds() -> None:
    clock = SampleClock(100.0)
    for k in range(0, 5_000, 10):
        clock.push(k, 1e9 + k / 100)
    clock.restart()
    for k in range(5_000, 5_300, 10):
        clock.push(k, 1e9 + k / 100 + 60)
    assert clock.utc_s(5_290) == pytest.approx(1e9 + 52.9 + 60, abs=0.02)


def test_sample_clock_keeps_a_stamp_once_given() -> None:
    rng = random.Random(4)
    clock = SampleClock(250.0)
    clock_errors_ms(clock, 250.02, range(60), rng)
    given = [clock.utc_s(k) for k in range(14_000, 14_750)]
    clock_errors_ms(clock, 250.02, range(60, 90), rng)
    assert [clock.utc_s(k) for k in range(14_000, 14_750)] == given


def test_sample_clock_before_any_push_says_so() -> None:
    with pytest.raises(LookupError, match="expected a push first"):
        SampleClock(250.0).utc_s(0)


def test_sample_clock_after_a_long_gap_is_where_its_rate_leads() -> None:
    """The bend that catches up ends when it has: extended over a gap of hours it would be seconds off."""
    rng = random.Random(5)
    clock = SampleClock(250.0)
    for k in range(1200):
        clock.push(250 * k, 1e9 + k + rng.expovariate(1 / 0.008))
    clock.push(250 * 8400, 1e9 + 8400)
    assert clock.utc_s(250 * 8400) == pytest.approx(1e9 + 8400, abs=0.02)


def test_sample_clock_when_seconds_stall_takes_no_notice() -> None:
    clock = SampleClock(250.0)
    for k in range(300):
        clock.push(250 * k, 1e9 + k + (0.4 if k in (100, 101, 200) else 0.0))
        assert clock.utc_s(250 * k) == pytest.approx(1e9 + k, abs=0.001)


def test_sample_clock_when_the_count_jumps_keeps_the_rate_it_knows() -> None:
    clock = SampleClock(250.0)
    for k in range(100):
        clock.push(250 * k, 1e9 + k * (1 - 100e-6))
    before = clock.drift_ppm
    clock.restart()
    clock.push(250 * 101, 1e9 + 200)
    clock.push(250 * 103, 1e9 + 202)
    assert before == pytest.approx(100, abs=1)
    assert clock.drift_ppm == before
