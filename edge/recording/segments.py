"""How a stream of blocks becomes recorded segments of 16-bit samples. Pure: times are arguments.

A *run* is a stretch in which the device's sample index can be trusted from end to end; a *segment* is the part of a
run that goes into one file: it ends with the hour, when the clock is set, or when the signal leaves the range.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.sample_clock import SampleClock
from firmware_bridge.types import F32, SampleBlock

I16 = NDArray[np.int16]

INVALID = -32768
"""What WFDB's format 16 holds where there is no sample (signal(5) of the WFDB Applications Guide)."""
GAIN = 1000.0
"""Units of the converter per mV: 1 uV a step, +-32.7 mV about the baseline."""
SEGMENT_S = 3600.0
SHORTEST_S = 60.0
"""An hour that has less left goes on into the next."""
SILENT_S = 1.5
"""A device that does not count its samples has lost some after so long a silence, nobody knows how many."""
LONGEST_FILL_S = 600.0
"""A longer loss is no stretch of invalid samples but the beginning of another segment."""
OFFSET_MV = 16.0
OUT_OF_RANGE = 24000
SETTLED_S = 10.0
STEP_S = 1.0


@dataclass(frozen=True, slots=True)
class Arrived:
    """A block, and when its last sample arrived: by the monotonic and by the wall clock, in seconds."""

    block: SampleBlock
    mono_s: float
    utc_s: float


@dataclass(frozen=True, slots=True)
class Segment:
    """What one file holds.

    Attributes
    ----------
    run : int
        Which run it belongs to, counted from 1: indices of one run follow each other.
    start : int
        Device sample index of its first sample.
    fs : float
        Rate [Hz].
    leads : tuple of str
        Names of the columns.
    baseline : tuple of int
        What 0 mV is in each column; a sample is ``(adc - baseline) / GAIN`` mV.
    utc_s : float
        When the first sample was, seconds since 1970.
    """

    run: int
    start: int
    fs: float
    leads: tuple[str, ...]
    baseline: tuple[int, ...]
    utc_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Samples int16 (n, n_leads) that follow in `segment`, the first at device index `start`."""

    segment: Segment
    start: int
    adc: I16

    @property
    def end(self) -> int:
        """Index of the first sample after it."""
        return self.start + self.adc.shape[0]


def coalesced(given: Iterable[Arrived]) -> Iterator[Arrived]:
    """Blocks that follow each other without a break or a silence made one: the same samples in fewer hands."""
    held: list[Arrived] = []
    for item in given:
        if held and not _follows(held[-1], item):
            yield _joined(held)
            held = []
        held.append(item)
    if held:
        yield _joined(held)


def began_s(given: Iterable[Arrived]) -> float | None:
    """When the first of these samples was, UTC, as far as they follow each other; None without any.

    A delay on the way is never negative: of what waited in a buffer and came at once, the last tells the time best.
    """
    first: Arrived | None = None
    before, least = None, float("inf")
    for item in given:
        if first is None:
            first = item
        elif before is None or not _follows(before, item):
            break
        before = item
        least = min(least, item.utc_s - (item.block.end - first.block.start) / item.block.fs)
    return None if first is None else least


def _follows(a: Arrived, b: Arrived) -> bool:
    one, two = a.block, b.block
    same = two.start == one.end and two.fs == one.fs and two.leads == one.leads
    return same and two.lead_off == one.lead_off and not _silent(a.mono_s, b)


def _silent(before_s: float, item: Arrived) -> bool:
    """Whether more time passed since `before_s` than the block's own samples explain."""
    return item.mono_s - before_s - item.block.mv.shape[0] / item.block.fs > SILENT_S


def _joined(held: list[Arrived]) -> Arrived:
    if len(held) == 1:
        return held[0]
    first, last = held[0].block, held[-1]
    mv = np.concatenate([item.block.mv for item in held])
    block = SampleBlock(first.device_id, first.start, first.fs, mv, first.leads, first.lead_off)
    return Arrived(block, last.mono_s, last.utc_s)


def quantised(mv: F32, baseline: Iterable[int], gain: float = GAIN) -> I16:
    """Samples (n, n_leads) [mV] as int16: rounded, then clipped; `INVALID` where there is none."""
    good = np.isfinite(mv)
    adu = np.rint(np.where(good, mv, 0.0).astype(np.float64) * gain) + np.asarray([*baseline], np.float64)
    return np.where(good, np.clip(adu, INVALID + 1, -INVALID - 1), INVALID).astype(np.int16)


