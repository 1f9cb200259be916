"""One answer from the networks, the intervals and the beats before: a small GRU that takes one step a beat.

At every beat it takes a row of named features and gives two answers: the early one of this beat, and the final
one of the beat before, whose following RR interval is now known. Its state is what it remembers of the patient:
their rhythm, how regular it is, what their premature beats look like.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.cnn import softmax
from edge.likeness import Likeness
from edge.step_model import StepModel, StepState
from edge.types import AAMI

F32 = NDArray[np.float32]

N_CLASSES = len(AAMI)

FUSION_INPUTS = (
    *(f"gru_{c}" for c in AAMI),
    *(f"cnn_{c}" for c in AAMI),
    *(f"gru_before_{c}" for c in AAMI),
    "rr",
    "rr_to_mean",
    "rr_to_last",
    "rr_to_long",
    "rr_mean",
    "rr_spread",
    "irregular_mean",
    "irregular_rms",
    "amp_to_template",
    "whole_correlation",
    "p_correlation",
    "p_residual",
    "qrs_residual",
    "early_residual",
    "sqi",
    "no_rr",
    "no_template",
    "nothing",
)
"""Names of the features, in order. The first fifteen are log-probabilities; intervals, ratios, irregularities and
residuals are natural logarithms. `nothing` is 1 in the row that says that no beat followed."""

N_INPUTS = len(FUSION_INPUTS)
FLOOR = -6.0
USUAL_RR_S = 0.8
USUAL_IRREGULARITY = 0.05
"""Taken where too few intervals are known."""


@dataclass(frozen=True, slots=True)
class BeatEvidence:
    """What is known about a beat when it is answered early. Logits are (5,); intervals in seconds, None if unknown.

    `gru_before` are the GRU's logits of the beat before, seen from here; `irregular` the mean and the root mean
    square of :func:`edge.intervals.irregularity`.
    """

    gru: F32
    gru_before: F32
    cnn: F32
    rr_s: float | None
    rr_last_s: float | None
    rr_mean_s: float | None
    rr_long_s: float | None
    rr_spread: float
    irregular: tuple[float, float] | None
    amp_ratio: float
    likeness: Likeness | None
    sqi: float


def features(e: BeatEvidence) -> F32:
    """The row (33,) of :data:`FUSION_INPUTS`, every value finite and at most 6 in size."""
    mean, rms = e.irregular or (USUAL_IRREGULARITY, USUAL_IRREGULARITY)
    like = e.likeness or Likeness(0.0, 0.0, 0.0, 0.0, 0.0)
    rest = (
        _log_ratio(e.rr_s, USUAL_RR_S),
        _log_ratio(e.rr_s, e.rr_mean_s),
        _log_ratio(e.rr_s, e.rr_last_s),
        _log_ratio(e.rr_s, e.rr_long_s),
        _log_ratio(e.rr_mean_s, USUAL_RR_S),
        e.rr_spread,
        math.log(mean + 0.005),
        math.log(rms + 0.005),
        max(-2.0, min(2.0, math.log(max(e.amp_ratio, 1e-3)))),
        like.whole,
        like.p_wave,
        like.p_residual,
        like.qrs_residual,
        like.early_residual,
        e.sqi,
        e.rr_s is None,
        e.likeness is None,
        0.0,
    )
    out = np.empty(N_INPUTS, np.float32)
    out[0:5] = log_probs(e.gru)
    out[5:10] = log_probs(e.cnn)
    out[10:15] = 0.0 if e.rr_s is None else log_probs(e.gru_before)
    out[15:] = rest
    return np.clip(out, FLOOR, -FLOOR, out=out)


def nothing() -> F32:
    """The row that says: no beat followed."""
    out = np.zeros(N_INPUTS, np.float32)
    out[-1] = 1.0
    return out


def log_probs(logits: F32) -> F32:
    """Log of softmax of logits (5,), no less than :data:`FLOOR`."""
    shifted = logits - logits.max()
    out: F32 = np.maximum(shifted - np.log(np.exp(shifted).sum()), np.float32(FLOOR))
    return out


def _log_ratio(a: float | None, b: float | None) -> float:
    if a is None or b is None or a <= 0.0 or b <= 0.0:
        return 0.0
    return max(-1.5, min(1.5, math.log(a / b)))


class BeatFuser(Protocol):
    """Whatever turns rows of features into answers, one patient's rows in their order."""

    def new_state(self) -> StepState:
        """A patient never seen."""
        ...

    def step(self, x: F32, state: StepState) -> tuple[F32, F32]:
        """Take the row (33,) of a beat: probabilities (5,) of this beat, early, and of the one before, final."""
        ...

    def unfollowed(self, state: StepState) -> F32:
        """Final probabilities (5,) of the last beat where none has followed; `state` stays as it is."""
        ...


class MeanFusion:
    """The mean of the networks' log-probabilities: what there is before a fusion has been fitted."""

    def new_state(self) -> StepState:
        """The row before: none."""
        return StepState(N_INPUTS)

    def step(self, x: F32, state: StepState) -> tuple[F32, F32]:
        """See :class:`BeatFuser`."""
        before = state.s[0]
        final = softmax(before[0:5] + before[5:10] + x[10:15])
        state.s = x[None].copy()
        return softmax(x[0:5] + x[5:10]), final

    def unfollowed(self, state: StepState) -> F32:
        """See :class:`BeatFuser`."""
        return softmax(state.s[0, 0:5] + state.s[0, 5:10])


class Fusion(StepModel):
    """The fusion network: a row (1, 33) and the state in, ten logits and the state out, float32.

    Raises
    ------
    BadInput
        When the file's shapes differ.
    """

    def __init__(self, content: bytes, where: str) -> None:
        super().__init__(content, N_INPUTS, 2 * N_CLASSES, where)
        self._nothing = nothing()[None]

    def step(self, x: F32, state: StepState) -> tuple[F32, F32]:
        """See :class:`BeatFuser`; the probabilities are calibrated."""
        y = self.advance(x[None], state)
        return softmax(y[:N_CLASSES]), softmax(y[N_CLASSES:])

    def unfollowed(self, state: StepState) -> F32:
        """See :class:`BeatFuser`."""
        s = state.s
        final = softmax(self.advance(self._nothing, state)[N_CLASSES:])
        state.s = s
        return final
