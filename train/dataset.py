"""Filtered, labelled leads of every patient, cached: what the trainings draw from."""

from __future__ import annotations

import argparse
import hashlib
import os
import re
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge.p_wave import BEFORE, SPAN, QrsSizes
from edge.rpeaks import RPeakDetector
from firmware_bridge.types import BadInput
from train import databases, splits
from train.front import FS_MODEL, run_front
from train.labels import AAMI, TABLE

HELD_OUT: dict[str, tuple[str, ...]] = {
    "mitdb": ("116", "124", "205", "209"),
    "svdb": ("802", "810", "821", "829", "843", "851", "863", "867", "879", "887"),
    "vfdb": ("424", "430", "611", "615"),
    "cudb": ("cu04", "cu11", "cu18", "cu25", "cu32"),
}
"""Patients that no network is trained on: thresholds and the fusion are fitted on them. None is in DS2."""

DATABASES = ("mitdb", "svdb", "nstdb", "vfdb", "cudb", "cinc2017")
"""All that the networks learn from."""

LEFT_OUT = ("201",)
"""201 (DS1) and 202 (DS2) are one person: who scores 202 as never seen cannot train on 201."""

ESCAPES_AS_N = {"e": "N", "j": "N"}
"""Escape beats are trained as de Chazal (2004) has them, normal; the scorer counts them as bxb does, S."""


NOT_S = 5
"""Class of a beat of which this alone is known: it is not supraventricular ectopic (:mod:`train.weak_labels`)."""


@dataclass(frozen=True, slots=True, eq=False)
class Patient:
    """One record as the pipeline sees it: `x` (n, n_leads) filtered mV at 125 Hz; beats at `r` (samples), class `c`.

    `mask` (n,) is 0 where nothing may be learned of beats: fibrillation, flutter, unreadable. `rhythm` (n,) holds
    an index into :data:`RHYTHM_LABELS`, 0 where unlabelled.
    """

    name: str
    group: str
    x: NDArray[np.float32]
    r: NDArray[np.float64]
    c: NDArray[np.int64]
    mask: NDArray[np.uint8]
    rhythm: NDArray[np.int8]


RHYTHM_LABELS = ("", "other", "af", "vt", "vf", "noise")
_RHYTHM_OF = {"AFIB": 2, "AFL": 2, "A": 2, "VT": 3, "VF": 4, "VFIB": 4, "VFL": 4, "~": 5, "NOISE": 0}


def cache_dir() -> Path:
    """Where filtered leads are kept: ``HEARTWIRE_CACHE``, or ``runs/cache`` here."""
    return Path(os.environ.get("HEARTWIRE_CACHE", "runs/cache"))


def cache_record(database: str, name: str) -> Path:
    """Filter one record through edge's own stages and keep it; gives the file. Anew if the stages have changed.

    Raises
    ------
    BadInput
        When the record cannot be read, or is one of DS2: nothing is learned or chosen on these.
    """
    if database == "mitdb" and name in splits.DS2:
        raise BadInput(f"mitdb/{name} is in DS2, which is for the report alone; train on others")
    path = cache_dir() / f"{database}_{name}.npz"
    if _is_fresh(path):
        return path
    record = databases.load(database, name)
    order = [record.first_lead, *(k for k in range(len(record.leads)) if k != record.first_lead)]
    x = np.stack([run_front(record.mv[:, k], record.fs) for k in order], 1)
    ratio = FS_MODEL / record.fs
    classes = [AAMI.index(ESCAPES_AS_N.get(s, TABLE[s])) for s in record.symbols]
    rhythm = np.zeros(len(x), np.int8)
    for span in (*record.rhythms, *record.vf):
        rhythm[int(span.start * ratio) : int(span.end * ratio)] = _RHYTHM_OF.get(span.label, 1)
    mask = np.ones(len(x), np.uint8)
    for span in (*record.vf, *record.noise):
        mask[max(0, int(span.start * ratio) - 60) : int(span.end * ratio) + 60] = 0
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(f".{os.getpid()}.part.npz")
    labels = {"r": record.beats * ratio, "c": np.array(classes, np.int8), "mask": mask, "rhythm": rhythm}
    np.savez(part, x=x, front=front_mark(), **labels)
    part.replace(path)
    return path


