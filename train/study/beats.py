"""The beats of the study: who trains and who is held out, windows and strips cut from their leads, and augmentation."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.types import BadInput
from train import databases, splits
from train.dataset import ESCAPES_AS_N, LEFT_OUT, load_patient
from train.front import FS_MODEL, run_front
from train.labels import AAMI, TABLE
from train.study.config import CLASSES, TaskConfig

F32 = NDArray[np.float32]
I64 = NDArray[np.int64]

FIRST_S = 33.0
"""No beat before this is taken, so that every window from 0.5 to 32 s is asked for the same beats."""

DEAL = 1
"""Which deal of DS1 into folds. Of the first four it is the one in which no fold holds out all bundle branch blocks of
a kind (left 109 207, right 118 124): nobody tells from V what he has never seen."""


@dataclass(frozen=True, slots=True, eq=False)
class Lead:
    """One record: `x` (n, 2) filtered, over its height in the first 30 s; R-peaks `r` (samples), classes `c`.

    Where there is one lead it stands twice.

    `ok` says which beats are asked for: N S V F, in readable signal, from :data:`FIRST_S` on.
    """

    name: str
    x: F32
    r: NDArray[np.float64]
    c: I64
    ok: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Beats:
    """Beats that are asked for: `lead` (n,) index into `leads`, `r` (n,) R-peak [samples at fs], `c` (n,) class.

    `weight` (n,) is how many beats each stands for, where only some of the beats were taken.
    """

    leads: tuple[Lead, ...]
    fs: float
    lead: I64
    r: NDArray[np.float64]
    c: I64
    weight: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.c)

    def part(self, which: NDArray[np.bool_] | I64, weight: NDArray[np.float64] | None = None) -> Beats:
        """Those beats alone."""
        kept = self.weight[which] if weight is None else weight
        return Beats(self.leads, self.fs, self.lead[which], self.r[which], self.c[which], kept)

    def until(self, end_s: float) -> Beats:
        """Those with an R-peak in the first `end_s` seconds of their record; all with 0."""
        return self.part(self.r < end_s * self.fs) if end_s else self

    def asked_at(self, task: TaskConfig) -> I64:
        """Sample (n,) after which each answer is given."""
        return np.rint(self.r + task.after_s * self.fs).astype(np.int64)


def halved(lead: Lead) -> Lead:
    """The same at half the rate: means of two samples (the front end's low-pass is at 40 Hz)."""
    n = len(lead.x) // 2 * 2
    return Lead(lead.name, lead.x[:n].reshape(-1, 2, 2).mean(1), lead.r / 2.0 - 0.25, lead.c, lead.ok)


@lru_cache(maxsize=128)
def load(database: str, record: str) -> Lead:
    """One record through the monitor's front end: from the cache, or, for DS2 (which has none), filtered now."""
    if database == "mitdb" and record in splits.DS2:
        return filtered(database, record)
    p = load_patient(database, record, "")
    return lead_of(p.name, p.x, p.r, p.c, p.mask)


def filtered(database: str, record: str) -> Lead:
    """One record read from its database and filtered now, as :func:`train.dataset.cache_record` does it once."""
    source = databases.load(database, record)
    other = (source.first_lead + 1) % len(source.leads)
    x = np.stack([run_front(source.mv[:, k], source.fs) for k in (source.first_lead, other)], 1)
    r = source.beats * (FS_MODEL / source.fs)
    c = np.array([AAMI.index(ESCAPES_AS_N.get(s, TABLE[s])) for s in source.symbols], np.int64)
    mask = np.ones(len(x), np.uint8)
    for span in (*source.vf, *source.noise):
        a, b = (int(at * FS_MODEL / source.fs) for at in (span.start, span.end))
        mask[max(0, a - 60) : b + 60] = 0
    return lead_of(f"{database}/{record}", x, r, c, mask)


def lead_of(name: str, x: F32, r: NDArray[np.float64], c: I64, mask: NDArray[np.uint8]) -> Lead:
    """A record's arrays as the study wants them: two columns, and which beats are asked for."""
    if x.shape[1] == 1:
        x = np.repeat(x, 2, 1)
    at = np.clip(np.rint(r).astype(np.int64), 0, len(x) - 1)
    inside = (r >= FIRST_S * FS_MODEL) & (r < len(x) - FS_MODEL)
    ok = inside & (c < len(CLASSES)) & (mask[at] > 0)
    return Lead(name, np.ascontiguousarray(x[:, :2] / scales(x[:, :2])), r, c, ok)


def scales(x: F32) -> F32:
    """Height [mV] of each column of x (n, 2) at 125 Hz: the median over the first 30 s of a second's largest value.

    Known before the first beat that is asked for.
    """
    n = int(FS_MODEL)
    seconds = np.abs(x[: 30 * n])
    seconds = seconds[: len(seconds) // n * n].reshape(-1, n, x.shape[1]).max(1)
    out: F32 = np.maximum(np.median(seconds, 0), 0.05).astype(np.float32)
    return out


def gather(keys: Iterable[splits.Key], fs: float) -> Beats:
    """All beats of these records, at 125 or 62.5 Hz.

    Raises
    ------
    BadInput
        For another rate, or when a record cannot be read.
    """
    if fs not in (FS_MODEL, FS_MODEL / 2):
        raise BadInput(f"study: got {fs} Hz, expected {FS_MODEL} or {FS_MODEL / 2}")
    leads = tuple(load(*key) for key in keys)
    return beats_of(leads if fs == FS_MODEL else tuple(halved(lead) for lead in leads), fs)


def beats_of(leads: tuple[Lead, ...], fs: float) -> Beats:
    """All beats that are asked for of these leads at `fs`."""
    index = np.concatenate([np.full(int(lead.ok.sum()), i) for i, lead in enumerate(leads)])
    r = np.concatenate([lead.r[lead.ok] for lead in leads])
    c = np.concatenate([lead.c[lead.ok] for lead in leads])
    return Beats(leads, fs, index.astype(np.int64), r, c, np.ones(len(c)))


def people(fold: int, n_folds: int, patients: int = 0) -> tuple[list[splits.Key], list[splits.Key]]:
    """(records to train on, records held out) of DS1, no person on both sides.

    Parameters
    ----------
    fold, n_folds : int
        Part `fold` of `n_folds` is held out; with `n_folds` of 1 nobody is, and 201 is left out (202 in DS2 is
        the same man).
    patients : int
        So many training records: those of DS1 in an order of its own first, then, where they do not suffice,
        svdb's. Fewer are always among the more. 0: all of DS1, none of svdb.
    """
    everyone: list[splits.Key] = [("mitdb", r) for r in splits.DS1]
    out = splits.folds(everyone, n_folds, DEAL)[fold] if n_folds > 1 else []
    left = [key for key in everyone if key not in out and (n_folds > 1 or key[1] not in LEFT_OUT)]
    if not patients:
        return left, out

    def order(key: splits.Key) -> str:
        return hashlib.sha256(f"study:{key[0]}/{key[1]}".encode()).hexdigest()

    more: list[splits.Key] = [("svdb", r) for r in splits.SVDB]
    return [*sorted(left, key=order), *sorted(more, key=order)][:patients], out


def shares(beats: Beats) -> NDArray[np.float64]:
    """With what share (4,) each class is shown in training: by the square root of its share among the beats.

    Between what is there (S would hardly be seen) and equal parts (every second answer S would be false). The same
    for all networks; answers are the largest output as it comes.
    """
    root = np.sqrt(np.bincount(beats.c, minlength=len(CLASSES)).astype(np.float64))
    out: NDArray[np.float64] = root / root.sum()
    return out


def chances(beats: Beats) -> NDArray[np.float64]:
    """Chance (n,) of each beat to be drawn: classes by :func:`shares`, patients in one by the root of their beats."""
    group = beats.lead * len(CLASSES) + beats.c
    n_group = np.bincount(group, minlength=len(beats.leads) * len(CLASSES))[group]
    chance = 1.0 / np.sqrt(n_group)
    wanted = shares(beats)
    for k in range(len(CLASSES)):
        of_class = beats.c == k
        if of_class.any():
            chance[of_class] *= wanted[k] / chance[of_class].sum()
    out: NDArray[np.float64] = chance / chance.sum()
    return out


def draws(beats: Beats, rng: np.random.Generator) -> Callable[[int], I64]:
    """Gives a function that draws so many beats (indices) by :func:`chances`; their sums are made once."""
    sums = np.cumsum(chances(beats))
    sums /= sums[-1]
    return lambda n: np.searchsorted(sums, rng.random(n), side="right").astype(np.int64)


def thinned(beats: Beats, most: int) -> Beats:
    """At most about `most` beats: every k-th of each class, common classes thinned first, each with its weight."""
    if most <= 0 or len(beats) <= most:
        return beats
    counts = np.bincount(beats.c, minlength=len(CLASSES))
    keep = np.zeros(len(beats), bool)
    weight = np.ones(len(beats))
    room, left = most, sorted((int(n), k) for k, n in enumerate(counts) if n)
    for i, (n, k) in enumerate(left):
        take = min(n, max(1, room // (len(left) - i)))
        where = np.flatnonzero(beats.c == k)[np.linspace(0, n - 1, take).astype(np.int64)]
        keep[where], weight[where] = True, n / take
        room -= take
    return beats.part(keep, weight[keep])


def windows(beats: Beats, task: TaskConfig, rng: np.random.Generator | None = None) -> F32:
    """The window of each beat (n, n_window): the first lead as it is, or, with `rng`, augmented.

    Augmented: the R-peak up to 16 ms off (detectors are), the two leads mixed, gain e^(+-0.3), white noise of at most
    0.03 mV.
    """
    at, n = beats.asked_at(task), len(beats)
    if rng is not None:
        most = round(0.016 * beats.fs)
        at = at + rng.integers(-most, most + 1, n)
    out = np.zeros((n, task.n_window), np.float32)
    a, b, noise = (rng is not None and mixing(rng, n)) or (np.ones(n), np.zeros(n), None)
    for i in range(n):
        x = beats.leads[beats.lead[i]].x
        end = int(at[i]) + 1
        piece = x[max(0, end - task.n_window) : end]
        out[i, task.n_window - len(piece) :] = (
            piece[:, 0] * a[i] + piece[:, 1] * b[i] if b[i] else piece[:, 0] * a[i]
        )
    if rng is not None and noise is not None:
        out += rng.standard_normal(out.shape, np.float32) * noise[:, None]
    return out


def mixing(rng: np.random.Generator, n: int) -> tuple[F32, F32, F32]:
    """Factors (n,) of first and second lead, and standard deviation (n,) of white noise [mV]."""
    angle, first = rng.uniform(-0.5, 0.5, n), rng.random(n) < 0.7
    gain = np.exp(rng.uniform(-0.3, 0.3, n))
    a = np.where(first, np.cos(angle), np.sin(angle)) * gain
    b = np.where(first, np.sin(angle), np.cos(angle)) * gain
    return a.astype(np.float32), b.astype(np.float32), rng.uniform(0.0, 0.03, n).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Strips:
    """Strips `x` (rows, n), and the beats asked for in them: `row` (m,), sample `at` (m,), class `c` (m,)."""

    x: F32
    row: I64
    at: I64
    c: I64


def strips(beats: Beats, task: TaskConfig, rng: np.random.Generator, batch: int) -> Iterator[Strips]:
    """Batches of strips with about `batch` beats asked for in each, for ever.

    Each strip is drawn round a beat drawn by :func:`chances`; all beats of it are asked for that have `window_s` before
    their answer.
    """
    n, warm = round(task.strip_s * beats.fs), task.n_window
    asked, draw = beats.asked_at(task), draws(beats, rng)
    edges = np.searchsorted(beats.lead, np.arange(len(beats.leads) + 1))
    while True:
        rows: list[F32] = []
        row, at, c = [], [], []
        total = 0
        while total < batch:
            anchor = int(draw(1)[0])
            k = int(beats.lead[anchor])
            x = beats.leads[k].x
            start = int(asked[anchor] - rng.integers(warm, n))
            start = min(max(start, 0), len(x) - n)
            of_lead = slice(edges[k], edges[k + 1])
            here = asked[of_lead] - start
            inside = (here >= warm - 1) & (here < n)
            a, b, noise = (float(v[0]) for v in mixing(rng, 1))
            piece = x[start : start + n]
            rows.append(piece[:, 0] * a + piece[:, 1] * b + rng.standard_normal(n, np.float32) * noise)
            at.append(here[inside])
            c.append(beats.c[of_lead][inside])
            row.append(np.full(int(inside.sum()), len(rows) - 1))
            total += int(inside.sum())
        yield Strips(
            np.stack(rows).astype(np.float32),
            np.concatenate(row).astype(np.int64),
            np.concatenate(at),
            np.concatenate(c),
        )
