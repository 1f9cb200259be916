from __future__ import annotations

import pytest

from edge.pace import HOLD_S, MOST, PaceMarks

FS = 250.0


def test_mark_when_pulses_begin_then_it_is_told_once_and_again_after_a_minute_without() -> None:
    marks = PaceMarks(FS)
    told = [marks.mark(at) for at in range(0, 250 * 60, 250)]
    assert [len(notes) for notes in told] == [1] + [0] * 59
    assert told[0][0].detail == "the device marks pacing pulses"
    assert len(marks.mark(250 * 59 + 250 * 61)) == 1


def test_mark_when_a_pulse_is_seen_then_what_lies_under_it_is_held_and_no_more() -> None:
    marks = PaceMarks(FS)
    assert marks.until < 0
    marks.mark(1000)
    assert marks.until == 1003
    assert HOLD_S * FS == 3.0


@pytest.mark.parametrize(
    ("r_peak", "paced"), [(994, False), (995, True), (1000, True), (1037, True), (1038, False), (2000, False)]
)
def test_beside_when_the_r_peak_lies_near_then_it_is_paced(r_peak: int, paced: bool) -> None:
    marks = PaceMarks(FS)
    marks.mark(1000)
    assert marks.beside(r_peak) is paced


def test_mark_when_there_are_more_than_a_pacemakers_then_they_are_not_believed_until_they_are_fewer() -> None:
    marks, notes = PaceMarks(FS), []
    for at in range(0, 5000, 10):
        notes += marks.mark(at)
    assert [note.detail.split(":")[0] for note in notes] == [
        "the device marks pacing pulses",
        f"more than {MOST} pacing pulses in 4 s",
    ]
    assert not marks.beside(4990)
    assert marks.until < MOST * 10 + 10
    later = marks.mark(8000)
    assert [note.detail for note in later] == ["the device marks pacing pulses"]
    assert marks.beside(8000)


def test_mark_when_a_pulse_is_told_twice_then_it_counts_once() -> None:
    marks = PaceMarks(FS)
    for _ in range(100):
        marks.mark(50)
    assert marks.beside(60)


def test_reset_when_called_then_equals_new() -> None:
    marks = PaceMarks(FS)
    marks.mark(10)
    marks.reset()
    assert not marks.beside(10)
    assert (marks.until, len(marks.mark(5))) == (-1, 1)
