"""Rhythms as RR intervals, asked beat by beat."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_bridge.morphology import KINDS, Person
from firmware_bridge.rhythms import REFRACTORY_S, SILENT, Rhythm
from firmware_bridge.scenario import RHYTHMS, parse_script


def beats(step: str, n: int, seed: int = 0) -> tuple[np.ndarray, list[str]]:
    rhythm = Rhythm(parse_script(step).steps[0], Person(), np.random.default_rng(seed))
    at_s, rr, kinds = 0.0, [], []
    for _ in range(n):
        rr_s, kind = rhythm.next_beat(at_s)
        at_s += rr_s
        rr.append(rr_s)
        kinds.append(kind)
    return np.array(rr), kinds


@pytest.mark.parametrize("name", sorted(set(RHYTHMS) - SILENT))
def test_next_when_any_rhythm_is_asked_then_rr_is_plausible_and_the_kind_is_known(name: str) -> None:
    rr, kinds = beats(f"{name}:60s", 300)
    assert rr.min() >= REFRACTORY_S
    assert rr.max() <= 4.0
    assert set(kinds) <= set(KINDS) | {"spike"}


@pytest.mark.parametrize(
    ("name", "rate"), [("sinus", 50), ("svt", 190), ("vt", 160), ("paced", 65), ("af", 110)]
)
def test_next_when_a_rate_is_given_then_the_mean_is_that_rate(name: str, rate: int) -> None:
    rr, _ = beats(f"{name}:60s rate={rate}", 2000)
    assert 60 / rr.mean() == pytest.approx(rate, rel=0.02)


def test_next_when_premature_beats_are_asked_for_then_their_share_and_pauses_are_right() -> None:
    rr, kinds = beats("sinus:60s rate=60 hrv=0 pvc=0.1 apc=0.1", 3000)
    share = {kind: kinds.count(kind) / len(kinds) for kind in ("pvc", "atrial")}
    # Each premature beat brings its own following normal one: a share p of phrases is p / (1 + 0.2) of beats.
    assert share["pvc"] == pytest.approx(0.1 / 1.2, rel=0.2)
    assert share["atrial"] == pytest.approx(0.1 / 1.2, rel=0.2)
    for k, kind in enumerate(kinds[:-1]):
        if kind == "pvc":
            assert (rr[k], rr[k + 1]) == pytest.approx((0.60, 1.40))
        if kind == "atrial":
            assert (rr[k], rr[k + 1]) == pytest.approx((0.66, 1.06))


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("bigeminy", ["pvc", "normal"]),
        ("trigeminy", ["normal", "pvc", "normal"]),
        ("couplet", ["normal", "normal", "pvc", "pvc", "normal", "normal"]),
    ],
)
def test_next_when_patterned_then_the_pattern_repeats(name: str, pattern: list[str]) -> None:
    _, kinds = beats(f"{name}:60s", 4 * len(pattern))
    assert kinds == pattern * 4


def test_next_when_hrv_is_zero_then_sinus_is_a_clock() -> None:
    rr, _ = beats("sinus:60s rate=80 hrv=0", 50)
    assert rr == pytest.approx(np.full(50, 0.75))


def test_next_when_breathing_then_rr_follows_it() -> None:
    person = Person()
    rr, _ = beats("sinus:60s rate=75 hrv=0.05", 1000)
    breath = np.sin(2 * np.pi * person.resp_hz * np.concatenate(([0], np.cumsum(rr)[:-1])))
    assert np.corrcoef(rr, breath)[0, 1] > 0.5
