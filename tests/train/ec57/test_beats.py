from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.recording.annotations import Mark
from train.ec57.beats import Comparison, bxb

FS = 360.0
START = 300 * 360
RATE_PAIRS = [(r, t) for r in "NSVFQ" for t in "NSVFQ"]


def beats(symbols: str, at: int = START + 3600, step: int = 360) -> list[Mark]:
    return [Mark(at + i * step, symbol) for i, symbol in enumerate(symbols)]


def compare(reference: list[Mark], test: list[Mark], seconds: float = 400.0) -> Comparison:
    in_time = [sorted(side, key=lambda mark: mark.sample) for side in (reference, test)]
    return bxb(*in_time, FS, int(seconds * FS))


def cells(result: Comparison) -> dict[str, int]:
    return {row + column.lower(): n for (row, column), n in result.matrix.counts.items()}


@pytest.mark.parametrize(("reference", "test"), RATE_PAIRS)
def test_bxb_when_beats_match_then_each_class_pair_has_its_cell(reference: str, test: str) -> None:
    # 'A' and 'r' stand for their classes as well as 'S' and 'V' do.
    result = compare(beats(reference), beats(test))
    assert cells(result) == {reference + test.lower(): 1}


def test_bxb_when_symbols_differ_but_class_is_one_then_pair_is_correct() -> None:
    result = compare(beats("LRBAJaVErF/fQ"), beats("NNNSSSVVVFQQQ"))
    assert cells(result) == {"Nn": 3, "Ss": 3, "Vv": 3, "Ff": 1, "Qq": 3}


def test_bxb_when_beat_is_missed_or_extra_then_it_pairs_with_o() -> None:
    reference = beats("NVN")
    extra = Mark(START + 3600 + 500, "S")
    result = compare(reference, [reference[0], extra, reference[2]])
    assert cells(result) == {"Nn": 2, "Vo": 1, "Os": 1}
    assert (result.matrix.qrs_se.hits, result.matrix.qrs_se.total) == (2, 3)
    assert (result.matrix.qrs_ppv.hits, result.matrix.qrs_ppv.total) == (2, 3)


@pytest.mark.parametrize(("shift", "expected"), [(54, {"Nn": 3}), (-54, {"Nn": 3}), (55, {"No": 3, "On": 3})])
def test_bxb_when_test_is_displaced_then_window_is_150_ms_inclusive(
    shift: int, expected: dict[str, int]
) -> None:
    reference = beats("NNN")
    moved = [Mark(mark.sample + shift, mark.symbol) for mark in reference]
    assert cells(compare(reference, moved)) == expected


def test_bxb_when_two_beats_are_near_then_the_closer_one_is_matched() -> None:
    reference = [Mark(START + 1000, "N")]
    test = [Mark(START + 960, "V"), Mark(START + 1010, "N")]
    assert cells(compare(reference, test)) == {"Nn": 1, "Ov": 1}


def test_bxb_when_both_next_beats_match_better_then_the_earlier_pair_is_kept() -> None:
    # The case that the original's own comment of November 2002 gives, a tie at 32 samples.
    reference = [Mark(START + 960, "N"), Mark(START + 1024, "N")]
    test = [Mark(START + 992, "N"), Mark(START + 1049, "N")]
    assert cells(compare(reference, test)) == {"Nn": 2}


def test_bxb_when_f_and_q_are_called_v_then_veb_predictivity_is_untouched() -> None:
    result = compare(beats("VFQN"), beats("VVVN"))
    assert (result.matrix.veb_ppv.hits, result.matrix.veb_ppv.total) == (1, 1)
    assert (result.matrix.veb_se.hits, result.matrix.veb_se.total) == (1, 1)


def test_bxb_when_f_and_q_are_called_s_then_only_f_counts_against_sveb() -> None:
    result = compare(beats("SFQN"), beats("SSSN"))
    assert (result.matrix.sveb_ppv.hits, result.matrix.sveb_ppv.total) == (1, 2)


def test_bxb_when_reference_is_in_vf_then_test_beats_are_not_counted() -> None:
    reference = [*beats("N"), Mark(START + 4000, "["), Mark(START + 4500, "!"), Mark(START + 8000, "]")]
    reference += beats("N", at=START + 9000)
    test = [*beats("N"), *beats("VVV", at=START + 5000), *beats("N", at=START + 9000)]
    result = compare(reference, test)
    assert cells(result) == {"Nn": 2}
    assert result.matrix.veb_ppv.percent is None


