"""The reports of a beat-by-beat comparison, as text and as numbers, in the layout of the WFDB programs.

:func:`standard` is ``bxb -S``, :func:`beat_line` and :func:`shutdown_line` are ``bxb -L``, and
:func:`sumstats`, :func:`sumstats_shutdown` what ``sumstats`` makes of their lines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from operator import add

from train.ec57 import Comparison, Matrix, Rate

BEAT_HEADER = (
    "Record Nn' Sn' Vn' Fn' On'  Ns  Ss  Vs  Fs' Os' Nv  Sv   Vv  Fv' Ov' No' So' Vo' Fo'"
    "  Q Se   Q +P   V Se   V +P   S Se   S +P RR err"
)
SHUTDOWN_HEADER = (
    "Record Nx   Sx   Vx   Fx   Qx  % beats  % N    % S    % V    % F   Total Shutdown\n"
    "                                missed missed missed missed missed      Time"
)
# Cells of the line format, each a sum over reference labels and test labels, and the width it is printed in.
_CELLS = (
    ("N", "NFQ", 5),
    ("S", "NFQ", 3),
    ("V", "NFQ", 3),
    ("FQ", "NFQ", 3),
    ("OX", "NFQ", 3),
    ("N", "S", 3),
    ("S", "S", 3),
    ("V", "S", 3),
    ("FQ", "S", 3),
    ("OX", "S", 3),
    ("N", "V", 3),
    ("S", "V", 3),
    ("V", "V", 4),
    ("FQ", "V", 3),
    ("OX", "V", 3),
    ("N", "OX", 3),
    ("S", "OX", 3),
    ("V", "OX", 3),
    ("FQ", "OX", 3),
)
#: The six statistics of a matrix, in the order that every report has them in.
STATISTICS: Mapping[str, Callable[[Matrix], Rate]] = {
    "qrs_se": lambda m: m.qrs_se,
    "qrs_ppv": lambda m: m.qrs_ppv,
    "veb_se": lambda m: m.veb_se,
    "veb_ppv": lambda m: m.veb_ppv,
    "sveb_se": lambda m: m.sveb_se,
    "sveb_ppv": lambda m: m.sveb_ppv,
}
_TITLES = {
    "qrs_se": "           QRS sensitivity",
    "qrs_ppv": " QRS positive predictivity",
    "veb_se": "           VEB sensitivity",
    "veb_ppv": " VEB positive predictivity",
    "sveb_se": "          SVEB sensitivity",
    "sveb_ppv": "SVEB positive predictivity",
}


def gross(results: Mapping[str, Comparison]) -> Matrix:
    """Sum of the matrices of all records: every beat weighs the same."""
    return reduce(add, (result.matrix for result in results.values()), Matrix())


def average(results: Mapping[str, Comparison]) -> dict[str, float | None]:
    """Mean over records of each statistic [percent], and of `rr_error_ms`: every record weighs the same.

    A record in which a statistic is undefined does not take part in its mean; None where it is so in all.
    The RR errors are rounded to 0.01 ms before their mean is taken, as in the lines that ``sumstats`` reads.
    """
    means: dict[str, float | None] = {}
    for name, statistic in STATISTICS.items():
        rates = [statistic(result.matrix) for result in results.values()]
        shares = [rate.hits / rate.total for rate in rates if rate.total > 0]
        means[name] = 100.0 * sum(shares) / len(shares) if shares else None
    errors = [float(f"{e:.2f}") for r in results.values() if (e := r.rr_error_ms) is not None]
    means["rr_error_ms"] = sum(errors) / len(errors) if errors else None
    return means


def standard(record: str, result: Comparison, reference: str, test: str) -> str:
    """The report of one record with all cells; `reference` and `test` are the annotators' names."""
    matrix = result.matrix
    lines = [
        f"Beat-by-beat comparison results for record {record}",
        f"Reference annotator: {reference}",
        f"     Test annotator: {test}",
        "",
        "               Algorithm",
        "        n    s    v    f    q    o    x",
        "   ____________________________________",
    ]
    for row in "NSVFQOX":
        columns = "NSVFQ" if row in "OX" else "NSVFQOX"
        lines.append(f" {row} |" + "".join(f" {matrix.n(row, column):4d}" for column in columns))
    lines.append("")
    lines += [_named(_TITLES[name], statistic(matrix)) for name, statistic in STATISTICS.items()]
    error = result.rr_error_ms
    lines.append("     RMS RR interval error: " + ("     -" if error is None else f"{error:6.2f} ms"))
    return "\n".join(lines) + "\n"


