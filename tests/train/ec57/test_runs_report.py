from __future__ import annotations

from train.ec57 import runs_report as report
from train.ec57.matrix import Rate
from train.ec57.runs import Run, Runs


def runs(*cells: tuple[int, int]) -> Runs:
    found = tuple(Run(reference, test, 10 * k, 10 * k + 5) for k, (reference, test) in enumerate(cells))
    return Runs(found, found)


MIXED = runs((1, 1), (1, 0), (2, 2), (2, 1), (3, 4), (4, 2), (6, 6), (6, 5), (0, 2), (0, 6), (1, 2))


def test_standard_when_printed_then_both_tables_and_six_statistics_follow() -> None:
    text = report.standard("100", MIXED, "atr", "hw", "SVE")
    table = (
        "               Algorithm Run Length\n"
        "          0    1    2    3    4    5   >5\n"
        "     ____________________________________\n"
        "   0 |         0    1    0    0    0    1\n"
        "   1 |    1    1    1    0    0    0    0\n"
        "   2 |    0    1    1    0    0    0    0\n"
        "   3 |    0    0    0    0    1    0    0\n"
        "   4 |    0    0    1    0    0    0    0\n"
        "   5 |    0    0    0    0    0    0    0\n"
        "  >5 |    0    0    0    0    0    1    1\n"
        "\n"
    )
    assert text == (
        "SVE run-by-run comparison results for record 100\n"
        "Reference annotator: atr\n"
        "     Test annotator: hw\n"
        "\n"
        f"{table}      (Run Sensitivity Summary Matrix)\n\n\n"
        f"{table} (Run Positive Predictivity Summary Matrix)\n\n"
        "            Couplet sensitivity:  50% (1/2)\n"
        "  Couplet positive predictivity:  50% (2/4)\n"
        "          Short run sensitivity:  50% (1/2)\n"
        "Short run positive predictivity: 100% (2/2)\n"
        "           Long run sensitivity:  50% (1/2)\n"
        " Long run positive predictivity:  50% (1/2)\n"
        "\n"
    )


def test_condensed_when_printed_then_lengths_are_summed_to_classes() -> None:
    table = (
        "          Algorithm Run Length\n"
        "         nc    v    c    s    l\n"
        "     __________________________\n"
        "  NC |         0    1    0    1\n"
        "   V |    1    1    1    0    0\n"
        "   C |    0    1    1    0    0\n"
        "   S |    0    0    1    1    0\n"
        "   L |    0    0    0    1    1\n"
        "\n"
    )
    text = report.condensed("100", MIXED, "atr", "hw", "VE")
    assert text.startswith("VE run-by-run comparison results for record 100\n")
    assert f"{table}    (Run Sensitivity Summary Matrix)\n\n\n{table} (Run Positive" in text


def test_line_when_printed_then_hits_and_misses_and_whole_percents_follow() -> None:
    assert report.line("100", MIXED) == (
        " 100   1   1   2   2   1   1   2   0   1   1   1   1   50  50  50 100  50  50\n"
    )
    assert report.line("100", runs()).endswith("   0    -   -   -   -   -   -\n")


def test_whole_percent_when_halfway_then_it_is_rounded_up() -> None:
    assert report.whole_percent(Rate(1, 200)) == "   1"
    assert report.whole_percent(Rate(1, 8)) == "  13"
    assert report.whole_percent(Rate(0, 0)) == "   -"


def test_differences_when_listed_then_only_unlike_runs_are_there() -> None:
    assert report.differences(runs((1, 1), (2, 0)), "VE") == (
        "\nVE Run-by-run comparison for sensitivity\n2/0(10-15)\n"
        "\nVE Run-by-run comparison for positive predictivity\n2/0(10-15)\n"
    )
