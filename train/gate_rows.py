"""Rows of the table of accuracy about the quality gate: what it calls noise, of noise and of hearts.

No network is in it and no fold: the limits of :class:`edge.signal_measures.NoiseLimits` were set by hand, partly on
records that are scored here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.gate_windows import LETHAL, NOISE, SIGNAL, SOURCES, Looks, everything, looks_of

F64 = NDArray[np.float64]

KINDS = (NOISE, SIGNAL, LETHAL)
N_BINS = 101
"""The quality index is counted in hundredths."""

N_DRAWS = 2000


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """One source: `drawn` rows of sums over its units, of which the first is the plain sum, the others bootstrap draws.

    `n_units` is how many records, or pieces of noise, there are; columns are looks, then what was counted of them.
    """

    n_units: int
    drawn: F64

    @property
    def shares(self) -> F64:
        """Every column but the first over the first, a row a draw."""
        out: F64 = self.drawn[:, 1:] / np.maximum(self.drawn[:, :1], 1.0)
        return out


def tallies(looks: Iterable[tuple[Looks, F64]], n_draws: int = N_DRAWS, seed: int = 0) -> dict[str, Tally]:
    """Sums by source, and the same of units drawn with replacement.

    Parameters
    ----------
    looks : iterable of (Looks, ndarray)
        What is to be summed up of each look, shape (looks, columns). Looks at one unit may come apart.
    n_draws, seed : int
        How often units are drawn, and where chance begins: the same draws for the same units.

    Returns
    -------
    dict of str to Tally
        Those sources of which there are looks.
    """
    sums: dict[int, dict[str, F64]] = {}
    for one, told in looks:
        counted = np.column_stack((np.ones(len(one.truth)), told))
        for code in np.unique(one.truth):
            units = sums.setdefault(int(code), {})
            total = counted[one.truth == code].sum(0)
            units[one.unit] = units[one.unit] + total if one.unit in units else total
    out = {}
    for code in sorted(sums):
        each = np.stack([sums[code][unit] for unit in sorted(sums[code])])
        n = len(each)
        draws = np.random.default_rng((seed, code)).multinomial(n, np.full(n, 1.0 / n), n_draws)
        out[SOURCES[code - 1][0]] = Tally(n, np.concatenate((each.sum(0)[None], draws @ each)))
    return out


def said(one: Looks) -> F64:
    """Of each look: called noise by the look, by the votes; and its quality index, one of :data:`N_BINS`."""
    bins = np.zeros((len(one.sqi), N_BINS))
    bins[np.arange(len(bins)), np.rint(one.sqi * (N_BINS - 1)).astype(int)] = 1.0
    return np.column_stack((one.noisy, one.voted, bins))


def kind_mean(found: Mapping[str, Tally], kind: str) -> F64 | None:
    """Mean of the sources' shares, each weighing the same, a row a draw; None without any."""
    parts = [found[name].shares for name, its in SOURCES if its == kind and name in found]
    return np.mean(parts, axis=0) if parts else None


def area(noise: F64, signal: F64) -> F64:
    """ROC area from shares per bin (draws, bins): how often a look at noise has the lower index; ties count half."""
    below = np.cumsum(noise, axis=1) - 0.5 * noise
    out: F64 = (signal * below).sum(axis=1)
    return out


def percent(values: F64) -> dict[str, Any]:
    """Percent and its 95 % interval: the first of `values` (shares), and the rest's percentiles."""
    ends = np.percentile(100.0 * values[1:], (2.5, 97.5))
    return {"percent": round(100.0 * float(values[0]), 2), "interval_95": [round(float(v), 2) for v in ends]}


