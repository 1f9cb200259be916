from __future__ import annotations

from collections.abc import Callable

from edge.recording.annotations import Mark
from edge.recording.marks import MarkBuffer, alarm_text, read_alarm, rhythm_label
from edge.types import Alarm, Beat, Rhythm


def test_take_when_a_final_answer_comes_then_it_stands_in_place_of_the_early_one(
    beat: Callable[..., Beat],
) -> None:
    buffer = MarkBuffer()
    for number, sample in ((1, 100), (2, 300)):
        buffer.push(beat(number, sample, "N", final=False))
    buffer.push(beat(1, 100, "V"))
    assert buffer.take(200) == [Mark(100, "V", num=97)]
    buffer.push(beat(1, 100, "S"))  # too late: it was given
    assert buffer.take(1000) == [Mark(300, "N", num=97)]
    assert buffer.take() == []


def test_take_when_a_rhythm_tells_of_the_past_then_marks_stay_in_order(beat: Callable[..., Beat]) -> None:
    buffer = MarkBuffer()
    buffer.push(beat(1, 100))
    buffer.take(500)
    buffer.push(Rhythm("af", 0.9, 50, 700))
    buffer.push(beat(2, 600))
    assert buffer.take() == [Mark(500, "+", aux="(AFIB"), Mark(600, "N", num=97)]


def test_push_when_technical_alarms_overlap_then_one_unreadable_stretch(alarm: Callable[..., Alarm]) -> None:
    buffer = MarkBuffer()
    for name, at, state in (
        ("lead_off", 10, "active"), ("unreadable", 20, "active"), ("lead_off", 30, "cleared"),
        ("unreadable", 40, "cleared"), ("rate_mismatch", 50, "active"),
    ):  # fmt: skip
        buffer.push(alarm(name, at, state, priority="technical", kind="technical"))
    found = [(mark.sample, mark.subtype) for mark in buffer.take() if mark.symbol == "~"]
    assert found == [(10, -1), (40, 0)]


def test_read_alarm_when_written_then_the_same_comes_back(alarm: Callable[..., Alarm]) -> None:
    given = alarm("vt", 7, "latched", acked=True, value="5 beats: 167 bpm \u2665" + "x" * 400)
    text = alarm_text(given)
    assert len(text) == 255
    back = read_alarm(Mark(7, '"', aux=text))
    assert back is not None
    assert (back.at, back.name, back.state, back.acked, back.priority) == (7, "vt", "latched", True, "high")
    assert back.value.startswith("5 beats: 167 bpm ?xxx")
    assert back.patient
    assert read_alarm(Mark(7, '"', aux="a doctor's remark")) is None
    assert read_alarm(Mark(7, "N", aux=text)) is None


def test_rhythm_label_when_a_code_is_known_then_ours_else_itself() -> None:
    assert [rhythm_label(x) for x in ("(AFIB", "(N\0", "(VFL", "(SVTA", "(OTHER", "")] == [
        "af", "sinus", "vf", "svta", "other", "unknown",
    ]  # fmt: skip
