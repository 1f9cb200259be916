"""Atrial fibrillation from RR intervals: how they scatter over the last 32 and the last 128 of them.

In fibrillation each interval is a draw of its own: neighbours differ, most of them, without the two-beat memory of
bigeminy or the slow swing of breathing. Thirteen measures say how far a series is from that, and a small float
network weighs them.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from edge.runtime import make_interpreter, sole_tensors
from firmware_bridge.types import BadInput

F32 = NDArray[np.float32]

SHORT, LONG = 32, 128
"""Intervals of the two looks; the long one takes what there is."""

LEAST = 24
"""With fewer intervals nothing is said."""

SHORTEST_RR_S, LONGEST_RR_S = 0.2, 3.0

MEASURES = (
    "mean_step",
    "rms_step",
    "median_step",
    "lower_step",
    "upper_step",
    "memory_1",
    "memory_2",
    "turns",
    "share_of_steps",
    "step_over_two",
    "scatter",
    "entropy",
    "level",
)
"""Of the logarithms of the intervals: steps between neighbours (mean, root mean square, median, quartiles),
autocorrelation at one and two beats, share of steps that turn back, share above 6 %, mean step over two beats,
standard deviation, entropy of the steps in bins of 10 %, mean. Sizes are logarithms of themselves."""

AF_INPUTS = (*(f"short_{m}" for m in MEASURES), *(f"long_{m}" for m in MEASURES))

STEP, EDGES = 0.06, np.linspace(-0.6, 0.6, 13)
FLOOR = 0.005


def measures(rr_s: NDArray[np.float64]) -> NDArray[np.float64]:
    """The thirteen :data:`MEASURES` (13,) of intervals (n,) in seconds, n at least 4."""
    level = np.log(np.clip(rr_s, SHORTEST_RR_S, LONGEST_RR_S))
    step = np.diff(level)
    size = np.abs(step)
    lower, median, upper = np.quantile(size, (0.25, 0.5, 0.75))
    around = level - level.mean()
    scatter = float(around.std()) + 1e-4
    share = np.histogram(np.clip(step, -0.59, 0.59), EDGES)[0] / len(step)
    share = share[share > 0.0]
    sizes = (
        size.mean(), math.sqrt(float(np.dot(step, step)) / len(step)), median, lower, upper,
    )  # fmt: skip
    return np.array(
        [
            *(math.log(float(v) + FLOOR) for v in sizes),
            float((around[1:] * around[:-1]).mean()) / scatter**2,
            float((around[2:] * around[:-2]).mean()) / scatter**2,
            float((step[1:] * step[:-1] < 0.0).mean()),
            float((size > STEP).mean()),
            math.log(float(np.abs(level[2:] - level[:-2]).mean()) + FLOOR),
            math.log(scatter + FLOOR),
            -float((share * np.log(share)).sum()),
            float(level.mean()),
        ]
    )


def af_features(rr_s: list[float]) -> F32 | None:
    """Features (26,) of :data:`AF_INPUTS` from intervals in seconds, the newest last; None where they are too few."""
    if len(rr_s) < LEAST:
        return None
    rr = np.asarray(rr_s[-LONG:], np.float64)
    return np.concatenate((measures(rr[-SHORT:]), measures(rr))).astype(np.float32)


class AfModel:
    """The network: features (1, 26) in, one logit (1, 1) out, float32.

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
