from __future__ import annotations

import math

import pytest

from edge.recording.annotations import Mark
from train.ec57 import measurements
from train.ec57.errors import Ec57Error
from train.ec57.measurements import Measurements, mxm

FS = 100.0
N = 100_000
AT = 40_000


def rates(*values: float, at: int = AT, step: int = 1000) -> list[Mark]:
    return [Mark(at + i * step, "=", aux=f"{value:g}") for i, value in enumerate(values)]


def compare(reference: list[Mark], test: list[Mark]) -> Measurements:
    return mxm(reference, test, FS, N)


def later(*values: float) -> list[Mark]:
    """Test measurements a moment after the reference's, so that the reference list is the first to end."""
    return rates(*values, at=AT + 10)


def test_mxm_when_measurements_differ_then_errors_are_squared_and_summed() -> None:
    found = compare(rates(60, 70, 80), later(63, 70, 76))
    assert (found.n, found.squares, found.reference_sum) == (3, 25.0, 210.0)
    assert found.rms_error == pytest.approx(math.sqrt(25 / 3))
    assert found.rms_percent == pytest.approx(100 * math.sqrt(25 / 3) / 70)
    assert found.mean_reference == 70.0


def test_mxm_when_the_test_list_ends_first_then_its_last_value_counts_once_more() -> None:
    found = compare(rates(60, 70, 80), rates(63, 71))
    assert (found.n, found.squares, found.reference_sum) == (2, 9.0 + 1.0 + 81.0, 60.0 + 70.0 + 80.0)


def test_mxm_when_the_reference_is_not_past_the_end_then_one_test_value_past_it_counts() -> None:
    found = compare(rates(60), [*rates(60), Mark(N + 1, "=", aux="62"), Mark(N + 2, "=", aux="90")])
    assert (found.n, found.squares) == (3, 4.0)


@pytest.mark.parametrize(("shift", "expected"), [(499, 60.0), (500, 70.0), (501, 70.0)])
def test_mxm_when_between_two_then_the_nearer_counts_and_the_later_of_equals(
    shift: int, expected: float
) -> None:
    test = [*rates(65, at=AT + shift), *rates(70, at=AT + 1010)]
    assert compare(rates(60, 70), test).reference_sum == expected + 70.0


def test_mxm_when_before_the_first_reference_then_a_zero_stands_at_the_start() -> None:
    near_start = mxm(rates(60, at=1000), rates(60, 60, at=100), FS, N, start_s=0.0)
    assert near_start.reference_sum == 0.0 + 60.0


def test_mxm_when_measurements_lie_in_the_learning_period_then_they_count_in_n_alone() -> None:
    early = rates(10, 20, at=1000)
    found = compare([*early, *rates(60)], [*early, *later(61)])
    assert (found.n, found.squares, found.reference_sum) == (3, 1.0, 60.0)


def test_mxm_when_subtype_is_another_then_it_is_another_measurement() -> None:
    reference = [Mark(AT, "=", 1, aux="5"), Mark(AT, "N"), *rates(60)]
    test = [Mark(AT + 5, "=", 1, aux="6"), *later(60)]
    assert mxm(reference, test, FS, N).squares == 0.0
    assert mxm(reference, test, FS, N, kind=1) == Measurements(1, 1, 1.0, 5.0)


def test_mxm_when_a_mark_has_no_text_then_the_value_before_it_stands() -> None:
    found = compare([*rates(60), Mark(AT + 1000, "=")], [*later(60), Mark(AT + 1010, "=")])
    assert (found.n, found.squares, found.reference_sum) == (2, 0.0, 120.0)


def test_mxm_when_end_is_zero_then_it_ends_with_either_list() -> None:
    found = mxm(rates(60, 70, 80), rates(60, 71), FS, N, end_s=0.0)
    assert (found.n, found.squares, found.reference_sum) == (2, 1.0, 130.0)


def test_mxm_when_the_length_is_unknown_then_it_ends_with_the_reference() -> None:
    found = mxm(rates(60), [*later(61, 62)], FS)
    assert (found.n, found.squares) == (2, 1.0)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("72", 72.0), (" -3.5x", -3.5), ("1e2", 100.0), (".5", 0.5), ("fast", 0.0), ("", 0.0)],
)
def test_number_when_a_text_begins_with_one_then_it_is_read(text: str, expected: float) -> None:
    assert measurements.number(text) == expected


@pytest.mark.parametrize(("missing", "name"), [(0, "reference"), (1, "test")])
def test_mxm_when_a_list_has_no_measurement_then_one_line_says_which(missing: int, name: str) -> None:
    lists = [rates(60), rates(60)]
    lists[missing] = [Mark(AT, "N")]
    with pytest.raises(Ec57Error, match=f"^mxm: no measurements of type 0 in the {name} list"):
        compare(*lists)


def test_rms_percent_when_the_references_sum_to_zero_then_one_line_says_so() -> None:
    found = Measurements(0, 2, 8.0, 0.0)
    assert found.rms_error == 2.0
    with pytest.raises(Ec57Error, match="zero mean"):
        _ = found.rms_percent


def test_reports_when_printed_then_they_are_the_originals_layout() -> None:
    found = Measurements(3, 4, 25.0, 280.0)
    assert measurements.standard("100", found, "atr", "hr") == (
        "Measurement-by-measurement comparison results for record 100\n"
        "Measurement number 3\n"
        "Reference annotator: atr\n"
        "     Test annotator: hr\n"
        "\n"
        "     Normalized RMS error:  3.5714% (n = 4)\n"
        "Mean reference measurement: 70\n"
    )
    assert "\n   Unnormalized RMS error:  2.5000 (n = 4)\n" in measurements.standard(
        "100", found, "a", "b", False
    )
    assert measurements.line("100", found) == "   100\t 3.5714\t\t70\n"
    assert measurements.line("100", found, False) == "   100\t 2.5000\t\t70 (unnormalized)\n"
    assert measurements.line_header(3) == (
        "(Measurement errors)\nMeasurement 3\nRecord\tRMS error (%)\tMean reference measurement\n"
    )
