"""How a series of RR intervals scatters: measures that tell fibrillation from ectopy, breathing and a steady rhythm."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

SHORTEST_RR_S, LONGEST_RR_S = 0.2, 3.0

MEASURES = (
    "mean_step", "rms_step", "median_step", "lower_step", "upper_step", "least_step", "largest_step",
    "turns", "share_of_steps", "step_over_two", "entropy", "steady_3", "steady_5",
    "memory_1", "memory_2", "memory_3", "memory_4", "bounded_memory_1", "bounded_memory_2",
    "level", "scatter", "breadth", "lean", "near_3", "near_8", "distance", "early", "late", "early_then_late",
    "squares", "at_rest", "returns", "returns_go_on",
)  # fmt: skip
"""Of the logarithms of the intervals, in their order:

- steps between neighbours: mean, root mean square, median, quartiles, 10 % and 90 % quantiles, as logarithms; share
  of steps that turn back, and of those above 6 %; mean step over two beats, as a logarithm; entropy in bins of 10 %;
  share of intervals between two steps below 3 %, and below 5 %;
- autocorrelation at one to four beats; at one and two once more with every interval bounded at 10 % from the median,
  so that an ectopic beat no longer outweighs the others;
- mean; logarithm of the standard deviation; breadth from the 10 % to the 90 % quantile; how much further the 95 %
  quantile lies from the median than the 5 % quantile; shares within 3 % and 8 % of the median; logarithm of the median
  distance from it; shares more than 12 % early, late, and early with a late one next;
- pairs of steps in s, one after the other: squares of 40 ms that they fall into, over the number of pairs; share of
  pairs that are both below 60 ms (the Lorenz plot of Sarkar, IEEE Trans. Biomed. Eng. 55:1219, 2008);
- of the pairs of intervals at most 23 beats apart, the share that are within 5 % of each other, and of these the share
  whose next ones are too, both as logarithms: the two halves of sample entropy (Lake, Am. J. Physiol. 300:H319, 2011).
