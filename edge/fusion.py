"""One answer from the GRU, the CNN, and the intervals: a small float network over named features."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.cnn import softmax
from edge.runtime import make_interpreter, sole_tensors
from edge.types import AAMI
from firmware_bridge.types import BadInput

F32 = NDArray[np.float32]

FUSION_INPUTS = (
    *(f"gru_{c}" for c in AAMI),
    *(f"cnn_{c}" for c in AAMI),
    *(f"gru_before_{c}" for c in AAMI),
    "rr_to_mean",
    "rr_to_last",
    "next_to_mean",
    "next_to_rr",
    "no_rr",
    "no_next",
    "final",
    "amp_to_template",
    "template_correlation",
    "rr_spread",
    "rr_mean",
)
"""Names of the features, in order. The first fifteen are log-probabilities, ratios are natural logarithms."""

FLOOR = -6.0


@dataclass(frozen=True, slots=True)
class BeatEvidence:
    """What is known about a beat when it is answered. Logits are (5,); intervals in seconds, None if unknown."""

    gru: F32
    cnn: F32
    rr_s: float | None
    rr_last_s: float | None
    rr_mean_s: float | None
    rr_spread: float
    amp_ratio: float
    correlation: float


def features(
    e: BeatEvidence, gru_before: F32 | None = None, next_rr_s: float | None = None, final: bool = False
) -> F32:
    """The feature vector (26,) of :data:`FUSION_INPUTS`."""
    out = np.zeros(len(FUSION_INPUTS), np.float32)
    out[0:5] = _log_probs(e.gru)
    out[5:10] = _log_probs(e.cnn)
    if gru_before is not None:
        out[10:15] = _log_probs(gru_before)
    out[15] = _log_ratio(e.rr_s, e.rr_mean_s)
    out[16] = _log_ratio(e.rr_s, e.rr_last_s)
    out[17] = _log_ratio(next_rr_s, e.rr_mean_s)
    out[18] = _log_ratio(next_rr_s, e.rr_s)
    out[19:22] = e.rr_s is None, next_rr_s is None, final
    out[22] = max(-2.0, min(2.0, math.log(max(e.amp_ratio, 1e-3))))
    out[23] = e.correlation
    out[24] = e.rr_spread
    out[25] = 0.0 if e.rr_mean_s is None else max(-1.5, min(1.5, math.log(e.rr_mean_s / 0.8)))
    return out


def _log_probs(logits: F32) -> F32:
    shifted = logits - logits.max()
    out: F32 = np.maximum(shifted - np.log(np.exp(shifted).sum()), np.float32(FLOOR))
    return out


def _log_ratio(a: float | None, b: float | None) -> float:
    if a is None or b is None or a <= 0.0 or b <= 0.0:
        return 0.0
    return max(-1.5, min(1.5, math.log(a / b)))


class BeatFuser(Protocol):
    """Whatever turns features (26,) into probabilities (5,) of N S V F Q."""

    def probs(self, x: F32) -> F32:
        """Probabilities (5,)."""
        ...


class MeanFusion:
    """The mean of the networks' log-probabilities: what there is before a fusion has been fitted."""

    def probs(self, x: F32) -> F32:
        """Probabilities (5,) from features (26,)."""
        out: F32 = softmax(x[0:5] + x[5:10] + x[10:15])
        return out


class Fusion:
    """The fusion network: features (1, 26) in, logits (1, 5) out, float32.

    Raises
    ------
    BadInput
        When the file's shapes differ.
    """

    def __init__(self, content: bytes, where: str) -> None:
        interpreter = make_interpreter(content)
        given, made = sole_tensors(interpreter, where)
        takes, gives = tuple(given["shape"].tolist()), tuple(made["shape"].tolist())
        if takes != (1, len(FUSION_INPUTS)) or gives != (1, len(AAMI)):
            raise BadInput(
                f"{where}: input {takes}, output {gives}, expected "
                f"(1, {len(FUSION_INPUTS)}) and (1, {len(AAMI)}); fit it again"
            )
        self.content = content
        self._in, self._out = given["index"], made["index"]
        self._set, self._get, self._invoke = (
            interpreter.set_tensor,
            interpreter.get_tensor,
            interpreter.invoke,
        )

    def probs(self, x: F32) -> F32:
        """Calibrated probabilities (5,) of N S V F Q."""
        self._set(self._in, x[None])
        self._invoke()
        return softmax(self._get(self._out)[0])
