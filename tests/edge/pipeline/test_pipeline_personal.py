"""Personal mode in the whole pipeline: who sees the corrections, and who must not."""

from __future__ import annotations

from typing import Any

import pytest

from edge.pipeline import Item
from edge.types import Alarm, Beat, Command, Event, Note, Rhythm, Status
from firmware_bridge.types import BadInput

FS = 125.0
SCRIPT = "sinus:16s rate=90 pvc=0.3; vt:9s; sinus:60s rate=90 pvc=0.3"
SECONDS = 45


def _told(events: list[Event], kind: type) -> list[Any]:
    return [e for e in events if isinstance(e, kind)]


def _labelled(pipeline: Any, items: list[Item], say: dict[str, str], until: int) -> list[Event]:
    """Events of `items`; a person calls beats answered c `say[c]`, up to device sample `until`."""
    events: list[Event] = []
    for item in items:
        new = pipeline.push(item)
        events += new
        for beat in _told(new, Beat):
            if beat.final and beat.plain_aami in say and beat.r_peak.sample < until:
                events += pipeline.push(Command("label", say[beat.plain_aami], "Ana", beat=beat.id))
    return events


@pytest.fixture(scope="module")
def items(ward: Any) -> list[Item]:
    return ward.heart(SCRIPT, SECONDS, FS).blocks(chunk=125)


@pytest.fixture(scope="module")
def without(ward: Any, items: list[Item]) -> list[Event]:
    return ward.push(items, FS).events


@pytest.fixture(scope="module")
def misled(ward: Any, items: list[Item]) -> list[Event]:
    """Everything that was V in the first 14 s has been called N by a person."""
    pipeline = ward.pipeline(personal="labels")
    return _labelled(pipeline, items, {"V": "N", "N": "N"}, round(14 * FS))


def test_answers_when_a_person_misleads_then_corrected_but_the_fusions_own_are_as_without(
    without: list[Event], misled: list[Event]
) -> None:
    plain, beats = _told(without, Beat), _told(misled, Beat)
    assert [b.uncorrected() for b in beats] == plain
    assert any(b.aami == "N" and b.plain_aami == "V" for b in beats)
    assert all(b.plain is None for b in _told(without, Beat))


def test_lethal_alarms_and_rhythm_when_a_person_misleads_then_bit_for_bit_as_without(
    without: list[Event], misled: list[Event]
) -> None:
    alarms = [a for a in _told(without, Alarm) if a.priority == "high"]
    assert "vt" in {a.name for a in alarms}
    assert [a for a in _told(misled, Alarm) if a.priority == "high"] == alarms
    assert _told(misled, Rhythm) == _told(without, Rhythm)


def test_labels_when_given_then_each_is_an_event_and_the_state_says_how_many_teach(
    misled: list[Event],
) -> None:
    notes = [n for n in _told(misled, Note) if n.kind == "label"]
    assert len(notes) > 10
    assert all("says Ana; the monitor's own answer was" in n.detail for n in notes)
    last = _told(misled, Status)[-1]
    assert last.personal == "labels"
    assert last.personal_beats == len(notes)
    assert any(n.kind == "personal" for n in _told(misled, Note))


def test_labels_when_n_is_called_v_then_alarms_may_only_be_more(
    ward: Any, items: list[Item], without: list[Event]
) -> None:
    events = _labelled(ward.pipeline(personal="labels"), items, {"N": "V"}, round(14 * FS))
    own = {(a.name, a.since) for a in _told(without, Alarm) if a.priority == "high" and a.state == "active"}
    on = [a for a in _told(events, Alarm) if a.priority == "high" and a.state == "active"]
    assert {name for name, _ in own} <= {a.name for a in on}
    assert [b.uncorrected() for b in _told(events, Beat)] == _told(without, Beat)


def test_events_when_blocks_are_cut_otherwise_then_identical(ward: Any) -> None:
    recording = ward.heart(SCRIPT, 16, FS)
    told = []
    for sizes in ((250,), (7, 243), (125, 1, 124), (1,) * 250):
        pipeline, events = ward.pipeline(personal="labels"), []
        at = 0
        for block in recording.blocks(chunk=250):
            part = 0
            for n in sizes:
                piece = block.mv[part : part + n]
                part += n
                if len(piece):
                    start = block.start + part - n
                    events += pipeline.push(type(block)("bed", start, FS, piece, block.leads, 0))
            at = block.end
            if at >= 4 * FS:
                events += pipeline.push(Command("label", "S", "", beat=at // 250))
        told.append(ward.plain(events))
    assert any("answers are corrected by" in line for line in map(str, told[0]))
    assert told[0] == told[1] == told[2] == told[3]


def test_self_when_five_minutes_have_passed_then_told_once_and_a_reset_forgets_it(ward: Any) -> None:
    recording = ward.heart("sinus:400s rate=90 pvc=0.2", 308, FS)
    pipeline = ward.pipeline(personal="self")
    answers = ward.push(recording.blocks(chunk=1250), FS, pipeline)
    assert len(answers.notes("personal")) == 1
    assert answers.notes("personal")[0].at >= 300 * FS
    before, after = answers.statuses(until_s=300.0), answers.of(Status)[-1]
    assert {(s.personal, s.personal_beats) for s in before} == {("self", 0)}
    assert after.personal_beats > 250
    late = [b for b in answers.of(Beat) if b.at > answers.notes("personal")[0].at]
    assert late
    assert all(b.plain is not None for b in late)
    more = ward.push(
        [Command("reset"), *recording.blocks(start=len(recording.mv), chunk=1250)[:1]], FS, pipeline
    )
    assert more.of(Status)[-1].personal_beats == 0
    assert all(b.plain is None for b in more.of(Beat) if not b.final)


def test_refuses_when_mode_is_off_then_why_and_another_command_passes(ward: Any) -> None:
    pipeline = ward.pipeline()
    assert "labels are taken with --personal labels" in pipeline.refuses(Command("label", "V", "", beat=3))
    assert pipeline.refuses(Command("ack")) is None
    with pytest.raises(BadInput, match="labels are taken with --personal labels"):
        pipeline.push(Command("label", "V", "", beat=3))
