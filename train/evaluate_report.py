"""What an evaluation says: a row a record, a summary, as JSON objects or as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from train.ec57 import Matrix, Rate, average, gross
from train.evaluate import Score

_KINDS = ("qrs", "veb", "sveb")
_HEAD = "record    beats    QRS Se     +P    VEB Se     +P   SVEB Se     +P   RR err   early p50  p99 ms"


def row(score: Score) -> dict[str, Any]:
    """One record as a JSON object: statistics in percent, None where undefined."""
    error = score.final.rr_error_ms
    return {
        "record": score.record,
        "lead": score.lead,
        "beats": score.final.matrix.qrs_se.total,
        "answers": score.n_beats,
        **statistics(score.final.matrix),
        "early": statistics(score.early.matrix),
        "early_ms": _percentiles([score]),
        "rr_error_ms": None if error is None else round(error, 2),
        "shutdown_s": score.final.shutdown_s,
        "matrix": {
            reference + test.lower(): n for (reference, test), n in sorted(score.final.matrix.counts.items())
        },
    }


def summary(scores: Sequence[Score], n_resamples: int = 2000) -> dict[str, Any]:
    """All records as a JSON object with the keys summary, average, interval_95.

    ``summary`` holds gross statistics (every beat weighs the same) of the final answers and, under ``early``,
    of the early ones; ``beats`` are the reference beats scored. SVEB stands there once more without record
    232 of mitdb, which alone holds three quarters of the SVEB of DS2. ``average`` weighs every record the
    same; ``interval_95`` is a bootstrap over records.
    """
    final = {score.record: score.final for score in scores}
    total = gross(final)
    head: dict[str, Any] = {
        "records": len(scores),
        "beats": total.qrs_se.total,
        **statistics(total),
        "early_ms": _percentiles(scores),
        "early": statistics(gross({score.record: score.early for score in scores})),
        "shutdown_s": sum(score.final.shutdown_s for score in scores),
    }
    if "232" in final and len(final) > 1:
        rest = gross({record: result for record, result in final.items() if record != "232"})
        head["sveb_without_232"] = statistics(rest)["sveb"]
    means = {name: None if value is None else round(value, 2) for name, value in average(final).items()}
    return {
        "summary": head,
        "average": means,
        "interval_95": intervals([score.final.matrix for score in scores], n_resamples),
    }


def statistics(matrix: Matrix) -> dict[str, dict[str, float | None]]:
    """QRS, VEB and SVEB sensitivity and positive predictivity [percent, 2 decimals]."""
    return {
        kind: {"se": _rounded(getattr(matrix, f"{kind}_se")), "ppv": _rounded(getattr(matrix, f"{kind}_ppv"))}
        for kind in _KINDS
    }


def intervals(
    matrices: Sequence[Matrix], n_resamples: int = 2000, seed: int = 0
) -> dict[str, dict[str, list[float] | None]]:
    """95 % percentile bootstrap intervals of the gross statistics [percent], records drawn with replacement.

    A draw in which a statistic is undefined is left out of it; None where it is so in all draws.
    """
    if not matrices:
        return {kind: {"se": None, "ppv": None} for kind in _KINDS}
    drawn = np.random.default_rng(seed).integers(len(matrices), size=(n_resamples, len(matrices)))
    found: dict[str, dict[str, list[float] | None]] = {}
    for kind in _KINDS:
        found[kind] = {}
        for name in ("se", "ppv"):
            rates: list[Rate] = [getattr(matrix, f"{kind}_{name}") for matrix in matrices]
            counts = np.array([(rate.hits, rate.total) for rate in rates], dtype=np.int64)[drawn].sum(axis=1)
            counts = counts[counts[:, 1] > 0]
            if not len(counts):
                found[kind][name] = None
                continue
            low, high = np.percentile(100.0 * counts[:, 0] / counts[:, 1], (2.5, 97.5))
            found[kind][name] = [round(float(low), 2), round(float(high), 2)]
    return found


def table(scores: Sequence[Score]) -> str:
    """The rows and the gross and average statistics, for people."""
    lines = [_HEAD, "-" * len(_HEAD)]
    lines += [_line(score.record, row(score)) for score in scores]
    told = summary(scores)
    lines += ["-" * len(_HEAD), _line("gross", {**told["summary"], "rr_error_ms": None})]
    means: Mapping[str, Any] = told["average"]
    averaged = {kind: {"se": means[f"{kind}_se"], "ppv": means[f"{kind}_ppv"]} for kind in _KINDS}
    empty = {"p50": None, "p99": None}
    shown = {"beats": "", "early_ms": empty, "rr_error_ms": means["rr_error_ms"], **averaged}
    lines.append(_line("average", shown))
    early = {"beats": "", "early_ms": empty, "rr_error_ms": None, **told["summary"]["early"]}
    lines.append(_line("early", early))
    if "sveb_without_232" in told["summary"]:
        rest = told["summary"]["sveb_without_232"]
        lines.append(
            f"SVEB without record 232: Se {_cell(rest['se']).strip()}  +P {_cell(rest['ppv']).strip()}"
        )
    lines.append(
        "percent; final answers but for the line 'early'; gross: all beats alike, average: all records alike"
    )
    return "\n".join(lines)


def _line(name: str, values: Mapping[str, Any]) -> str:
    early = values["early_ms"]
    shares = "".join("   " + _cell(values[kind]["se"]) + _cell(values[kind]["ppv"]) for kind in _KINDS)
    return (
        f"{name:<8}{values['beats']!s:>7}{shares}  {_cell(values['rr_error_ms'])}"
        f"     {_cell(early['p50'])}{_cell(early['p99'])}"
    )


def _cell(value: float | None) -> str:
    return "      -" if value is None else f"{value:7.2f}"


def _rounded(rate: Rate) -> float | None:
    return None if rate.percent is None else round(rate.percent, 2)


def _percentiles(scores: Sequence[Score]) -> dict[str, float | None]:
    delays = np.concatenate([score.early_ms for score in scores]) if scores else np.zeros(0)
    if not len(delays):
        return {"p50": None, "p99": None}
    p50, p99 = np.percentile(delays, (50, 99))
    return {"p50": round(float(p50), 1), "p99": round(float(p99), 1)}
