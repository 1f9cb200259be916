from __future__ import annotations

from train.ec57 import episodes_report as report
from train.ec57.episodes import AF, VF, EpisodeComparison, Tally

FOUND = EpisodeComparison(VF, Tally(2, 1, 35244, 35000), Tally(2, 0, 3600 * 360, 34996), 360.0)


def test_standard_when_printed_then_episodes_and_durations_are_named() -> None:
    assert report.standard("207", FOUND, "atr", "hw") == (
        "VF episode-by-episode comparison results for record 207\n"
        "Reference annotator: atr\n"
        "     Test annotator: hw\n"
        "\n"
        "           Episode sensitivity:  67% (2/3)\n"
        " Episode positive predictivity: 100% (2/2)\n"
        "          Duration sensitivity:  99% (1:37.222/1:37.900)\n"
        "Duration positive predictivity:   3% (1:37.211/1:00:00.000)\n"
        "Duration of reference episodes:      1:37.900\n"
        "     Duration of test episodes:   1:00:00.000\n"
    )


def test_standard_when_there_is_no_episode_then_it_shows_dashes() -> None:
    text = report.standard("100", EpisodeComparison(AF, Tally(), Tally(), 360.0), "atr", "hw")
    assert text.startswith("AF episode-by-episode")
    assert "           Episode sensitivity:   -  (0/0)\n" in text
    assert "          Duration sensitivity:   -  (0.000/0.000)\n" in text
    assert text.endswith("     Duration of test episodes:         0.000\n")


def test_line_when_printed_then_it_stands_under_its_header() -> None:
    assert (
        report.line("207", FOUND)
        == "   207    2    1    2    0   67 100  99   3      1:37.900    1:00:00.000\n"
    )
    assert report.line_header(AF) == (
        "(AF detection)\nRecord  TPs   FN  TPp   FP  ESe E+P DSe D+P  Ref duration  Test duration \n"
    )
