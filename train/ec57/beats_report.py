"""The reports of ``bxb`` as text: standard (-s, -S), condensed (-c, -C), and a line a record (-l, -L).

Every function gives the report with SVEB, as the capital option letters do, unless `sveb` is false.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from train.ec57.beats import Comparison
from train.ec57.matrix import ABSENT, SHUT, Matrix, Rate

LINE_HEADER = (
    "Record Nn' Sn' Vn' Fn' On'  Ns  Ss  Vs  Fs' Os' Nv  Sv   Vv  Fv' Ov' No' So' Vo' Fo'"
    "  Q Se   Q +P   V Se   V +P   S Se   S +P RR err\n"
)
LINE_HEADER_VEB = "Record Nn' Vn' Fn' On'  Nv   Vv  Fv' Ov' No' Vo' Fo'  Q Se   Q +P   V Se   V +P  V FPR\n"
SHUTDOWN_HEADER = (
    "Record Nx   Sx   Vx   Fx   Qx  % beats  % N    % S    % V    % F   Total Shutdown\n"
    "                                missed missed missed missed missed      Time\n"
)
SHUTDOWN_HEADER_VEB = (
    "Record Nx   Vx   Fx   Qx  % beats  % N    % V    % F   Total Shutdown\n"
    "                           missed missed missed missed      Time\n"
)
#: The statistics of a matrix, in the order that every report has them in.
STATISTICS: Mapping[str, Callable[[Matrix], Rate]] = MappingProxyType(
    {
        "qrs_se": lambda m: m.qrs_se,
        "qrs_ppv": lambda m: m.qrs_ppv,
        "veb_se": lambda m: m.veb_se,
        "veb_ppv": lambda m: m.veb_ppv,
        "sveb_se": lambda m: m.sveb_se,
        "sveb_ppv": lambda m: m.sveb_ppv,
    }
)
_QRS_AND_VEB = ("qrs_se", "qrs_ppv", "veb_se", "veb_ppv")
_TITLES = {
    "qrs_se": "           QRS sensitivity",
    "qrs_ppv": " QRS positive predictivity",
    "veb_se": "           VEB sensitivity",
    "veb_ppv": " VEB positive predictivity",
    "sveb_se": "          SVEB sensitivity",
    "sveb_ppv": "SVEB positive predictivity",
}
# Rows and columns of the condensed report, and in this order the cells of the line report, which has them
# column by column: reference labels that a row sums, test labels that a column sums.
_ROWS = ("N", "S", "V", "FQ", "OX")
_COLUMNS = ("NFQ", "S", "V", "OX")
_ROW_NAMES = {"N": "  N ", "S": "  S ", "V": "  V ", "FQ": " F+Q", "OX": " O+X"}


def standard(record: str, result: Comparison, reference: str, test: str, sveb: bool = True) -> str:
    """The report of one record with all cells; `reference` and `test` are the annotators' names."""
    matrix = result.matrix if sveb else result.matrix.without_sveb()
    labels = "NSVFQOX" if sveb else "NVFQOX"
    lines = [
        *_title(record, reference, test),
        "               Algorithm",
        "        " + "    ".join(labels.lower()),
        "   " + "_" * (36 if sveb else 31),
    ]
    for row in labels:
        columns = labels[:-2] if row in "OX" else labels
        lines.append(f" {row} |" + "".join(f" {matrix.n(row, column):4d}" for column in columns))
    return "\n".join([*lines, "", *_statistics(result, matrix, sveb)]) + "\n"


def condensed(record: str, result: Comparison, reference: str, test: str, sveb: bool = True) -> str:
    """The report of one record with the cells summed to the classes that EC57 scores."""
    matrix = result.matrix if sveb else result.matrix.without_sveb()
    rows, columns = _classes(sveb)
    names = {"NFQ": "n+f+q", "S": "   s", "V": "   v", "OX": " o+x"}
    lines = [
        *_title(record, reference, test),
        "         Algorithm",
        "      " + " ".join(names[column] for column in columns),
        "     " + "_" * (21 if sveb else 16),
    ]
    for row in rows:
        shown = columns[:-1] if row == "OX" else columns
        lines.append(f"{_ROW_NAMES[row]} |" + "".join(f" {matrix.n(row, column):4d}" for column in shown))
    return "\n".join([*lines, "", *_statistics(result, matrix, sveb)]) + "\n"


