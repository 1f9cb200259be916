"""``python -m train.ec57``: the five tools on WFDB files, with the options of the originals.

Reports are appended to the files that are named; column headings stand in a file that was not there before,
and never in what is printed. Each annotation file may lie in another folder: the environment variable WFDB
lists them.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from edge.recording.annotations import AnnotationError, Mark, encode
from train.ec57 import beats_output, beats_report, episodes, episodes_report, measurements, runs_report
from train.ec57.beats import Comparison, bxb
from train.ec57.errors import Ec57Error
from train.ec57.options import TOOLS, USAGE, parsed
from train.ec57.record import Header, read_annotations, read_header
from train.ec57.runs import rxr
from train.ec57.scope import LEARNING_S, WINDOW_S
from train.ec57.summary import sumstats
from train.ec57.times import clock


def main(argv: list[str] | None = None) -> int:
    """Run one tool; gives the exit status: 0 well, 2 a user's mistake, told in one line on stderr."""
    words = sys.argv[1:] if argv is None else argv
    if not words or words[0] in ("-h", "--help"):
        print(USAGE, end="", file=sys.stdout if words else sys.stderr)
        return 0 if words else 2
    if words[0] not in TOOLS:
        print(f"ec57: unknown tool {words[0]!r}: expected one of {', '.join(TOOLS)}", file=sys.stderr)
        return 2
    try:
        _RUN[words[0]](parsed(words[0], words[1:]))
    except AnnotationError as error:
        print(f"ec57: {error}", file=sys.stderr)
        return 2
    return 0


@dataclass(frozen=True, slots=True)
class _Given:
    """A record as it was asked for: its header, the two lists, and the two annotators' names."""

    record: str
    header: Header
    reference: list[Mark]
    test: list[Mark]
    names: tuple[str, str]
    start_s: float
    end_s: float | None

    @property
    def lists(self) -> tuple[list[Mark], list[Mark], float, int | None]:
        """What every comparison takes first, but for :func:`epicmp`, which takes the kind third."""
        return self.reference, self.test, self.header.fs, self.header.n_samples


def _open(tool: str, args: argparse.Namespace) -> _Given:
    changed = [
        getattr(args, name, None) for name in ("start", "end", "window", "shortest", "shortest_in_both")
    ]
    if any(changed):
        _warn(tool, "nonstandard comparison selected")
    record = args.record.removesuffix(".hea")
    header = read_header(record)
    if header is None:
        header = Header()
        _warn(tool, f"no header {record}.hea: {header.fs:g} Hz assumed")
    lists = []
    for annotator in args.annotators:
        read = read_annotations(record, annotator)
        if not read.whole:
            _warn(tool, f"{record}.{annotator} ends without its end mark; its last mark is lost")
        lists.append(read.at(header.fs))
    start_s = LEARNING_S if args.start is None else header.seconds(args.start)
    end_s = None if args.end is None else header.seconds(args.end)
    return _Given(
        record, header, lists[0], lists[1], (args.annotators[0], args.annotators[1]), start_s, end_s
    )


def _window_s(args: argparse.Namespace, header: Header) -> float:
    return WINDOW_S if args.window is None else header.seconds(args.window)


def _bxb(args: argparse.Namespace) -> None:
    given = _open("bxb", args)
    window_s = _window_s(args, given.header)
    if args.expanded:
        marks = beats_output.expanded(
            *given.lists, start_s=given.start_s, end_s=given.end_s, window_s=window_s
        )
        _write_annotations(given.record, marks)
        return
    result = bxb(*given.lists, start_s=given.start_s, end_s=given.end_s, window_s=window_s)
    if args.verbose:
        print(beats_report.differences(result), end="", file=sys.stderr)
    if result.never_ended is not None:
        at = clock(result.never_ended, result.fs).strip()
        _warn("bxb", f"shutdown from {at} on has no end; it is not in the shutdown time")
    if args.output:
        _write_annotations(given.record, beats_output.remarks(result))
    _report_beats(given, result, *args.report)


