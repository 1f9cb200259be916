from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.recording.annotations import Mark
from train.ec57.errors import Ec57Error
from train.ec57.matrix import Rate
from train.ec57.runs import Run, RunComparison, Runs, rxr

FS = 360.0
START = 300 * 360
AT = START + 3600


def beats(symbols: str, at: int = AT, step: int = 360) -> list[Mark]:
    """A beat a letter; '-' leaves one out."""
    return [Mark(at + i * step, symbol) for i, symbol in enumerate(symbols) if symbol != "-"]


def compare(reference: list[Mark], test: list[Mark], end: int = START + 36000) -> RunComparison:
    return rxr(reference, test, FS, end)


def lengths(runs: tuple[Run, ...]) -> list[tuple[int, int]]:
    return [(run.reference, run.test) for run in runs]


def ve(reference: str, test: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    found = compare(beats(reference), beats(test)).ve
    return lengths(found.by_reference), lengths(found.by_test)


@pytest.mark.parametrize("length", range(1, 9))
def test_rxr_when_a_run_is_found_whole_then_both_sides_have_its_length_up_to_six(length: int) -> None:
    run = "N" + "V" * length + "N"
    assert ve(run, run) == ([(min(length, 6), min(length, 6))], [(min(length, 6), min(length, 6))])


def test_rxr_when_a_run_is_missed_then_the_test_has_length_0_there() -> None:
    assert ve("NVVN", "NNNN") == ([(2, 0)], [])


def test_rxr_when_a_run_is_made_up_then_the_reference_has_length_0_there() -> None:
    assert ve("NNNN", "NVVN") == ([], [(0, 2)])


def test_rxr_when_the_test_breaks_a_run_then_its_longest_part_is_found() -> None:
    assert ve("NVVVVVVN", "NVVNVVVN") == ([(6, 3)], [(2, 2), (3, 3)])


def test_rxr_when_beats_are_called_f_then_they_belong_to_the_run() -> None:
    assert ve("NVFVN", "NFVFN") == ([(3, 3)], [(3, 3)])


@pytest.mark.parametrize("symbol", "NQAL/")
def test_rxr_when_another_beat_lies_between_then_runs_are_two(symbol: str) -> None:
    assert ve(f"NV{symbol}VN", f"NV{symbol}VN")[0] == [(1, 1), (1, 1)]


def test_rxr_when_marks_are_no_beats_then_a_run_goes_on() -> None:
    reference = sorted(
        [*beats("NVVN"), Mark(AT + 500, "+", aux="(VT"), Mark(AT + 510, "|")], key=lambda m: m.sample
    )
    assert lengths(compare(reference, beats("NVVN")).ve.by_reference) == [(2, 2)]


def test_rxr_when_noise_begins_then_a_run_ends() -> None:
    noisy = sorted([*beats("NVVN"), Mark(AT + 500, "~", -1), Mark(AT + 600, "~", 0)], key=lambda m: m.sample)
    assert lengths(compare(noisy, beats("NVVN")).ve.by_reference) == [(1, 1), (1, 1)]


@pytest.mark.parametrize(("shift", "expected"), [(54, 1), (-54, 1), (55, 0), (-55, 0)])
def test_rxr_when_a_beat_is_displaced_then_the_window_is_150_ms_inclusive(shift: int, expected: int) -> None:
    test = [Mark(AT, "N"), Mark(AT + 360 + shift, "V"), Mark(AT + 720, "N")]
    found = compare(beats("NVN"), test).ve
    assert lengths(found.by_reference) == [(1, expected)]
    assert lengths(found.by_test) == [(expected, 1)]


def test_rxr_when_window_is_given_then_runs_are_sought_that_much_further() -> None:
    test = [Mark(AT, "N"), Mark(AT + 360 + 72, "V"), Mark(AT + 720, "N")]
    found = rxr(beats("NVN"), test, FS, START + 36000, window_s=0.2).ve
    assert found.by_reference == (Run(1, 1, AT + 360 - 72, AT + 360 + 72),)


VF = [Mark(AT + 100, "["), Mark(AT + 3000, "]")]


def test_rxr_when_vf_is_marked_then_it_is_a_run_of_full_length() -> None:
    with_vf = [*beats("N"), *VF, *beats("N", AT + 3600)]
    found = compare(with_vf, with_vf).ve
    assert found.by_reference == (Run(6, 6, AT + 100 - 54, AT + 3000 + 54),)
    assert compare(with_vf, beats("N----V----N")).ve.by_reference[0].test == 1


def test_rxr_when_the_test_is_in_vf_then_every_reference_run_in_it_is_found_long() -> None:
    test = [*beats("N"), *VF, *beats("N", AT + 3600)]
    assert lengths(compare(beats("NVNVVN-----N"), test).ve.by_reference) == [(1, 6), (2, 6)]


def test_rxr_when_vf_of_the_test_never_ends_then_all_later_runs_are_found_long() -> None:
    test = [*beats("N"), Mark(AT + 100, "[")]
    assert lengths(compare(beats("NVNVVN"), test).ve.by_reference) == [(1, 6), (2, 6)]


def test_rxr_when_vf_begins_in_a_run_then_it_does_not_lengthen_it() -> None:
    reference = [*beats("NV"), Mark(AT + 700, "["), Mark(AT + 3000, "]"), *beats("N", AT + 3600)]
    found = compare(reference, beats("NNNNNNNNNNN")).ve
    assert found.by_reference == (Run(1, 0, AT + 306, AT + 3054),)


def test_rxr_when_vf_has_no_end_then_the_stretch_ends_where_the_run_before_ended() -> None:
    reference = [*beats("NVN"), Mark(AT + 1000, "["), *beats("N", AT + 3600)]
    found = compare(reference, beats("NVN-N")).ve
    assert found.by_reference == (Run(1, 1, AT + 306, AT + 414), Run(6, 0, AT + 946, AT + 414))


def test_rxr_when_vf_goes_on_at_the_start_then_the_run_begins_there() -> None:
    reference = [Mark(1000, "["), *beats("N")]
    found = compare(reference, beats("N")).ve
    assert found.by_reference == (Run(6, 0, START - 54, START + 54),)
    over = [Mark(1000, "["), Mark(2000, "]"), *beats("N")]
    assert compare(over, beats("N")).ve.by_reference == ()


def test_rxr_when_runs_lie_in_the_learning_period_then_they_are_not_counted() -> None:
    early = [*beats("NVVN", 1000), *beats("NVN")]
    found = compare(early, early).ve
    assert lengths(found.by_reference) == lengths(found.by_test) == [(1, 1)]


def test_rxr_when_a_run_goes_on_at_the_end_then_only_the_lists_own_end_counts_it() -> None:
    reference = beats("NVV")
    assert lengths(compare(reference, reference).ve.by_reference) == [(2, 2)]
    cut = compare(beats("NVVVVN"), reference, end=AT + 900)
    assert cut.ve.by_reference == ()


def test_rxr_when_beats_are_supraventricular_then_their_runs_are_apart() -> None:
    found = compare(beats("NAAVVN"), beats("NSSVVN"))
    assert lengths(found.sve.by_reference) == lengths(found.sve.by_test) == [(2, 2)]
    assert lengths(found.ve.by_reference) == [(2, 2)]


def test_rxr_when_in_af_then_normal_beats_make_a_long_supraventricular_run() -> None:
    reference = [
        Mark(AT - 100, "+", aux="(AFIB"),
        *beats("NN"),
        Mark(AT + 600, "+", aux="(N"),
        *beats("N", AT + 720),
    ]
    found = compare(reference, beats("NSN")).sve
    assert found.by_reference == (Run(6, 1, AT - 154, AT + 654),)
    assert lengths(found.by_test) == [(6, 1)]


def test_rxr_when_a_list_has_no_mark_in_the_scope_then_one_line_says_which() -> None:
    with pytest.raises(Ec57Error, match=r"^rxr: the test list has no mark from sample 108000 on"):
        compare(beats("N"), [])
    with pytest.raises(Ec57Error, match=r"^rxr: the reference list"):
        compare([Mark(5, "N")], beats("N"))


def test_rxr_when_the_first_search_ended_in_noise_then_the_next_meets_it_again_at_sample_0() -> None:
    # The mark read last outlives its search, so the first noise of the next one is no news and ends no run.
    reference = [*beats("N"), Mark(AT + 500, "~", -1), Mark(AT + 540, "V"), Mark(AT + 560, "~", -1)]
    test = [Mark(AT, "N"), Mark(AT + 490, "V"), Mark(AT + 540, "V"), Mark(AT + 720, "N")]
    assert compare(reference, test).ve.by_test == (Run(1, 2, AT + 436, AT + 594),)
    plain = [mark for mark in reference if mark.symbol != "~"]
    assert compare(plain, test).ve.by_test == (Run(1, 2, AT + 436, AT + 594),)


@pytest.mark.parametrize("reference", range(7))
@pytest.mark.parametrize("test", range(7))
def test_rates_when_one_cell_holds_a_run_then_each_takes_it_or_leaves_it(reference: int, test: int) -> None:
    run = (Run(reference, test, 0, 1),)
    runs = Runs(run, run)
    short = range(3, 6)
    assert runs.couplet_se == Rate(int(reference == 2 <= test), int(reference == 2))
    assert runs.couplet_ppv == Rate(int(test == 2 <= reference), int(test == 2))
    assert runs.short_se == Rate(int(reference in short and test >= 3), int(reference in short))
    assert runs.short_ppv == Rate(int(test in short and reference >= 3), int(test in short))
    assert runs.long_se == Rate(int(reference == test == 6), int(reference == 6))
    assert runs.long_ppv == Rate(int(reference == test == 6), int(test == 6))


@settings(max_examples=60, deadline=None)
@given(st.text("NVFAQ", min_size=1, max_size=40))
def test_rxr_when_a_list_is_held_against_itself_then_every_run_is_found_whole(symbols: str) -> None:
    found = compare(beats(symbols), beats(symbols))
    for runs in (found.ve, found.sve):
        assert lengths(runs.by_reference) == lengths(runs.by_test)
        assert all(run.reference == run.test for run in runs.by_reference)
