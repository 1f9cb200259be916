"""The reports against those of the C programs: HEARTWIRE_GOLDEN holds these, HEARTWIRE_DATA the databases."""

from __future__ import annotations

import os
from collections import Counter
from functools import lru_cache
from pathlib import Path

import pytest

from train import ec57_report as report
from train.ec57 import Comparison, Matrix, bxb, marks

EVERY_SECOND = (
    "100 102 104 106 108 111 113 115 117 119 122 124 201 203 207 209 212 214 217 220 222 228 231 233"
)
RECORDS = EVERY_SECOND.split()
TESTS = ("osea", "syn")


def folder(variable: str, part: str = "") -> Path:
    value = os.environ.get(variable)
    if not value:
        pytest.skip(f"{variable} is not set: it names the folder that holds {part or 'the golden reports'}")
    return Path(value) / part


@lru_cache(maxsize=256)
def compared(record: str, test: str, start_s: float = 300.0) -> Comparison:
    wfdb = pytest.importorskip("wfdb")
    reference = marks(wfdb.rdann(str(folder("HEARTWIRE_DATA", "mitdb") / record), "atr"))
    answers = marks(wfdb.rdann(str(folder("HEARTWIRE_GOLDEN") / record), test))
    return bxb(reference, answers, 360.0, 650000, start_s=start_s)


def all_compared(test: str, start_s: float = 300.0) -> dict[str, Comparison]:
    return {record: compared(record, test, start_s) for record in RECORDS}


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("record", RECORDS)
def test_standard_report_when_compared_with_the_original_then_every_character_agrees(
    record: str, test: str
) -> None:
    golden = (folder("HEARTWIRE_GOLDEN") / f"{record}.{test}.bxb.txt").read_text()
    assert report.standard(record, compared(record, test), "atr", test) == golden


@pytest.mark.parametrize(("start_s", "suffix"), [(300.0, ""), (0.0, "_from0")])
@pytest.mark.parametrize("test", TESTS)
def test_beat_lines_when_compared_with_the_original_then_every_character_agrees(
    test: str, start_s: float, suffix: str
) -> None:
    golden = (folder("HEARTWIRE_GOLDEN") / f"{test}.bxb{suffix}_lines.txt").read_text()
    lines = [report.beat_line(record, result) for record, result in all_compared(test, start_s).items()]
    assert [report.BEAT_HEADER, *lines] == golden.splitlines()


@pytest.mark.parametrize(("start_s", "suffix"), [(300.0, ""), (0.0, "_from0")])
@pytest.mark.parametrize("test", TESTS)
def test_shutdown_lines_when_compared_with_the_original_then_every_character_agrees(
    test: str, start_s: float, suffix: str
) -> None:
    golden = (folder("HEARTWIRE_GOLDEN") / f"{test}.shutdown{suffix}_lines.txt").read_text()
    lines = [report.shutdown_line(record, result) for record, result in all_compared(test, start_s).items()]
    assert [*report.SHUTDOWN_HEADER.splitlines(), *lines] == golden.splitlines()


@pytest.mark.parametrize("test", TESTS)
def test_sumstats_when_compared_with_the_original_then_every_character_agrees(test: str) -> None:
    golden = (folder("HEARTWIRE_GOLDEN") / f"{test}.bxb_sumstats.txt").read_text()
    assert report.sumstats(all_compared(test)) == golden


def result(n_rr: int = 4, rr_squares: int = 0, shutdown_s: int = 0, **cells: int) -> Comparison:
    counts = Counter({(name[0], name[1].upper()): n for name, n in cells.items()})
    return Comparison(Matrix(counts), n_rr, rr_squares, shutdown_s, 360.0)


def test_average_when_a_rate_is_undefined_in_a_record_then_that_record_stays_out() -> None:
    means = report.average({"a": result(Nn=9, No=1, Vv=1, Vn=1), "b": result(Nn=10)})
    assert means["qrs_se"] == pytest.approx(100 * (11 / 12 + 1) / 2)
    assert means["veb_se"] == pytest.approx(50.0)
    assert means["sveb_se"] is None


def test_gross_when_records_differ_in_size_then_every_beat_weighs_the_same() -> None:
    total = report.gross({"a": result(Nn=90, No=10), "b": result(Nn=10)})
    assert (total.qrs_se.hits, total.qrs_se.total) == (100, 110)


def test_reports_when_nothing_was_found_then_they_show_dashes() -> None:
    empty = result(n_rr=0)
    text = report.standard("100", empty, "atr", "hw")
    assert "QRS sensitivity:      -  (0/0)" in text
    assert text.endswith("RMS RR interval error:      -\n")
    assert report.sumstats({"100": empty}).endswith("\nSummary of results from 1 record\n")
    assert report.average({"100": empty})["rr_error_ms"] is None


def test_shutdown_report_when_beats_were_missed_then_shares_and_time_are_named() -> None:
    text = report.shutdown(result(Nn=6, Nx=2, Sx=1, Vv=1, shutdown_s=45))
    assert "  Beats missed in shutdown:  20.00% (2/10)" in text
    assert "      S missed in shutdown: 100.00% (1/1)" in text
    assert text.endswith("Total shutdown time:    45 seconds\n")


def test_shutdown_sums_when_two_records_are_given_then_counts_and_seconds_add() -> None:
    text = report.sumstats_shutdown({"a": result(Nx=2, shutdown_s=40), "b": result(Nx=1, Qx=3, shutdown_s=5)})
    last = text.splitlines()[-3]
    assert last.split() == ["Sum", "3", "0", "0", "0", "3", "45", "seconds"]
