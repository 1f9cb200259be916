"""The reports of ``rxr`` as text: standard (-s, -S), condensed (-c, -C), and a line a record (-l, -L).

Each function gives the report of one kind of runs; `kind` is 'VE' or 'SVE'.
"""

from __future__ import annotations

from collections.abc import Callable

from train.ec57.matrix import Rate
from train.ec57.runs import Run, Runs

LINE_HEADER = "Record CTs CFN CTp CFP STs SFN STp SFP LTs LFN LTp LFP  CSe C+P SSe S+P LSe L+P\n"
#: Stands above :data:`LINE_HEADER` in a file of supraventricular runs.
SVE_TITLE = "(SVE run detection)\n"
_STATISTICS: tuple[tuple[str, Callable[[Runs], Rate]], ...] = (
    ("            Couplet sensitivity", lambda runs: runs.couplet_se),
    ("  Couplet positive predictivity", lambda runs: runs.couplet_ppv),
    ("          Short run sensitivity", lambda runs: runs.short_se),
    ("Short run positive predictivity", lambda runs: runs.short_ppv),
    ("           Long run sensitivity", lambda runs: runs.long_se),
    (" Long run positive predictivity", lambda runs: runs.long_ppv),
)
_ALL = {
    name: range(i, i + 1) for i, name in enumerate(("   0", "   1", "   2", "   3", "   4", "   5", "  >5"))
}
# No run, isolated beat, couplet, short run, long run.
_CLASSES = {
    "  NC": range(1),
    "   V": range(1, 2),
    "   C": range(2, 3),
    "   S": range(3, 6),
    "   L": range(6, 7),
}


def standard(record: str, runs: Runs, reference: str, test: str, kind: str) -> str:
    """The report of one record with every run length from 0 to 5, and >5."""
    head = "          0    1    2    3    4    5   >5"
    tables = (
        _table(runs.n_se, _ALL, head, 5) + "      (Run Sensitivity Summary Matrix)\n\n\n",
        _table(runs.n_ppv, _ALL, head, 5) + " (Run Positive Predictivity Summary Matrix)\n\n",
    )
    return _title(record, reference, test, kind) + "".join(tables) + _statistics(runs)


def condensed(record: str, runs: Runs, reference: str, test: str, kind: str) -> str:
    """The report of one record with the lengths that EC57 scores: none, one, couplet, short, long."""
    head = "         nc    v    c    s    l"
    tables = (
        _table(runs.n_se, _CLASSES, head, 0) + "    (Run Sensitivity Summary Matrix)\n\n\n",
        _table(runs.n_ppv, _CLASSES, head, 0) + " (Run Positive Predictivity Summary Matrix)\n\n",
    )
    return _title(record, reference, test, kind) + "".join(tables) + _statistics(runs)


def line(record: str, runs: Runs) -> str:
    """One record as one line under :data:`LINE_HEADER`."""
    rates = [statistic(runs) for _, statistic in _STATISTICS]
    counts = "".join(f" {rate.hits:3d} {rate.total - rate.hits:3d}" for rate in rates)
    return f"{record:>4s}{counts} " + "".join(whole_percent(rate) for rate in rates) + "\n"


def differences(runs: Runs, kind: str) -> str:
    """A line for each run that the two lists do not have alike: lengths and samples, as -v prints it."""
    text = ""
    for aim, found in (("sensitivity", runs.by_reference), ("positive predictivity", runs.by_test)):
        text += f"\n{kind} Run-by-run comparison for {aim}\n" + "".join(map(_difference, found))
    return text


def whole_percent(rate: Rate) -> str:
    """A rate in whole percent, halves rounded up, or a dash, in a column of 4 characters."""
    return "   -" if rate.percent is None else f" {int(rate.percent + 0.5):3d}"


def named(title: str, rate: Rate, counts: str) -> str:
    """A statistic with its name and what it is a quotient of."""
    shown = "   - " if rate.percent is None else whole_percent(rate) + "%"
    return f"{title}:{shown} ({counts})\n"


def _difference(run: Run) -> str:
    if run.reference == run.test:
        return ""
    return f"{run.reference}/{run.test}({run.start}-{run.end})\n"


def _title(record: str, reference: str, test: str, kind: str) -> str:
    return (
        f"{kind} run-by-run comparison results for record {record}\n"
        f"Reference annotator: {reference}\n     Test annotator: {test}\n\n"
    )


def _table(count: Callable[[range, range], int], lengths: dict[str, range], head: str, indent: int) -> str:
    lines = [" " * (10 + indent) + "Algorithm Run Length", head, "     " + "_" * (len(lengths) * 5 + 1)]
    for i, (name, row) in enumerate(lengths.items()):
        shown = list(lengths.values())[1:] if i == 0 else lengths.values()
        cells = "".join(f" {count(row, column):4d}" for column in shown)
        lines.append(f"{name} |{'     ' if i == 0 else ''}{cells}")
    return "\n".join(lines) + "\n\n"


def _statistics(runs: Runs) -> str:
    rates = ((title, statistic(runs)) for title, statistic in _STATISTICS)
    return "".join(named(title, rate, f"{rate.hits}/{rate.total}") for title, rate in rates) + "\n"
