from __future__ import annotations

from dataclasses import replace

import pytest

from edge.alarms.limits import AlarmLimits
from edge.alarms.rules import Fibrillation, LastBeats, QuietClock
from edge.types import AAMI, Beat, RPeak

FS = 250.0
LIMITS = AlarmLimits()


def _beat(
    n: int, t_s: float, aami: str = "N", rr_s: float | None = 0.8, readable: bool = True, sqi: float = 1.0
) -> Beat:
    at = round(t_s * FS)
    return Beat(n, RPeak(at, 1.0, 0.9), rr_s, aami, _probs(aami), sqi, False, False, readable, at + 40)


def _probs(aami: str, p: float = 0.8) -> tuple[float, ...]:
    """`p` for one class, the rest shared by the others."""
    return tuple(p if c == aami else (1.0 - p) / 4 for c in AAMI)


def _train(labels: str, bpm: float) -> LastBeats:
    beats = LastBeats(LIMITS)
    for i, aami in enumerate(labels):
        beats.push(_beat(i, 60.0 * i / bpm, aami))
    return beats


@pytest.mark.parametrize(
    ("labels", "bpm", "expected"),
    [
        ("NNVVVVV", 150, True),
        ("NNVVVV", 150, False),
        ("NNVVVVNV", 150, False),
        ("NNVVVVVN", 150, False),
        ("NNVVVVV", 99, False),
        ("VVVVV", 101, True),
        ("V" * 40, 180, True),
    ],
)
def test_vt_when_run_of_v_then_by_length_and_rate(labels: str, bpm: float, expected: bool) -> None:
    assert _train(labels, bpm).vt(FS).cause is expected


def test_vt_when_a_correction_takes_v_away_or_adds_it_then_the_run_counts_all_the_same() -> None:
    sure_v = (0.05, 0.0, 0.95, 0.0, 0.0)
    beats = LastBeats(LIMITS)
    for i in range(6):
        own = _beat(i, 0.4 * i, "V")
        corrected = (
            replace(own, aami="N", plain=sure_v) if i % 2 else replace(own, plain=(0.9, 0.0, 0.1, 0.0, 0.0))
        )
        beats.push(corrected)
    assert beats.vt(FS).value == "6 ventricular beats in a row at 150 bpm"


@pytest.mark.parametrize(
    ("probs", "expected"),
    [
        ((0.64, 0.48, 0.64, 0.62, 0.62), False),
        ((0.54, 0.5, 0.92, 0.63, 0.59), False),
        ((0.55, 0.55, 0.7, 0.8, 0.7), True),
        ((0.99, 0.4, 0.4, 0.99, 0.99), True),
    ],
)
def test_vt_when_beats_are_called_v_then_they_must_be_sure_on_average(
    probs: tuple[float, ...], expected: bool
) -> None:
    beats = LastBeats(LIMITS)
    for i, p in enumerate(probs):
        beats.push(replace(_beat(i, 0.4 * i, "V"), probs=_probs("V", p)))
    assert beats.vt(FS).cause is expected


def test_vt_when_found_then_says_how_many_and_how_fast() -> None:
    finding = _train("NNVVVVVV", 150).vt(FS)
    assert finding.value == "6 ventricular beats in a row at 150 bpm"
    assert finding.since_s == pytest.approx(2.0, abs=0.01)


def test_vt_when_run_slows_down_then_its_last_five_decide() -> None:
    beats = _train("VVVVVV", 150)
    for i in range(6, 12):
        beats.push(_beat(i, 2.0 + 0.9 * (i - 5), "V"))
    assert not beats.vt(FS).cause


@pytest.mark.parametrize("change", [{"rr_s": None}, {"readable": False}])
def test_vt_when_gap_or_noise_lies_within_the_run_then_none(change: dict[str, bool | None]) -> None:
    beats = _train("VVVVV", 150)
    beats.push(_beat(3, 3 * 0.4, "V", **change))  # type: ignore[arg-type]
    assert not beats.vt(FS).cause


def test_vt_when_final_answer_revises_then_it_counts() -> None:
    beats = _train("NVVVVN", 150)
    beats.push(_beat(5, 5 * 0.4, "V"))
    assert beats.vt(FS).cause
    beats.push(_beat(3, 3 * 0.4, "N"))
    assert not beats.vt(FS).cause


