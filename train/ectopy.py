"""Premature beats made out of normal ones: the same heart, its P-wave and QRS come early, and a pause follows.

Few patients of the databases have supraventricular ectopy, and those that have it have much; with this every
patient with normal beats has some, so that what is learned is the prematurity and not the few patients.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from train.augment import F32

N, S = 0, 1
BEFORE_R = 28
"""Samples (224 ms) before the R-peak where what moves with a beat begins: its P-wave is in it."""

QRS_FROM = 8
"""Samples (64 ms) before the R-peak: the P-wave has ended."""

SHORTEST_RR = 42
"""Samples (336 ms): no beat is moved nearer to the one before."""

EARLIEST, LATEST = 0.5, 0.85
"""A premature beat comes after so much of the RR interval."""

FADE = 5


def make_premature(
    rng: np.random.Generator,
    leads: F32,
    r: NDArray[np.float64],
    c: NDArray[np.int64],
    mask: NDArray[np.uint8],
    burden: float,
) -> tuple[F32, NDArray[np.float64], NDArray[np.int64], NDArray[np.uint8]]:
    """Move a share of a recording's normal beats forward and call them S; nothing else changes its length.

    Parameters
    ----------
    leads : ndarray of float32, shape (n, n_leads)
    r, c : ndarray, shape (n_beats,)
        R-peaks in samples, and classes.
    mask : ndarray of uint8, shape (n,)
        0 where nothing may be learned; beats near such stretches are left alone, and the end of the recording, by which
        the shorter pauses made it shorter, is masked.
    burden : float
        Share of the normal beats between two normal ones that are moved.

    Returns
    -------
    (leads, r, c, mask) of the same shapes, `r` ascending.
    """
    able = _eligible(r, c, mask)
    chosen = set(able[_thinned(rng, len(able), burden)].tolist())
    pieces: list[F32] = []
    moved, classes = r.astype(np.float64).copy(), c.copy()
    at, shift = 0, 0
    p_scale = float(rng.uniform(-0.8, 1.2))
    for k in range(len(r)):
        if k not in chosen:
            moved[k] += shift
            continue
        rr = int(r[k] - r[k - 1])
        early = min(int(rr * (1.0 - rng.uniform(EARLIEST, LATEST))), rr - SHORTEST_RR)
        if early < 4:
            moved[k] += shift
            continue
        begin, end = round(r[k]) - BEFORE_R, round(r[k + 1]) - BEFORE_R
        before, beat = leads[at : begin - early], _with_p(leads[begin:end], p_scale)
        pause = int(early * rng.choice((1.0, rng.uniform(0.0, 1.0))))
        pieces += [
            before,
            _joined(leads[begin - early : begin], beat),
            _rest(rng, leads, begin - early, begin, pause),
        ]
        moved[k] += shift - early
        classes[k] = S
        shift += pause - early
        at = end
    pieces.append(leads[at:])
    return _of_length(pieces, moved, classes, mask, r, len(leads))


def sometimes(
    rng: np.random.Generator,
    leads: F32,
    r: NDArray[np.float64],
    c: NDArray[np.int64],
    mask: NDArray[np.uint8],
    chance: float,
) -> tuple[F32, NDArray[np.float64], NDArray[np.int64], NDArray[np.uint8]]:
    """:func:`make_premature` of a recording with a probability of `chance`, 1 to 20 % of its normal beats."""
    if rng.random() >= chance:
        return leads, r, c, mask
    return make_premature(rng, leads, r, c, mask, float(np.exp(rng.uniform(np.log(0.01), np.log(0.2)))))


def _eligible(r: NDArray[np.float64], c: NDArray[np.int64], mask: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Indices of normal beats between normal ones, all readable, of ordinary intervals."""
    out = []
    for k in range(2, len(r) - 1):
        near = c[k - 2 : k + 2]
        rr = np.diff(r[k - 2 : k + 2])
        lo, hi = int(r[k - 2]) - BEFORE_R, int(r[k + 1]) + BEFORE_R
        if (near == N).all() and lo > 0 and rr.min() > 50 and rr.max() < 1.3 * rr.min() and mask[lo:hi].all():
            out.append(k)
    return np.asarray(out, np.int64)


def _thinned(rng: np.random.Generator, n: int, burden: float) -> NDArray[np.bool_]:
    """Which of `n` are taken: at random, never two neighbours."""
    taken = rng.random(n) < burden
    for k in range(1, n):
        taken[k] &= not taken[k - 1]
    return taken


def _with_p(beat: F32, scale: float) -> F32:
    """A beat whose P-wave comes from elsewhere: what stands off the line from its foot to the QRS, times `scale`."""
    out, n = beat.copy(), BEFORE_R - QRS_FROM
    line = np.linspace(beat[0], beat[n], n)
    window = np.minimum(1.0, np.minimum(np.arange(n), np.arange(n)[::-1]) / 3.0)[:, None]
    out[:n] += ((scale - 1.0) * window * (beat[:n] - line)).astype(np.float32)
    return out


def _joined(covered: F32, beat: F32) -> F32:
    """The early beat on top of what it covers (a T-wave goes on beneath the P-wave), level where they meet."""
    out, n = beat.copy(), min(len(covered), BEFORE_R - QRS_FROM, len(beat))
    fade = np.linspace(1.0, 0.0, n)[:, None]
    out[:n] += (fade * (covered[:n] - beat[0])).astype(np.float32)
    return out


def _rest(rng: np.random.Generator, leads: F32, begin: int, end: int, n: int) -> F32:
    """`n` samples of pause: the stretch that the beat has left, read forwards and backwards as often as needed."""
    rest = leads[begin:end]
    there = np.concatenate((rest, rest[::-1]))
    out = there[np.arange(n) % len(there)].copy()
    # what a T-wave left in it sinks to the level it ends on
    sink = np.linspace(1.0, 0.2, n)[:, None] if n else np.zeros((0, 1))
    level = np.median(rest, axis=0)
    return (level + sink * (out - level)).astype(np.float32)


def _of_length(
    pieces: list[F32],
    r: NDArray[np.float64],
    c: NDArray[np.int64],
    mask: NDArray[np.uint8],
    before: NDArray[np.float64],
    n: int,
) -> tuple[F32, NDArray[np.float64], NDArray[np.int64], NDArray[np.uint8]]:
    """Pieces in one, cut or filled to `n`; the mask moves along with the beats."""
    x = np.concatenate(pieces)
    if len(before):
        old = np.interp(np.arange(len(x)), r, before)
        first, last = np.arange(len(x)) < r[0], np.arange(len(x)) > r[-1]
        old[first] = np.arange(len(x))[first] - r[0] + before[0]
        old[last] = np.arange(len(x))[last] - r[-1] + before[-1]
        mask = mask[np.clip(np.rint(old), 0, n - 1).astype(np.int64)]
    short = n - len(x)
    if short > 0:
        x = np.concatenate((x, np.repeat(x[-1:], short, 0)))
        mask = np.concatenate((mask, np.zeros(short, np.uint8)))
    keep = r < n
    return np.ascontiguousarray(x[:n]), r[keep], c[keep], mask[:n].copy()
