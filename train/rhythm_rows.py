"""Rows of the table of accuracy about rhythm: VF and VT against the rest, in windows of four seconds, by patient.

Every patient of vfdb, cudb and mitdb DS1 (without 201) is looked at by the rhythm CNN of the fold that holds them out,
through the monitor's own front end, a window a second where one rhythm fills it. What vfdb labels as noise, and what
cudb leaves without a label (all but fibrillation in most of its records), is not scored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.artefact import load_rhythm_cnn
from edge.cnn import Int8Cnn
from firmware_bridge.types import BadInput
from train import rhythm_windows
from train.dataset import Fold
from train.rhythm_windows import VF, VT
from train.splits import Key, person

DATABASES = ("vfdb", "cudb", "mitdb")
THRESHOLD = 0.5
"""Probability of VT and VF together from which the monitor counts a window as lethal (edge.alarms.rules, vf_prob)."""

Counts = NDArray[np.int64]
"""Of one patient: lethal windows, those found, other windows, those left alone."""


def folder_of(fold: Fold, folds: Path) -> Path:
    """Where the rhythm CNN lies that has seen nobody of this fold."""
    return folds / fold.folder


def networks(folds: Path, n: int) -> Iterable[tuple[Fold, Int8Cnn]]:
    """Each fold and its rhythm CNN. Raises BadInput where one is missing or damaged."""
    for fold in (Fold(k, n) for k in range(n)):
        folder = folder_of(fold, folds)
        if not folder.is_dir():
            raise BadInput(f"{folder}: no such folder; make it with python -m train quantise rhythm_cnn")
        yield fold, load_rhythm_cnn(folder)


def lethal_counts(key: Key, cnn: Int8Cnn) -> Counts:
    """How one patient's windows fared."""
    lethal, told = [], []
    for image, label in rhythm_windows.windows_of(rhythm_windows.load(*key)):
        probs = cnn.probs(image)
        lethal.append(label in (VT, VF))
        told.append(float(probs[VT - 1] + probs[VF - 1]) >= THRESHOLD)
    truth, said = np.array(lethal, bool), np.array(told, bool)
    return np.array([truth.sum(), (truth & said).sum(), (~truth).sum(), (~truth & ~said).sum()])


def by_patient(folds: Path, n: int) -> dict[Key, Counts]:
    """Every patient of :data:`DATABASES`, each seen by the fold that holds them out."""
    out: dict[Key, Counts] = {}
    for fold, cnn in networks(folds, n):
        for key in sorted(rhythm_windows.held_out(fold)):
            if key[0] in DATABASES:
                out[key] = lethal_counts(key, cnn)
    return out


def row(counts: Mapping[Key, Counts]) -> dict[str, Any]:
    """Sensitivity and specificity [percent] over all windows, 95 % bootstrap intervals over patients, counts."""
    each = np.stack([counts[key] for key in sorted(counts)])
    drawn = np.random.default_rng(0).integers(len(each), size=(2000, len(each)))
    totals = each[drawn].sum(1)
    out: dict[str, Any] = {"patients": len({person(*key) for key in counts})}
    out["windows"] = {"lethal": int(each[:, 0].sum()), "other": int(each[:, 2].sum())}
    out["interval_95"] = {}
    for name, of, right in (("se", 0, 1), ("sp", 2, 3)):
        n, hits = totals[:, of], totals[:, right]
        whole = each[:, of].sum()
        out[name] = round(100.0 * each[:, right].sum() / whole, 2) if whole else None
        ends = np.percentile(100.0 * hits[n > 0] / n[n > 0], (2.5, 97.5)) if (n > 0).any() else None
        out["interval_95"][name] = None if ends is None else [round(float(v), 2) for v in ends]
    return out


def worst(counts: Mapping[Key, Counts], most: int = 6) -> list[str]:
    """The patients with the most windows wrong, and how many of how many."""
    wrong = {k: int(c[0] - c[1] + c[2] - c[3]) for k, c in counts.items()}
    order = sorted(wrong, key=lambda k: -wrong[k])[:most]
    return [
        f"{'/'.join(k)}: missed {counts[k][0] - counts[k][1]} of {counts[k][0]}, "
        f"false {counts[k][2] - counts[k][3]} of {counts[k][2]}"
        for k in order
        if wrong[k]
    ]


def table(folds: Path, n: int) -> dict[str, Any]:
    """The row, the same by database, and who is worst."""
    counts = by_patient(folds, n)
    out = row(counts)
    out["by database"] = {d: row({k: c for k, c in counts.items() if k[0] == d}) for d in DATABASES}
    out["worst"] = worst(counts)
    return out


def lines(found: Mapping[str, Any]) -> Iterable[str]:
    """The row for people."""
    yield "VF and VT against the rest, 4 s, by folds: " + sentence(found)
    for database, one in found["by database"].items():
        yield f"  {database}: {sentence(one)}"
    yield f"  most errors: {'; '.join(found['worst']) or 'none'}"


def sentence(one: Mapping[str, Any]) -> str:
    """Se and Sp with their intervals, and of how much."""
    parts = []
    for name, title in (("se", "Se"), ("sp", "Sp")):
        value, ends = one[name], one["interval_95"][name]
        parts.append(f"{title} -" if value is None else f"{title} {value:.2f} [{ends[0]:.2f}, {ends[1]:.2f}]")
    windows = one["windows"]
    return (
        f"{', '.join(parts)}; {one['patients']} patients, {windows['lethal']} and {windows['other']} windows"
    )
