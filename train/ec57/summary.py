"""``sumstats``: sums, gross and average statistics of a file of line reports, whichever tool wrote it.

The first line of the file says what it is. Quirks of the original that are kept:

- F beats called S count as false SVEB in a record's line, but not in the gross and average statistics.
- The sums of beats in a shutdown report without SVEB are taken twice, so that its gross shares are half of
  what they are; records without beats are not counted there. A shutdown report with SVEB has sums alone.
- The overlap of episodes is worked out from the rounded percentages: of the longer duration of both lists, and
  cut to whole milliseconds record by record.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from train.ec57 import beats_report, measurements, runs_report
from train.ec57.averages import mean_percent, total
from train.ec57.beats_report import share
from train.ec57.errors import Ec57Error
from train.ec57.matrix import Rate
from train.ec57.measurements import number
from train.ec57.times import clock, samples, seconds

#: Rate that episode durations are read at, so that a sample is a millisecond.
_MS = 1000.0
Fields = Sequence[str]


@dataclass(frozen=True, slots=True)
class _Report:
    """A kind of line report: how many header lines it has, how many fields a line, and what to make of them."""

    n_header: int
    n_fields: int
    summary: Callable[[list[Fields]], str]


def sumstats(text: str, name: str = "the file") -> str:
    """The lines of a report, and below them their sums, gross and average statistics.

    Parameters
    ----------
    text : str
        A file that bxb, rxr, epicmp or mxm wrote with -l or -L, column headings and all.
    name : str
        What to call it in an error.

    Raises
    ------
    Ec57Error
        For a text of another form, or a line that has too few fields.
    """
    lines = text.splitlines()
    if not lines or (report := _REPORTS.get(lines[0])) is None:
        raise Ec57Error(
            f"{name}: expected a file that bxb, rxr, epicmp or mxm wrote with -l or -L, with column headings"
        )
    rows = [_fields(line, report.n_fields, name) for line in lines[report.n_header :]]
    try:
        summary = report.summary(rows)
    except ValueError as error:
        raise Ec57Error(f"{name}: illegal format: {error}") from None
    return "\n".join(lines) + "\n" + summary


def _fields(line: str, n: int, name: str) -> Fields:
    fields = line.split()
    if len(fields) < n:
        raise Ec57Error(f"{name}: illegal format: got {len(fields)} fields, expected {n}: {line!r}")
    return fields


def _column(rows: list[Fields], k: int) -> list[int]:
    return [int(row[k]) for row in rows]


def _ending(n: int) -> str:
    return f"\nSummary of results from {n} record{'' if n == 1 else 's'}\n"


_BEATS = ("Nn", "Vn", "Fn", "On", "Nv", "Vv", "Fv", "Ov", "No", "Vo", "Fo")
_BEATS_SVEB = (
    "Nn", "Sn", "Vn", "Fn", "On", "Ns", "Ss", "Vs", "Fs", "Os", "Nv", "Sv", "Vv", "Fv", "Ov", "No", "So", "Vo",
    "Fo",
)  # fmt: skip


class _Cells:
    """The cells of a line, or of many: `n` sums those of some rows and columns."""

    def __init__(self, counts: dict[str, int]) -> None:
        self._counts = counts

    def n(self, rows: str, columns: str) -> int:
        return sum(self._counts.get(row + column, 0) for row in rows for column in columns)

    def rates(self) -> list[Rate]:
        """QRS, VEB and SVEB sensitivity and positive predictivity."""
        hits = self.n("NSVF", "nsv")
        return [
            Rate(hits, self.n("NSVF", "nsvo")),
            Rate(hits, self.n("NSVFO", "nsv")),
            Rate(self.n("V", "v"), self.n("V", "nsvo")),
            Rate(self.n("V", "v"), self.n("NSVO", "v")),
            Rate(self.n("S", "s"), self.n("S", "nsvo")),
            Rate(self.n("S", "s"), self.n("NSVO", "s")),
        ]

    def veb_fpr(self) -> Rate:
        false = self.n("NO", "v")
        return Rate(false, self.n("NFO", "n") + false)


def _cells(rows: list[Fields], names: Sequence[str]) -> tuple[list[_Cells], _Cells]:
    """The cells of each line, and their sums."""
    columns = [_column(rows, k + 1) for k in range(len(names))]
    each = [_Cells(dict(zip(names, counts, strict=True))) for counts in zip(*columns, strict=True)]
    return each, _Cells({name: sum(column) for name, column in zip(names, columns, strict=True)})


def _sums(cells: _Cells, names: Sequence[str]) -> str:
    text = f" {cells.n(*names[0]):6d}"
    return text + "".join(f" {cells.n(*name):{4 if name == 'Vv' else 3}d}" for name in names[1:])


def _beats(rows: list[Fields]) -> str:
    """bxb -l."""
    each, sums = _cells(rows, _BEATS)
    rates = zip(*(cells.rates()[:4] for cells in each), strict=True) if each else [()] * 4
    gross = "".join(share(rate.percent) for rate in sums.rates()[:4]) + share(sums.veb_fpr().percent, 3)
    means = "".join(share(mean_percent(column)) for column in rates)
    means += share(mean_percent(cells.veb_fpr() for cells in each), 3)
    return (
        f"{'_' * 86}\nSum {_sums(sums, _BEATS)}\nGross{'':49}{gross}\nAverage{'':47}{means}\n"
        f"Total QRS complexes: {sums.n('NVF', 'nvo')}  Total VEBs: {sums.n('V', 'nvo')}\n"
        + _ending(len(rows))
    )


def _beats_sveb(rows: list[Fields]) -> str:
    """bxb -L."""
    each, sums = _cells(rows, _BEATS_SVEB)
    rates = zip(*(cells.rates() for cells in each), strict=True) if each else [()] * 6
    errors = [number(row[26]) for row in rows if row[26] != "-"]
    # A hundredth and times a hundred, in this order: so the original comes to its last digit.
    error = 100.0 * (total(errors) / 100.0) / len(errors) if errors else None
    gross = "".join(share(rate.percent) for rate in sums.rates())
    means = "".join(share(mean_percent(column)) for column in rates) + share(error)
    return (
        f"{'_' * 132}\nSum{_sums(sums, _BEATS_SVEB)}\nGross{'':78}{gross}\nAverage{'':76}{means}\n"
        f"Total QRS complexes: {sums.n('NSVF', 'nsvo')}  Total VEBs: {sums.n('V', 'nsvo')}"
        f"  Total SVEBs: {sums.n('S', 'nsvo')}\n" + _ending(len(rows))
    )


def _shutdown(rows: list[Fields]) -> str:
    """bxb -l, the second file: missed N V F Q, four shares, seconds, the word, and all beats N S V F Q."""
    missed = [_column(rows, k) for k in (1, 2, 3, 4)]
    beats = [_column(rows, k) for k in (11, 13, 14, 15)]
    per_class = [[Rate(n, of) for n, of in zip(missed[k], beats[k], strict=True)] for k in range(3)]
    per_record = [
        Rate(sum(m), sum(b)) for m, b in zip(zip(*missed, strict=True), zip(*beats, strict=True), strict=True)
    ]
    counted = [rate for rate in per_record if rate.total]
    doubled = [Rate(sum(rate.hits for rate in per_record), 2 * sum(rate.total for rate in per_record))]
    doubled += [Rate(sum(r.hits for r in rates), 2 * sum(r.total for r in rates)) for rates in per_class]
    counts = "".join(f" {sum(column):4d}" for column in missed)
    return (
        f"{'_' * 68}\nSum  {counts}{'':31}{sum(_column(rows, 9)):4d} seconds\n"
        f"Gross{'':20}{''.join(share(rate.percent) for rate in doubled)}\n"
        f"Average{'':18}{''.join(share(mean_percent(rates)) for rates in [counted, *per_class])}\n"
        + _ending(len(counted))
    )


def _shutdown_sveb(rows: list[Fields]) -> str:
    """bxb -L, the second file: sums alone."""
    counts = "".join(f" {sum(_column(rows, k)):4d}" for k in range(1, 6))
    return f"{'_' * 72}\nSum {counts}{'':38}{sum(_column(rows, 11)):4d} seconds\n" + _ending(len(rows))


def _runs(rows: list[Fields]) -> str:
    """rxr, of either kind of runs."""
    hits = [_column(rows, k) for k in range(1, 13, 2)]
    misses = [_column(rows, k) for k in range(2, 14, 2)]
    each = [[Rate(h, h + m) for h, m in zip(*pair, strict=True)] for pair in zip(hits, misses, strict=True)]
    sums = [Rate(sum(r.hits for r in rates), sum(r.total for r in rates)) for rates in each]
    counts = [n for rate in sums for n in (rate.hits, rate.total - rate.hits)]
    gross = "".join(_whole(rate.percent) for rate in sums)
    means = "".join(_whole(mean_percent(rates)) for rates in each)
    return (
        f"{'_' * 77}\nSum   {counts[0]:4d}{''.join(f' {n:3d}' for n in counts[1:])}\n"
        f"Gross{'':50}{gross}\nAverage{'':48}{means}\n"
        f"Total couplets: {sums[0].total}  Total short runs: {sums[2].total}"
        f"  Total long runs: {sums[4].total}\n" + _ending(len(rows))
    )


def _episodes(rows: list[Fields]) -> str:
    """epicmp."""
    counts = [_column(rows, k) for k in (1, 2, 3, 4)]
    shares = [[Rate(h, h + m) for h, m in zip(*counts[k : k + 2], strict=True)] for k in (0, 2)]
    lengths = [[samples(seconds(row[k], _MS), _MS) for row in rows] for k in (9, 10)]
    percents = [[number(row[k]) / 100.0 for row in rows] for k in (7, 8)]
    overlap = 0
    for (ref, tst), (of_ref, of_tst) in zip(
        zip(*lengths, strict=True), zip(*percents, strict=True), strict=True
    ):
        overlap = int(overlap + (ref * of_ref if ref > tst else tst * of_tst))
    sums = [Rate(sum(r.hits for r in rates), sum(r.total for r in rates)) for rates in shares]
    sums += [Rate(overlap, sum(length)) for length in lengths]
    means = [mean_percent(rates) for rates in shares]
    for length, percent in zip(lengths, percents, strict=True):
        known = [p for n, p in zip(length, percent, strict=True) if n > 0]
        means.append(100.0 * total(known) / len(known) if known else None)
    text = " ".join(f"{sum(column):4d}" for column in counts)
    return (
        f"{'_' * 72}\nSum    {text}{'':19}{clock(sum(lengths[0]), _MS)}   {clock(sum(lengths[1]), _MS)}\n"
        f"Gross{'':22}{''.join(_whole(rate.percent) for rate in sums)}\n"
        f"Average{'':20}{''.join(map(_whole, means))}\n" + _ending(len(rows))
    )


def _measures(rows: list[Fields]) -> str:
    """mxm."""
    n, error, mean = len(rows), "   -", "   -"
    if n:
        error = f" {100.0 * total(number(row[1]) for row in rows) / (100.0 * n):7.4f}"
        mean = f"{100.0 * total(number(row[2]) for row in rows) / (100.0 * n):g}"
    return f"{'_' * 50}\nAverage{error}\t\t{mean}\n" + _ending(n)


def _whole(percent: float | None) -> str:
    """A statistic in whole percent, halves to even as printf rounds."""
    return "   -" if percent is None else f" {percent:3.0f}"


_EPISODES = _Report(2, 11, _episodes)
_REPORTS = {
    beats_report.LINE_HEADER_VEB.rstrip("\n"): _Report(1, 12, _beats),
    beats_report.LINE_HEADER.rstrip("\n"): _Report(1, 27, _beats_sveb),
    beats_report.SHUTDOWN_HEADER_VEB.split("\n")[0]: _Report(2, 16, _shutdown),
    beats_report.SHUTDOWN_HEADER.split("\n")[0]: _Report(2, 12, _shutdown_sveb),
    runs_report.LINE_HEADER.rstrip("\n"): _Report(1, 13, _runs),
    runs_report.SVE_TITLE.rstrip("\n"): _Report(2, 13, _runs),
    "(AF detection)": _EPISODES,
    "(VF detection)": _EPISODES,
    "(Ischemic ST detection, both signals)": _EPISODES,
    "(Ischemic ST detection, signal 0)": _EPISODES,
    "(Ischemic ST detection, signal 1)": _EPISODES,
    measurements.LINE_TITLE.rstrip("\n"): _Report(3, 3, _measures),
}
