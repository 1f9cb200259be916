"""Thousands of people more, with weak labels: cinc2017's recordings of normal rhythm and of atrial fibrillation.

Nobody has labelled their beats, but the rhythm of the recording says something of each: where it was called
normal every beat is N; in atrial fibrillation none is S, for there is no P-wave that could come early. The
R-peaks are those that the monitor's own pipeline finds in them.
"""

from __future__ import annotations

import os
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from edge.artefact import Models, load_networks, shipped
from edge.pipeline import Pipeline
from edge.types import Beat
from firmware_bridge.types import SampleBlock
from train import databases, rhythm_windows, splits
from train.dataset import NOT_S, Fold, Patient, cache_dir, load_patient
from train.front import FS_MODEL

CLASS_OF = {"N": 0, "A": NOT_S}
"""Label of a recording to the class of its beats; the other labels say nothing of single beats."""

LEAST_SQI, LEAST_BEATS = 0.8, 12
FIRST_S = 2.0
"""Left out of every recording: the device's own filters settle."""

STEADY = 1.35
"""In a normal recording the longest RR is at most so many times the median, the shortest no less than the inverse:
what lies beyond is a missed or false peak, or an ectopic beat that the label passed over."""


def held_out(fold: Fold) -> frozenset[splits.Key]:
    """(database, record) of all that a fold's networks of beats have not heard: its labelled patients, and the
    recordings of cinc2017 that its rhythm CNN has not heard either."""
    weak = (key for key in rhythm_windows.held_out(fold) if key[0] == "cinc2017")
    return fold.held_out() | frozenset(weak)


def weak_patients(fold: Fold) -> tuple[list[Patient], list[Patient]]:
    """(recordings to train on, recordings held out), of group 'cinc', by :func:`held_out`.

    They come from a file in the cache that is made on the first call (minutes, two cores).
    """
    path = cache_dir() / "weak_beats.npz"
    if not path.exists():
        _build(path)
    with np.load(path) as z:
        found = [(name[2:], z[name]) for name in z.files if name.startswith("r_")]
        classes = {name[2:]: int(z[name]) for name in z.files if name.startswith("c_")}
    out = held_out(fold)
    loaded = [(_patient(name, r, classes[name]), ("cinc2017", name) in out) for name, r in found]
    return [p for p, held in loaded if not held], [p for p, held in loaded if held]


def _patient(name: str, r: np.ndarray, label: int) -> Patient:
    patient = load_patient("cinc2017", name, "cinc")
    mask = patient.mask.copy()
    mask[: int(FIRST_S * FS_MODEL)] = 0
    classes = np.full(len(r), label, np.int64)
    return Patient(patient.name, "cinc", patient.x, r, classes, mask, patient.rhythm)


def _build(path: Path) -> None:
    from tqdm import tqdm

    names = databases.names("cinc2017")
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        found = list(tqdm(pool.map(_look, names, chunksize=32), total=len(names), desc="weak labels"))
    columns: dict[str, np.ndarray] = {}
    for name, one in zip(names, found, strict=True):
        if one is not None:
            columns[f"r_{name}"], columns[f"c_{name}"] = one[0], np.int64(one[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part.npz")
    np.savez(part, **columns)
    part.replace(path)


_models: list[Models] = []


def _look(name: str) -> tuple[np.ndarray, int] | None:
    """R-peaks (samples at 125 Hz) of one recording and the class of its beats; None where it does not serve."""
    record = databases.load("cinc2017", name)
    label = CLASS_OF.get(record.rhythms[0].label) if record.rhythms else None
    if label is None:
        return None
    if not _models:
        _models.append(load_networks(shipped()))
    pipeline = Pipeline(_models[0], wave_ms=0.0)
    block = SampleBlock("training", 0, record.fs, record.mv[:, :1], ("ECG",))
    beats = [e for e in pipeline.push(block) if isinstance(e, Beat) and not e.final]
    r = np.array([b.r_peak.sample for b in beats]) * (FS_MODEL / record.fs)
    return (r, label) if serves(r, np.array([b.sqi for b in beats]), label) else None


def serves(r: np.ndarray, sqi: np.ndarray, label: int) -> bool:
    """Whether a recording's peaks are to be believed: enough of them, a good signal, and, if normal, steady."""
    if len(r) < LEAST_BEATS or sqi.mean() < LEAST_SQI:
        return False
    rr = np.diff(r)
    middle = np.median(rr)
    return label == NOT_S or bool(rr.max() <= STEADY * middle and rr.min() >= middle / STEADY)
