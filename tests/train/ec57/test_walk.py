from __future__ import annotations

import pytest

from edge.recording.annotations import Mark
from train.ec57.scope import NEVER, Scope
from train.ec57.walk import Stretch, Walk, label_of, unreadable

SCOPE = Scope(0, 10000, 54, 360.0)


def walked(*given: Mark, is_test: bool = False, scope: Scope = SCOPE) -> list[tuple[int, str, int]]:
    """Time, label and RR interval of each beat."""
    walk = Walk(given, scope, is_test)
    walk.advance()
    found = []
    while True:
        walk.advance()
        if walk.time == NEVER:
            return found
        found.append((walk.time, walk.label, walk.rr))


@pytest.mark.parametrize(
    ("subtype", "expected"),
    [(-1, True), (0x30, True), (0x33, True), (0x10, False), (0x20, False), (0, False)],
)
def test_unreadable_when_noise_is_marked_then_both_signals_must_be(subtype: int, expected: bool) -> None:
    assert unreadable(Mark(1, "~", subtype)) is expected
    assert not unreadable(Mark(1, "N", subtype))


def test_label_of_when_a_mark_is_no_beat_then_it_is_o() -> None:
    assert [label_of(Mark(1, symbol)) for symbol in "LaEF/!+"] == ["N", "S", "V", "F", "Q", "O", "O"]


def test_walk_when_beats_follow_each_other_then_intervals_are_between_them() -> None:
    assert walked(Mark(100, "N"), Mark(150, "+"), Mark(460, "V"), Mark(820, "!")) == [
        (100, "N", 0),
        (460, "V", 360),
        (820, "O", 360),
    ]


def test_walk_when_a_beat_is_at_sample_0_then_no_interval_begins_there() -> None:
    assert walked(Mark(0, "N"), Mark(360, "N"), Mark(720, "N")) == [
        (0, "N", 0),
        (360, "N", 0),
        (720, "N", 360),
    ]


@pytest.mark.parametrize(
    "between",
    [
        (Mark(500, "["), Mark(600, "]")),
        (Mark(500, "["), Mark(550, "N"), Mark(600, "]")),
        (Mark(500, "~", -1), Mark(600, "~", 0)),
        (Mark(550, "~", -1),),
    ],
)
def test_walk_when_vf_or_shutdown_lies_between_beats_then_they_make_no_interval(
    between: tuple[Mark, ...],
) -> None:
    assert walked(Mark(100, "N"), *between, Mark(1000, "N")) == [(100, "N", 0), (1000, "N", 0)]


def test_walk_when_all_marks_are_wanted_then_each_is_a_beat() -> None:
    walk = Walk([Mark(5, "["), Mark(9, "N")], SCOPE, all_marks=True)
    walk.advance()
    walk.advance()
    assert (walk.time, walk.label, walk.mark) == (5, "O", Mark(5, "["))
    assert (walk.next_time, walk.next_label) == (9, "N")


def shut(*given: Mark, scope: Scope = SCOPE) -> Walk:
    walk = Walk(given, scope, is_test=True)
    while walk.time != NEVER:
        walk.advance()
    return walk


def test_walk_when_shutdown_is_marked_at_both_ends_then_its_length_is_tallied() -> None:
    assert shut(Mark(100, "N"), Mark(500, "~", -1), Mark(900, "~", 0)).shut_samples == 400


def test_walk_when_shutdown_is_marked_once_then_it_fills_the_space_between_the_neighbours() -> None:
    walk = shut(Mark(100, "N"), Mark(500, "~", -1), Mark(1000, "V"))
    assert (walk.shutdown.on, walk.shutdown.off) == (154, 946)
    after_vf = shut(Mark(100, "["), Mark(300, "]"), Mark(500, "~", -1), Mark(1000, "V"))
    assert (after_vf.shutdown.on, after_vf.shutdown.off) == (354, 946)


def test_walk_when_there_is_no_space_between_the_neighbours_then_shutdown_is_empty() -> None:
    walk = shut(Mark(100, "N"), Mark(150, "~", -1), Mark(200, "N"))
    assert (walk.shutdown.on, walk.shutdown.off, walk.shut_samples) == (146, 146, 0)


def test_walk_when_shutdown_never_ends_then_the_scope_ends_it_or_it_is_told() -> None:
    assert shut(Mark(4000, "~", -1)).shut_samples == 6000
    endless = shut(Mark(4000, "~", -1), scope=Scope(0, -1, 54, 360.0))
    assert (endless.shut_samples, endless.never_ended) == (0, 4000)


def test_stretch_when_a_third_begins_then_the_first_is_forgotten() -> None:
    stretch = Stretch()
    for on in (100, 300, 500):
        stretch.begin(on)
        stretch.off = on + 50
    assert [stretch.holds(at) for at in (99, 125, 300, 350, 351, 500, 550, 551)] == [
        False, False, True, True, False, True, True, False,
    ]  # fmt: skip


def test_stretch_when_no_end_was_ever_seen_then_it_is_open() -> None:
    stretch = Stretch()
    assert not stretch.holds(5)
    stretch.begin(100)
    assert stretch.holds(10**9)
