"""The reports of ``epicmp`` as text: standard, and a line a record (-l, -L)."""

from __future__ import annotations

from train.ec57.episodes import EpisodeComparison, Kind, Tally
from train.ec57.runs_report import named, whole_percent
from train.ec57.times import clock

_COLUMNS = "Record  TPs   FN  TPp   FP  ESe E+P DSe D+P  Ref duration  Test duration \n"
_NO_TIME = "       0.000"


def line_header(kind: Kind) -> str:
    """The two lines that stand above the lines of a file."""
    return f"({kind.name} detection)\n{_COLUMNS}"


def standard(record: str, result: EpisodeComparison, reference: str, test: str) -> str:
    """The report of one record; `reference` and `test` are the annotators' names."""
    ref, tst, fs = result.reference, result.test, result.fs
    return (
        f"{result.kind.name} episode-by-episode comparison results for record {record}\n"
        f"Reference annotator: {reference}\n     Test annotator: {test}\n\n"
        + _counts("           Episode sensitivity", ref)
        + _counts(" Episode positive predictivity", tst)
        + _times("          Duration sensitivity", ref, fs)
        + _times("Duration positive predictivity", tst, fs)
        + f"Duration of reference episodes:  {duration(ref.duration, fs)}\n"
        + f"     Duration of test episodes:  {duration(tst.duration, fs)}\n"
    )


def line(record: str, result: EpisodeComparison) -> str:
    """One record as one line under :func:`line_header`."""
    ref, tst, fs = result.reference, result.test, result.fs
    rates = "".join(
        whole_percent(rate) for rate in (ref.episodes, tst.episodes, ref.durations, tst.durations)
    )
    counts = f"{ref.matched:4d} {ref.missed:4d} {tst.matched:4d} {tst.missed:4d} "
    return f"{record:>6s} {counts}{rates}  {duration(ref.duration, fs)}   {duration(tst.duration, fs)}\n"


def duration(n: int, fs: float) -> str:
    """A number of samples as a time of 12 characters, such as '    1:37.900'."""
    return clock(n, fs) if n else _NO_TIME


def _counts(title: str, tally: Tally) -> str:
    return named(title, tally.episodes, f"{tally.episodes.hits}/{tally.episodes.total}")


def _times(title: str, tally: Tally, fs: float) -> str:
    shared, whole = duration(tally.overlap, fs).lstrip(), duration(tally.duration, fs).lstrip()
    return named(title, tally.durations, f"{shared}/{whole}")