def test_brady_when_noise_lies_between_beats_then_the_interval_does_not_count() -> None:
    beats = _train("NNNN", 80)
    beats.interrupt()
    for i in range(4, 8):
        beats.push(_beat(i, 9.0 + 0.75 * (i - 4), rr_s=7.0 if i == 4 else 0.75))
        beats.push(_beat(i, 9.0 + 0.75 * (i - 4), rr_s=7.0 if i == 4 else 0.75))
        assert not beats.extreme_brady(FS).cause


@pytest.mark.parametrize(("n", "bpm", "expected"), [(5, 39, True), (4, 39, False), (5, 41, False)])
def test_brady_when_slow_over_five_beats_then_found(n: int, bpm: float, expected: bool) -> None:
    assert _train("N" * n, bpm).extreme_brady(FS).cause is expected


@pytest.mark.parametrize(("n", "bpm", "expected"), [(17, 142, True), (16, 142, False), (17, 139, False)])
def test_tachy_when_fast_over_seventeen_beats_then_found(n: int, bpm: float, expected: bool) -> None:
    assert _train("N" * n, bpm).extreme_tachy(FS).cause is expected


def test_tachy_when_rate_falls_a_little_below_then_goes_on_until_the_margin() -> None:
    beats, t = LastBeats(LIMITS), 0.0
    causes = []
    for i in range(80):
        t += 60.0 / (145 if i < 20 else 138 if i < 50 else 130)
        beats.push(_beat(i, t))
        causes.append(beats.extreme_tachy(FS).cause)
    assert causes[19]
    assert causes[49]
    assert not causes[79]


def test_heart_seen_when_beats_are_poor_or_far_apart_then_not() -> None:
    good, poor, rare = _train("NNNNN", 80), LastBeats(LIMITS), _train("NNNNN", 20)
    for i in range(8):
        poor.push(_beat(i, 0.8 * i, sqi=0.3))
    assert good.heart_seen(FS)
    assert not poor.heart_seen(FS)
    assert not rare.heart_seen(FS)


def test_quiet_clock_when_losses_lie_within_then_they_do_not_count() -> None:
    clock = QuietClock()
    clock.lose(5.0, 0.5)
    clock.lose(9.0, 0.25)
    assert clock.seen_s(10.0, 4.0) == pytest.approx(3.75)
    assert clock.seen_s(10.0, 8.0) == pytest.approx(7.25)


def test_quiet_clock_when_restarted_then_only_time_since() -> None:
    clock = QuietClock()
    clock.reset(8.0)
    assert clock.seen_s(10.0, float("inf")) == pytest.approx(2.0)


def test_fibrillation_when_probable_for_four_seconds_then_found_and_gone_after_it_drained() -> None:
    vf = Fibrillation(LIMITS)
    assert [vf.push(0.9, True, 0.25).cause for _ in range(16)] == [False] * 15 + [True]
    assert [vf.push(0.1, True, 0.25).cause for _ in range(8)] == [True] * 6 + [False] * 2


def test_fibrillation_when_noise_comes_between_then_evidence_waits() -> None:
    vf = Fibrillation(LIMITS)
    for _ in range(12):
        vf.push(0.9, True, 0.25)
    for _ in range(100):
        assert not vf.push(0.99, False, 0.25).cause
    assert vf.seconds == pytest.approx(3.0)


def test_fibrillation_when_windows_flicker_then_never() -> None:
    vf = Fibrillation(LIMITS)
    assert not any(vf.push(0.9 if i % 8 < 4 else 0.1, True, 0.25).cause for i in range(400))


def test_quiet_clock_when_held_then_only_time_since_and_no_longer_than_told() -> None:
    clock = QuietClock()
    for now_s in range(1, 21):
        clock.hold(float(now_s), now_s - 10.0, 5.5)
    assert clock.seen_s(16.0, 6.0) == pytest.approx(1.0)
    assert clock.seen_s(20.0, 10.0) == pytest.approx(5.0)


def test_brady_when_beats_may_have_been_missed_among_the_last_five_then_not_found() -> None:
    beats = _train("NNNNN", 35)
    assert beats.extreme_brady(FS).cause
    beats.doubt(round(1.0 * FS))
    assert not beats.extreme_brady(FS).cause
    beats.push(_beat(5, 5 * 60.0 / 35))
    assert beats.extreme_brady(FS).cause
