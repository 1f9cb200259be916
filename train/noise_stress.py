"""The noise stress test: how QRS and VEB fare as noise grows, beside two programs on the same records.

Records 118 and 119 of mitdb with electrode motion added from the fifth minute on, two minutes with, two without
(Moody, Muldrow and Mark, Computers in Cardiology 11:381, 1984). They are two patients, so a bootstrap over records
says nothing: the intervals draw among the stretches of two minutes instead, and tell of these two patients alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from train.evaluate import Score
from train.evaluate_report import intervals, statistics

SNR_DB = (24, 18, 12, 6, 0, -6)
STRETCH_S = 120.0

LOWERED = (1.0, 2.0)
"""Other thresholds of R-peaks than the monitor's, for what it would find if it were less afraid of noise."""

LOWERED_ROW = "QRS in noise, other thresholds"

OTHERS: dict[int, dict[str, dict[str, tuple[float, float]]]] = {
    24: {"gqrs": {"qrs": (100.00, 99.80)}, "OSEA": {"qrs": (99.97, 100.00), "veb": (99.47, 99.73)}},
    18: {"gqrs": {"qrs": (100.00, 98.51)}, "OSEA": {"qrs": (99.97, 99.83), "veb": (99.20, 98.94)}},
    12: {"gqrs": {"qrs": (99.97, 84.80)}, "OSEA": {"qrs": (99.97, 92.38), "veb": (92.57, 66.73)}},
    6: {"gqrs": {"qrs": (99.22, 69.37)}, "OSEA": {"qrs": (98.99, 76.35), "veb": (82.23, 39.14)}},
    0: {"gqrs": {"qrs": (96.67, 58.72)}, "OSEA": {"qrs": (94.83, 67.38), "veb": (64.19, 16.82)}},
    -6: {"gqrs": {"qrs": (95.30, 53.72)}, "OSEA": {"qrs": (86.08, 62.38), "veb": (58.09, 13.18)}},
}
"""Sensitivity and positive predictivity by dB of gqrs (WFDB, C; it tells no classes) and of OSEA (EP Limited, rules,
2002), run on the first lead of the same records and counted by the C program ``bxb``, first 5 minutes skipped."""


def noisy(snr_db: int) -> list[str]:
    """The two records of nstdb with this ratio of signal to noise."""
    name = f"{snr_db:02d}" if snr_db >= 0 else f"_{-snr_db}"
    return [f"118e{name}", f"119e{name}"]


def beside(snr_db: int) -> dict[str, dict[str, dict[str, float]]]:
    """The other programs' figures as rows of the table."""
    return {
        program: {kind: {"se": se, "ppv": ppv} for kind, (se, ppv) in kinds.items()}
        for program, kinds in OTHERS[snr_db].items()
    }


def stretched(scores: Sequence[Score]) -> dict[str, dict[str, list[float] | None]]:
    """95 % intervals over the stretches of the records; over the records where they have none."""
    parts = [matrix for score in scores for matrix in score.stretches]
    return intervals(parts or [score.final.matrix for score in scores])


def halves(scores: Sequence[Score]) -> dict[str, Any]:
    """QRS, VEB and SVEB of the even stretches and of the odd ones: with noise, and in the pauses between."""
    out = {}
    for name, first in (("in noise", 0), ("in the pauses", 1)):
        parts = [matrix for score in scores for matrix in score.stretches[first::2]]
        if parts:
            out[name] = statistics(sum(parts[1:], parts[0]))
    return out


def detected(scores: Mapping[tuple[str, str], Score], snrs_db: Iterable[int] = SNR_DB) -> dict[str, Any]:
    """QRS of both records at each ratio of signal to noise, and its intervals over the stretches."""
    out = {}
    for snr in snrs_db:
        both = [scores["nstdb", name] for name in noisy(snr)]
        total = sum((s.final.matrix for s in both[1:]), both[0].final.matrix)
        out[f"{snr} dB"] = {**statistics(total)["qrs"], "interval_95": stretched(both)["qrs"]}
    return out


def lowered_lines(rows: dict[str, Any]) -> Iterable[str]:
    """For people: QRS at other thresholds."""
    for name, row in rows.items():
        cells = ", ".join(f"{snr} {qrs['se']:.2f} / {qrs['ppv']:.2f}" for snr, qrs in row.items())
        yield f"QRS in noise, threshold {name}, Se / +P: {cells}"


def lowered_card(rows: dict[str, Any]) -> Iterable[str]:
    """The table of the model card: a line a threshold."""
    names = list(next(iter(rows.values())))
    yield f"| threshold | {' | '.join(names)} |"
    yield "|---" * (len(names) + 1) + "|"
    for name, row in rows.items():
        cells = [_told(qrs, qrs["interval_95"] or {}, " / ") for qrs in row.values()]
        yield f"| {name} | {' | '.join(cells)} |"


def lines(rows: dict[str, Any]) -> Iterable[str]:
    """The table for people: heartwire, gqrs, OSEA."""
    yield f"{'noise stress':28}   QRS Se     +P   VEB Se     +P"
    for snr, row in rows.items():
        yield _line(f"{snr}", row["final"])
        for program, kinds in row["beside"].items():
            yield _line(f"  {program}", kinds)


def _line(name: str, kinds: dict[str, Any]) -> str:
    cells = [kinds.get(kind, {}).get(rate) for kind in ("qrs", "veb") for rate in ("se", "ppv")]
    return f"{name:28}" + "".join("       -" if v is None else f"{v:8.2f}" for v in cells)


def card(rows: dict[str, Any]) -> Iterable[str]:
    """The table of the model card."""
    yield "| | program | QRS Se | QRS +P | VEB Se | VEB +P |"
    yield "|---|---|---|---|---|---|"
    for snr, row in rows.items():
        between = row["final"]["interval_95"]
        yield f"| {snr} | **heartwire** | {_cells(row['final'], between)} |"
        for program, kinds in row["beside"].items():
            yield f"| | {program} | {_cells(kinds, {})} |"


def _cells(kinds: dict[str, Any], between: dict[str, Any]) -> str:
    return " | ".join(_told(kinds.get(kind, {}), between.get(kind, {}), " | ") for kind in ("qrs", "veb"))


def _told(rates: dict[str, Any], between: dict[str, Any], gap: str) -> str:
    out = []
    for rate in ("se", "ppv"):
        value, ends = rates.get(rate), between.get(rate)
        text = "-" if value is None else f"{value:.2f}"
        out.append(text + (f" [{ends[0]:.2f}, {ends[1]:.2f}]" if ends else ""))
    return gap.join(out)
