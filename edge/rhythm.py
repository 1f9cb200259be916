"""The rhythm, from the rhythm CNN's windows, the beats' classes and the irregularity of their intervals."""

from __future__ import annotations

import math
from collections import deque
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from edge.types import RHYTHMS, Beat, Rhythm

F32 = NDArray[np.float32]

AF_BEATS = 144
"""Beats that are kept: 128 intervals to look at, and the ventricular beats between them."""

AF_BY_RR = 0.4
"""How much the intervals weigh beside the waveform's answer; chosen on DS1 (train/RESULTS.md)."""

MOST_LOGIT = 5.3
"""Neither is believed more than 200 to 1."""

VF_ON, VF_OFF = 0.5, 0.3
AF_ON, AF_OFF = 0.7, 0.4
NOISE_ON, NOISE_OFF = 0.6, 0.4
VT_BEATS = 3
"""Three or more ventricular beats in a row above 100 bpm are a run of VT (EC57's definition of a run)."""

VT_RR_S = 0.6
VT_FRESH_S = 1.5
"""A run is over when its last answered beat is older: its successor and its answer would have come by now."""

SURE = 0.95
"""P(N) + P(S) of a beat that surely is not ventricular. With 0.8 flutters of vfdb/418 go untold (train/RESULTS.md)."""

EXPLAIN_S = 4.0
"""Ordinary beats within so long explain a wave that the CNN takes for VT or fibrillation."""


class AfJudge(Protocol):
    """What tells AF from intervals."""

    def logit(self, rr_s: list[float]) -> float | None:
        """Log-odds of AF from intervals in seconds, the newest last; None where they are too few."""
        ...


class RhythmStage:
    """Follows the rhythm: windows once a second, final beats as they come.

    Parameters
    ----------
    af : AfJudge
        Tells AF from intervals.
    """

    def __init__(self, af: AfJudge) -> None:
        self._judge = af
        self._beats: deque[Beat] = deque(maxlen=AF_BEATS)
        self._label, self._prob, self._since = "unknown", 0.0, 0
        self.fs = 250.0
        """Device rate [Hz], set when it is known."""
        self.reset()

    def reset(self) -> None:
        """Forget the evidence; the label becomes unknown at the next push."""
        self._beats.clear()
        self._slow = np.zeros(len(RHYTHMS), np.float32)
        self._n_windows = 0
        self.vf_prob = 0.0
        """The rhythm CNN's probability of fibrillation or flutter in its newest window."""
        self.vt_prob = 0.0
        self.noise_prob = 0.0

    @property
    def label(self) -> str:
        """The current rhythm."""
        return self._label

    def on_window(self, probs: F32, at: int, readable: bool) -> list[Rhythm]:
        """Take the CNN's answer about the newest window (one a second)."""
        self._n_windows += 1
        weight = max(0.25, 1.0 / self._n_windows)
        self._slow += np.float32(weight) * (probs - self._slow)
        self.vf_prob = float(probs[RHYTHMS.index("vf")])
        self.vt_prob = float(probs[RHYTHMS.index("vt")])
        self.noise_prob = float(probs[RHYTHMS.index("noise")])
        return self._settle(at, readable)

    def vf_evidence(self, at: int) -> float:
        """Probability that the newest window fibrillates, given the beats up to sample `at`.

        Coarse fibrillation and fast VT look alike to the CNN: of 1,729 held-out windows of fibrillation it called
        half VT. So both count, unless the beats explain the wave: a run of ventricular beats (that is the VT
        alarm's) or at least three sure ones that are not ventricular.
        """
        if self._explained(at - round(EXPLAIN_S * self.fs)) or self._running_vt(at):
            return self.vf_prob
        return self.vf_prob + self.vt_prob

    def _explained(self, since: int) -> bool:
        """Whether three beats from sample `since` on are surely not ventricular; asked every tick, so from the newest.

        N or S: which of the two may be in doubt, as in a fast supraventricular rhythm.
        """
        n = 0
        for b in reversed(self._beats):
            if b.r_peak.sample >= since and b.aami in "NS" and b.probs[0] + b.probs[1] > SURE:
                n += 1
                if n == 3:
                    return True
        return False

    def on_beat(self, beat: Beat) -> None:
        """Take a final answer."""
        self._beats.append(beat)

    def unknown(self, at: int) -> list[Rhythm]:
        """No signal, lead off, a long gap: nothing is known any more."""
        self.reset()
        return self._change("unknown", 0.0, at)

    def _settle(self, at: int, readable: bool) -> list[Rhythm]:
        slow = {name: float(p) for name, p in zip(RHYTHMS, self._slow, strict=True)}
        if slow["vf"] > (VF_OFF if self._label == "vf" else VF_ON):
            return self._change("vf", slow["vf"], at)
        if self._running_vt(at):
            return self._change("vt", max(slow["vt"], self._beats[-1].probs[2]), at)
        if not readable or slow["noise"] > (NOISE_OFF if self._label == "noise" else NOISE_ON):
            return self._change("noise", slow["noise"], at)
        af = self._af(slow["af"])
        if af is not None and af > (AF_OFF if self._label == "af" else AF_ON):
            return self._change("af", af, at)
        return self._change(*self._ordinary(af), at)

    def _ordinary(self, af: float | None) -> tuple[str, float]:
        """'sinus' when most beats are normal and AF is unlikely, 'other' when not, 'unknown' with no beats yet."""
        last = list(self._beats)[-10:]
        if len(last) < 3:
            return "unknown", 0.0
        normal = sum(b.aami == "N" for b in last) / len(last)
        return ("sinus", normal * (1.0 - (af or 0.0))) if normal >= 0.6 else ("other", 1.0 - normal)

    def _running_vt(self, at: int) -> bool:
        last = list(self._beats)[-VT_BEATS:]
        if len(last) < VT_BEATS or at - last[-1].r_peak.sample > VT_FRESH_S * self.fs:
            return False
        return all(b.aami == "V" and b.rr_s is not None and b.rr_s < VT_RR_S for b in last)

    def _af(self, cnn: float) -> float | None:
        """Intervals and waveform together: the weighted mean of their log-odds."""
        rr = [b.rr_s for b in self._beats if b.rr_s is not None and b.aami != "V" and 0.2 < b.rr_s < 3.0]
        by_rr = self._judge.logit(rr)
        if by_rr is None:
            return None
        z = AF_BY_RR * max(-MOST_LOGIT, min(MOST_LOGIT, by_rr)) + (1.0 - AF_BY_RR) * _logit(cnn)
        return 1.0 / (1.0 + math.exp(-z))

    def _change(self, label: str, prob: float, at: int) -> list[Rhythm]:
        if label == self._label:
            self._prob = prob
            return []
        self._label, self._prob, self._since = label, prob, at
        return [Rhythm(label, round(prob, 3), at, at)]


def _logit(p: float) -> float:
    p = min(0.995, max(0.005, p))
    return math.log(p / (1.0 - p))
