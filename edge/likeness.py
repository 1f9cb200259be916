"""How a beat's window differs from the patient's own template, stretch by stretch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.template import Template, correlation

F32 = NDArray[np.float32]

P_FROM, P_TO = 31, 6
"""The P-wave lies in these samples before the R-peak (248 to 48 ms at 125 Hz)."""

QRS_HALF = 8
"""The QRS: so many samples on either side of the R-peak (64 ms)."""

FLOOR = 0.02
"""Residuals below 2 % of the template's height are noise."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """A window against the template.

    Attributes
    ----------
    whole, p_wave : float
        Pearson's correlation over the whole window, and over the stretch of the P-wave.
    p_residual, qrs_residual, early_residual : float
        Logarithm of the root mean square of the difference, over the template's height, in the stretch of the
        P-wave, of the QRS, and of all before the P-wave.
    """

    whole: float
    p_wave: float
    p_residual: float
    qrs_residual: float
    early_residual: float


def likeness(window: F32, template: Template, before: int) -> Likeness | None:
    """Compare a window (n,) in mV whose R-peak is at `before`; None while there is no template."""
    mean = template.mean
    if mean is None:
        return None
    apart = (window - mean) / np.float32(template.scale(window))
    p, qrs = slice(before - P_FROM, before - P_TO), slice(before - QRS_HALF, before + QRS_HALF + 1)
    return Likeness(
        correlation(window, mean),
        correlation(window[p], mean[p]),
        _residual(apart[p]),
        _residual(apart[qrs]),
        _residual(apart[: before - P_FROM]),
    )


def _residual(apart: F32) -> float:
    return math.log(FLOOR + min(20.0, math.sqrt(float(np.dot(apart, apart)) / len(apart))))
