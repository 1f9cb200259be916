"""Beds that are played say what monitors say, with answers that are known beforehand."""

from __future__ import annotations

import pytest

from edge.bench.beds import CHUNK, EARLY, FS, PlayedBed
from edge.ward.heard import AlarmHeard, BeatHeard, RhythmHeard, Signal, Vitals, WaveHeard, read


def play(bed: PlayedBed, seconds: float) -> list[object]:
    messages = bed.hello()
    for _ in range(round(seconds * FS / CHUNK)):
        messages += bed.step()
    found = [read(message.topic.split("/")[2:], message.payload) for message in messages]
    assert None not in found
    return [one.fact for one in found if one is not None]


def test_bed_when_played_then_waves_two_answers_a_beat_and_a_state_a_second() -> None:
    facts = play(PlayedBed("bed1", "bigeminy:60s", 0, 1.79e9), 20.0)
    beats = [fact for fact in facts if isinstance(fact, BeatHeard)]
    early = {beat.id: beat for beat in beats if not beat.final}
    final = [beat for beat in beats if beat.final]
    assert len(final) in (len(early), len(early) - 1)
    assert {beat.aami for beat in final} == {"N", "V"}
    assert all(early[beat.id].t_ms == beat.t_ms for beat in final)
    assert sum(isinstance(fact, WaveHeard) for fact in facts) == 200
    vitals = [fact for fact in facts if isinstance(fact, Vitals)]
    assert len(vitals) == 20
    assert vitals[-1].hr_bpm == pytest.approx(72.0, abs=8.0)
    assert EARLY / FS <= 0.25


def test_bed_when_the_script_goes_on_then_its_rhythm_is_told() -> None:
    facts = play(PlayedBed("bed1", "sinus:5s; vt:10s rate=170", 0, 1.79e9), 12.0)
    assert [fact.label for fact in facts if isinstance(fact, RhythmHeard)] == ["sinus", "vt"]
    assert Signal(True) in facts


def test_bed_when_an_alarm_is_acknowledged_then_it_began_when_it_did() -> None:
    bed = PlayedBed("bed1", "sinus:60s", 0, 1.79e9)
    raised = bed.alarm("vt")[0]
    bed.step()
    acked = bed.alarm("vt", acked=True)[0]
    facts = [read(["alarm", "vt"], message.payload) for message in (raised, acked)]
    for one, is_acked in zip(facts, (False, True), strict=True):
        assert one is not None
        assert one.fact == AlarmHeard("vt", "active", "high", 1.79e12, is_acked, "172 bpm")
