"""Gross and average statistics of many records' beat comparisons, as numbers.

EC57 asks for both: gross statistics weigh every beat the same, average ones every record.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import reduce
from operator import add

from train.ec57.beats import Comparison
from train.ec57.beats_report import STATISTICS
from train.ec57.matrix import Matrix, Rate


def gross(results: Mapping[str, Comparison]) -> Matrix:
    """Sum of the matrices of all records: every beat weighs the same."""
    return reduce(add, (result.matrix for result in results.values()), Matrix())


def average(results: Mapping[str, Comparison]) -> dict[str, float | None]:
    """Mean over records of each statistic [percent], and of `rr_error_ms`: every record weighs the same.

    A record in which a statistic is undefined does not take part in its mean; None where it is so in all.
    The RR errors are rounded to 0.01 ms before their mean is taken, as in the lines that ``sumstats`` reads.
    """
    means = {
        name: mean_percent(statistic(result.matrix) for result in results.values())
        for name, statistic in STATISTICS.items()
    }
    errors = [float(f"{e:.2f}") for r in results.values() if (e := r.rr_error_ms) is not None]
    means["rr_error_ms"] = total(errors) / len(errors) if errors else None
    return means


def mean_percent(rates: Iterable[Rate]) -> float | None:
    """Mean of the rates that are defined [percent], None where none is."""
    shares = [rate.hits / rate.total for rate in rates if rate.total > 0]
    return 100.0 * total(shares) / len(shares) if shares else None


def total(values: Iterable[float]) -> float:
    """Sum of numbers, added one after another (``sum`` is more exact from Python 3.12 on, C is not)."""
    return reduce(add, values, 0.0)