def shutdown(result: Comparison, sveb: bool = True) -> str:
    """The report on what was missed in shutdown, of one record."""
    matrix = result.matrix if sveb else result.matrix.without_sveb()
    lines = ["", _named("  Beats missed in shutdown", matrix.beats_in_shutdown)]
    for label in "NSVF" if sveb else "NVF":
        lines.append(_named(f"      {label} missed in shutdown", matrix.in_shutdown(label)))
    lines.append(f"       Total shutdown time: {result.shutdown_s:5d} seconds")
    return "\n".join(lines) + "\n"


def line(record: str, result: Comparison, sveb: bool = True) -> str:
    """One record as one line under :data:`LINE_HEADER` (without SVEB: :data:`LINE_HEADER_VEB`)."""
    if not sveb:
        matrix = result.matrix.without_sveb()
        rates = "".join(share(STATISTICS[name](matrix).percent) for name in _QRS_AND_VEB)
        fpr = matrix.veb_fpr.percent
        return f"{record:>4s}{_counts(matrix, sveb)}{rates}" + share(fpr, 3) + "\n"
    matrix, error = result.matrix, result.rr_error_ms
    rates = "".join(share(statistic(matrix).percent) for statistic in STATISTICS.values())
    tail = "     -" if error is None else f" {error:6.2f}"
    return f"{record:>4s}{_counts(matrix, sveb)}{rates}{tail}\n"


def shutdown_line(record: str, result: Comparison, sveb: bool = True) -> str:
    """One record as one line under :data:`SHUTDOWN_HEADER` (without SVEB: :data:`SHUTDOWN_HEADER_VEB`)."""
    matrix = result.matrix if sveb else result.matrix.without_sveb()
    missed = "".join(f" {matrix.n(label, 'X'):4d}" for label in ("NSVFQ" if sveb else "NVFQ"))
    rates = [matrix.beats_in_shutdown, *(matrix.in_shutdown(label) for label in ("NSVF" if sveb else "NVF"))]
    totals = "".join(f" {matrix.in_shutdown(label).total}" for label in "NSVFQ")
    shares = "".join(share(rate.percent) for rate in rates)
    return f"{record:>4s}{missed}  {shares}{result.shutdown_s:5d} seconds{totals}\n"


def share(percent: float | None, digits: int = 2) -> str:
    """A statistic [percent] in its column of a line, 7 characters, or a dash where it is undefined."""
    return "      -" if percent is None else f" {percent:6.{digits}f}"


def differences(result: Comparison) -> str:
    """A line for each pair of labels that are not the same: label(sample)/label(sample), as -v prints it."""
    lines = []
    for pair in result.pairs:
        if pair.reference == pair.test:
            continue
        extra = pair.reference in (ABSENT, SHUT)
        left, right = (pair.at_test, pair.at_test) if extra else (pair.at_reference, pair.at)
        lines.append(f"{pair.reference}({left})/{pair.test}({right})\n")
    return "".join(lines)


def _classes(sveb: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if sveb:
        return _ROWS, _COLUMNS
    return tuple(row for row in _ROWS if row != "S"), tuple(column for column in _COLUMNS if column != "S")


def _counts(matrix: Matrix, sveb: bool) -> str:
    rows, columns = _classes(sveb)
    text = ""
    for column in columns:
        for row in rows:
            if (row, column) == ("OX", "OX"):
                continue
            width = {("N", "NFQ"): 5, ("V", "V"): 4}.get((row, column), 3)
            text += f" {matrix.n(row, column):{width}d}"
    return text


def _title(record: str, reference: str, test: str) -> list[str]:
    return [
        f"Beat-by-beat comparison results for record {record}",
        f"Reference annotator: {reference}",
        f"     Test annotator: {test}",
        "",
    ]


def _statistics(result: Comparison, matrix: Matrix, sveb: bool) -> list[str]:
    if not sveb:
        named = [_named(_TITLES[name], STATISTICS[name](matrix)) for name in _QRS_AND_VEB]
        # The original ends this report with an empty line, where the RR error stands in the other.
        return [*named, _named("   VEB false positive rate", matrix.veb_fpr, 3), ""]
    error = result.rr_error_ms
    last = "     RMS RR interval error: " + ("     -" if error is None else f"{error:6.2f} ms")
    return [*(_named(_TITLES[name], statistic(matrix)) for name, statistic in STATISTICS.items()), last]


def _named(title: str, rate: Rate, digits: int = 2) -> str:
    text = "     - " if rate.percent is None else f"{rate.percent:6.{digits}f}%"
    return f"{title}: {text} ({rate.hits}/{rate.total})"