def test_bxb_when_reference_vf_never_ends_then_test_beats_after_it_are_not_counted() -> None:
    reference = [*beats("N"), Mark(START + 4000, "[")]
    assert cells(compare(reference, [*beats("N"), *beats("VV", at=START + 5000)])) == {"Nn": 1}


def test_bxb_when_a_second_vf_never_ends_then_test_beats_in_it_are_extra() -> None:
    reference = [*beats("N"), Mark(START + 4000, "["), Mark(START + 5000, "]"), Mark(START + 8000, "[")]
    assert cells(compare(reference, [*beats("N"), *beats("VV", at=START + 9000)])) == {"Nn": 1, "Ov": 2}


def test_bxb_when_only_the_test_marks_vf_then_reference_beats_are_missed() -> None:
    test = [*beats("N"), Mark(START + 3700, "["), Mark(START + 6000, "]")]
    assert cells(compare(beats("NNNN"), test)) == {"Nn": 1, "No": 3}


def test_bxb_when_flutter_wave_stands_outside_vf_then_it_is_matched_and_not_counted() -> None:
    reference = [*beats("N"), Mark(START + 5000, "!"), *beats("N", at=START + 6000)]
    test = [*beats("N"), Mark(START + 5000, "N"), *beats("N", at=START + 6000)]
    assert cells(compare(reference, test)) == {"Nn": 2, "On": 1}
    assert cells(compare(reference, [*beats("N"), *beats("N", at=START + 6000)])) == {"Nn": 2}


def test_bxb_when_test_shuts_down_then_missed_beats_and_time_are_tallied_apart() -> None:
    reference = beats("NNNNN")
    test = [*beats("N"), Mark(START + 3700, "~", -1), Mark(START + 3600 + 1100, "~", 0)]
    test += beats("N", at=START + 3600 + 4 * 360)
    result = compare(reference, test)
    assert cells(result) == {"Nn": 2, "Nx": 3}
    assert (result.matrix.qrs_se.hits, result.matrix.qrs_se.total) == (2, 5)
    assert (result.matrix.beats_in_shutdown.hits, result.matrix.beats_in_shutdown.total) == (3, 5)
    assert result.shutdown_s == 3


def test_bxb_when_s_is_missed_in_shutdown_then_the_total_leaves_it_out() -> None:
    test = [*beats("N"), Mark(START + 3700, "~", 0x30), Mark(START + 6000, "~", 0)]
    result = compare(beats("NSV"), test)
    assert cells(result) == {"Nn": 1, "Sx": 1, "Vx": 1}
    assert result.matrix.beats_in_shutdown.hits == 1
    assert result.matrix.in_shutdown("S").hits == 1


def test_bxb_when_test_shutdown_never_ends_then_it_lasts_to_the_end_of_the_record() -> None:
    result = compare(beats("NNN"), [*beats("N"), Mark(START + 3700, "~", -1)], seconds=400.0)
    assert cells(result) == {"Nn": 1, "Nx": 2}
    assert result.shutdown_s == (400 * 360 - (START + 3700) + 180) // 360


def test_bxb_when_noise_mark_stands_alone_then_shutdown_fills_the_space_between_beats() -> None:
    reference = beats("NNNN")
    test = [reference[0], Mark(START + 3800, "~", -1), reference[3]]
    result = compare(reference, test)
    assert cells(result) == {"Nn": 2, "Nx": 2}
    assert result.shutdown_s == (3 * 360 - 2 * 54 + 180) // 360


def test_bxb_when_noise_is_in_one_signal_alone_then_it_is_no_shutdown() -> None:
    test = [*beats("N"), Mark(START + 3700, "~", 0x10), Mark(START + 6000, "~", 0)]
    assert cells(compare(beats("NN"), test)) == {"Nn": 1, "No": 1}


def test_bxb_when_reference_shuts_down_then_extra_beats_pair_with_x() -> None:
    reference = [
        *beats("N"),
        Mark(START + 3700, "~", 0x33),
        Mark(START + 6000, "~", 0),
        *beats("N", at=START + 7200),
    ]
    test = [*beats("N"), Mark(START + 5000, "V"), *beats("N", at=START + 7200)]
    result = compare(reference, test)
    assert cells(result) == {"Nn": 2, "Xv": 1}
    assert (result.matrix.veb_ppv.hits, result.matrix.veb_ppv.total) == (0, 1)


def test_bxb_when_learning_period_ends_between_partners_then_the_pair_is_counted() -> None:
    result = compare([Mark(START + 20, "N")], [Mark(START - 20, "V")])
    assert cells(result) == {"Nv": 1}


