"""What the rhythm CNN learns from: windows of every rhythm that the databases label, and of noise alone."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge.rhythm_window import rhythm_image
from train import databases, splits
from train.augment import add_noise
from train.beat_images import STORE
from train.dataset import HELD_OUT, LEFT_OUT, Patient, load_noise, load_patient

WINDOW = 640
"""5.12 s at 125 Hz."""

HOP = 125
CLASSES = 5

Set = tuple[NDArray[np.int8], NDArray[np.int64]]


def windows_of(
    patient: Patient, rng: np.random.Generator, noises: list[NDArray[np.float32]], hop: int, plain: bool
) -> Set:
    """Windows of one patient that lie in one rhythm from end to end, the class being the label's index less one."""
    images, classes = [], []
    for start in range(int(rng.integers(0, hop)), len(patient.x) - WINDOW, hop):
        labels = patient.rhythm[start : start + WINDOW]
        label = int(labels[-1])
        if label == 0 or (labels == label).mean() < 0.85:
            continue
        lead = 0 if plain else int(rng.integers(patient.x.shape[1]))
        x = patient.x[start : start + WINDOW, lead]
        if not plain:
            x = add_noise(rng, x, noises, 0.3) if label != 5 else x
            x = x * np.float32(-1.0 if rng.random() < 0.1 else 1.0)
            x = x * np.float32(np.exp(rng.uniform(-0.5, 0.5)))
        if label == 4 and np.abs(x).max() < 0.1:
            continue
        images.append(np.rint(rhythm_image(x)[:, 0] * STORE).astype(np.int8))
        classes.append(label - 1)
    return _stack(images, classes)


def noise_windows(rng: np.random.Generator, noises: list[NDArray[np.float32]], n: int) -> Set:
    """Pure recorded noise at any size, and quiet lines with a noise floor (class 0: nothing is fibrillating)."""
    images, classes = [], []
    for k in range(n):
        if k % 3 == 2:
            x = rng.normal(0.0, np.exp(rng.uniform(np.log(0.002), np.log(0.03))), WINDOW).astype(np.float32)
            x, label = np.convolve(x, np.ones(3) / 3, "same").astype(np.float32), 0
        else:
            noise = noises[rng.integers(len(noises))]
            take = int(rng.integers(0, len(noise) - WINDOW))
            x, label = noise[take : take + WINDOW] * np.float32(np.exp(rng.uniform(-1.0, 1.5))), 4
        images.append(np.rint(rhythm_image(x)[:, 0] * STORE).astype(np.int8))
        classes.append(label)
    return _stack(images, classes)


def _stack(images: list[NDArray[np.int8]], classes: list[int]) -> Set:
    if not images:
        return np.zeros((0, WINDOW, 1), np.int8), np.zeros(0, np.int64)
    return np.stack(images)[..., None], np.asarray(classes, np.int64)


def build(seed: int = 1) -> tuple[Set, Set]:
    """(training windows, windows of held-out patients). A tenth of cinc2017 is held out, by the last digit."""
    rng = np.random.default_rng(seed)
    noises = load_noise()
    sets: dict[bool, list[Set]] = {False: [], True: []}
    lists = [("mitdb", [r for r in splits.DS1 if r not in LEFT_OUT]), ("svdb", list(splits.SVDB))]
    lists += [
        ("vfdb", list(splits.VFDB)),
        ("cudb", list(splits.CUDB)),
        ("cinc2017", list(databases.names("cinc2017"))),
    ]
    for database, names in lists:
        for name in names:
            held = name in HELD_OUT.get(database, ()) or (database == "cinc2017" and name.endswith("7"))
            patient = load_patient(database, name, database)
            if database == "svdb":
                patient = _all_other(patient)
            hop = {"vfdb": 62, "cudb": 62, "svdb": 1250, "mitdb": 375}.get(database, 375)
            sets[held].append(windows_of(patient, rng, noises, HOP if held else hop, held))
    sets[False].append(noise_windows(rng, noises, 12000))
    sets[True].append(noise_windows(rng, noises, 600))
    return tuple(tuple(np.concatenate(part) for part in zip(*sets[h], strict=True)) for h in (False, True))  # type: ignore[return-value]


def _all_other(p: Patient) -> Patient:
    """svdb has no rhythm labels; its patients are in neither fibrillation for long."""
    return replace(p, rhythm=np.ones_like(p.rhythm))
