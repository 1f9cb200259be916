"""What the rhythm CNN learns from: windows of every rhythm that the databases label, and of noise alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from edge.alarms.limits import AlarmLimits
from edge.rhythm_window import rhythm_image
from train import databases, splits
from train.augment import add_noise, mix_leads
from train.beat_images import STORE
from train.dataset import (
    LEFT_OUT,
    RHYTHM_LABELS,
    Fold,
    Patient,
    cache_dir,
    front_mark,
    load_noise,
    load_patient,
)
from train.front import FS_MODEL

WINDOW = 500
"""4 s at 125 Hz, the length of stretch that the published figures for VF and VT are of."""

HOP = 125
CLASSES = 5
VT, VF, NOISE = (RHYTHM_LABELS.index(name) for name in ("vt", "vf", "noise"))

Set = tuple[NDArray[np.int8], NDArray[np.int64]]

DRAWS = {"vfdb": 60.0, "cudb": 60.0, "mitdb": 35.0, "svdb": 20.0, "cinc2017": 2.5}
"""Windows drawn of one rhythm of one patient, for the square root of the seconds that it lasts: whoever fibrillates
for a quarter of an hour teaches no more than four who do so for a minute."""

LETHAL_DRAWS = 100.0
"""The same for VT and VF, of which few patients have any."""

HELD_HOP = {"vfdb": HOP, "cudb": HOP}
"""How far apart the windows of patients held out lie; ten times as far in the other databases."""

STRETCH = 1.2
"""Windows are played up to so much faster or slower."""

WIDENED, SLOWEST_WIDENED_RR_S = 0.4, 0.5
"""Share of the windows of labelled beats, slower than 120 bpm, whose beats are made as wide as ventricular ones: a wide
QRS at an ordinary rate is neither VT nor flutter, and few patients (vfdb/418) have one."""

WIDEST = (9, 29)
"""Samples of the smoothing window that widens."""

SLOWEST_VT_BPM = AlarmLimits().vt_bpm
"""Windows labelled VT below it are not learned from: the alarm does not call a wide rhythm so slow VT. They are
scored like all others."""

SHORTEST_PERIOD_S, LONGEST_PERIOD_S, AS_HIGH = 0.16, 1.76, 0.8
"""Between which periods a rhythm's is looked for, and how high beside the highest the peak of the autocorrelation is
that is taken: the first one so high, as a rhythm is as like itself after two beats as after one."""

ASYSTOLE_MV = 0.1
"""Fibrillation smaller than this from top to bottom is asystole (Kerber et al., Circulation 95:1677, 1997)."""


def records() -> list[splits.Key]:
    """(database, record) of all whose rhythm may be learned: none of DS2, nor 201, who is one of them."""
    everyone = [("mitdb", r) for r in splits.DS1 if r not in LEFT_OUT]
    everyone += [("svdb", r) for r in splits.SVDB]
    return everyone + strangers()


def strangers() -> list[splits.Key]:
    """Those of :func:`records` that no other network is trained on with labels: vfdb, cudb and cinc2017."""
    return [(d, r) for d in ("vfdb", "cudb", "cinc2017") for r in databases.names(d)]


def held_out(fold: Fold) -> frozenset[splits.Key]:
    """(database, record) of those that a fold holds out: its share of mitdb and svdb, as for the other networks,
    and of vfdb, cudb and cinc2017."""
    if fold.n == 1:
        return frozenset()
    return (fold.held_out() & set(records())) | frozenset(splits.folds(strangers(), fold.n)[fold.k])


def load(database: str, record: str) -> Patient:
    """One record with its rhythm labels; svdb has none, and is in neither VT nor fibrillation for long."""
    patient = load_patient(database, record, database)
    return replace(patient, rhythm=np.ones_like(patient.rhythm)) if database == "svdb" else patient


def windows_of(patient: Patient, start: int = 0, hop: int = HOP) -> Iterator[tuple[NDArray[np.float32], int]]:
    """(the monitor's image (WINDOW, 1), label) of the first lead every `hop` samples, where one rhythm fills it.

    VT and VF in one window are the newer of the two. Fibrillation too small to be called so is left out.
    """
    for at in range(start, len(patient.x) - WINDOW + 1, hop):
        label = _rhythm_in(patient.rhythm[at : at + WINDOW])
        x = patient.x[at : at + WINDOW, 0]
        if label and not (label == VF and np.ptp(x) < ASYSTOLE_MV):
            yield rhythm_image(x), label


def _rhythm_in(labels: NDArray[np.int8]) -> int:
    """The one rhythm of a stretch, 0 where it is none or more than one."""
    newest = int(labels[-1])
    alike = (labels == VT) | (labels == VF) if newest in (VT, VF) else labels == newest
    return newest if alike.all() else 0


def plain(patient: Patient, hop: int = HOP) -> Set:
    """Images (n, WINDOW, 1) in steps of 1/STORE and classes (label less one) of :func:`windows_of`."""
    found = list(windows_of(patient, hop=hop))
    return _stack([image for image, _ in found], [label - 1 for _, label in found])


def drawn(patient: Patient, rng: np.random.Generator, noises: list[NDArray[np.float32]]) -> Set:
    """Windows at random places of one patient, each another mixture of the leads, warped, noisy, perhaps inverted."""
    database = patient.name.split("/")[0]
    images: list[NDArray[np.float32]] = []
    classes: list[int] = []
    longest = int(WINDOW * STRETCH) + 2
    for label in range(1, CLASSES + 1):
        at = np.flatnonzero(patient.rhythm[: len(patient.x) - longest] == label)
        if not len(at):
            continue
        per_root_s = LETHAL_DRAWS if label in (VT, VF) and database != "cinc2017" else DRAWS[database]
        n = round(per_root_s * np.sqrt(len(at) / 125.0))
        for start in rng.choice(at, n):
            factor = float(np.exp(rng.uniform(-np.log(STRETCH), np.log(STRETCH))))
            length = int(np.ceil(WINDOW / factor)) + 1
            if _rhythm_in(patient.rhythm[start : start + length]) == 0:
                continue
            x = mix_leads(rng, patient.x[start : start + length])
            if label == VF and np.ptp(x) < ASYSTOLE_MV:
                continue
            x = np.interp(np.arange(WINDOW) / factor, np.arange(length), x).astype(np.float32)
            newest = int(patient.rhythm[start + length - 1])
            if newest == VT and rate_bpm(x) < SLOWEST_VT_BPM:
                continue
            if label == 1 and rng.random() < WIDENED:
                inside = patient.r[(patient.r >= start) & (patient.r < start + length)]
                x = widened(rng, x, inside * factor / 125.0)
            x = add_noise(rng, x, noises, 0.4) if label != NOISE else x
            gain = np.exp(rng.uniform(-0.5, 0.5)) * (-1.0 if rng.random() < 0.25 else 1.0)
            images.append(rhythm_image(x * np.float32(gain)))
            classes.append(newest - 1)
    return _stack(images, classes)


def rate_bpm(x: NDArray[np.float32]) -> float:
    """Rate of the rhythm that fills a window (WINDOW,), by the window's likeness to itself later (autocorrelation).

    Not by labelled beats: vfdb, whose VT is nearly all there is, has none. NaN where nothing comes again within
    :data:`LONGEST_PERIOD_S`.
    """
    power = np.abs(np.fft.rfft(x - np.mean(x), 2 * WINDOW)) ** 2
    lags = np.arange(round(SHORTEST_PERIOD_S * FS_MODEL), round(LONGEST_PERIOD_S * FS_MODEL))
    alike = np.fft.irfft(power)[lags] / (WINDOW - lags)
    peaks = 1 + np.flatnonzero((alike[1:-1] > alike[:-2]) & (alike[1:-1] >= alike[2:]))
    high = peaks[alike[peaks] >= AS_HIGH * alike[peaks].max(initial=0.0)]
    return float(60.0 * FS_MODEL / lags[high[0]]) if len(high) else float("nan")


def widened(
    rng: np.random.Generator, x: NDArray[np.float32], beats_s: NDArray[np.float64]
) -> NDArray[np.float32]:
    """A window with beats at `beats_s` seconds, smoothed at its size; as it is where they are few or fast."""
    if len(beats_s) < 3 or np.diff(beats_s).min() < SLOWEST_WIDENED_RR_S:
        return x
    kernel = np.hanning(int(rng.integers(*WIDEST)))
    wide = np.convolve(x, kernel / kernel.sum(), "same")
    out: NDArray[np.float32] = (wide * (np.ptp(x) / (np.ptp(wide) + 1e-6))).astype(np.float32)
    return out


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
            x, label = noise[take : take + WINDOW] * np.float32(np.exp(rng.uniform(-1.0, 1.5))), NOISE - 1
        images.append(rhythm_image(x))
        classes.append(label)
    return _stack(images, classes)


def _stack(images: list[NDArray[np.float32]], classes: list[int]) -> Set:
    if not images:
        return np.zeros((0, WINDOW, 1), np.int8), np.zeros(0, np.int64)
    return np.rint(np.stack(images) * STORE).astype(np.int8), np.asarray(classes, np.int64)


def build(fold: Fold, seed: int = 1) -> tuple[Set, Set]:
    """(windows to train on, plain windows of the patients that the fold holds out)."""
    out = held_out(fold)
    images, classes, owner = all_drawn(seed)
    mine = np.array([key not in out for key in records()] + [True])[owner]
    noise = noise_windows(np.random.default_rng(seed + 1), load_noise(), 600)
    held = [plain(load(*key), HELD_HOP.get(key[0], 10 * HOP)) for key in sorted(out)]
    return (images[mine], classes[mine]), _join([noise, *held])


def all_drawn(seed: int) -> tuple[NDArray[np.int8], NDArray[np.int64], NDArray[np.int64]]:
    """Images, classes and owners (index in :func:`records`, -1 for noise alone) of the windows drawn of everyone.

    They are drawn on the first call and kept in the cache.
    """
    names = ["/".join(key) for key in records()]
    noises = load_noise()
    knobs = (WINDOW, DRAWS, LETHAL_DRAWS, STRETCH, WIDENED, WIDEST, SLOWEST_VT_BPM)
    mark = f"{front_mark()} {sum(map(len, noises))} {knobs} {names}"
    path = cache_dir() / f"rhythm_windows_{seed}.npz"
    if path.exists():
        with np.load(path) as z:
            if str(z["mark"]) == mark:
                return z["images"], z["classes"], z["owner"]
    sets = [noise_windows(np.random.default_rng(seed), noises, 12000)]
    sets += [drawn(load(*key), np.random.default_rng((seed, k)), noises) for k, key in enumerate(records())]
    images, classes = _join(sets)
    owner = np.repeat(np.arange(-1, len(names)), [len(one[1]) for one in sets])
    part = path.with_suffix(f".{os.getpid()}.part.npz")
    np.savez(part, images=images, classes=classes, owner=owner, mark=mark)
    part.replace(path)
    return images, classes, owner


def _join(sets: list[Set]) -> Set:
    images, classes = zip(*sets, strict=True)
    return np.concatenate(images), np.concatenate(classes)
