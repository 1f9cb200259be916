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


Windows = tuple[NDArray[np.float64], NDArray[np.int64]]


def windows(folder: Path, name: str) -> Windows:
    """Log irregularities (n, 2) of windows in one rhythm from end to end, and whether it is AF (n,), of one patient.

    `folder` holds ``qrsNAME.txt`` (rows of: sample, interval in s, sample) and ``atrNAME.txt`` (rhythm labels as
    ``rdann`` prints them, after a line of headings).
    """
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
        p = 1.0 / (1.0 + np.exp(-np.clip(a @ w, -500.0, 500.0)))
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
    sets = [s for s in (windows(folder, name) for name in names) if len(s[0])]
    result = {**_weights(fit(sets)), **leave_one_out(sets), "patients": len(sets)}
    out.mkdir(parents=True, exist_ok=True)
    (out / "af.json").write_text(json.dumps(result) + "\n")
    print(json.dumps(result))
    return out / "af.json"


def fit(sets: list[Windows]) -> NDArray[np.float64]:
    """Constant and two factors; every patient weighs the same."""
    x, y = np.concatenate([s[0] for s in sets]), np.concatenate([s[1] for s in sets])
    return regress(x, y, np.concatenate([np.full(len(s[0]), 1000.0 / len(s[0])) for s in sets]))


def leave_one_out(sets: list[Windows]) -> dict[str, float]:
    """Sensitivity and specificity for AF in percent, each patient scored by what the others taught."""
    table = np.zeros((2, 2), int)
    for k, (x, y) in enumerate(sets):
        w = fit(sets[:k] + sets[k + 1 :])
        np.add.at(table, (y, (w[0] + x @ w[1:] > 0).astype(int)), 1)
    rates = 100 * table.diagonal() / np.maximum(1, table.sum(1))
    return {"se": round(float(rates[1]), 2), "sp": round(float(rates[0]), 2), "windows": int(table.sum())}


def _weights(w: NDArray[np.float64]) -> dict[str, float]:
    return {"af_const": w[0], "af_mean": w[1], "af_rms": w[2]}