@lru_cache(maxsize=1)
def front_mark() -> str:
    """What the front end makes of two seconds of noise, hashed: another resampler or filter, another mark."""
    noise = np.random.default_rng(0).normal(0.0, 1.0, 500).astype(np.float32)
    return hashlib.sha256(run_front(noise, 250.0).tobytes()).hexdigest()[:16]


@lru_cache(maxsize=1)
def peaks_mark() -> str:
    """What the R-peak logic decides on made logits and waves, hashed: other rules, another mark."""
    rng = np.random.default_rng(0)
    qrs = np.convolve(rng.normal(-1.0, 3.0, 30_000), np.ones(9) / 3.0, "same")
    for at in np.cumsum(rng.choice([90, 100, 110, 150], 200)):
        qrs[at - 60 : at + 60] = -9.0
        qrs[at], qrs[at - 20], qrs[at + 30] = (
            rng.choice([5.0, 5.0, 1.0, -1.0, -2.4]),
            *rng.choice([-9.0, 0.5, 2.0], 2),
        )
    slow = np.full(12_000, -9.0)
    slow[100::230], slow[100 + np.arange(50) * 230 + np.arange(20, 220, 4)] = 5.0, -1.0
    paused = np.full(2_000, -9.0)
    paused[::400], paused[100::400] = 5.0, -1.0
    qrs = np.concatenate((qrs, slow, paused))
    detector = RPeakDetector(0.0, 11)
    found = [detector.push(k, row) for k, row in enumerate(np.float32(qrs)[:, None])]
    decided = [(p.k, p.height) for p in found if p]
    sizes, t = QrsSizes(), np.arange(SPAN) - BEFORE
    made = np.concatenate(
        (np.full((9, 2), (0.16, 5.0)), rng.uniform(0.05, (1.5, 6.0), (400, 2)), np.full((99, 2), (0.25, 4.0)))
    )
    waves = [sizes.is_qrs((mv * np.exp(-((t / width) ** 2))).astype(np.float32)) for mv, width in made]
    return hashlib.sha256(repr((decided, waves)).encode()).hexdigest()[:16]


def _is_fresh(path: Path) -> bool:
    """Whether a record is in the cache, filtered as it would be now. A file without a mark is believed."""
    if not path.exists():
        return False
    with np.load(path) as z:
        return "front" not in z or str(z["front"]) == front_mark()


def usable(which: Iterable[str] = DATABASES) -> list[tuple[str, str]]:
    """(database, record) of all that a training may use: not DS2, and of nstdb the noises alone."""
    everything = [(d, n) for d in which for n in databases.names(d)]
    return [
        (d, n)
        for d, n in everything
        if not (d == "mitdb" and n in splits.DS2) and (d != "nstdb" or n in splits.NOISE)
    ]


def build_cache(which: Iterable[str] = DATABASES) -> int:
    """Cache every record of :func:`usable`, on all cores, with a progress bar; gives their number."""
    from tqdm import tqdm

    jobs = usable(which)
    with ProcessPoolExecutor() as pool:
        done = pool.map(cache_record, *zip(*jobs, strict=True), chunksize=4)
        return sum(1 for _ in tqdm(done, total=len(jobs), desc="cache"))


def main(argv: list[str] | None = None) -> int:
    """``python -m train cache [database ...]``: filter the databases once, for all trainings to come."""
    parser = argparse.ArgumentParser(prog="python -m train cache", description=main.__doc__)
    parser.add_argument("databases", nargs="*", metavar="DATABASE", help=f"default: {' '.join(DATABASES)}")
    args = parser.parse_args(argv)
    n = build_cache(args.databases or DATABASES)
    print(f"{n} records in {cache_dir()}")
    return 0


def align(x: NDArray[np.float32], r: NDArray[np.float64]) -> NDArray[np.float64]:
    """Move labels that sit off the QRS by record (svdb: -47 to +63 ms) onto it, by their median offset.

    Parameters
    ----------
    x : ndarray of float32, shape (n, n_leads)
        Filtered lead at 125 Hz; the first is looked at.
    r : ndarray of float64, shape (n_beats,)
        Labels, in samples. With fewer than 20 beats they stay as they are.

    Returns
    -------
    ndarray of float64, shape (n_beats,)
        All labels moved by the same distance: halfway between where the slopes within 96 ms of a label have
        their centre and where they are steepest, the median over beats.
    """
    at = np.rint(r).astype(np.int64)
    at = at[(at > 20) & (at < len(x) - 20)]
    if len(at) < 20:
        return r
    slope = np.abs(np.gradient(x[:, 0]))
    around = slope[at[:, None] + np.arange(-12, 13)[None]]
    centre = (around * np.arange(-12, 13)[None]).sum(1) / (around.sum(1) + 1e-9)
    steepest = around.argmax(1) - 12
    return r + float(np.median(0.5 * (centre + steepest)))


