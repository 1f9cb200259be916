from __future__ import annotations

from collections import Counter

import pytest

from train.ec57.averages import average, gross, mean_percent, total
from train.ec57.beats import Comparison
from train.ec57.matrix import Matrix, Rate


def result(n_rr: int = 4, rr_squares: int = 0, **cells: int) -> Comparison:
    counts = Counter({(name[0], name[1].upper()): n for name, n in cells.items()})
    return Comparison(Matrix(counts), n_rr, rr_squares, 0, 360.0)


def test_average_when_a_rate_is_undefined_in_a_record_then_that_record_stays_out() -> None:
    means = average({"a": result(Nn=9, No=1, Vv=1, Vn=1), "b": result(Nn=10)})
    assert means["qrs_se"] == pytest.approx(100 * (11 / 12 + 1) / 2)
    assert means["veb_se"] == pytest.approx(50.0)
    assert means["sveb_se"] is None


def test_average_when_rr_errors_are_there_then_they_are_rounded_before_their_mean() -> None:
    means = average({"a": result(n_rr=1, rr_squares=1), "b": result(n_rr=0)})
    assert means["rr_error_ms"] == 2.78
    assert average({"b": result(n_rr=0)})["rr_error_ms"] is None


def test_gross_when_records_differ_in_size_then_every_beat_weighs_the_same() -> None:
    summed = gross({"a": result(Nn=90, No=10), "b": result(Nn=10)})
    assert (summed.qrs_se.hits, summed.qrs_se.total) == (100, 110)
    assert gross({}) == Matrix()


def test_mean_percent_when_no_rate_is_defined_then_there_is_none() -> None:
    assert mean_percent([Rate(0, 0)]) is None
    assert mean_percent([Rate(1, 2), Rate(0, 0), Rate(1, 1)]) == 75.0


def test_total_when_numbers_are_added_then_each_step_is_rounded() -> None:
    assert total([1e16, 1.0, -1e16]) == 0.0
