"""Rate, jitter and losses of a link, from arrivals made up."""

from __future__ import annotations

import random

import pytest

from edge.doctor.findings import Finding
from edge.doctor.link import look_at_losses, look_at_rate, rate
from firmware_bridge import devices
from firmware_bridge.types import LinkStats

CYTON, TEXT, OPENVIEW = (devices.get(name) for name in ("cyton", "text", "openview"))


def arrivals(fs: float, seconds: float = 10.0, late_s: float = 0.004) -> list[tuple[float, int]]:
    rng = random.Random(1)
    return [(0.02 * k + rng.uniform(0, late_s), round(0.02 * k * fs)) for k in range(round(seconds / 0.02))]


@pytest.mark.parametrize("fs", [100.0, 250.0, 251.2, 1000.0])
def test_rate_when_measured_then_within_a_thousandth(fs: float) -> None:
    measured = rate(arrivals(fs))
    assert measured is not None
    assert measured[0] == pytest.approx(fs, rel=1e-3)
    assert measured[1] < 20


@pytest.mark.parametrize("points", [[], arrivals(250.0, 1.0), [(float(k), 5) for k in range(9)]])
def test_rate_when_there_is_too_little_then_none(points: list[tuple[float, int]]) -> None:
    assert rate(points) is None


def levels(found: list[Finding]) -> dict[str, tuple[str, str]]:
    return {finding.what: (finding.level, finding.config) for finding in found}


@pytest.mark.parametrize(
    ("fs", "level", "config"),
    [(250.1, "ok", ""), (252.0, "note", "fs = 252.0"), (225.0, "wrong", "fs = 225.0")],
)
def test_rate_when_it_is_off_then_said_with_the_line_that_mends_it(
    fs: float, level: str, config: str
) -> None:
    found = levels(look_at_rate(250.0, CYTON, arrivals(fs)))
    assert found["rate"] == (level, config)
    assert found["jitter"] == ("ok", "")


def test_rate_when_the_device_does_not_say_it_then_it_is_written_down() -> None:
    assert levels(look_at_rate(None, TEXT, arrivals(171.0)))["rate"] == ("note", "fs = 171.0")
    assert levels(look_at_rate(None, TEXT, []))["rate"] == ("note", "")


def test_jitter_when_pieces_come_in_bursts_then_said() -> None:
    points = [(0.8 * (k // 40 + 1), 5 * k) for k in range(400)]
    assert levels(look_at_rate(250.0, CYTON, points))["jitter"][0] in ("ok", "note")
    assert levels(look_at_rate(250.0, CYTON, arrivals(250.0, 10.0, 1.0)))["jitter"][0] == "note"


@pytest.mark.parametrize(
    ("stats", "level", "says"),
    [
        (LinkStats(n_samples=1000), "ok", "nothing was lost, by its counter"),
        (LinkStats(n_samples=100_000, n_lost=3), "note", "3 samples lost of 100003"),
        (
            LinkStats(n_samples=950, n_lost=50, n_resync=7, n_crc=2),
            "wrong",
            "50 samples lost, 2 damaged frames",
        ),
        (LinkStats(n_samples=1000, n_reboot=1), "wrong", "1 reboots of 1000"),
    ],
)
def test_losses_when_counted_then_said(stats: LinkStats, level: str, says: str) -> None:
    (found,) = look_at_losses(stats, CYTON)
    assert found.level == level
    assert says in found.text


def test_losses_when_nothing_could_tell_then_that_is_said() -> None:
    (found,) = look_at_losses(LinkStats(n_samples=10), OPENVIEW)
    assert "no counter" in found.text
    assert look_at_losses(LinkStats(), CYTON) == []
