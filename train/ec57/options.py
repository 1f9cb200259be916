"""The options of the command line: the letters of the original tools."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from train.ec57.errors import Ec57Error

TOOLS = {
    "bxb": "beat by beat",
    "rxr": "run by run: couplets, short and long runs",
    "epicmp": "episode by episode: AF and VF",
    "mxm": "measurement by measurement, such as heart rates",
    "sumstats": "sums, gross and average statistics of a file of lines",
}
USAGE = (
    "usage: python -m train.ec57 TOOL -r RECORD -a REF TEST [OPTIONS]   (TOOL -h for its options)\n"
    + "".join(f"  {name:<9} {text}\n" for name, text in TOOLS.items())
)


class _Parser(argparse.ArgumentParser):
    """A parser that tells a mistake in one line."""

    def error(self, message: str) -> NoReturn:
        raise Ec57Error(f"{self.prog.split()[-1]}: {message}; -h shows the options")


class _Report(argparse.Action):
    """Keeps which report is wanted and where: the last one given counts."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        files = [values] if isinstance(values, str) else list(values or ())
        namespace.report = ((option_string or "-s")[1], files)


def parsed(tool: str, words: Sequence[str]) -> argparse.Namespace:
    """The options of a tool, from the words after its name.

    Raises
    ------
    Ec57Error
        For an option that the tool does not have, or one that lacks something.
    SystemExit
        After the help that -h asks for.
    """
    parser = _Parser(prog=f"python -m train.ec57 {tool}", description=TOOLS[tool], allow_abbrev=False)
    if tool == "sumstats":
        parser.add_argument("file", metavar="FILE", help="written with -l or -L, column headings and all")
    else:
        _add_common(parser)
        {"bxb": _add_bxb, "rxr": _add_rxr, "epicmp": _add_epicmp, "mxm": _add_mxm}[tool](parser)
    return parser.parse_args(list(words))


def _add_common(parser: _Parser) -> None:
    parser.add_argument("-r", dest="record", metavar="RECORD", required=True, help="the record's name")
    parser.add_argument(
        "-a", dest="annotators", metavar=("REF", "TEST"), nargs=2, required=True,
        help="extensions of the reference and the test annotation file",
    )  # fmt: skip
    parser.add_argument("-f", dest="start", metavar="TIME", help="score from here on (default: 5:0)")
    parser.add_argument(
        "-t",
        dest="end",
        metavar="TIME",
        help="score up to here (default: the record's end; 0: either list's)",
    )
    parser.set_defaults(report=("s", ["-"]))


def _add_window(parser: _Parser) -> None:
    parser.add_argument("-w", dest="window", metavar="TIME", help="match window (default: 0.15)")
    parser.add_argument("-v", dest="verbose", action="store_true", help="list all differences")


def _add_reports(parser: _Parser, of: str, two_files: dict[str, bool]) -> None:
    """Options for the reports: a letter each, and whether it takes two files."""
    what = {"c": "condensed reports", "l": "a line a record", "s": "standard reports"}
    for letter, two in two_files.items():
        text = f"append {what[letter.lower()]}{f' with {of}' if letter.isupper() else ''} to FILE (-: print)"
        if two:
            parser.add_argument(f"-{letter}", action=_Report, nargs=2, metavar=("FILE", "FILE2"), help=text)
        else:
            parser.add_argument(f"-{letter}", action=_Report, metavar="FILE", help=text)


def _add_bxb(parser: _Parser) -> None:
    _add_window(parser)
    twos = {"c": False, "C": False, "l": True, "L": True, "s": False, "S": False}
    _add_reports(parser, "SVEB", twos)
    parser.add_argument("-o", dest="output", action="store_true", help="write RECORD.bxb, an annotation file")
    parser.add_argument(
        "-O", dest="expanded", action="store_true", help="write an expanded RECORD.bxb, and no report"
    )


def _add_rxr(parser: _Parser) -> None:
    _add_window(parser)
    twos = {"c": False, "C": False, "l": False, "L": True, "s": False, "S": False}
    _add_reports(parser, "supraventricular runs", twos)


def _add_epicmp(parser: _Parser) -> None:
    parser.add_argument("-A", dest="af", metavar="FILE", help="append AF reports to FILE (-: print)")
    parser.add_argument("-V", dest="vf", metavar="FILE", help="append VF reports to FILE (-: print)")
    parser.add_argument(
        "-i", dest="shortest", metavar="TIME", help="leave shorter episodes out of the counts"
    )
    parser.add_argument("-I", dest="shortest_in_both", metavar="TIME", help="leave them out everywhere")
    parser.add_argument("-l", "-L", dest="lines", action="store_true", help="a line a record")
    parser.add_argument(
        "-x",
        dest="without_flutter",
        action="store_true",
        help="leave reference flutter out of AF +P (EC38:1998)",
    )


def _add_mxm(parser: _Parser) -> None:
    _add_reports(parser, "the same", {"l": False, "L": False, "s": False})
    parser.add_argument(
        "-m",
        dest="kind",
        metavar="TYPE",
        type=int,
        default=0,
        help="what was measured, -128 to 127 (default: 0)",
    )
    parser.add_argument("-u", dest="plain", action="store_true", help="error in the measurement's own unit")