def _report_beats(given: _Given, result: Comparison, letter: str, files: list[str]) -> None:
    sveb = letter.isupper()
    if letter in "lL":
        head = beats_report.LINE_HEADER if sveb else beats_report.LINE_HEADER_VEB
        shut_head = beats_report.SHUTDOWN_HEADER if sveb else beats_report.SHUTDOWN_HEADER_VEB
        _append(files[0], beats_report.line(given.record, result, sveb), head)
        _append(files[1], beats_report.shutdown_line(given.record, result, sveb), shut_head)
        return
    write = beats_report.standard if letter in "sS" else beats_report.condensed
    _append(files[0], write(given.record, result, *given.names, sveb=sveb))
    _append("-", beats_report.shutdown(result, sveb))  # the original prints this part whatever was asked


def _rxr(args: argparse.Namespace) -> None:
    given = _open("rxr", args)
    found = rxr(
        *given.lists, start_s=given.start_s, end_s=given.end_s, window_s=_window_s(args, given.header)
    )
    letter, files = args.report
    kinds = [("VE", found.ve, "")]
    if letter.isupper():
        kinds.append(("SVE", found.sve, runs_report.SVE_TITLE))
    for k, (kind, runs, title) in enumerate(kinds):
        if args.verbose:
            _append("-", runs_report.differences(runs, kind))
        if letter in "lL":
            _append(files[k], runs_report.line(given.record, runs), title + runs_report.LINE_HEADER)
        else:
            write = runs_report.standard if letter in "sS" else runs_report.condensed
            _append(files[0], write(given.record, runs, *given.names, kind))


def _epicmp(args: argparse.Namespace) -> None:
    given = _open("epicmp", args)
    reference, test, fs, n_samples = given.lists
    shortest = args.shortest_in_both or args.shortest
    for kind, file in ((episodes.AF, args.af), (episodes.VF, args.vf)):
        if file is None:
            continue
        result = episodes.epicmp(
            reference, test, kind, fs, n_samples,
            start_s=given.start_s, end_s=given.end_s,
            shortest_s=given.header.seconds(shortest) if shortest else 0.0,
            short_in_both=args.shortest_in_both is not None, without_flutter=args.without_flutter,
        )  # fmt: skip
        if args.lines:
            _append(file, episodes_report.line(given.record, result), episodes_report.line_header(kind))
        else:
            _append(file, episodes_report.standard(given.record, result, *given.names))
    if args.af is None and args.vf is None:
        raise Ec57Error("epicmp: got no report to make, expected -A FILE (AF) or -V FILE (VF), - to print")


def _mxm(args: argparse.Namespace) -> None:
    if not -128 <= args.kind <= 127:
        raise Ec57Error(f"mxm: got measurement type {args.kind}, expected -128 to 127")
    given = _open("mxm", args)
    found = measurements.mxm(*given.lists, kind=args.kind, start_s=given.start_s, end_s=given.end_s)
    letter, files = args.report
    if letter in "lL":
        text = measurements.line(given.record, found, not args.plain)
        _append(files[0], text, measurements.line_header(args.kind))
    else:
        _append(files[0], measurements.standard(given.record, found, *given.names, not args.plain))


def _sumstats(args: argparse.Namespace) -> None:
    try:
        text = Path(args.file).read_text(encoding="latin-1")
    except OSError as error:
        raise Ec57Error(f"sumstats: cannot read {args.file}: {error.strerror or error}") from None
    print(sumstats(text, args.file), end="")


_RUN = {"bxb": _bxb, "rxr": _rxr, "epicmp": _epicmp, "mxm": _mxm, "sumstats": _sumstats}


def _append(file: str, text: str, heading: str = "") -> None:
    """Add to a file, with the heading where it is new; '-' prints, without one."""
    if file == "-":
        print(text, end="")
        return
    path = Path(file)
    try:
        text = text if path.exists() else heading + text
        with path.open("a", encoding="latin-1", newline="\n") as out:
            out.write(text)
    except OSError as error:
        raise Ec57Error(f"cannot write {path}: {error.strerror or error}; choose another file") from None


def _write_annotations(record: str, marks: Iterable[Mark]) -> None:
    path = Path(f"{record}.bxb")
    try:
        path.write_bytes(encode(marks))
    except OSError as error:
        raise Ec57Error(
            f"cannot write {path}: {error.strerror or error}; run this in another folder"
        ) from None


def _warn(tool: str, text: str) -> None:
    print(f"{tool}: (warning) {text}", file=sys.stderr)