def table_of(looks: Sequence[Looks], n_draws: int = N_DRAWS) -> dict[str, Any]:
    """The rows: of each source, and of each kind, what share of the looks is called noise; and the ROC areas.

    `noise called noise` is the sensitivity, 100 less `signal called noise` the specificity.
    """
    found = tallies(((one, said(one)) for one in looks), n_draws)
    rows = {}
    for name, kind in SOURCES:
        if name in found:
            one = found[name]
            rows[name] = {
                "kind": kind,
                "units": one.n_units,
                "looks": int(one.drawn[0, 0]),
                "look": percent(one.shares[:, 0]),
                "voted": percent(one.shares[:, 1]),
            }
    means = {kind: mean for kind in KINDS if (mean := kind_mean(found, kind)) is not None}
    out: dict[str, Any] = {"by source": rows}
    out["mean of sources"] = {
        kind: {"look": percent(mean[:, 0]), "voted": percent(mean[:, 1])} for kind, mean in means.items()
    }
    out["roc area of the quality index"] = {
        f"{NOISE} against {kind}": percent(area(means[NOISE][:, 2:], means[kind][:, 2:]))
        for kind in (SIGNAL, LETHAL)
        if kind in means and NOISE in means
    }
    out["worst"] = worst(looks)
    return out


def worst(looks: Sequence[Looks], most: int = 6) -> list[str]:
    """The records with the most looks at lethal rhythms that the votes call noise, and how many of how many."""
    lethal = [k + 1 for k, (_, kind) in enumerate(SOURCES) if kind == LETHAL]
    found: dict[str, tuple[int, int]] = {}
    for one in looks:
        at = np.isin(one.truth, lethal)
        wrong, of = found.get(one.unit, (0, 0))
        found[one.unit] = wrong + int(one.voted[at].sum()), of + int(at.sum())
    order = sorted((unit for unit in found if found[unit][0]), key=lambda unit: (-found[unit][0], unit))
    return [f"{unit}: {found[unit][0]} of {found[unit][1]}" for unit in order[:most]]


def table(n_folds: int) -> dict[str, Any]:
    """The rows of every lead of :func:`train.gate_windows.everything`; half a minute on one core."""
    return table_of([looks_of(lead) for lead in everything(n_folds)])


def lines(found: Mapping[str, Any]) -> Iterable[str]:
    """The rows for people."""
    yield "Quality gate, 4 s, called noise by one look; by the votes of four (percent):"
    for name, one in found["by source"].items():
        told = f"{cell(one['look'])}; {cell(one['voted'])}"
        yield f"  {one['kind']}, {name}: {told}; {one['looks']} looks at {one['units']}"
    for kind, one in found["mean of sources"].items():
        yield f"  {kind}, mean of sources: {cell(one['look'])}; {cell(one['voted'])}"
    for name, one in found["roc area of the quality index"].items():
        yield f"  ROC area of the quality index, {name}: {cell(one)}"
    yield f"  lethal rhythms voted noise, most looks: {'; '.join(found['worst']) or 'none'}"


HEAD = """## Quality gate

What the gate calls noise, of leads that are noise and of leads that are not: four seconds, a look a second, through
the monitor's filters; the electrodes' own tests aside. "Voted" is what the monitor goes by (three noisy looks of the
last four, until one or none is), its lag counted against it. Noise: what cinc2017 and vfdb label so, nstdb's em and ma
alone and over leads at -6 dB (many beats can still be found there: the gate is meant for noise through and through),
and in 118 and 119. **A lethal rhythm called noise is its worst error.** The limits were set by hand, partly on these
records; no DS2. Percent, in brackets the 95 % interval of a bootstrap over records (of em and ma: over pieces of two
minutes).
"""


def card(found: Mapping[str, Any]) -> Iterable[str]:
    """The section of the model card."""
    yield HEAD
    yield "| | records or pieces | looks | called noise | voted noise |"
    yield "|---|---|---|---|---|"
    for name, one in found["by source"].items():
        yield (
            f"| {one['kind']}: {name} | {one['units']} | {one['looks']} | {cell(one['look'])} | {cell(one['voted'])} |"
        )
    for kind, one in found["mean of sources"].items():
        yield f"| **{kind}, mean of its rows** | | | {cell(one['look'])} | {cell(one['voted'])} |"
    yield ""
    yield f"Lethal rhythms voted noise, most looks: {'; '.join(found['worst']) or 'none'}."
    yield ""
    areas = found["roc area of the quality index"].items()
    yield f"ROC area of the quality index: {'; '.join(f'{name} {cell(one)}' for name, one in areas)}."
    yield ""


def cell(one: Mapping[str, Any]) -> str:
    """A percentage with its interval."""
    low, high = one["interval_95"]
    return f"{one['percent']:.2f} [{low:.2f}, {high:.2f}]"
