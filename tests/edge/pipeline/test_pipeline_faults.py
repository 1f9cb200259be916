"""Bad samples, gaps, silence, resets and neighbours: nothing is poisoned, nothing leaks."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from edge.types import Beat, Command, LinkState
from firmware_bridge.types import BadInput, Gap, SampleBlock

FS = 250.0
SINUS = "sinus:60s rate=78 pvc=0.1"
BAD = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf, "1e30": 1e30, "rail": 500.0, "glitch": 30.0}


def _set(mv: np.ndarray, at: int, n: int, value: float) -> None:
    mv[at : at + n] = value


def _peaks(beats: list[Beat], after: int) -> list[tuple[int, str]]:
    return [(b.r_peak.sample, b.aami) for b in beats if b.r_peak.sample >= after]


def _same_beats(a: list[tuple[int, str]], b: list[tuple[int, str]]) -> None:
    """Same classes, peaks within 10 ms."""
    assert [c for _, c in a] == [c for _, c in b]
    assert len(a) > 5
    assert max(abs(x - y) for (x, _), (y, _) in zip(a, b, strict=True)) <= 0.01 * FS


# -- bad samples -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", ["between beats", "on the R-peak"])
@pytest.mark.parametrize("name", sorted(BAD))
def test_beats_when_one_sample_is_bad_then_as_in_a_clean_run_within_2_s(
    ward: Any, name: str, place: str
) -> None:
    recording = ward.heart(SINUS, 25)
    clean = ward.play(recording)
    peak = next(b.sample for b in recording.beats if b.sample > 10 * FS)
    at = peak if place == "on the R-peak" else peak + 60
    spoilt = ward.play(recording.changed(lambda mv: _set(mv, at, 1, BAD[name])))
    after = at + int(2 * FS)
    for final in (False, True):
        _same_beats(_peaks(spoilt.beats(final), after), _peaks(clean.beats(final), after))
    assert spoilt.raised() == []
    spoilt.check_ids()
    assert not spoilt.beats(False)[-1].warming


@pytest.mark.parametrize("mv", [-32.768, -5.0, 5.0, 32.767])
def test_beats_when_one_sample_is_at_a_small_rail_then_as_in_a_clean_run_within_2_s(
    ward: Any, mv: float
) -> None:
    recording = ward.heart(SINUS, 25)
    at = next(b.sample for b in recording.beats if b.sample > 10 * FS) + 60
    clean = ward.play(recording)
    spoilt = ward.play(recording.changed(lambda x: _set(x, at, 1, mv)))
    after = at + int(2 * FS)
    for final in (False, True):
        _same_beats(_peaks(spoilt.beats(final), after), _peaks(clean.beats(final), after))
    assert spoilt.raised() == []


@pytest.mark.parametrize("name", ["nan", "inf", "1e30"])
def test_answers_when_a_whole_stretch_is_bad_then_finite_and_soon_right_again(ward: Any, name: str) -> None:
    recording = ward.heart(SINUS, 30)
    spoilt = ward.play(recording.changed(lambda mv: _set(mv, 2500, 1000, BAD[name])))
    clean = ward.play(recording)
    assert all(np.isfinite(b.probs).all() for b in spoilt.of(Beat))
    assert [n.detail for n in spoilt.notes("restart")] == ["4.00 s without usable samples"]
    after = 3500 + int(2 * FS)
    _same_beats(_peaks(spoilt.beats(False), after), _peaks(clean.beats(False), after))
    assert spoilt.raised() == []
    first = next(b for b in spoilt.beats(False) if b.r_peak.sample >= 3500)
    assert first.rr_s is None
    assert first.warming


def test_intervals_when_half_a_second_is_bad_then_none_reaches_across(ward: Any) -> None:
    recording = ward.heart(SINUS, 20)
    peak = next(b.sample for b in recording.beats if b.sample > 8 * FS)
    spoilt = ward.play(recording.changed(lambda mv: _set(mv, peak - 60, 120, math.nan)))
    first = next(b for b in spoilt.beats(False) if b.r_peak.sample > peak + 60)
    assert first.rr_s is None
    assert not first.warming
    assert spoilt.notes("restart") == []


def test_beats_when_the_stream_begins_with_no_value_then_as_if_it_began_later(ward: Any) -> None:
    recording = ward.heart(SINUS, 15).changed(lambda mv: np.add(mv, 280.0, out=mv))
    late = ward.play(recording.changed(lambda mv: _set(mv, 0, 200, math.nan)))
    clean = ward.play(recording)
    _same_beats(_peaks(late.beats(False), 700), _peaks(clean.beats(False), 700))


@pytest.mark.parametrize("level", [-300.0, 300.0])
def test_beats_when_electrode_offset_is_large_then_nothing_changes(ward: Any, level: float) -> None:
    recording = ward.heart(SINUS, 20)
    moved = ward.play(recording.changed(lambda mv: np.add(mv, level, out=mv)))
    _same_beats(_peaks(moved.beats(False), 0), _peaks(ward.play(recording).beats(False), 0))


# -- gaps --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", [-0.3, -0.08, 0.0, 0.25])
@pytest.mark.parametrize("seconds", [0.02, 0.2, 0.4, 0.9, 1.5, 5.0, 60.0])
def test_gap_when_of_any_length_then_counted_and_no_lethal_alarm_and_soon_right_again(
    ward: Any, seconds: float, phase: float
) -> None:
    before, after = ward.heart(SINUS, 12), ward.heart(SINUS, 20, seed=3)
    peak = next(b.sample for b in before.beats if b.sample > 10 * FS)
    cut = peak + int(phase * FS)
    n = int(seconds * FS)
    head = [b for b in before.blocks(chunk=1) if b.start < cut]
    answers = ward.push([*head, *after.blocks(start=cut + n)], FS)
    (note,) = answers.notes("gap")
    assert (note.start, note.end) == (cut, cut + n)
    assert note.detail == f"{n} samples lost (lost)"
    assert answers.raised() == []
    assert answers.statuses()[-1].n_lost == n
    answers.check_ids()
    new = [b for b in answers.beats(False) if b.r_peak.sample >= cut + n]
    if seconds > 0.25:
        assert new[0].rr_s is None
    assert all(b.rr_s is None or b.rr_s < 2.0 for b in answers.beats(False))
    assert new[0].warming is (seconds > 1.0)
    restarts = [f"{n / FS:.2f} s without samples (lost)"] if seconds > 1.0 else []
    assert [r.detail for r in answers.notes("restart")] == restarts
    assert {b.aami for b in answers.beats(True) if b.r_peak.sample >= cut + n + 10 * FS} <= {"N", "V"}
    truth = np.array([b.sample for b in after.beats]) + cut + n
    settled = truth[(truth > cut + n + 3 * FS) & (truth < cut + n + 19.5 * FS)]
    found = np.array([b.r_peak.sample for b in answers.beats(False)])
    assert np.abs(settled[:, None] - found[None]).min(1).max() <= 0.05 * FS


def test_gap_when_heart_stops_right_after_it_then_asystole_within_10_s_of_stream(ward: Any) -> None:
    before, after = ward.heart(SINUS, 12), ward.heart("asystole:60s", 15)
    answers = ward.push([*before.blocks(), *after.blocks(start=3000 + 500)], FS)
    (alarm, *_) = answers.raised("asystole")
    assert alarm.at <= 3500 + 10 * FS


def test_gap_when_frames_drop_out_all_the_time_then_exact_count_and_no_lethal_alarm(ward: Any) -> None:
    recording = ward.heart(SINUS, 40)
    rng = np.random.default_rng(4)
    lost = [(int(a), int(rng.integers(1, 12))) for a in np.arange(100, 9900, 50)]
    answers = ward.play(recording, lost=lost)
    told = [(note.start, note.end - note.start) for note in answers.notes("gap")]
    assert told == [(first, n) for first, n in lost]
    last = answers.statuses()[-1]
    assert last.n_lost == sum(n for first, n in lost if first < last.at)
    assert answers.raised() == []
    answers.check_ids()


def test_reboot_when_device_begins_again_then_states_do_too(ward: Any) -> None:
    first, second = ward.heart(SINUS, 12), ward.heart(SINUS, 20, seed=3)
    items = [*first.blocks(), Gap(3000, 0, "reboot"), *second.blocks(start=3000)]
    answers = ward.push(items, FS)
    (note,) = answers.notes("gap")
    assert note.detail == "0 samples lost (reboot)"
    assert len(answers.notes("restart")) == 1
    new = [b for b in answers.beats(False) if b.r_peak.sample >= 3000]
    assert new[0].rr_s is None
    assert new[0].warming
    assert answers.raised() == []
    answers.check_ids()


def test_index_when_it_goes_back_then_taken_as_a_new_beginning_and_peaks_follow_it(ward: Any) -> None:
    first, second = ward.heart(SINUS, 12), ward.heart(SINUS, 20, seed=3)
    answers = ward.push([*first.blocks(), *second.blocks()], FS)
    assert [n.detail for n in answers.notes("gap")] == ["0 samples lost (reboot)"]
    tail = answers.events[answers.events.index(answers.notes("gap")[0]) :]
    found = [e.r_peak.sample for e in tail if isinstance(e, Beat) and not e.final]
    truth = np.array([b.sample for b in second.beats])
    assert np.median([np.abs(truth - f).min() for f in found]) <= 0.01 * FS
    assert answers.raised() == []


@pytest.mark.parametrize("fs", [125.0, 500.0])
def test_rate_when_the_device_changes_it_then_begun_anew_without_alarm(ward: Any, fs: float) -> None:
    first, second = ward.heart(SINUS, 40), ward.heart(SINUS, 15, fs)
    answers = ward.push([*first.blocks(), *second.blocks(start=10_000)], fs)
    assert [n.detail for n in answers.notes("restart")] == [f"now {fs:g} Hz, leads MLII"]
    assert answers.raised() == []
    truth = np.array([b.sample for b in second.beats]) + 10_000
    found = [b.r_peak.sample for b in answers.beats(False) if b.r_peak.sample > 10_000]
    assert len(found) >= len(truth) - 2
    assert np.median([np.abs(truth - f).min() for f in found]) <= 0.01 * fs
    answers.check_ids()


def test_rate_when_it_changes_behind_a_gap_then_the_loss_is_counted(ward: Any) -> None:
    first, second = ward.heart(SINUS, 12), ward.heart(SINUS, 10, 125.0)
    answers = ward.push([*first.blocks(), *second.blocks(start=3700)], FS)
    assert answers.statuses()[-1].n_lost == 700


def test_leads_when_they_change_then_the_wanted_one_is_found_again(ward: Any) -> None:
    first, second = ward.heart(SINUS, 10), ward.heart(SINUS, 15, seed=3)
    items = list(first.blocks())
    for b in second.blocks(start=2500):
        mv = np.concatenate([0.0 * b.mv, b.mv], axis=1)
        items.append(SampleBlock("bed", b.start, FS, mv, ("V1", "MLII")))
    answers = ward.push(items, FS, ward.pipeline(lead="MLII"))
    assert [n.detail for n in answers.notes("restart")] == ["now 250 Hz, leads V1 MLII"]
    assert len([b for b in answers.beats(False) if b.r_peak.sample > 2500]) >= 12
    narrow = [SampleBlock("bed", 6250, FS, np.zeros((5, 1), np.float32), ("V1",))]
    pipeline = ward.pipeline(lead="MLII")
    ward.push(items, FS, pipeline)
    with pytest.raises(BadInput) as error:
        pipeline.push(narrow[0])
    assert str(error.value) == "bed: lead 'MLII' asked for, the device has V1; set lead to one of them"


def test_leads_when_column_is_beyond_them_then_one_line_says_so(ward: Any) -> None:
    with pytest.raises(BadInput) as error:
        ward.pipeline(lead=1).push(ward.heart(SINUS, 10).blocks()[0])
    assert str(error.value) == "bed: lead 1 asked for, the device has 1; set lead to less"


# -- silence ---------------------------------------------------------------------------------------------------


def test_link_when_silent_then_status_says_so_and_nothing_lethal_follows(ward: Any) -> None:
    first, second = ward.heart(SINUS, 15), ward.heart(SINUS, 20, seed=3)
    pipeline = ward.pipeline()
    answers = ward.play(first, pipeline=pipeline)
    silent = ward.push([LinkState("no_signal", "no new sample for 1.5 s")], FS, pipeline)
    assert (silent.statuses()[-1].hr_bpm, silent.statuses()[-1].reason) == (None, "no_signal")
    assert [a.name for a in silent.raised("no_signal")] == ["no_signal"]
    assert silent.beats(True)[-1].id == answers.beats(False)[-1].id
    back = [LinkState("signal", "samples arrive again"), *second.blocks(start=3750)]
    again = ward.push(back, FS, pipeline)
    first_beat = again.beats(False)[0]
    assert first_beat.rr_s is None
    assert first_beat.warming
    assert again.statuses()[-1].hr_bpm is not None
    assert answers.raised() + silent.raised() + again.raised() == []
    everything = type(answers)(FS, answers.events + silent.events + again.events)
    everything.check_ids()


def test_link_when_it_was_never_there_then_status_says_so(ward: Any) -> None:
    answers = ward.push([LinkState("no_signal", "nothing since the start")], FS)
    assert answers.statuses()[-1].reason == "no_signal"
    assert answers.raised() == []


def test_link_when_rate_is_wrong_then_no_heart_rate_until_it_is_right(ward: Any) -> None:
    recording = ward.heart(SINUS, 30)
    pipeline = ward.pipeline()
    blocks = recording.blocks()
    first = ward.push([*blocks[:60], LinkState("rate_mismatch", "measured 300")], FS, pipeline)
    assert first.raised("rate_mismatch")
    wrong = ward.push(blocks[60:90], FS, pipeline)
    assert {s.reason for s in wrong.statuses()} == {"rate_mismatch"}
    assert {s.hr_bpm for s in wrong.statuses()} == {None}
    right = ward.push([LinkState("rate_ok"), *blocks[90:]], FS, pipeline)
    assert right.statuses()[-1].hr_bpm is not None


# -- resets and neighbours -------------------------------------------------------------------------------------


def test_reset_when_another_patient_comes_then_as_a_new_pipeline(ward: Any) -> None:
    used = ward.pipeline()
    vt = ward.play(ward.heart("sinus:10s; vt:60s", 25), pipeline=used)
    assert vt.raised("vt")
    end = 25 * 250
    n_ids = len(vt.beats(False))
    ended = ward.push([Command("reset")], FS, used)
    assert {a.name for a in ended.events if getattr(a, "state", "") == "cleared"} >= {"vt"}
    recording = ward.heart(SINUS, 30)
    got = ward.push(recording.blocks(start=end), FS, used).events
    new = ward.push(recording.blocks(start=end), FS).events
    assert new[0].kind == "stream"
    shifted = [replace(e, id=e.id + n_ids) if isinstance(e, Beat) else e for e in new[1:]]
    assert ward.plain(got) == ward.plain(shifted)


def test_reset_when_a_beat_is_open_then_it_is_answered_first(ward: Any) -> None:
    pipeline = ward.pipeline()
    answers = ward.play(ward.heart(SINUS, 10), pipeline=pipeline)
    events = answers.events + pipeline.push(Command("reset"))
    type(answers)(FS, events).check_ids()
    finals = [e.id for e in events if isinstance(e, Beat) and e.final]
    assert finals[-1] == answers.beats(False)[-1].id


def test_command_when_unknown_then_one_line_says_so(ward: Any) -> None:
    with pytest.raises(BadInput) as error:
        ward.pipeline().push(Command("dance"))
    assert str(error.value) == "command: got 'dance', expected ack, label or reset"


def test_command_when_alarm_is_acknowledged_then_it_says_so(ward: Any) -> None:
    pipeline = ward.pipeline()
    ward.play(ward.heart("sinus:10s; vt:60s", 25), pipeline=pipeline)
    (alarm,) = pipeline.push(Command("ack", "vt"))
    assert (alarm.name, alarm.state, alarm.acked) == ("vt", "active", True)


def test_patients_when_two_take_turns_on_one_set_of_models_then_neither_sees_the_other(ward: Any) -> None:
    one = ward.heart(SINUS, 20)
    other = ward.heart("sinus:5s rate=110; vt:5s; af:20s", 20, seed=5)
    alone = [ward.plain(ward.play(r, chunk=10).events) for r in (one, other)]
    for first, second in ((0, 1), (1, 0)):
        recordings = ((one, other)[first], (one, other)[second])
        pipelines = (ward.pipeline(), ward.pipeline())
        got: tuple[list[object], list[object]] = ([], [])
        for pair in zip(*(r.blocks(chunk=10) for r in recordings), strict=True):
            for k in (0, 1):
                got[k].extend(ward.plain(pipelines[k].push(pair[k])))
        assert got[0] == alone[first]
        assert got[1] == alone[second]
