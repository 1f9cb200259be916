"""UTC of samples under steady, stepped and missing clocks."""

from __future__ import annotations

import numpy as np
import pytest

from edge.stamps import Stamps
from firmware_bridge.types import SampleBlock

UTC = 1.8e9
FS = 250.0


def block(start: int, n: int = 25, fs: float = FS) -> SampleBlock:
    return SampleBlock("bed4", start, fs, np.zeros((n, 1), dtype=np.float32), ("II",))


def played(seconds: float) -> Stamps:
    stamps = Stamps(100.0, UTC)
    for k in range(int(seconds * 10)):
        stamps.push(block(25 * k), 100.0 + 0.1 * (k + 1))
    return stamps


def test_stamps_when_samples_flow_then_each_has_its_time() -> None:
    stamps = played(60)
    for index in (1000, 7500, 14000):
        assert stamps.of_sample(index) == pytest.approx(UTC + (index + 1) / FS, abs=0.02)
    assert stamps.last == 14999


def test_stamps_when_nothing_came_yet_then_the_start() -> None:
    assert Stamps(100.0, UTC).of_sample(5) == UTC


@pytest.mark.parametrize("step_s", [86400.0, -86400.0, -1.7e9])
def test_stamps_when_the_wall_clock_is_set_then_reported_and_followed_at_once(step_s: float) -> None:
    stamps = played(30)
    assert stamps.set(130.0, UTC + 30.0 + step_s) == pytest.approx(step_s)
    stamps.push(block(7500), 130.1)
    assert stamps.of_sample(7524) == pytest.approx(UTC + 30.1 + step_s, abs=0.02)
    assert stamps.utc_s(131.0) == pytest.approx(UTC + 31.0 + step_s)


def test_stamps_when_the_wall_clock_is_set_then_no_rate_is_known_until_samples_come() -> None:
    stamps = played(3)
    assert stamps.fs == FS
    stamps.set(103.0, UTC + 3603.0)
    assert stamps.fs == 0.0
    stamps.push(block(750), 103.1)
    assert stamps.fs == FS


def test_as_of_when_something_happened_later_then_that_is_the_newest_samples_time() -> None:
    stamps = played(10)
    stamp = stamps.as_of(112.0)
    assert (stamp(2499), stamp(9999)) == (UTC + 12.0, UTC + 12.0)
    assert stamp(1000) == stamps.of_sample(1000)


def test_stamps_when_the_wall_clock_drifts_then_no_step() -> None:
    stamps = played(10)
    assert stamps.set(110.0, UTC + 10.0 + 0.01) is None
    assert stamps.utc_s(110.0) == pytest.approx(UTC + 10.01)


def test_stamps_when_the_rate_changes_then_times_go_on() -> None:
    stamps = played(10)
    stamps.push(block(2500, 50, 500.0), 110.1)
    assert stamps.of_sample(2549) == pytest.approx(UTC + 10.1, abs=0.02)


def test_stamps_when_the_device_rebooted_then_times_follow_the_host() -> None:
    stamps = played(10)
    stamps.restart()
    for k in range(50):
        stamps.push(block(2500 + 25 * k), 200.0 + 0.1 * (k + 1))
    assert stamps.of_sample(3749) == pytest.approx(UTC + 105.0, abs=0.05)
