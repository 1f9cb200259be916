from __future__ import annotations

import pytest

from edge.recording.annotations import Mark
from train.ec57.run_labels import RunLabels


def labelled(*given: Mark | str) -> str:
    labels = RunLabels()
    return "".join(labels.label(Mark(0, mark) if isinstance(mark, str) else mark) for mark in given)


def rhythm(text: str) -> Mark:
    return Mark(0, "+", aux=text)


NOISE, QUIET = Mark(0, "~", -1), Mark(0, "~", 0)


@pytest.mark.parametrize(
    ("symbols", "expected"),
    [
        ("NLRB", "NNNN"),
        ("AaJSejn", "SSSSSSS"),
        ("VrE", "VVV"),
        ("F", "F"),
        ("/fQ?", "QQQQ"),
        ('|!"s=', "OOOOO"),
    ],
)
def test_label_when_no_rhythm_is_on_then_a_beat_has_its_class(symbols: str, expected: str) -> None:
    assert labelled(*symbols) == expected


def test_label_when_af_is_on_then_normal_beats_are_s() -> None:
    assert labelled(rhythm("(AFIB"), "N", "V", "Q", rhythm("(N"), "N") == "{SVQ}N"


def test_label_when_flutter_is_marked_then_it_is_af_and_goes_on_in_af() -> None:
    assert labelled(rhythm("(AFL"), rhythm("(AFIB"), "N", rhythm("(N"), rhythm("(N")) == "{OS}O"


def test_label_when_vf_is_marked_either_way_then_it_begins_once() -> None:
    assert labelled("[", rhythm("(VFL"), "]", "]") == "[O]O"
    assert labelled(rhythm("(VFIB"), "[", rhythm("(N")) == "[O]"


def test_label_when_af_and_vf_take_turns_then_each_ends_the_other() -> None:
    assert labelled(rhythm("(AFIB"), "[", "N", rhythm("(AFIB"), "N", "]") == "{[N{SO"


def test_label_when_noise_is_marked_twice_then_it_begins_and_ends_once() -> None:
    assert labelled(QUIET, NOISE, NOISE, QUIET, QUIET) == "OUOCO"


def test_label_when_a_rhythm_mark_has_no_text_then_nothing_changes() -> None:
    assert labelled(rhythm("(AFIB"), rhythm(""), "N") == "{OS"
