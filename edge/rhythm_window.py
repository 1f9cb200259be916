"""What the rhythm CNN sees of the last seconds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAST_SCALE_MV = 0.08
"""A window quieter than this is shown as quiet: noise floor must not be blown up to look like fibrillation."""


SCALE_QUANTILE = 0.95
"""A window is divided by this quantile of its sizes."""


def rhythm_image(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """Scale a window of the filtered lead, float32 (n,) in mV, by its own 95th percentile: (n, 1), clipped to +-4."""
    size = np.sort(np.abs(x))
    scale = max(LEAST_SCALE_MV, float(size[int(SCALE_QUANTILE * (len(size) - 1))]))
    out: NDArray[np.float32] = np.clip(x[:, None] / np.float32(scale), -4.0, 4.0).astype(np.float32)
    return out
