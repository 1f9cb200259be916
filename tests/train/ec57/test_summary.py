from __future__ import annotations

import pytest

from train.ec57 import beats_report, episodes, episodes_report, measurements, runs_report
from train.ec57.errors import Ec57Error
from train.ec57.summary import sumstats


def below(text: str) -> list[str]:
    """The lines of the summary, from the rule on."""
    lines = sumstats(text).splitlines()
    rule = next(k for k, line in enumerate(lines) if line.startswith("____"))
    assert "\n".join(lines[:rule]) + "\n" == text
    return lines[rule:]


def test_sumstats_when_beats_are_summed_then_gross_and_average_differ() -> None:
    text = beats_report.LINE_HEADER + (
        " 100    90   0   0   0   0   0   0   0   0   0   0   0    5   0   0  10   0   5   0  90.48 100.00  50.00"
        " 100.00      -      -  10.00\n"
        " 101    10   1   0   2   0   3   4   0   9   0   0   0    5   0   5   0   0   0   0 100.00  87.18 100.00"
        "  50.00  80.00  25.00     -\n"
    )
    # F called S (the 9) are no false SVEB here, though bxb itself counted them.
    assert below(text) == [
        "_" * 132,
        "Sum    100   1   0   2   0   3   4   0   9   0   0   0   10   0   5  10   0   5   0",
        "Gross" + " " * 78 + "  89.58  96.27  66.67  66.67  80.00  57.14",
        "Average" + " " * 76 + "  93.18  93.59  75.00  75.00  80.00  57.14  10.00",
        "Total QRS complexes: 144  Total VEBs: 15  Total SVEBs: 5",
        "",
        "Summary of results from 2 records",
    ]


def test_sumstats_when_beats_are_without_sveb_then_the_false_positive_rate_is_there() -> None:
    text = beats_report.LINE_HEADER_VEB + (
        " 100    90   1   2   3   4    5   6   7   8   9  10  00.00  00.00  00.00  00.00  0.000\n"
    )
    assert below(text) == [
        "_" * 86,
        "Sum      90   1   2   3   4    5   6   7   8   9  10",
        "Gross" + " " * 49 + "  80.00  91.53  33.33  31.25 10.377",
        "Average" + " " * 47 + "  80.00  91.53  33.33  31.25 10.377",
        "Total QRS complexes: 135  Total VEBs: 15",
        "",
        "Summary of results from 1 record",
    ]


def test_sumstats_when_shutdown_is_without_sveb_then_gross_shares_are_halved() -> None:
    text = beats_report.SHUTDOWN_HEADER_VEB + (
        " 100   10    0    0    0     9.09  10.00   0.00      -   40 seconds 100 0 10 0 0\n"
        " 101    0    0    0    0        -      -      -      -    5 seconds 0 0 0 0 0\n"
    )
    assert below(text) == [
        "_" * 68,
        "Sum     10    0    0    0" + " " * 31 + "  45 seconds",
        "Gross" + " " * 20 + "   4.55   5.00   0.00      -",
        "Average" + " " * 18 + "   9.09  10.00   0.00      -",
        "",
        "Summary of results from 1 record",
    ]


def test_sumstats_when_shutdown_has_sveb_then_there_are_sums_alone() -> None:
    text = beats_report.SHUTDOWN_HEADER + (
        " 100    1    2    3    4    5     1.00   1.00   1.00   1.00   1.00   40 seconds 1 2 3 4 5\n"
    )
    assert below(text)[1:2] == ["Sum     1    2    3    4    5" + " " * 38 + "  40 seconds"]


@pytest.mark.parametrize("title", ["", runs_report.SVE_TITLE])
def test_sumstats_when_runs_are_summed_then_records_without_runs_stay_out_of_the_average(title: str) -> None:
    text = (
        title
        + runs_report.LINE_HEADER
        + (
            " 100   1   1   2   2   0   0   0   0   0   0   0   0   50  50   -   -   -   -\n"
            " 101   0   8   1   0   3   0   0   0   0   0   0   0    0 100 100   -   -   -\n"
        )
    )
    assert below(text) == [
        "_" * 77,
        "Sum      1   9   3   2   3   0   0   0   0   0   0   0",
        "Gross" + " " * 50 + "  10  60 100   -   -   -",
        "Average" + " " * 48 + "  25  75 100   -   -   -",
        "Total couplets: 10  Total short runs: 3  Total long runs: 0",
        "",
        "Summary of results from 2 records",
    ]


def test_sumstats_when_episodes_are_summed_then_the_overlap_is_taken_from_the_longer_duration() -> None:
    text = episodes_report.line_header(episodes.AF) + (
        "   201    1    1    1    0   50 100  50 100      0:10.000       0:05.000\n"
        "   202    1    0    1    0  100 100 100  25      0:01.000       0:04.003\n"
        "   203    0    0    0    0    -   -   -   -         0.000          0.000\n"
    )
    assert below(text) == [
        "_" * 72,
        "Sum       2    1    2    0" + " " * 19 + "    0:11.000       0:09.003",
        "Gross" + " " * 22 + "  67 100  55  67",
        "Average" + " " * 20 + "  75 100  75  62",
        "",
        "Summary of results from 3 records",
    ]


def test_sumstats_when_measurements_are_summed_then_means_follow() -> None:
    text = measurements.line_header(0) + "   100\t 2.0000\t\t70\n   101\t 3.0000\t\t80.5\n"
    assert below(text) == ["_" * 50, "Average  2.5000\t\t75.25", "", "Summary of results from 2 records"]


@pytest.mark.parametrize(
    "header",
    [
        beats_report.LINE_HEADER, beats_report.LINE_HEADER_VEB, beats_report.SHUTDOWN_HEADER,
        beats_report.SHUTDOWN_HEADER_VEB, runs_report.LINE_HEADER, runs_report.SVE_TITLE + runs_report.LINE_HEADER,
        episodes_report.line_header(episodes.VF), measurements.line_header(0),
    ],
)  # fmt: skip
def test_sumstats_when_there_is_no_record_then_nothing_is_defined(header: str) -> None:
    assert sumstats(header).endswith("\nSummary of results from 0 records\n")


@pytest.mark.parametrize("text", ["", "\n", "something else\n", "(AF detection\n"])
def test_sumstats_when_the_file_is_another_then_one_line_says_so(text: str) -> None:
    with pytest.raises(Ec57Error, match=r"^lines\.txt: expected a file that bxb"):
        sumstats(text, "lines.txt")


@pytest.mark.parametrize("row", [" 100 1 2 3\n", "\n", " 100" + " x" * 13 + "\n"])
def test_sumstats_when_a_line_is_broken_then_one_line_says_where(row: str) -> None:
    with pytest.raises(Ec57Error, match=r"^lines\.txt: illegal format: ") as raised:
        sumstats(runs_report.LINE_HEADER + row, "lines.txt")
    assert "\n" not in str(raised.value)