def test_bxb_when_reference_partner_is_in_the_learning_period_then_test_beat_is_dropped() -> None:
    reference = [Mark(START - 20, "N"), Mark(START + 340, "N")]
    test = [Mark(START + 20, "V"), Mark(START + 340, "N")]
    assert cells(compare(reference, test)) == {"Nn": 1}


def test_bxb_when_started_from_the_first_sample_then_all_beats_count() -> None:
    reference, test = beats("NVN", at=77), beats("NVN", at=80)
    result = bxb(reference, test, FS, 36000, start_s=0.0)
    assert cells(result) == {"Nn": 2, "Vv": 1}


def test_bxb_when_beats_lie_past_the_end_then_they_are_not_counted() -> None:
    late = int(400 * FS) + 1
    reference = [*beats("N"), Mark(late, "N")]
    assert cells(compare(reference, [*beats("N"), Mark(late + 5, "N")])) == {"Nn": 1}
    assert cells(compare([*beats("N"), Mark(late - 1, "N")], [*beats("N"), Mark(late + 5, "N")])) == {"Nn": 2}


def test_bxb_when_length_is_unknown_then_it_ends_with_the_reference() -> None:
    result = bxb(beats("NN"), beats("NNNN"), FS)
    assert cells(result) == {"Nn": 2}


def test_bxb_when_end_is_zero_then_it_ends_with_either_list() -> None:
    result = bxb(beats("NNNN"), beats("NN"), FS, 400 * 360, end_s=0.0)
    assert cells(result) == {"Nn": 2}


def test_bxb_when_both_lists_are_empty_then_nothing_is_defined() -> None:
    result = compare([], [])
    assert cells(result) == {}
    assert result.matrix.qrs_se.percent is None
    assert result.rr_error_ms is None
    assert result.shutdown_s == 0


def test_bxb_when_one_list_is_empty_then_every_beat_is_missed_or_extra() -> None:
    assert cells(compare(beats("NVS"), [])) == {"No": 1, "Vo": 1, "So": 1}
    assert cells(compare([], beats("NVS"))) == {"On": 1, "Ov": 1, "Os": 1}


def test_bxb_when_record_is_shorter_than_the_learning_period_then_it_says_so() -> None:
    with pytest.raises(ValueError, match="ends at sample 3600, scoring starts at 108000"):
        bxb(beats("N"), beats("N"), FS, 3600)


def test_rr_error_when_intervals_differ_then_it_is_the_root_mean_square() -> None:
    reference = beats("NNN")
    test = [reference[0], Mark(reference[1].sample + 36, "N"), reference[2]]
    result = compare(reference, test)
    # First pair has no interval before it; the other two are wrong by +100 and -100 ms.
    assert result.n_rr == 2
    assert result.rr_error_ms == pytest.approx(100.0)


def test_rr_error_when_vf_or_shutdown_lies_between_then_it_is_no_interval() -> None:
    gap = [Mark(START + 3700, "["), Mark(START + 3900, "]")]
    assert compare([*beats("NN"), *gap], beats("NN")).n_rr == 0
    quiet = [Mark(START + 3700, "~", -1), Mark(START + 3900, "~", 0)]
    assert compare(beats("NN"), [*beats("NN"), *quiet]).n_rr == 0


def lists(symbols: str = "NASVFQ/") -> st.SearchStrategy[list[Mark]]:
    """Beats between 302 and 398 s, no two at one sample."""
    times = st.lists(st.integers(302 * 360, 398 * 360), max_size=60, unique=True).map(sorted)
    return times.flatmap(
        lambda at: st.lists(st.sampled_from(symbols), min_size=len(at), max_size=len(at)).map(
            lambda drawn: [Mark(sample, symbol) for sample, symbol in zip(at, drawn, strict=True)]
        )
    )


@settings(max_examples=60, deadline=None)
@given(lists())
def test_bxb_when_a_list_is_held_against_itself_then_nothing_is_wrong(beats_of_one: list[Mark]) -> None:
    result = compare(beats_of_one, beats_of_one)
    assert all(row == column for row, column in result.matrix.counts)
    assert result.matrix.qrs_se.hits == len(beats_of_one)
    assert result.rr_squares == 0


@settings(max_examples=60, deadline=None)
@given(lists(), lists())
def test_bxb_when_lists_are_any_then_every_beat_is_counted_once(
    reference: list[Mark], test: list[Mark]
) -> None:
    matrix = compare(reference, test).matrix
    assert matrix.qrs_se.total == len(reference)
    assert matrix.qrs_ppv.total == len(test)


