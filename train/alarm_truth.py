"""Was a lethal alarm right? The labels of a record decide. Pure.

An alarm is true when, within the seconds that its rule looks at and the time that a rule takes to speak, the
labels show what it says, with a little room at the limits: the labels are those of 1980, set to the QRS within
some ten milliseconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from train.databases import VF_LABELS
from train.ec57 import Mark
from train.labels import aami

LETHAL = frozenset({"asystole", "vf", "vt", "extreme_brady", "extreme_tachy"})

BEFORE_S, AFTER_S = 12.0, 2.0
"""Labels so long before an alarm's beginning and after its telling are looked at."""

ASYSTOLE_S = 3.8
BRADY_BPM, BRADY_BEATS = 42.0, 5
TACHY_BPM, TACHY_BEATS = 135.0, 17
VT_BPM, VT_BEATS = 95.0, 4


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """A record's labels in seconds: beats `r_s` (n,), which of them are ventricular (n,) (V, E or F), and the
    stretches (start, end) of ventricular flutter or fibrillation."""

    r_s: NDArray[np.float64]
    ventricular: NDArray[np.bool_]
    vf_s: Sequence[tuple[float, float]]


def truth_of(labels: Sequence[Mark], fs: float, n: int) -> Truth:
    """The truth in the labels of a record of `n` samples at `fs` Hz."""
    beats = [(mark.sample, aami(mark.symbol)) for mark in labels]
    found = [(at, kind) for at, kind in beats if kind is not None]
    return Truth(
        np.array([at / fs for at, _ in found]),
        np.array([kind in ("V", "F") for _, kind in found], bool),
        [(a / fs, b / fs) for a, b in _flutter(labels, n)],
    )


def _flutter(labels: Sequence[Mark], n: int) -> list[tuple[int, int]]:
    """Stretches between [ and ], and of rhythms that are flutter or fibrillation."""
    spans: list[tuple[int, int]] = []
    bracket: int | None = None
    rhythm: int | None = None
    for mark in labels:
        if mark.symbol == "[":
            bracket = mark.sample
        elif mark.symbol == "]" and bracket is not None:
            spans.append((bracket, mark.sample))
            bracket = None
        elif mark.symbol == "+" and mark.aux.startswith("("):
            if rhythm is not None:
                spans.append((rhythm, mark.sample))
            rhythm = mark.sample if mark.aux.strip("(\x00 ") in VF_LABELS else None
    return spans + [(start, n) for start in (bracket, rhythm) if start is not None]


def justified(name: str, since_s: float, told_s: float, truth: Truth) -> bool:
    """Whether the labels bear out the lethal alarm `name` whose cause began at `since_s`, told at `told_s`.

    A run of ventricular beats bears out `vf` too, and flutter `vt`: which of the two lethal rhythms it is is
    not what an alarm is called false for. Neither flutter nor fibrillation has beats, so they bear out
    `asystole` and `extreme_brady` as well.
    """
    start, end = max(0.0, since_s - BEFORE_S), told_s + AFTER_S
    if any(a < end and b > start for a, b in truth.vf_s):
        return True
    inside = (truth.r_s >= start) & (truth.r_s <= end)
    r, v = truth.r_s[inside], truth.ventricular[inside]
    if name == "asystole":
        edges = np.concatenate(([start], r, [told_s]))
        return bool(np.diff(edges).max() >= ASYSTOLE_S)
    if name == "extreme_brady":
        return _rates(r, BRADY_BEATS).min(initial=np.inf) < BRADY_BPM
    if name == "extreme_tachy":
        return _rates(r, TACHY_BEATS).max(initial=0.0) > TACHY_BPM
    return bool((_rates(r, VT_BEATS)[_all_of(v, VT_BEATS)] > VT_BPM).any())


def _rates(r_s: NDArray[np.float64], n: int) -> NDArray[np.float64]:
    """Rate in bpm over every `n` beats in a row."""
    if len(r_s) < n:
        return np.zeros(0)
    return 60.0 * (n - 1) / (r_s[n - 1 :] - r_s[: 1 - n])


def _all_of(flags: NDArray[np.bool_], n: int) -> NDArray[np.bool_]:
    """For every `n` in a row, whether all are set."""
    if len(flags) < n:
        return np.zeros(0, bool)
    return np.convolve(flags, np.ones(n, int), "valid") == n