def shutdown(result: Comparison) -> str:
    """The report on what was missed in shutdown, of one record."""
    matrix = result.matrix
    lines = ["", _named("  Beats missed in shutdown", matrix.beats_in_shutdown)]
    lines += [_named(f"      {label} missed in shutdown", matrix.in_shutdown(label)) for label in "NSVF"]
    lines.append(f"       Total shutdown time: {result.shutdown_s:5d} seconds")
    return "\n".join(lines) + "\n"


def beat_line(record: str, result: Comparison) -> str:
    """One record as one line under :data:`BEAT_HEADER`."""
    matrix = result.matrix
    error = result.rr_error_ms
    rates = "".join(_cell(statistic(matrix).percent) for statistic in STATISTICS.values())
    return f"{record:>4s}{_counts(matrix)}{rates}" + ("     -" if error is None else f" {error:6.2f}")


def shutdown_line(record: str, result: Comparison) -> str:
    """One record as one line under :data:`SHUTDOWN_HEADER`."""
    matrix = result.matrix
    missed = "".join(f" {matrix.n(label, 'X'):4d}" for label in "NSVFQ")
    rates = [matrix.beats_in_shutdown, *(matrix.in_shutdown(label) for label in "NSVF")]
    totals = "".join(f" {matrix.in_shutdown(label).total}" for label in "NSVFQ")
    shares = "".join(_cell(rate.percent) for rate in rates)
    return f"{record:>4s}{missed}  {shares}{result.shutdown_s:5d} seconds{totals}"


def sumstats(results: Mapping[str, Comparison]) -> str:
    """The lines of all records, in the order given, with sums, gross and average statistics.

    Where a record has no RR error the original stops with "illegal format"; here it stays out of the average.
    """
    total = gross(results)
    lines = [BEAT_HEADER, *(beat_line(record, result) for record, result in results.items()), "_" * 132]
    lines.append("Sum" + _counts(total, first=6))
    rates = "".join(_cell(statistic(total).percent) for statistic in STATISTICS.values())
    lines.append("Gross" + " " * 78 + rates)
    means = average(results)
    lines.append("Average" + " " * 76 + "".join(_cell(value) for value in means.values()))
    lines.append(
        f"Total QRS complexes: {total.qrs_se.total}  Total VEBs: {total.veb_se.total}"
        f"  Total SVEBs: {total.sveb_se.total}"
    )
    return "\n".join([*lines, "", _footer(len(results))]) + "\n"


def sumstats_shutdown(results: Mapping[str, Comparison]) -> str:
    """The shutdown lines of all records, in the order given, with their sums."""
    total = gross(results)
    lines = [
        SHUTDOWN_HEADER,
        *(shutdown_line(record, result) for record, result in results.items()),
        "_" * 72,
    ]
    seconds = sum(result.shutdown_s for result in results.values())
    missed = "".join(f" {total.n(label, 'X'):4d}" for label in "NSVFQ")
    lines.append(f"Sum {missed}{seconds:42d} seconds")
    return "\n".join([*lines, "", _footer(len(results))]) + "\n"


def _counts(matrix: Matrix, first: int = 5) -> str:
    widths = (first, *(width for _, _, width in _CELLS[1:]))
    return "".join(f" {matrix.n(row, col):{w}d}" for (row, col, _), w in zip(_CELLS, widths, strict=True))


def _cell(percent: float | None) -> str:
    return "      -" if percent is None else f" {percent:6.2f}"


def _named(title: str, rate: Rate) -> str:
    share = "     - " if rate.percent is None else f"{rate.percent:6.2f}%"
    return f"{title}: {share} ({rate.hits}/{rate.total})"


def _footer(n: int) -> str:
    return f"Summary of results from {n} record{'' if n == 1 else 's'}"
