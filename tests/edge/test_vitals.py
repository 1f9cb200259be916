from __future__ import annotations

import pytest

from edge.intervals import Intervals
from edge.quality import QualityState
from edge.types import Beat, RPeak, Status
from edge.vitals import Vitals

FS = 250.0
GOOD = QualityState(sqi=0.9)


def _beat(sample: int, aami: str = "N", final: bool = False) -> Beat:
    peak = RPeak(sample, 1.0, 0.99)
    return Beat(sample, peak, 0.8, aami, (1.0, 0.0, 0.0, 0.0, 0.0), 0.9, final, False, True, sample + 60)


def _beating(n: int = 10) -> Vitals:
    """Ten beats 0.8 s apart, the last at sample (n - 1) * 200."""
    intervals = Intervals()
    vitals = Vitals(intervals)
    for k in range(n):
        intervals.keep(intervals.peak(0.8 * k))
        vitals.on_beat(_beat(200 * k))
    return vitals


def _status(vitals: Vitals, at: int, quality: QualityState | None = GOOD, warming: bool = False) -> Status:
    return vitals.status(at, FS, quality, "sinus", warming)


def test_status_when_beats_come_then_rate_and_no_reason() -> None:
    status = _status(_beating(), 1900)
    assert status.hr_bpm == pytest.approx(75.0)
    assert status.rr_ms == pytest.approx(800.0)
    assert (status.reason, status.rhythm, status.sqi, status.at) == (None, "sinus", 0.9, 1900)


@pytest.mark.parametrize(
    ("quality", "reason"),
    [
        (None, "no_signal"),
        (QualityState(lead_off=True, unreadable=True), "lead_off"),
        (QualityState(unreadable=True), "unreadable"),
    ],
)
def test_status_when_signal_cannot_be_read_then_no_number_is_shown(
    quality: QualityState | None, reason: str
) -> None:
    status = _status(_beating(), 1900, quality)
    shown = (status.hr_bpm, status.rr_ms, status.rmssd_ms, status.pvc_per_min)
    assert shown == (None, None, None, None)
    assert status.reason == reason


def test_status_when_no_beat_for_four_seconds_then_no_rate() -> None:
    vitals = _beating()
    assert _status(vitals, 1800 + 1000).reason is None
    assert _status(vitals, 1800 + 1001).reason == "no_beats"


def test_status_when_nothing_was_seen_yet_then_warming_and_later_no_beats() -> None:
    assert _status(Vitals(Intervals()), 100, warming=True).reason == "warming"
    assert _status(Vitals(Intervals()), 9000).reason == "no_beats"


def test_link_when_two_things_are_wrong_then_each_ends_by_itself() -> None:
    vitals = _beating()
    reasons = []
    for kind in ("rate_mismatch", "no_signal", "signal", "rate_ok"):
        vitals.on_link(kind)
        reasons.append(_status(vitals, 1900).reason)
    assert reasons == ["rate_mismatch", "no_signal", "rate_mismatch", None]


def test_pvcs_when_older_than_a_minute_then_not_counted() -> None:
    vitals = _beating()
    for sample in (100, 400, 700):
        vitals.on_beat(_beat(sample, "V", final=True))
        vitals.on_beat(_beat(sample + 100, "N", final=True))
    assert _status(vitals, 1900).pvc_per_min == 3.0
    vitals.on_beat(_beat(15300))
    assert _status(vitals, 15_401).pvc_per_min == 1.0


def test_reset_when_another_patient_then_no_count_of_the_last() -> None:
    vitals = _beating()
    vitals.on_beat(_beat(1800, "V", final=True))
    vitals.n_lost = 7
    vitals.reset()
    vitals.on_beat(_beat(2000))
    status = _status(vitals, 2100)
    assert status.pvc_per_min == 0.0
    assert status.n_lost == 7


def test_status_when_a_wide_wave_is_clean_then_people_are_shown_that_it_is() -> None:
    assert _status(_beating(), 1900, QualityState(sqi=0.1, wave_sqi=0.95)).sqi == 0.95
