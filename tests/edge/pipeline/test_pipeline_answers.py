"""Two answers a beat: early within 250 ms, final with the same id; peaks in their true places."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

RATES = (125.0, 128.0, 250.0, 360.0, 500.0, 1000.0)
EARLY_MS = 250.0


def _offsets_ms(beats: list[Any], truth: np.ndarray, fs: float) -> np.ndarray:
    """Distance of each answer to the nearest true R-peak [ms]."""
    found = np.array([b.r_peak.sample for b in beats])
    nearest = truth[np.abs(truth[None] - found[:, None]).argmin(1)]
    return (found - nearest) * 1000.0 / fs


@pytest.mark.parametrize("fs", RATES)
def test_beats_when_sinus_then_all_found_in_place_and_answered_in_time(ward: Any, fs: float) -> None:
    recording = ward.heart("sinus:60s rate=78", 25, fs)
    answers = ward.play(recording)
    early, final = answers.beats(False), answers.beats(True)
    truth = np.array([b.sample for b in recording.beats])
    settled = truth[(truth > 1.0 * fs) & (truth < 24.6 * fs)]
    found = np.array([b.r_peak.sample for b in early])
    assert np.abs(settled[:, None] - found[None]).min(1).max() <= 0.03 * fs
    assert len(found) <= len(truth)
    offsets = np.abs(_offsets_ms(early, truth, fs))
    assert np.median(offsets) <= 10.0
    assert offsets.max() <= 30.0
    late_ms = np.array([1000.0 * (b.at - b.r_peak.sample) / fs for b in early])
    assert late_ms.max() <= EARLY_MS
    assert {b.aami for b in final[3:]} == {"N"}
    answers.check_ids()


def test_beats_when_ventricular_then_peaks_in_place_and_early_in_time(ward: Any) -> None:
    recording = ward.heart("sinus:60s rate=72 pvc=0.15", 60)
    answers = ward.play(recording)
    truth = np.array([b.sample for b in recording.beats])
    early = answers.beats(False)
    assert np.median(np.abs(_offsets_ms(early, truth, 250.0))) <= 10.0
    late_ms = np.array([4.0 * (b.at - b.r_peak.sample) for b in early])
    assert np.quantile(late_ms, 0.99) <= EARLY_MS
    answers.check_ids()


def test_beats_when_ventricular_then_called_so(ward: Any) -> None:
    recording = ward.heart("sinus:60s rate=72 pvc=0.15", 60)
    final = ward.play(recording).beats(True)
    found = np.array([b.r_peak.sample for b in final])
    called = [
        (t.aami, final[int(np.abs(found - t.sample).argmin())].aami)
        for t in recording.beats
        if 1000 < t.sample < 14_000
    ]
    ectopic = [c for t, c in called if t == "V"]
    normal = [c for t, c in called if t == "N"]
    assert len(ectopic) >= 5
    assert ectopic.count("V") >= 0.9 * len(ectopic)
    assert normal.count("N") >= 0.95 * len(normal)


def test_final_when_next_peak_came_then_at_once_and_else_after_the_longest_wait(ward: Any) -> None:
    answers = ward.play(ward.heart("sinus:10s rate=60; asystole:20s", 20))
    early, final = answers.beats(False), answers.beats(True)
    decided = {b.at for b in early}
    assert all(b.at in decided for b in final[:-1])
    assert 2.5 <= (final[-1].at - final[-1].r_peak.sample) / 250.0 <= 3.0
    assert [b.id for b in early] == [b.id for b in final]


def test_intervals_when_sinus_then_those_between_the_true_peaks(ward: Any) -> None:
    recording = ward.heart("sinus:60s rate=78", 25)
    early = ward.play(recording).beats(False)
    assert early[0].rr_s is None
    truth = np.diff([b.sample for b in recording.beats]) / 250.0
    told = np.array([b.rr_s for b in early[1:]])
    assert np.abs(np.median(told) - np.median(truth)) < 0.004
    span_s = (early[-1].r_peak.sample - early[0].r_peak.sample) / 250.0
    assert told.sum() == pytest.approx(span_s, abs=0.008)


@pytest.mark.parametrize("fs", [50.0, 100.0, 125.0])
def test_gru_when_device_is_no_faster_than_the_model_then_one_step_or_more_for_every_sample(
    ward: Any, fs: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps = []
    step = ward.models.gru.step
    monkeypatch.setattr(ward.models.gru, "step", lambda x, state: (steps.append(x), step(x, state))[1])
    pipeline = ward.pipeline()
    per_sample = []
    for block in ward.heart("sinus:60s", 4, fs).blocks(chunk=1):
        before = len(steps)
        pipeline.push(block)
        per_sample.append(len(steps) - before)
    start = round(0.032 * fs) + 2
    assert min(per_sample[start:]) >= 1
    assert sum(per_sample) == pytest.approx(4 * 125.0, abs=8)


def test_status_when_stream_runs_then_once_a_second_with_the_heart_rate(ward: Any) -> None:
    answers = ward.play(ward.heart("sinus:60s rate=78", 25))
    statuses = answers.statuses()
    assert np.diff([s.at for s in statuses]).tolist() == [250] * (len(statuses) - 1)
    assert len(statuses) == 24
    assert all(s.hr_bpm == pytest.approx(78.0, abs=5.0) for s in answers.statuses(6.0))
    assert [s.warming for s in statuses] == [True] * 4 + [False] * 20
    assert statuses[-1].rmssd_ms is not None
    assert statuses[-1].rhythm == "sinus"


def test_status_when_rate_steps_then_settled_within_10_s(ward: Any) -> None:
    for script, expected in (
        ("sinus:20s rate=80 hrv=0.01; sinus:20s rate=120 hrv=0.01", 120.0),
        ("sinus:20s rate=80 hrv=0.01; sinus:20s rate=41 hrv=0.01", 41.0),
    ):
        told = ward.play(ward.heart(script, 38)).statuses(30.0)
        assert told
        for status in told:
            assert status.hr_bpm == pytest.approx(expected, abs=max(5.0, 0.1 * expected))


def test_beats_when_lead_is_named_then_that_column_is_read(ward: Any) -> None:
    recording = ward.heart("sinus:60s rate=78", 10)
    expected = ward.play(recording).events
    pipeline, got = ward.pipeline(lead="MLII"), []
    for block in recording.blocks():
        mv = np.concatenate([0.0 * block.mv, block.mv], axis=1)
        got += pipeline.push(type(block)("bed", block.start, block.fs, mv, ("V1", "MLII")))
    assert ward.plain(got[1:]) == ward.plain(expected[1:])


@pytest.mark.skipif("HEARTWIRE_DATA" not in os.environ, reason="HEARTWIRE_DATA is not set")
@pytest.mark.parametrize("name", ["101", "119"])
def test_beats_when_record_is_of_ds1_then_nearly_all_found_in_time(ward: Any, name: str) -> None:
    wfdb = pytest.importorskip("wfdb")
    from firmware_bridge.types import SampleBlock

    path = str(Path(os.environ["HEARTWIRE_DATA"]) / "mitdb" / name)
    n = 60 * 360
    mv = wfdb.rdrecord(path, sampto=n, channels=[0]).p_signal.astype(np.float32)
    marks = wfdb.rdann(path, "atr", sampto=n)
    truth = np.array([s for s, c in zip(marks.sample, marks.symbol, strict=True) if c in "NLRVAaJSejE/fFQ"])
    blocks = [SampleBlock("bed", k, 360.0, mv[k : k + 90], ("MLII",)) for k in range(0, n, 90)]
    answers = ward.push(blocks, 360.0)
    found = np.array([b.r_peak.sample for b in answers.beats(False)])
    inside = truth[(truth > 360) & (truth < n - 200)]
    missed = (np.abs(inside[:, None] - found[None]).min(1) > 0.15 * 360).sum()
    assert missed <= 1
    assert len(found) <= len(truth) + 1
    assert np.median(np.abs(_offsets_ms(answers.beats(False), truth, 360.0))) <= 15.0
    late_ms = np.array([1000.0 * (b.at - b.r_peak.sample) / 360.0 for b in answers.beats(False)])
    assert np.quantile(late_ms, 0.99) <= EARLY_MS
    answers.check_ids()