def test_bxb_when_a_later_test_shutdown_never_ends_then_beats_in_it_are_plainly_missed() -> None:
    first = [Mark(START + 3700, "~", -1), Mark(START + 3800, "~", 0)]
    test = [*beats("N"), *first, *beats("N", at=START + 3960), Mark(START + 4000, "~", -1)]
    assert cells(compare(beats("NNNN"), test)) == {"Nn": 2, "No": 2}


def test_bxb_when_reference_shutdown_never_ends_then_extra_beats_pair_with_x() -> None:
    reference = [*beats("N"), Mark(START + 3700, "~", -1)]
    assert cells(compare(reference, beats("NNN"))) == {"Nn": 1, "Xn": 2}


def test_bxb_when_test_shuts_down_in_the_learning_period_then_its_time_counts_all_the_same() -> None:
    test = [Mark(1000, "~", -1), Mark(1000 + 720, "~", 0), *beats("N")]
    assert compare(beats("N"), test).shutdown_s == 2


def test_bxb_when_shutdown_lasts_past_the_half_second_then_it_rounds_up() -> None:
    for length, expected in ((179, 0), (180, 1), (539, 1), (540, 2)):
        test = [Mark(START + 100, "~", -1), Mark(START + 100 + length, "~", 0)]
        assert compare([], test).shutdown_s == expected


def test_bxb_when_shutdown_has_no_end_anywhere_then_it_is_told_and_not_counted() -> None:
    result = bxb(beats("N"), [*beats("N"), Mark(START + 3700, "~", -1)], FS)
    assert (result.shutdown_s, result.never_ended) == (0, START + 3700)


def test_bxb_when_test_beats_are_extra_in_reference_vf_then_they_have_no_rr_error() -> None:
    reference = [*beats("NN"), Mark(START + 4000, "["), Mark(START + 6000, "]")]
    result = compare(reference, [*beats("NN"), Mark(START + 4320, "V"), Mark(START + 4680, "V")])
    assert cells(result) == {"Nn": 2}
    # Three test intervals, but the reference has none after its second beat: the list ends there.
    assert result.n_rr == 1


def test_bxb_when_the_second_beat_is_the_better_partner_then_the_first_reference_beat_is_missed() -> None:
    reference = [Mark(START + 1000, "V"), Mark(START + 1040, "N")]
    assert cells(compare(reference, [Mark(START + 1050, "N")])) == {"Vo": 1, "Nn": 1}


def test_bxb_when_first_test_beat_is_near_the_start_and_no_match_then_it_is_not_counted() -> None:
    reference = [Mark(START + 300, "N")]
    near, far = Mark(START + 54, "V"), Mark(START + 55, "V")
    assert cells(compare(reference, [near, Mark(START + 300, "N")])) == {"Nn": 1}
    assert cells(compare(reference, [far, Mark(START + 300, "N")])) == {"Nn": 1, "Ov": 1}


def test_bxb_when_scored_from_sample_0_then_a_lone_test_beat_there_is_dropped() -> None:
    result = bxb(beats("N", at=500), [Mark(0, "V"), *beats("N", at=500)], FS, 36000, start_s=0.0)
    assert cells(result) == {"Nn": 1}


def test_bxb_when_beats_lie_on_the_last_sample_then_they_count() -> None:
    last = int(400 * FS)
    assert cells(compare([Mark(last, "N")], [Mark(last + 54, "N")])) == {"Nn": 1}


def test_bxb_when_window_is_given_then_it_is_the_largest_distance() -> None:
    reference, test = [Mark(START + 1000, "N")], [Mark(START + 1036, "N")]
    assert cells(bxb(reference, test, FS, 400 * 360, window_s=0.1)) == {"Nn": 1}
    assert cells(bxb(reference, test, FS, 400 * 360, window_s=0.09)) == {"No": 1, "On": 1}


def test_pairs_when_beats_differ_then_each_says_what_and_where() -> None:
    reference = beats("NV")
    extra = Mark(START + 3600 + 540, "S")
    result = compare(reference, [reference[0], extra])
    told = [(pair.reference, pair.test, pair.at, pair.mark) for pair in result.pairs]
    assert told == [
        ("N", "N", START + 3600, reference[0]),
        ("V", "O", START + 3960, extra),
        ("O", "S", START + 4140, extra),
    ]
