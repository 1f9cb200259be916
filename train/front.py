"""The front end of every model: what the pipeline does to a signal before the first weight sees it.

Training runs edge's own :class:`~edge.resample.Resampler` and :class:`~edge.filters.Cascade`, sample by
sample, so what was trained is what runs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.filters import Cascade
from edge.resample import Resampler

FS_MODEL = 125.0
"""Rate of every shipped model, Hz. 250 Hz would double the steps; it has not been tried. The 120 Hz prototype stood
level with the best rule-based program in QRS and VEB, so 125 Hz it is until a measurement says otherwise."""

SOS: tuple[tuple[float, ...], ...] = (
    (0.982385438526092, -1.964770877052184, 0.982385438526092, 1.0, -1.9644605802052324, 0.9650811738991353),
    (
        0.43473934828474653,
        0.8694786965694931,
        0.43473934828474653,
        1.0,
        0.5193034092252914,
        0.21965398391369462,
    ),
)
"""0.5 Hz high-pass and 40 Hz low-pass, Butterworth, second order, at 125 Hz:
``scipy.signal.butter(2, 0.5, 'high', fs=125, output='sos')`` and ``butter(2, 40, 'low', fs=125, output='sos')``.
The test `tests/train/test_front.py` derives them again."""


def run_front(x_mv: NDArray[np.float32], fs: float) -> NDArray[np.float32]:
    """Filter one lead as the pipeline does (its guard against glitches and its clip at 8 mV aside).

    Parameters
    ----------
    x_mv : ndarray, shape (n,)
        The lead in mV at `fs` Hz; non-finite samples are held at the last good value.

    Returns
    -------
    ndarray of float32, shape (about n * 125 / fs,)
        Sample k stands for time ``k / 125`` s after the first input, plus the low-pass' delay of 0.4 to 0.5 samples.
    """
    resampler, cascade = Resampler(fs, FS_MODEL), Cascade(SOS)
    push, smooth = resampler.push, cascade.push
    good = np.isfinite(x_mv)
    if not good.all():
        held = np.maximum.accumulate(np.where(good, np.arange(len(x_mv)), 0))
        x_mv = np.nan_to_num(x_mv[held])
    out: list[float] = []
    for x in x_mv.tolist():
        for y in push(x):
            out.append(smooth(y))
    return np.asarray(out, dtype=np.float32)
