"""Doubt of supraventricular beats while the intervals look like atrial fibrillation.

In fibrillation every conducted beat is supraventricular and none comes early: there is no atrial rhythm that it could
be ahead of, so no beat is labelled S (the labels of MIT-BIH follow this). A short interval is all that many an S has
to show for itself, and fibrillation is full of them: by folds, 9 % of the beats of cinc2017's recordings in AF were
called S without this, and 0.6 % of those in sinus rhythm (train/RESULTS.md).
"""

from __future__ import annotations

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

from edge.af import LONG
from edge.rhythm import AfJudge
from edge.types import AAMI, Beat

F32 = NDArray[np.float32]

NORMAL, SUPRAVENTRICULAR = AAMI.index("N"), AAMI.index("S")
SHORTEST_S, LONGEST_S = 0.2, 3.0
"""Intervals outside are no heart's, or span a gap; the AF network was fitted without them."""


class AfDoubt:
    """Takes the part of P(S) that AF accounts for and gives it to N.

    Parameters
    ----------
    judge : AfJudge
        Tells AF from intervals; what it does not say (too few intervals) takes nothing.
    """

    def __init__(self, judge: AfJudge) -> None:
        self._judge = judge
        self._rr_s: deque[float] = deque(maxlen=LONG)
        self._kept = 1.0

    def forget(self) -> None:
        """Another patient, or a rhythm that nothing is known of any more."""
        self._rr_s.clear()
        self._kept = 1.0

    def keep(self, beat: Beat) -> None:
        """Take the final answer of a beat; the next answers go by it."""
        if beat.aami == "V" or beat.rr_s is None or not SHORTEST_S < beat.rr_s < LONGEST_S:
            return
        self._rr_s.append(beat.rr_s)
        logit = self._judge.logit(list(self._rr_s))
        self._kept = 1.0 if logit is None else 1.0 / (1.0 + math.exp(min(logit, 80.0)))

    def weigh(self, probs: F32) -> F32:
        """Probabilities (5,) with P(S) times 1 - P(AF); the sum stays what it was."""
        if self._kept >= 1.0:
            return probs
        weighed = probs.copy()
        weighed[SUPRAVENTRICULAR] *= np.float32(self._kept)
        weighed[NORMAL] += probs[SUPRAVENTRICULAR] - weighed[SUPRAVENTRICULAR]
        return weighed