def load_patient(database: str, record: str, group: str) -> Patient:
    """Read one record from the cache, filtering it first if need be."""
    with np.load(cache_record(database, record)) as z:
        x, r = z["x"], z["r"]
        r = align(x, r) if database == "svdb" else r
        return Patient(f"{database}/{record}", group, x, r, z["c"].astype(np.int64), z["mask"], z["rhythm"])


def beat_records() -> list[tuple[str, str, str]]:
    """(database, record, group) of all whose beats may be learned: DS1 without 201, svdb, the paced ones."""
    everyone = [("mitdb", r, "ds1") for r in splits.DS1 if r not in LEFT_OUT]
    everyone += [("svdb", r, "svdb") for r in splits.SVDB]
    return everyone + [("mitdb", r, "paced") for r in splits.PACED]


@dataclass(frozen=True, slots=True)
class Fold:
    """The `k`-th of `n` parts of the patients is held out; with `n` of 1 nobody is: what is shipped."""

    k: int = 0
    n: int = 1

    def __post_init__(self) -> None:
        if not 0 <= self.k < self.n:
            raise BadInput(f"fold: got {self.k}/{self.n}, expected K/N with K from 0 to N - 1")

    def held_out(self) -> frozenset[tuple[str, str]]:
        """(database, record) of the patients held out, no person on both sides."""
        if self.n == 1:
            return frozenset()
        return frozenset(splits.folds([(d, r) for d, r, _ in beat_records()], self.n)[self.k])

    @property
    def folder(self) -> str:
        """Name of the folder of its checkpoints and artefacts; empty where nobody is held out."""
        return "" if self.n == 1 else f"fold-{self.k}-of-{self.n}"


def fold_named(folder: str) -> Fold:
    """The fold whose `folder` this is; the one that holds nobody out for any other name."""
    found = re.fullmatch(r"fold-(\d+)-of-(\d+)", folder)
    return Fold(int(found[1]), int(found[2])) if found else Fold()


def load_patients(fold: Fold) -> tuple[list[Patient], list[Patient]]:
    """(patients to train beats on, patients held out), all of :func:`beat_records`."""
    out = fold.held_out()
    loaded = [(load_patient(d, r, g), (d, r) in out) for d, r, g in beat_records()]
    return [p for p, held in loaded if not held], [p for p, held in loaded if held]


def tiled(p: Patient, n: int) -> Patient:
    """A recording too short for `n` samples, one after another until they are filled; the rest is cut.

    At a seam the rhythm stumbles, so nothing may be learned from half a second before it to 1.2 s after it.
    """
    length = len(p.x)
    if length >= n:
        return p
    times = -(-n // length)
    mask = np.tile(p.mask, times)
    for seam in range(length, times * length, length):
        mask[seam - 62 : seam + 150] = 0
    starts = np.repeat(np.arange(times) * float(length), len(p.r))
    return Patient(
        p.name,
        p.group,
        np.tile(p.x, (times, 1)),
        np.tile(p.r, times) + starts,
        np.tile(p.c, times),
        mask,
        np.tile(p.rhythm, times),
    )


EM_UNHEARD_S = ((4.0, 122.0), (244.0, 299.0), (484.0, 539.0), (669.0, 779.0), (901.0, 1019.0))
"""What of nstdb's em is in none of the stress records. They were made with it: em repeats itself after 1136.8 s, and
118 and 119 taken from their noisy copies leave, two minutes in four, all of its other stretches."""


def load_noise() -> list[NDArray[np.float32]]:
    """Leads of the recorded noises em, ma, bw, each (n,) in mV, filtered like everything else.

    Of em the stretches of :data:`EM_UNHEARD_S` alone, so that the stress records are new to whoever learns from it.
    """
    ma, bw, em = (load_patient("nstdb", name, "noise").x for name in ("ma", "bw", "em"))
    pieces = [em[int(a * FS_MODEL) : int(b * FS_MODEL)] for a, b in EM_UNHEARD_S]
    return [np.ascontiguousarray(lead) for x in (ma, bw, *pieces) for lead in x.T if len(lead)]
