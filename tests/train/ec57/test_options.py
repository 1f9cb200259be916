from __future__ import annotations

import pytest

from train.ec57.errors import Ec57Error
from train.ec57.options import TOOLS, USAGE, parsed

GIVEN = ["-r", "100", "-a", "atr", "hw"]


def test_usage_when_shown_then_every_tool_is_there() -> None:
    assert all(f"  {tool} " in USAGE for tool in TOOLS)


def test_parsed_when_only_the_record_is_given_then_the_report_is_printed() -> None:
    args = parsed("bxb", GIVEN)
    assert (args.record, args.annotators, args.report) == ("100", ["atr", "hw"], ("s", ["-"]))
    assert (args.start, args.end, args.window) == (None, None, None)


def test_parsed_when_two_reports_are_asked_for_then_the_last_counts() -> None:
    assert parsed("bxb", [*GIVEN, "-S", "a", "-L", "b", "c"]).report == ("L", ["b", "c"])
    assert parsed("rxr", [*GIVEN, "-L", "b", "c", "-l", "d"]).report == ("l", ["d"])


@pytest.mark.parametrize(
    ("tool", "letters"),
    [
        ("bxb", "r a f t w v c C l L o O s S"),
        ("rxr", "r a f t w v c C l L s S"),
        ("epicmp", "r a f t A V i I l L x"),
        ("mxm", "r a f t l L m s u"),
        ("sumstats", ""),
    ],
)
def test_help_when_asked_for_then_it_has_the_letters_of_the_original(
    tool: str, letters: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        parsed(tool, ["-h"])
    assert stopped.value.code == 0
    shown = capsys.readouterr().out.split("options:")[-1]
    assert all(f"  -{letter}" in shown or f", -{letter}" in shown for letter in letters.split())


@pytest.mark.parametrize(
    ("tool", "words", "message"),
    [
        ("bxb", ["-r", "100"], "bxb: the following arguments are required: -a"),
        ("bxb", ["-r", "100", "-a", "atr"], "bxb: argument -a: expected 2 arguments"),
        ("rxr", [*GIVEN, "-z"], "rxr: unrecognized arguments: -z"),
        ("bxb", [*GIVEN, "-L", "one"], "bxb: argument -L: expected 2 arguments"),
        ("mxm", [*GIVEN, "-m", "many"], "mxm: argument -m: invalid int value: 'many'"),
        ("sumstats", [], "sumstats: the following arguments are required: FILE"),
    ],
)
def test_parsed_when_an_option_is_wrong_then_one_line_says_which(
    tool: str, words: list[str], message: str
) -> None:
    with pytest.raises(Ec57Error) as raised:
        parsed(tool, words)
    assert str(raised.value) == f"{message}; -h shows the options"


def test_parsed_when_a_measurement_type_is_below_zero_then_it_is_a_number() -> None:
    assert parsed("mxm", [*GIVEN, "-m", "-5"]).kind == -5
