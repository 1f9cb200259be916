"""What a device says of pacing pulses and of its converter's ends, through the whole pipeline."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from firmware_bridge.types import F32, SampleBlock

FS = 250.0
SECONDS = 40


def blocks(
    mv: F32, pulses: tuple[int, ...] = (), clipped: np.ndarray | None = None, chunk: int = 64
) -> list[SampleBlock]:
    """A lead (n, 1) cut into blocks, which carry the marks that lie in them."""
    bits = np.zeros(len(mv), int) if clipped is None else clipped.astype(int)
    cuts = sorted({0, len(mv), *range(0, len(mv), chunk), *(np.flatnonzero(np.diff(bits)) + 1).tolist()})
    return [
        SampleBlock("bed", a, FS, mv[a:b], ("MLII",), 0, int(bits[a]), tuple(p for p in pulses if a <= p < b))
        for a, b in zip(cuts, cuts[1:], strict=False)
    ]


def spiked(mv: F32, pulses: tuple[int, ...]) -> F32:
    """Pulses as a front end leaves them: three samples, the first the largest."""
    out = mv.copy()
    for at in pulses:
        for k, size in enumerate((12.0, -5.0, 2.0)):
            if at + k < len(out):
                out[at + k] += size
    return out


@pytest.fixture(scope="module")
def captured(ward: Any) -> tuple[F32, tuple[int, ...], list[int]]:
    """A heart whose every second beat follows a pulse by 60 ms: lead, pulses, R-peaks of the paced beats."""
    recording = ward.heart("sinus:60s rate=75; end", SECONDS, FS)
    peaks = [round(beat.r_peak) if hasattr(beat, "r_peak") else beat.sample for beat in recording.beats][::2]
    peaks = [p for p in peaks if p < len(recording.mv) - 200]
    pulses = tuple(p - 15 for p in peaks)
    return spiked(recording.mv, pulses), pulses, peaks


def test_beats_when_pulses_are_marked_then_they_are_those_of_the_heart_and_flagged(
    ward: Any, captured: tuple[F32, tuple[int, ...], list[int]]
) -> None:
    lead, pulses, peaks = captured
    clean = ward.push(blocks(ward.heart("sinus:60s rate=75; end", SECONDS, FS).mv), FS)
    got = ward.push(blocks(lead, pulses), FS)
    got.check_ids()
    expected = [b.r_peak.sample for b in clean.beats(True)]
    found = [b.r_peak.sample for b in got.beats(True)]
    assert len(found) == len(expected) > 40
    assert max(abs(a - b) for a, b in zip(found, expected, strict=True)) <= 3
    near = {p: min(peaks, key=lambda q: abs(p - q)) for p in found}
    flags = {b.r_peak.sample: b.paced for b in got.beats(True)}
    assert {p: abs(p - q) <= 10 for p, q in near.items()} == flags
    assert {b.id: b.paced for b in got.beats(False)} | {b.id: b.paced for b in got.beats(True)} == {
        b.id: b.paced for b in got.beats(False)
    }
    assert [n.start for n in got.notes("pace")] == [pulses[0]]
    assert not any(b.paced for b in clean.beats(True))


def test_asystole_when_pulses_go_on_without_capture_then_it_is_raised_and_no_pulse_is_a_beat(
    ward: Any,
) -> None:
    recording = ward.heart("sinus:15s rate=75; asystole:25s; end", SECONDS, FS)
    pulses = tuple(range(int(16 * FS), int(39 * FS), 214))
    got = ward.push(blocks(spiked(recording.mv, pulses), pulses), FS)
    assert [b for b in got.beats(True) if b.r_peak.sample > 16.5 * FS] == []
    assert {a.name for a in got.raised()} == {"asystole"}


def test_marks_when_they_are_more_than_a_pacemakers_then_the_ecg_is_not_blanked(ward: Any) -> None:
    recording = ward.heart("sinus:60s rate=75; end", SECONDS, FS)
    mine = tuple(range(0, len(recording.mv), 4))
    clean, got = ward.push(blocks(recording.mv), FS), ward.push(blocks(recording.mv, mine), FS)
    late = [[b.r_peak.sample for b in x.beats(True) if b.r_peak.sample > 5 * FS] for x in (clean, got)]
    assert late[0] == late[1]
    assert len(late[0]) > 35
    assert not any(b.paced for b in got.beats(True) if b.r_peak.sample > FS)
    assert [n.detail.split()[0] for n in got.notes("pace")] == ["the", "more"]


@pytest.mark.parametrize("chunk", [1, 7, 25, 400, 10**9])
def test_events_when_blocks_with_marks_are_cut_in_any_way_then_identical(
    ward: Any, captured: tuple[F32, tuple[int, ...], list[int]], chunk: int
) -> None:
    lead, pulses, _ = captured
    clipped = np.zeros(len(lead), bool)
    clipped[2000:2700] = True
    lead, clipped = lead[:4000], clipped[:4000]
    pipelines = [ward.pipeline(100.0), ward.pipeline(100.0)]
    one = ward.push(blocks(lead, pulses, clipped), FS, pipelines[0])
    other = ward.push(blocks(lead, pulses, clipped, chunk), FS, pipelines[1])
    assert ward.plain(one.events) == ward.plain(other.events)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_quality_when_the_device_says_clipped_then_it_falls_by_the_share_and_no_beat_is_silenced(
    ward: Any, share: float
) -> None:
    recording = ward.heart("sinus:60s rate=75; end", SECONDS, FS)
    clipped = np.arange(len(recording.mv)) % 250 < 250 * share
    clean, got = ward.push(blocks(recording.mv), FS), ward.push(blocks(recording.mv, (), clipped), FS)
    for status, plain in zip(got.statuses(20.0), clean.statuses(20.0), strict=True):
        assert status.sqi == pytest.approx(plain.sqi * (1.0 - share), abs=0.02)
    assert {b.readable for b in got.beats(True)} == {True}
    assert [b.r_peak for b in got.beats(True)] == [b.r_peak for b in clean.beats(True)]


@pytest.mark.parametrize(
    "script", ["sinus:15s rate=75; vf:25s; end", "sinus:15s rate=75; vt:25s rate=180; end"]
)
def test_alarm_when_a_lethal_rhythm_clips_then_it_is_raised_all_the_same(ward: Any, script: str) -> None:
    recording = ward.heart(script, SECONDS, FS)
    clipped = np.abs(recording.mv[:, 0]) > 0.25
    mv = np.clip(recording.mv, -0.6, 0.6)
    got = ward.push(blocks(mv, (), np.repeat(clipped[::25], 25)[: len(clipped)]), FS)
    plain = ward.push(blocks(mv), FS)
    first, expected = got.raised()[0], plain.raised()[0]
    assert first.name == expected.name in ("vf", "vt")
    assert abs(first.since - expected.since) <= 1.5 * FS
    assert min(status.sqi for status in got.statuses(20.0)) < 0.9


def _add_pulses(mv: Any, fs: float, from_s: float, per_min: float, size_mv: float) -> None:
    """Pulses of 2 ms, as a front end shows them, that the device does not mark."""
    for at_s in np.arange(from_s, len(mv) / fs - 0.1, 60.0 / per_min):
        at, n = round(at_s * fs), max(1, round(0.002 * fs))
        mv[at : at + n] += np.float32(size_mv)


@pytest.mark.parametrize("fs", [250.0, 360.0, 500.0])
@pytest.mark.parametrize("size_mv", [2.0, -5.0])
@pytest.mark.parametrize("p_mv", [0.0, 0.2])
def test_asystole_when_pulses_that_no_device_marks_are_not_answered_then_alarm_and_no_beat(
    ward: Any, fs: float, size_mv: float, p_mv: float
) -> None:
    recording = ward.heart("sinus:20s rate=72; asystole:60s", 36, fs, seed=1)
    last = recording.beats[-1].sample

    def paced(mv: Any) -> None:
        _add_pulses(mv, fs, 20.3, 70.0, size_mv)
        since_s = (np.arange(len(mv)) / fs - 20.0) % 0.72 - 0.3
        mv[round(20.0 * fs) :, 0] += (p_mv * np.exp(-((since_s / 0.04) ** 2)))[round(20.0 * fs) :]

    answers = ward.play(recording.changed(paced))
    alarm = answers.raised("asystole")[0]
    assert (alarm.at - last) / fs <= 10.0
    assert [b for b in answers.beats(False) if b.r_peak.sample > last + fs] == []


@pytest.mark.parametrize("fs", [250.0, 500.0])
@pytest.mark.parametrize(("script", "before_s"), [("paced:60s rate=70", 0.072), ("sinus:60s rate=70", 0.0)])
@pytest.mark.parametrize("gain", [0.5, 1.0])
def test_asystole_when_every_pulse_is_answered_or_lies_in_a_qrs_then_no_alarm_and_no_beat_lost(
    ward: Any, fs: float, script: str, before_s: float, gain: float
) -> None:
    recording = ward.heart(script, 40, fs, seed=1)

    def paced(mv: Any) -> None:
        mv *= gain
        for beat in recording.beats:
            at = max(0, beat.sample - round(before_s * fs))
            mv[at : at + max(1, round(0.002 * fs))] += 3.0

    answers = ward.play(recording.changed(paced))
    assert answers.raised() == []
    assert len(answers.beats(False)) >= 0.95 * len(recording.beats)
