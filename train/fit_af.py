"""Atrial fibrillation from RR intervals: a logistic regression on the irregularity of 32 intervals (afdb)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.rhythm import AF_BEATS, irregularity
from firmware_bridge.types import BadInput
from train.databases import data_root

HOP = 8
RIDGE = 1e-3


def windows(folder: Path, name: str) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Log irregularities (n, 2) of windows in one rhythm from end to end, and whether it is AF, of one patient."""
    rr = np.loadtxt(folder / f"qrs{name}.txt")
    times, interval = rr[:, 2], rr[:, 1]
    starts, labels = _rhythms(folder / f"atr{name}.txt")
    rhythm = labels[np.maximum(np.searchsorted(starts, times, "right") - 1, 0)]
    x, y = [], []
    for k in range(0, len(interval) - AF_BEATS, HOP):
        part, label = interval[k : k + AF_BEATS], rhythm[k : k + AF_BEATS]
        if (label == label[0]).all() and label[0] >= 0 and ((part > 0.2) & (part < 3.0)).all():
            mean, rms = irregularity(part.tolist())
            x.append((np.log(mean + 0.005), np.log(rms + 0.005)))
            y.append(int(label[0]))
    return np.asarray(x, np.float64).reshape(-1, 2), np.asarray(y, np.int64)


def _rhythms(path: Path) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Start samples and labels: 1 AF or flutter, 0 anything else that is labelled."""
    rows = [line.split() for line in path.read_text().splitlines()[1:]]
    starts = [int(row[1]) for row in rows if len(row) > 6]
    labels = [1 if row[6] in ("(AFIB", "(AFL") else 0 for row in rows if len(row) > 6]
    return np.asarray(starts, np.int64), np.asarray(labels, np.int64)


def regress(x: NDArray[np.float64], y: NDArray[np.int64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logistic regression by Newton's method with a small ridge: constant and two factors."""
    a = np.column_stack([np.ones(len(x)), x])
    w = np.zeros(a.shape[1])
    for _ in range(30):
        p = 1.0 / (1.0 + np.exp(-a @ w))
        slope = a.T @ (weight * (p - y)) + RIDGE * w
        bend = (a * (weight * p * (1.0 - p))[:, None]).T @ a + RIDGE * np.eye(len(w))
        w -= np.linalg.solve(bend, slope)
    return w


def main(out: Path) -> Path:
    """Fit on all patients, score leaving one patient out, write ``af.json``."""
    folder = data_root() / "afdb_rr"
    names = sorted(p.stem[3:] for p in folder.glob("qrs*.txt"))
    if not names:
        raise BadInput(f"no RR intervals in {folder}; unpack afdb_rr there")
    sets = [windows(folder, name) for name in names]
    sets = [s for s in sets if len(s[0])]

    def fit(chosen: list[tuple[NDArray[np.float64], NDArray[np.int64]]]) -> NDArray[np.float64]:
        x, y = np.concatenate([s[0] for s in chosen]), np.concatenate([s[1] for s in chosen])
        return regress(x, y, np.concatenate([np.full(len(s[0]), 1000.0 / len(s[0])) for s in chosen]))

    tp = fn = fp = tn = 0
    for k, (x, y) in enumerate(sets):
        w = fit(sets[:k] + sets[k + 1 :])
        called = w[0] + x @ w[1:] > 0
        tp, fn = tp + int((called & (y == 1)).sum()), fn + int((~called & (y == 1)).sum())
        fp, tn = fp + int((called & (y == 0)).sum()), tn + int((~called & (y == 0)).sum())
    w = fit(sets)
    result = {
        "af_const": w[0],
        "af_mean": w[1],
        "af_rms": w[2],
        "se": round(100 * tp / (tp + fn), 2),
        "sp": round(100 * tn / (tn + fp), 2),
        "windows": tp + fn + fp + tn,
        "patients": len(sets),
    }
    out.mkdir(parents=True, exist_ok=True)
    (out / "af.json").write_text(json.dumps(result) + "\n")
    print(json.dumps(result))
    return out / "af.json"
