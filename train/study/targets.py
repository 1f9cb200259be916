"""What a beat is known to be: class, intervals, and the width of its QRS and its P-wave as measured on the lead.

mitdb and svdb label beats and rhythms; nobody has labelled QRS widths or P-waves in them. These two are measured here,
by rules written down, on the lead that the networks are given.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from train.dataset import Patient
from train.front import FS_MODEL
from train.study.baselines import qrs_width

F32 = NDArray[np.float32]
I64 = NDArray[np.int64]

QRS_HALF = 15
"""The QRS lies within so many samples (120 ms) of the R-peak."""

P_FROM, P_TO, P_FOOT = 30, 8, 3
"""The P-wave lies in these samples before the R-peak (240 to 64 ms); its foot is a line through the means of so many
samples at both ends of the stretch."""

P_LEAST_MV, P_LEAST_SHARE = 0.04, 0.03
"""A P-wave is there where the lead rises so far above the line, in mV and as a share of the QRS's height. A P-wave is
0.05 to 0.25 mV high in a limb lead."""

HISTORY = 8
"""The interval is compared with the median of so many before it."""


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """Beats of one patient in their order, one row a beat that has `HISTORY` intervals before it.

    Attributes
    ----------
    index : ndarray of int64, shape (n,)
        Which of the patient's beats.
    at : ndarray of int64, shape (n,)
        Sample of the R-peak in the filtered lead at 125 Hz.
    aami : ndarray of int64, shape (n,)
        Class, an index into N S V F Q.
    aami_before : ndarray of int64, shape (n,)
        Class of the beat before.
    rr_s, rr_before_s : ndarray of float32, shape (n,)
        The interval that ends with this R-peak, and the one that ended with the R-peak before.
    rr_ratio : ndarray of float32, shape (n,)
        `rr_s` over the median of the :data:`HISTORY` intervals before it.
    qrs_ms : ndarray of float32, shape (n,)
        Width of the QRS, by :func:`train.study.baselines.qrs_width`.
    p_mv : ndarray of float32, shape (n,)
        How far the lead rises above its foot line before the QRS.
    p_there : ndarray of bool, shape (n,)
        Whether that is a P-wave, by :data:`P_LEAST_MV` and :data:`P_LEAST_SHARE`.
    """

    index: I64
    at: I64
    aami: I64
    aami_before: I64
    rr_s: F32
    rr_before_s: F32
    rr_ratio: F32
    qrs_ms: F32
    p_mv: F32
    p_there: NDArray[np.bool_]

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Targets:
        """These rows alone."""
        return Targets(*(getattr(self, field.name)[rows] for field in fields(self)))


def targets_of(patient: Patient) -> Targets:
    """Everything known of a patient's beats that can be read and have a history."""
    at = np.rint(patient.r).astype(np.int64) + 1
    rr = np.diff(patient.r, prepend=np.nan) / FS_MODEL
    past = np.array([np.median(rr[k - HISTORY : k]) if k > HISTORY else np.nan for k in range(len(rr))])
    room = (at > P_FROM + P_FOOT) & (at < len(patient.x) - QRS_HALF - 2)
    clean = patient.mask[np.clip(at, 0, len(patient.x) - 1)] > 0
    index = np.flatnonzero(room & clean & np.isfinite(past))
    lead = patient.x[:, 0]
    p_mv, height_mv = p_wave_mv(lead, at[index]), qrs_height_mv(lead, at[index])
    return Targets(
        index=index,
        at=at[index],
        aami=patient.c[index],
        aami_before=patient.c[index - 1],
        rr_s=rr[index].astype(np.float32),
        rr_before_s=rr[index - 1].astype(np.float32),
        rr_ratio=(rr / past)[index].astype(np.float32),
        qrs_ms=(1000.0 * qrs_width(lead, at[index].astype(np.float64), FS_MODEL)).astype(np.float32),
        p_mv=p_mv,
        p_there=(p_mv >= P_LEAST_MV) & (p_mv >= P_LEAST_SHARE * height_mv),
    )


def qrs_height_mv(lead: F32, at: I64) -> F32:
    """Heights (n,) from the lowest to the highest point round the R-peaks, in mV."""
    out: F32 = np.ptp(lead[at[:, None] + np.arange(-QRS_HALF, QRS_HALF + 1)], axis=1)
    return out


def p_wave_mv(lead: F32, at: I64) -> F32:
    """How far (n,) the lead rises above the line between the ends of the stretch before the QRS, in mV."""
    piece = lead[at[:, None] + np.arange(-P_FROM, -P_TO)]
    left, right = piece[:, :P_FOOT].mean(1), piece[:, -P_FOOT:].mean(1)
    line = left[:, None] + (right - left)[:, None] * np.linspace(0.0, 1.0, piece.shape[1])
    return np.clip((piece - line).max(1), 0.0, None).astype(np.float32)


def drawn(targets: Targets, most: int, seed: int) -> Targets:
    """At most `most` beats of each class, drawn without replacement, in their order."""
    rng = np.random.default_rng(seed)
    rows: list[int] = []
    for kind in np.unique(targets.aami):
        own = np.flatnonzero(targets.aami == kind)
        rows += rng.permutation(own)[:most].tolist()
    return targets.take(np.array(sorted(rows), np.int64))
