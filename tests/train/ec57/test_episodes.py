from __future__ import annotations

import pytest

from edge.recording.annotations import Mark
from train.ec57.episodes import AF, VF, EpisodeComparison, Tally, epicmp
from train.ec57.errors import Ec57Error
from train.ec57.matrix import Rate

FS = 100.0
N = 100_000
START = 30_000


def vf(*stretches: tuple[int, int]) -> list[Mark]:
    return [mark for start, end in stretches for mark in (Mark(start, "["), Mark(end, "]"))]


def rhythms(*changes: tuple[int, str]) -> list[Mark]:
    return [Mark(at, "+", aux=text) for at, text in changes]


def compare(reference: list[Mark], test: list[Mark]) -> EpisodeComparison:
    return epicmp(reference, test, VF, FS, N)


def test_epicmp_when_episodes_overlap_then_they_match_and_share_their_overlap() -> None:
    found = compare(vf((40_000, 41_000)), vf((40_200, 41_300)))
    assert found.reference == Tally(1, 0, 1000, 800)
    assert found.test == Tally(1, 0, 1100, 800)
    assert found.reference.episodes == Rate(1, 1)
    assert found.test.durations == Rate(800, 1100)


def test_epicmp_when_an_episode_is_missed_or_made_up_then_it_is_counted_so() -> None:
    found = compare(vf((40_000, 41_000)), vf((50_000, 50_500)))
    assert found.reference == Tally(0, 1, 1000, 0)
    assert found.test == Tally(0, 1, 500, 0)


def test_epicmp_when_episodes_touch_in_one_sample_then_they_do_not_match() -> None:
    found = compare(vf((40_000, 41_000)), vf((41_000, 42_000)))
    assert (found.reference.matched, found.reference.missed) == (0, 1)
    assert compare(vf((40_000, 41_000)), vf((40_999, 42_000))).reference.overlap == 1


def test_epicmp_when_one_episode_covers_several_then_all_match_it() -> None:
    found = compare(vf((40_000, 50_000)), vf((40_100, 40_200), (41_000, 41_300), (49_900, 51_000)))
    assert found.reference == Tally(1, 0, 10_000, 500)
    assert found.test == Tally(3, 0, 1500, 500)


def test_epicmp_when_there_is_none_then_everything_is_undefined() -> None:
    found = compare([Mark(40_000, "N")], [])
    assert found.reference == found.test == Tally()
    assert found.reference.episodes.percent is None


def test_epicmp_when_an_episode_spans_the_learning_periods_end_then_it_is_cut_there() -> None:
    found = compare(vf((10_000, 20_000), (29_000, 31_000)), vf((29_500, 30_500)))
    assert found.reference == Tally(1, 0, 1000, 500)
    assert found.test == Tally(1, 0, 500, 500)


def test_epicmp_when_an_episode_reaches_past_the_end_then_it_is_cut_there() -> None:
    assert compare(vf((99_000, 101_000)), []).reference == Tally(0, 1, 1000, 0)
    assert compare(vf((100_000, 101_000)), []).reference == Tally()


def test_epicmp_when_an_episode_never_ends_then_it_lasts_to_the_end() -> None:
    assert compare([Mark(99_000, "[")], []).reference.duration == 1000
    late = epicmp([Mark(99_000, "["), Mark(99_500, "N")], [], VF, FS, N, end_s=0.0)
    assert late.reference.duration == 500


def test_epicmp_when_the_length_is_unknown_then_nothing_is_compared() -> None:
    both = vf((40_000, 41_000))
    assert epicmp(both, both, VF, FS).reference == Tally()
    assert epicmp(both, both, VF, FS, end_s=0.0).reference == Tally(1, 0, 1000, 1000)


def test_epicmp_when_vf_begins_at_sample_0_then_it_is_an_episode() -> None:
    both = vf((0, 500))
    found = epicmp(both, both, VF, FS, N, start_s=0.0)
    assert found.reference == found.test == Tally(1, 0, 500, 500)


def test_epicmp_when_a_second_begin_is_marked_in_an_episode_then_it_changes_nothing() -> None:
    twice = [Mark(40_000, "["), Mark(40_300, "["), Mark(41_000, "]"), Mark(42_000, "]")]
    assert compare(twice, vf((40_000, 41_000))).reference == Tally(1, 0, 1000, 1000)


def test_epicmp_when_scored_then_rhythm_marks_are_no_vf() -> None:
    assert compare(rhythms((40_000, "(VFL"), (41_000, "(N")), []).reference == Tally()


AFIB = rhythms((40_000, "(AFIB"), (42_000, "(N"))


def test_epicmp_when_af_is_compared_then_rhythm_marks_bound_it() -> None:
    test = rhythms((40_500, "(AFIB"), (41_000, "(AFIB\0"), (43_000, "(VT"))
    found = epicmp(AFIB, test, AF, FS, N)
    assert found.reference == Tally(1, 0, 2000, 1500)
    assert found.test == Tally(1, 0, 2500, 1500)


def test_epicmp_when_a_rhythm_mark_has_no_text_then_it_ends_af() -> None:
    found = epicmp([Mark(40_000, "+", aux="(AFIB"), Mark(40_600, "+")], [], AF, FS, N)
    assert found.reference.duration == 600


FLUTTER = rhythms((50_000, "(AFL"), (52_000, "(N"))


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ((50_500, 51_500), Tally()),
        ((50_000, 52_000), Tally()),
        ((51_000, 53_000), Tally(0, 1, 3000, 0)),  # the original adds what it cuts off
        ((49_000, 51_000), Tally(0, 1, 1000, 0)),
        ((49_000, 53_000), Tally(0, 1, 2000, 0)),
        ((53_000, 54_000), Tally(0, 1, 1000, 0)),
    ],
)
def test_epicmp_when_flutter_is_left_out_then_test_af_in_it_does_not_count(
    test: tuple[int, int], expected: Tally
) -> None:
    given = rhythms((test[0], "(AFIB"), (test[1], "(N"))
    assert epicmp(FLUTTER, given, AF, FS, N, without_flutter=True).test == expected
    assert epicmp(FLUTTER, given, AF, FS, N).test == Tally(0, 1, test[1] - test[0], 0)


def test_epicmp_when_a_shortest_length_is_given_then_shorter_ones_leave_their_own_side() -> None:
    reference, test = vf((40_000, 41_000)), vf((40_100, 40_200), (40_500, 41_000))
    alone = epicmp(reference, test, VF, FS, N, shortest_s=2.0)
    assert alone.reference == Tally(1, 0, 1000, 600)
    assert alone.test == Tally(1, 0, 500, 500)
    in_both = epicmp(reference, test, VF, FS, N, shortest_s=2.0, short_in_both=True)
    assert in_both.reference == Tally(1, 0, 1000, 500)
    assert in_both.test == Tally(1, 0, 500, 500)


def test_epicmp_when_the_record_is_shorter_than_the_learning_period_then_it_says_so() -> None:
    with pytest.raises(Ec57Error, match=r"^epicmp: nothing to score"):
        epicmp([], [], VF, FS, 100)