"""

STEP, FLOOR = 0.06, 0.005
BIN, BINS = 0.1, 12
"""Width of the bins of steps, and how many, half of them below zero; the outer ones take what lies beyond."""

APART, BOUND = 0.12, 0.1
SQUARE_S, SQUARES, REST_S = 0.04, 15, 0.06
"""Side of a square of the Lorenz plot, how many to each side of its middle, and how large its middle is."""

RETURN, LAGS = 0.05, 23


def measures(rr_s: F64) -> F64:
    """The :data:`MEASURES` (..., 33) of intervals (..., n) in seconds, n at least 6; every series by itself."""
    rr = np.minimum(np.maximum(rr_s, SHORTEST_RR_S), LONGEST_RR_S)
    level = np.log(rr)
    ordered = np.sort(level, -1)
    middle = _middle(ordered)[..., None]
    found = [*_steps(level), *_memories(level, middle), *_places(level, ordered, middle)]
    found += [*_squares(rr[..., 1:] - rr[..., :-1]), *_returns(level)]
    out = np.array(found)
    return np.moveaxis(out, 0, -1) if out.ndim > 1 else out


def _size(values: F64) -> F64:
    out: F64 = np.log(values + FLOOR)
    return out


# Means and quantiles by hand: the monitor asks once a second, and NumPy's own take ten times as long over a few numbers
# to give the same bits.


def _mean(values: F64) -> F64:
    out: F64 = np.add.reduce(values, -1) / values.shape[-1]
    return out


def _share(true: NDArray[np.bool_]) -> F64:
    out: F64 = np.add.reduce(true, -1, dtype=np.float64) / true.shape[-1]
    return out


def _std(values: F64) -> F64:
    around = values - _mean(values)[..., None]
    out: F64 = np.sqrt(_mean(np.square(around)))
    return out


def _middle(ordered: F64) -> F64:
    """The median of series in order, shape (..., n)."""
    half, odd = divmod(ordered.shape[-1], 2)
    out: F64 = ordered[..., half] if odd else (ordered[..., half - 1] + ordered[..., half]) / 2.0
    return out


def _quantiles(ordered: F64, shares: tuple[float, ...]) -> list[F64]:
    """Quantiles of series in order, shape (..., n), in proportion between the two neighbours."""
    out = []
    for share in shares:
        below, t = divmod((ordered.shape[-1] - 1) * share, 1.0)
        low, high = ordered[..., int(below)], ordered[..., int(below) + 1]
        out.append(low + (high - low) * t if t < 0.5 else high - (high - low) * (1.0 - t))
    return out


def _steps(level: F64) -> list[F64]:
    step = level[..., 1:] - level[..., :-1]
    size = np.abs(step)
    least, lower, median, upper, largest = _quantiles(np.sort(size, -1), (0.1, 0.25, 0.5, 0.75, 0.9))
    bins = np.minimum(np.maximum(np.floor(step / BIN) + BINS // 2, 0), BINS - 1)
    shares = _share(bins[..., None, :] == np.arange(BINS)[:, None])
    steady = [_share((size[..., 1:] < most) & (size[..., :-1] < most)) for most in (0.03, 0.05)]
    return [
        _size(_mean(size)), _size(np.sqrt(_mean(np.square(step)))), _size(median), _size(lower), _size(upper),
        _size(least), _size(largest),
        _share(step[..., 1:] * step[..., :-1] < 0.0), _share(size > STEP),
        _size(_mean(np.abs(level[..., 2:] - level[..., :-2]))),
        -np.add.reduce(shares * np.log(np.maximum(shares, 1e-9)), -1), *steady,
    ]  # fmt: skip


def _memories(level: F64, middle: F64) -> list[F64]:
    bounded = np.minimum(np.maximum(level, middle - BOUND), middle + BOUND)
    return [*_memory(level, (1, 2, 3, 4)), *_memory(bounded, (1, 2))]


def _memory(level: F64, lags: tuple[int, ...]) -> list[F64]:
    around = level - _mean(level)[..., None]
    size = (_std(around) + 1e-3) ** 2
    return [_mean(around[..., lag:] * around[..., :-lag]) / size for lag in lags]


def _places(level: F64, ordered: F64, middle: F64) -> list[F64]:
    from_middle = level - middle
    distance = np.abs(from_middle)
    lowest, low, high, highest = _quantiles(ordered - middle, (0.05, 0.1, 0.9, 0.95))
    early, late = from_middle < -APART, from_middle > APART
    return [
        _mean(level), _size(_std(level)), high - low, highest + lowest,
        _share(distance < 0.03), _share(distance < 0.08), _size(_middle(np.sort(distance, -1))),
        _share(early), _share(late), _share(early[..., :-1] & late[..., 1:]),
    ]  # fmt: skip


def _squares(step_s: F64) -> list[F64]:
    place = np.minimum(np.maximum(np.rint(step_s / SQUARE_S), -SQUARES), SQUARES)
    square = np.sort((2 * SQUARES + 1) * place[..., :-1] + place[..., 1:], -1)
    taken = 1 + np.add.reduce(square[..., 1:] > square[..., :-1], -1, dtype=np.int64)
    rest = np.abs(step_s) < REST_S
    return [taken / square.shape[-1], _share(rest[..., :-1] & rest[..., 1:])]


def _returns(level: F64) -> list[F64]:
    n = level.shape[-1]
    beyond = np.full((*level.shape[:-1], LAGS), np.inf)
    follow = np.concatenate((level, beyond), -1)[..., _follow(n)]
    alike = np.abs(follow[..., 1:, :] - follow[..., :1, :]) < RETURN
    near = alike.sum((-2, -1))
    go_on = (alike[..., 1:] & alike[..., :-1]).sum((-2, -1))
    pairs = sum(n - lag for lag in range(1, min(LAGS, n - 1) + 1))
    return [np.log((near + 1.0) / pairs), np.log((go_on + 0.5) / (near + 1.0))]


@lru_cache(maxsize=256)
def _follow(n: int) -> NDArray[np.intp]:
    """Each of `n` intervals and the :data:`LAGS` after it by their index, shape (1 + LAGS, n)."""
    return np.arange(1 + LAGS)[:, None] + np.arange(n)