def baselines(mv: F32) -> tuple[int, ...]:
    """What 0 mV should be in each column so that a signal far from 0 still fits: 0 wherever it does by itself."""
    found = []
    for column in mv.T:
        good = column[np.isfinite(column)]
        middle = float(np.median(good)) if good.size else 0.0
        found.append(-round(middle) * int(GAIN) if OFFSET_MV < abs(middle) < 1e6 else 0)
    return tuple(found)


class Segmenter:
    """Cuts a stream into segments.

    Parameters
    ----------
    counts : bool
        Whether the device counts its samples (or has a clock), so that a loss is known exactly.
    segment_s : float
        Length of a segment; they end on multiples of it.
    """

    def __init__(self, counts: bool = True, segment_s: float = SEGMENT_S) -> None:
        self._counts, self._segment_s = counts, segment_s
        self._segment: Segment | None = None
        self._clock: SampleClock | None = None
        self._run = 0
        self._fresh = self._cut = True
        self._expected = self._end = 0
        self._mono_s = self._offset_s = 0.0

    def restart(self) -> None:
        """The device began again: what comes next is another run."""
        self._fresh = True

    def cut(self) -> None:
        """What comes next goes into another segment of the same run."""
        self._cut = True

    @property
    def fresh(self) -> bool:
        """Whether what comes next begins a run, as far as is known."""
        return self._fresh

    def push(self, item: Arrived, began_s: float | None = None) -> list[Piece]:
        """Take samples, give them as pieces of segments; a loss shows as a jump of `Piece.start`.

        `began_s` is the UTC time of the first sample where that is known better than from when these arrived: used
        where they begin a run.
        """
        block = item.block
        n = block.mv.shape[0]
        if n == 0:
            return []
        if self._breaks(item):
            self._run += 1
            self._clock = None
        offset_s = item.utc_s - item.mono_s
        if abs(offset_s - self._offset_s) > STEP_S:
            self._clock, self._cut, self._offset_s = None, True, offset_s
        if self._clock is None:
            self._clock, self._cut = SampleClock(block.fs), True
            if began_s is not None:
                self._clock.push(block.start, began_s)
        self._clock.push(block.end - 1, item.utc_s)
        if not self._fresh and block.start - self._expected > LONGEST_FILL_S * block.fs:
            self._cut = True
        self._fresh = False
        self._expected, self._mono_s = block.end, item.mono_s
        return list(self._pieces(block))

    def _breaks(self, item: Arrived) -> bool:
        segment, block = self._segment, item.block
        if self._fresh or segment is None or block.start < self._expected:
            return True
        if block.fs != segment.fs or block.leads != segment.leads:
            return True
        return not self._counts and block.start == self._expected and _silent(self._mono_s, item)

    def _pieces(self, block: SampleBlock) -> Iterator[Piece]:
        at, n = 0, block.mv.shape[0]
        while at < n:
            start, mv = block.start + at, block.mv[at:]
            if (
                self._cut
                or self._segment is None
                or start >= self._end
                or self._left(start, block.lead_off, mv)
            ):
                self._begin(start, block, mv)
            assert self._segment is not None
            mv = mv[: self._end - start]
            yield Piece(self._segment, start, quantised(mv, self._segment.baseline))
            at += mv.shape[0]

    def _left(self, start: int, lead_off: int, mv: F32) -> bool:
        """Whether the signal of connected electrodes has left the range of this segment's baseline."""
        segment = self._segment
        if segment is None or lead_off or start - segment.start < SETTLED_S * segment.fs:
            return False
        adc = quantised(mv, segment.baseline)
        good = adc[(adc != INVALID).all(axis=1)]
        return bool(good.size and (np.abs(np.median(good, axis=0)) > OUT_OF_RANGE).any())

    def _begin(self, start: int, block: SampleBlock, mv: F32) -> None:
        assert self._clock is not None
        utc_s, before, fs = self._clock.utc_s(start), self._segment, block.fs
        if before is not None and before.run == self._run and not self._cut:
            # Stamps follow the host's clock; played faster than life they mean nothing, and the index goes on.
            passed_s = (start - before.start) / fs
            if abs(utc_s - before.utc_s - passed_s) > 5.0 + 0.05 * passed_s:
                utc_s = before.utc_s + passed_s
        left_s = self._segment_s - utc_s % self._segment_s
        if left_s < min(SHORTEST_S, self._segment_s / 2):
            left_s += self._segment_s
        self._end = start + max(1, math.ceil(left_s * fs))
        self._segment = Segment(self._run, start, fs, block.leads, baselines(mv), utc_s)
        self._cut = False
