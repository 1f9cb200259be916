from __future__ import annotations

from collections import Counter

from train.ec57 import beats_report as report
from train.ec57.beats import BeatPair, Comparison
from train.ec57.matrix import Matrix


def result(n_rr: int = 4, rr_squares: int = 0, shutdown_s: int = 0, **cells: int) -> Comparison:
    counts = Counter({(name[0], name[1].upper()): n for name, n in cells.items()})
    return Comparison(Matrix(counts), n_rr, rr_squares, shutdown_s, 360.0)


MIXED = result(
    rr_squares=324, shutdown_s=45,
    Nn=1000, Ns=2, Nv=3, No=4, Nx=5, Sn=6, Ss=70, Vn=8, Vv=90, Vx=1, Fn=9, Fv=11, Qq=12, Qs=1, On=13, Os=14, Ov=15,
)  # fmt: skip


def test_standard_when_printed_then_every_cell_has_its_place() -> None:
    assert report.standard("100", MIXED, "atr", "hw") == (
        "Beat-by-beat comparison results for record 100\n"
        "Reference annotator: atr\n"
        "     Test annotator: hw\n"
        "\n"
        "               Algorithm\n"
        "        n    s    v    f    q    o    x\n"
        "   ____________________________________\n"
        " N | 1000    2    3    0    0    4    5\n"
        " S |    6   70    0    0    0    0    0\n"
        " V |    8    0   90    0    0    0    1\n"
        " F |    9    0   11    0    0    0    0\n"
        " Q |    0    1    0    0   12    0    0\n"
        " O |   13   14   15    0    0\n"
        " X |    0    0    0    0    0\n"
        "\n"
        "           QRS sensitivity:  99.18% (1212/1222)\n"
        " QRS positive predictivity:  96.65% (1212/1254)\n"
        "           VEB sensitivity:  90.91% (90/99)\n"
        " VEB positive predictivity:  83.33% (90/108)\n"
        "          SVEB sensitivity:  92.11% (70/76)\n"
        "SVEB positive predictivity:  81.40% (70/86)\n"
        "     RMS RR interval error:  25.00 ms\n"
    )


def test_standard_when_sveb_are_not_asked_for_then_they_are_normal_beats() -> None:
    assert report.standard("100", MIXED, "atr", "hw", sveb=False).split("\n", 4)[4] == (
        "               Algorithm\n"
        "        n    v    f    q    o    x\n"
        "   _______________________________\n"
        " N | 1078    3    0    0    4    5\n"
        " V |    8   90    0    0    0    1\n"
        " F |    9   11    0    0    0    0\n"
        " Q |    1    0    0   12    0    0\n"
        " O |   27   15    0    0\n"
        " X |    0    0    0    0\n"
        "\n"
        "           QRS sensitivity:  99.18% (1212/1222)\n"
        " QRS positive predictivity:  96.65% (1212/1254)\n"
        "           VEB sensitivity:  90.91% (90/99)\n"
        " VEB positive predictivity:  83.33% (90/108)\n"
        "   VEB false positive rate:  1.572% (18/1145)\n"
        "\n"
    )


def test_condensed_when_printed_then_classes_are_summed() -> None:
    text = report.condensed("100", MIXED, "atr", "hw")
    assert text.split("\n", 4)[4].split("\n\n")[0] == (
        "         Algorithm\n"
        "      n+f+q    s    v  o+x\n"
        "     _____________________\n"
        "  N  | 1000    2    3    9\n"
        "  S  |    6   70    0    0\n"
        "  V  |    8    0   90    1\n"
        " F+Q |   21    1   11    0\n"
        " O+X |   13   14   15"
    )
    assert text.endswith("\n     RMS RR interval error:  25.00 ms\n")


def test_condensed_when_sveb_are_not_asked_for_then_they_are_normal_beats() -> None:
    text = report.condensed("100", MIXED, "atr", "hw", sveb=False)
    assert text.split("\n", 4)[4].split("\n\n")[0] == (
        "         Algorithm\n"
        "      n+f+q    v  o+x\n"
        "     ________________\n"
        "  N  | 1078    3    9\n"
        "  V  |    8   90    1\n"
        " F+Q |   22   11    0\n"
        " O+X |   27   15"
    )
    assert text.endswith("   VEB false positive rate:  1.572% (18/1145)\n\n")


def test_line_when_printed_then_each_column_is_under_its_name() -> None:
    head = report.LINE_HEADER.split()
    shown = report.line("100", MIXED).split()
    values = dict(zip(head[:20], shown[:20], strict=True))
    assert values == {
        "Record": "100", "Nn'": "1000", "Sn'": "6", "Vn'": "8", "Fn'": "21", "On'": "13", "Ns": "2", "Ss": "70",
        "Vs": "0", "Fs'": "1", "Os'": "14", "Nv": "3", "Sv": "0", "Vv": "90", "Fv'": "11", "Ov'": "15",
        "No'": "9", "So'": "0", "Vo'": "1", "Fo'": "0",
    }  # fmt: skip
    assert shown[20:] == ["99.18", "96.65", "90.91", "83.33", "92.11", "81.40", "25.00"]


def test_line_when_sveb_are_not_asked_for_then_it_ends_with_the_false_positive_rate() -> None:
    assert report.line("100", MIXED, sveb=False) == (
        " 100  1078   8  22  27   3   90  11  15   9   1   0  99.18  96.65  90.91  83.33  1.572\n"
    )


def test_shutdown_line_when_printed_then_missed_beats_shares_time_and_totals_follow() -> None:
    assert report.shutdown_line("100", MIXED) == (
        " 100    5    0    1    0    0     0.49   0.49   0.00   1.01   0.00   45 seconds 1014 76 99 20 13\n"
    )
    assert report.shutdown_line("100", MIXED, sveb=False) == (
        " 100    5    1    0    0     0.49   0.46   1.01   0.00   45 seconds 1090 0 99 20 13\n"
    )


def test_shutdown_when_beats_were_missed_then_shares_and_time_are_named() -> None:
    text = report.shutdown(result(Nn=6, Nx=2, Sx=1, Vv=1, shutdown_s=45))
    assert text == (
        "\n"
        "  Beats missed in shutdown:  20.00% (2/10)\n"
        "      N missed in shutdown:  25.00% (2/8)\n"
        "      S missed in shutdown: 100.00% (1/1)\n"
        "      V missed in shutdown:   0.00% (0/1)\n"
        "      F missed in shutdown:      -  (0/0)\n"
        "       Total shutdown time:    45 seconds\n"
    )
    assert "S missed" not in report.shutdown(MIXED, sveb=False)


def test_reports_when_nothing_was_found_then_they_show_dashes() -> None:
    empty = result(n_rr=0)
    text = report.standard("100", empty, "atr", "hw")
    assert "QRS sensitivity:      -  (0/0)" in text
    assert text.endswith("RMS RR interval error:      -\n")
    assert report.line("100", empty).endswith("      -      -      -      -      -      -     -\n")


def test_differences_when_listed_then_each_side_has_the_time_that_it_is_about() -> None:
    pairs = (
        BeatPair("N", "N", 100, 101),
        BeatPair("N", "V", 460, 465),
        BeatPair("V", "O", 820, 999),
        BeatPair("O", "S", 820, 999),
        BeatPair("*", "V", 900, 950),
    )
    assert report.differences(Comparison(Matrix(), 0, 0, 0, 360.0, pairs)) == (
        "N(460)/V(465)\nV(820)/O(820)\nO(999)/S(999)\n*(900)/V(950)\n"
    )
