"""Many frames of one length at once: where they lie one after the other, arrays read them in a twentieth of the time.

A live port gives a few frames at a time, which are read one by one; what has waited, a recording or a fast device
comes as runs of good frames. A run is what the scanner would have taken frame by frame without a question: each whole
(`FrameFormat.whole`), each the next after the one before it (`FrameFormat.follows`). The first that is not ends it,
and is looked at alone.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

U8 = NDArray[np.uint8]
I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
Flags = NDArray[np.bool_]

LEAST, LEAST_LONG = 24, 6
"""Fewer frames, the second of several samples each, are read sooner one by one."""
LEAST_PLACES, MOST_PLACES = 96, 4096
"""In so many bytes at once is looked for places where a frame may begin."""
MOST, MOST_BYTES = 512, 16_384
"""So many are looked at in one go, so that a damaged one among them costs no more than these."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What the frames of a run say.

    Attributes
    ----------
    codes : ndarray of float64, shape (n_frames * n_samples, n_columns)
        Converter values of the leads that are wanted.
    lead_off : ndarray of int64, shape (n_frames,), or int
        Of each frame, or of all. Bit k: the electrode of channel k is off.
    paced : ndarray of bool, shape (n_frames,), or None
        A pacing pulse was seen, given with the frame's first sample.
    """

    codes: F64
    lead_off: I64 | int = 0
    paced: Flags | None = None


class Readable(Protocol):
    """The part of a `FrameFormat` by which runs are found."""

    n_samples: int

    def stride(self, before: bytes) -> int:
        """Length in bytes of the frames that may follow `before` as a run."""
        ...

    def distance(self, before: bytes, frame: bytes) -> int:
        """How many frames `frame` is after `before`."""
        ...

    def whole(self, rows: U8) -> Flags:
        """Of each row whether it is a frame of just its length."""
        ...

    def follows(self, rows: U8) -> Flags:
        """Of each row but the first whether it is the next after the one before it."""
        ...


def rows_of(buffer: bytes, at: int, stride: int, n: int) -> U8:
    """A view of `n` stretches of `stride` bytes from `at` on, shape (n, stride)."""
    return np.frombuffer(buffer, np.uint8, n * stride, at).reshape(n, stride)


def least_frames(n_samples: int) -> int:
    """How many frames of so many samples are a run."""
    return LEAST if n_samples == 1 else LEAST_LONG


def run_of(made: Readable, buffer: bytes, at: int, before: bytes) -> tuple[int, int]:
    """How many frames that were due stand one after the other from `at` on, and their length.

    Parameters
    ----------
    made : FrameFormat
        Whose frames.
    buffer, at : bytes, int
        Where a frame was due.
    before : bytes
        The frame that ends at `at`.

    Returns
    -------
    n, stride : int
        At most `MOST` frames of so many bytes.
    """
    stride = made.stride(before)
    least = least_frames(made.n_samples)
    n = min(min(len(buffer) - at, MOST_BYTES) // stride, MOST)
    if n < least or made.distance(before, buffer[at : at + stride]) != 1:
        return 0, stride
    found = 0
    few = least if n > 4 * least else n
    for first, stop in ((0, few), (few - 1, n)):  # one that ends soon should cost no more than it must
        if stop == found:
            break
        rows = rows_of(buffer, at + first * stride, stride, stop - first)
        good = made.whole(rows)
        good[1:] &= made.follows(rows)
        bad = int(good.argmin())
        if not good[bad]:
            return first + bad, stride
        found = stop
    return found, stride


class Chained(Protocol):
    """The part of a `FrameFormat` by which frames that no sync word marks are found."""

    n_frame: int

    def linked(self, rows: U8, after: U8) -> Flags:
        """Of each row whether the one in `after` may follow it as the next frame but a few; never less than is so."""
        ...

    def may_be(self, rows: U8) -> tuple[Flags, Flags]:
        """Of each row whether it may be a frame, and whether so even if none follows; never less than is so."""
        ...

    @property
    def form(self) -> object:
        """What its frames look like now."""
        ...


class ChainStarts:
    """Where out of lock a frame may begin that is believed only with others after it. See `scanning.Starts`.

    Parameters
    ----------
    made : FrameFormat
        Whose frames.
    n_links : int
        How many must follow at least.
    """

    def __init__(self, made: Chained, n_links: int) -> None:
        self._made = made
        self._n_links = n_links
        self.forget()

    def forget(self) -> None:
        """The next buffer will be another."""
        self._from = self._end = 0
        self._places: list[int] = []
        self._form: object = None

    def after(self, buffer: bytes, at: int) -> int:
        """The first place from `at` on where one may begin; `at` itself where too few bytes are left to look."""
        if not self._from <= at < self._end or self._form != self._made.form:
            n_places = len(buffer) - at - self._made.n_frame + 1
            if n_places < LEAST_PLACES:
                return at
            self._look(buffer, at, min(n_places, MOST_PLACES))
        k = bisect_left(self._places, at)
        return self._places[k] if k < len(self._places) else self._end

    def _look(self, buffer: bytes, at: int, n_places: int) -> None:
        stride = self._made.n_frame
        rows = sliding_window_view(np.frombuffer(buffer, np.uint8, n_places + stride - 1, at), stride)
        may, alone = self._made.may_be(rows)
        n_pairs = max(0, n_places - stride)
        linked = np.ones(n_places, np.bool_)  # what the bytes at hand do not tell may be
        linked[:n_pairs] = self._made.linked(rows[:n_pairs], rows[n_places - n_pairs :])
        reach = may
        for _ in range(self._n_links):
            goes_on = linked.copy()
            goes_on[:n_pairs] &= reach[n_places - n_pairs :]
            reach = may & (goes_on | alone)
        self._from, self._end, self._form = at, at + n_places, self._made.form
        self._places = (np.flatnonzero(reach) + at).tolist()


def stretches(lengths: I64) -> list[int]:
    """Where each stretch of equal values begins, and the end of the last."""
    return [0, *(np.flatnonzero(np.diff(lengths)) + 1).tolist(), len(lengths)]


def zeros_so_far(is_zero: Flags, n_before: int) -> I64:
    """Of each sample how many in a row, itself included, were zero; `n_before` of them before the first."""
    count = np.arange(1, len(is_zero) + 1)
    last = np.maximum.accumulate(np.where(is_zero, -n_before, count))
    made: I64 = np.where(is_zero, count - last, 0)
    return made
