"""Atrial fibrillation from RR intervals: how they scatter over the last 32 and the last 128 of them.

In fibrillation each interval is a draw of its own: neighbours differ, most of them, without the two-beat memory of
bigeminy or the slow swing of breathing, and seldom does one return to the length of another, as those between ectopic
beats do. The measures of :mod:`edge.scatter` say how far a series is from that, and a small float network weighs them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.runtime import make_interpreter, sole_tensors
from edge.scatter import MEASURES, measures
from firmware_bridge.types import BadInput

F32 = NDArray[np.float32]

SHORT, LONG = 32, 128
"""Intervals of the two looks; the long one takes what there is."""

LEAST = 24
"""With fewer intervals nothing is said."""

AF_INPUTS = (*(f"short_{m}" for m in MEASURES), *(f"long_{m}" for m in MEASURES))


def af_rows(rr_s: NDArray[np.float64]) -> F32:
    """Features (..., 66) of :data:`AF_INPUTS` of intervals (..., n) in seconds, n at least :data:`LEAST`."""
    rr = rr_s[..., -LONG:]
    return np.concatenate((measures(rr[..., -SHORT:]), measures(rr)), -1).astype(np.float32)


def af_features(rr_s: list[float]) -> F32 | None:
    """Features (66,) of :data:`AF_INPUTS` from intervals in seconds, the newest last; None where they are too few."""
    if len(rr_s) < LEAST:
        return None
    return af_rows(np.asarray(rr_s[-LONG:], np.float64))


class AfModel:
    """The network: features (1, 66) in, one logit (1, 1) out, float32.

    Raises
    ------
    BadInput
        When the file's shapes differ.
    """

    def __init__(self, content: bytes, where: str) -> None:
        interpreter = make_interpreter(content)
        given, made = sole_tensors(interpreter, where)
        takes, gives = tuple(given["shape"].tolist()), tuple(made["shape"].tolist())
        if takes != (1, len(AF_INPUTS)) or gives != (1, 1):
            raise BadInput(
                f"{where}: input {takes}, output {gives}, expected (1, {len(AF_INPUTS)}) and (1, 1); fit it again"
            )
        self.content = content
        self._in, self._out = given["index"], made["index"]
        self._set, self._get, self._invoke = (
            interpreter.set_tensor,
            interpreter.get_tensor,
            interpreter.invoke,
        )

    def logit(self, rr_s: list[float]) -> float | None:
        """Log-odds of AF from intervals in seconds, the newest last; None where they are too few."""
        x = af_features(rr_s)
        if x is None:
            return None
        self._set(self._in, x[None])
        self._invoke()
        return float(self._get(self._out)[0, 0])
