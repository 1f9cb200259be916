from __future__ import annotations

from edge.recording.annotations import Mark
from train.ec57.beats import bxb
from train.ec57.beats_output import expanded, remarks

FS, N = 100.0, 10_000


def note(sample: int, text: str, subtype: int = 0) -> Mark:
    return Mark(sample, '"', subtype, aux=text)


def test_remarks_when_labels_differ_then_a_note_names_both() -> None:
    reference = [Mark(500, "N"), Mark(600, "V"), Mark(700, "A"), Mark(900, "N")]
    test = [Mark(502, "L"), Mark(601, "N"), Mark(800, "V"), Mark(901, "N")]
    result = bxb(reference, test, FS, N, start_s=1.0)
    assert remarks(result) == [
        Mark(502, "L"),
        note(601, "Vn"),
        note(700, "So"),
        note(800, "Ov"),
        Mark(901, "N"),
    ]


def test_remarks_when_two_fall_on_one_sample_then_the_last_is_kept() -> None:
    result = bxb([Mark(500, "N"), Mark(500, "V")], [Mark(500, "N")], FS, N, start_s=1.0)
    assert len(result.pairs) == 2
    assert len(remarks(result)) == 1


def both(reference: list[Mark], test: list[Mark], start_s: float = 1.0) -> list[Mark]:
    return expanded(reference, test, FS, N, start_s=start_s)


def test_expanded_when_marks_agree_in_all_then_the_tests_own_are_written() -> None:
    given = [Mark(500, "+", aux="(AFIB"), Mark(600, "N"), Mark(700, "~", -1)]
    assert both(given, given) == given


def test_expanded_when_something_differs_then_a_note_tells_both() -> None:
    reference = [Mark(500, "N"), Mark(600, "+", aux="(N"), Mark(700, "~", 1), Mark(800, "N", aux="x")]
    test = [Mark(502, "V"), Mark(600, "+", aux="(AFIB"), Mark(700, "~", 2), Mark(800, "N")]
    assert both(reference, test) == [
        note(502, "N/V"),
        note(600, "+ ((N)/+ ((AFIB)"),
        note(700, "~[1,0,0]/~", 2),
        note(800, "N (x)/N"),
    ]


def test_expanded_when_a_mark_has_no_partner_then_o_stands_for_it_in_vf_too() -> None:
    reference = [Mark(500, "["), Mark(900, "]")]
    test = [Mark(500, "["), Mark(700, "V", aux="t"), Mark(900, "]"), Mark(950, "~", -1)]
    assert both(reference, test) == [
        Mark(500, "["),
        note(700, "O/V (t)"),
        Mark(900, "]"),
        note(950, "O/~", -1),
    ]
    assert both(test, reference)[1] == note(700, "V (t)/O")


def test_expanded_when_scored_from_a_time_then_the_tests_last_mark_before_it_takes_part() -> None:
    reference = [Mark(50, "N"), Mark(80, "N"), Mark(500, "N")]
    test = [Mark(50, "N"), Mark(80, "N"), Mark(500, "N")]
    assert both(reference, test) == [note(80, "O/N"), Mark(500, "N")]
    assert both(reference, test, start_s=0.0) == reference


def test_expanded_when_a_list_is_empty_then_the_other_stands_alone() -> None:
    assert both([], [Mark(500, "N")]) == [note(500, "O/N")]
    assert both([Mark(500, "N")], []) == [note(500, "N/O")]
    assert both([], []) == []


def test_expanded_when_a_text_is_long_then_it_is_cut() -> None:
    (mark,) = both([Mark(500, "N", aux="x" * 200)], [Mark(500, "N", aux="y" * 200)])
    assert len(mark.aux) == 254
