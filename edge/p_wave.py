"""Is a deflection a QRS, or a P-wave that the network took for one?

Where the ventricles stand still or beat by themselves, nothing near a P-wave says that it is none: the GRU, which looks
for the largest thing that comes regularly, was up to 98 % sure of P-waves of 0.15 to 0.3 mV beside a QRS of 1.2 mV, and
an asystole with P-waves went untold (train/RESULTS.md). A P-wave is small beside the patient's QRS and smooth; a QRS
that is small, as where an electrode lies badly, is steep still. A P-wave with a notch is as steep for its size as a
QRS, but not beside the patient's own.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]

BEFORE, SPAN = 12, 21
"""Samples (96 ms before the R-peak, 168 ms in all) that are looked at."""

SMALL, SMOOTH = 0.4, 0.28
"""Part of the usual range, and part of its own range that a wave's mean of three samples goes at most from one sample
(8 ms) to the next. Of 149,457 R-peaks found in DS1, the paced records and svdb 15 are both, four of them false."""

FLAT = 0.19
"""So much of the steepest step of the patient's usual QRS a small wave must have, or it is none, however steep it is
for its size: notched P-waves of 0.12 to 0.3 mV beside a QRS of 1.2 mV have 0.08 to 0.19. Of 149,457 R-peaks found in
DS1, the paced records and svdb this and the rule above refuse 28, nine of them false."""

LEAST_MV = 0.15
"""Nor is a smooth wave a QRS that is smaller than this (EC13: complexes under 0.15 mV must not be counted)."""

KNOWN, MEMORY = 4, 8
"""QRS until their usual range is known, and its memory in beats."""

MOST_REFUSED = 64
"""So many small waves in a row and no QRS: asystole has long been told, and if it is none, then this is what the
electrodes give now."""


class QrsSizes:
    """The usual range of this patient's QRS, and whether a wave is one.

    Attributes
    ----------
    usual_mv, usual_steep_mv : float
        Running means of the ranges of what was a QRS, and of its steepest steps from one sample to the next [mV]; 0
        before the first.
    """

    __slots__ = ("_n", "_refused", "usual_mv", "usual_steep_mv")

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Another patient, or other electrodes."""
        self._n, self._refused = 0, 0
        self.usual_mv = self.usual_steep_mv = 0.0

    def is_qrs(self, x: F32) -> bool:
        """Whether `x` (21,) [mV], the filtered lead round an R-peak, holds a QRS; one that does is learned from."""
        wave = x.astype(np.float64)
        threes = wave[:-2] + wave[1:-1] + wave[2:]
        range_mv = float(threes.max() - threes.min()) / 3.0
        steepest_mv = float(np.abs(threes[1:] - threes[:-1]).max()) / 3.0
        if self._is_p_wave(range_mv, steepest_mv):
            self._refused += 1
            if self._refused >= MOST_REFUSED:
                self.reset()
            return False
        self._refused = 0
        self._learn(range_mv, steepest_mv)
        return True

    def _is_p_wave(self, range_mv: float, steepest_mv: float) -> bool:
        smooth, known = steepest_mv < SMOOTH * range_mv, self._n >= KNOWN
        if known and range_mv < SMALL * self.usual_mv:
            return smooth or steepest_mv < FLAT * self.usual_steep_mv
        return smooth and range_mv < LEAST_MV

    def _learn(self, range_mv: float, steepest_mv: float) -> None:
        if self._n == 0:
            self.usual_mv, self.usual_steep_mv = range_mv, steepest_mv
        # One artefact may not make every QRS after it small.
        self.usual_mv += (min(range_mv, 2.0 * self.usual_mv) - self.usual_mv) / MEMORY
        self.usual_steep_mv += (min(steepest_mv, 2.0 * self.usual_steep_mv) - self.usual_steep_mv) / MEMORY
        self._n = min(KNOWN, self._n + 1)
