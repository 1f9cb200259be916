"""From a decided R-peak to its two answers: early, and final once the following RR interval is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from edge.af_doubt import AfDoubt
from edge.artefact import Models
from edge.fusion import BeatEvidence, features
from edge.intervals import Intervals
from edge.likeness import likeness
from edge.p_wave import BEFORE, SPAN, QrsSizes
from edge.personal import Personal
from edge.rpeaks import Decided, refine
from edge.template import Template, beat_image
from edge.types import AAMI, Beat, RPeak
from edge.windows import Ring

F32 = NDArray[np.float32]

LONGEST_WAIT_S = 2.5
"""A beat with no successor by then gets its final answer without a following RR interval."""

LEARN_ABOVE = 0.7
"""Probability above which a normal beat joins the patient's template."""

LEAST_DISTANCE = 20
"""Samples (160 ms): two answers about the same deflection are one beat."""


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What surrounds a beat when it is answered: quality, age of the state, the device sample now."""

    sqi: float
    warming: bool
    readable: bool
    at: int


@dataclass(slots=True)
class _Open:
    """A beat that waits for its final answer."""

    beat: Beat
    window: F32
    k: int


class BeatStage:
    """Looks at decided R-peaks: interval, window, CNN, fusion.

    Parameters
    ----------
    models : Models
        Weights.
    ring : Ring
        The filtered lead, filled by the pipeline.
    to_device : callable
        Filtered sample position to device sample index.
    personal : Personal, optional
        Corrects what goes out; what is learned here goes by the uncorrected answers. Nothing by default.
    is_paced : callable, optional
        Whether a pacing pulse was marked beside a device sample index.
    is_pulse : callable, optional
        Whether at a device sample index lies a pacing pulse, marked or not, that no QRS follows.
    """

    def __init__(
        self,
        models: Models,
        ring: Ring,
        to_device: Callable[[float], int],
        personal: Personal | None = None,
        is_paced: Callable[[int], bool] | None = None,
        is_pulse: Callable[[int], bool] | None = None,
    ) -> None:
        self._models, self._ring, self._to_device = models, ring, to_device
        self._is_paced = is_paced or (lambda _: False)
        self._is_pulse = is_pulse or (lambda _: False)
        self._personal = personal or Personal("off")
        gru, cnn = models.manifests["gru"], models.manifests["beat_cnn"]
        self._fs = gru.fs
        self._lag = gru.delay["qrs"]
        self._filter_lag = gru.delay["filter"]
        self._peak_lag = gru.calibration["peak_lag"]
        self._window, self._before = cnn.window, cnn.before
        self._wait = round(LONGEST_WAIT_S * gru.fs)
        self._sizes = QrsSizes()
        self.template = Template()
        self.intervals = Intervals()
        self._memory = models.fusion.new_state()
        self._doubt = AfDoubt(models.af)
        self._next_id = 0
        self._open: _Open | None = None
        self._last_position = -1e9

    def is_qrs(self, k: int) -> bool:
        """Whether a QRS lies where the posterior has a maximum, at sample `k`, or only a P-wave or a pacing pulse."""
        position, _ = self._refined(k)
        if self._is_pulse(self._to_device(position - self._peak_lag)):
            return False
        return self._sizes.is_qrs(self._ring.cut(round(position) - BEFORE, SPAN))

    def push(self, found: Decided, now: Circumstances) -> list[Beat]:
        """An R-peak was decided."""
        position, amp_mv = self._refined(found.k)
        if position - self._last_position < LEAST_DISTANCE:
            return []
        self._last_position = position
        rr_s = self.intervals.peak(position / self._fs)
        window = self._ring.cut(round(position) - self._before, self._window)
        row = features(self._evidence(window, rr_s, found.logits, now.sqi))
        early, before = map(self._doubt.weigh, self._models.fusion.step(row, self._memory))
        out = self._finish(now, before)
        peak = RPeak(
            self._to_device(position - self._peak_lag), amp_mv, float(1.0 / (1.0 + np.exp(-found.height)))
        )
        beat = _beat(self._next_id, peak, rr_s, early, False, now)
        if self._is_paced(peak.sample):
            beat = replace(beat, paced=True)
        self._next_id += 1
        self._open = _Open(beat, window, found.k)
        self.intervals.keep(rr_s)
        return [*out, self._personal.early(beat, row)]

    def poll(self, k: int, now: Circumstances) -> list[Beat]:
        """Give the final answer of a beat that nothing followed."""
        if self._open is not None and k - self._open.k > self._wait:
            return self._finish(now, None)
        return []

    def flush(self, now: Circumstances) -> list[Beat]:
        """A gap: answer what is open, without a following interval, and break the RR series."""
        out = self._finish(now, None)
        self.intervals.break_()
        return out

    def restart(self) -> None:
        """Filtered samples count from 0 again. The template and the usual size stay: it is the same patient."""
        self.intervals.forget_rate()
        self._doubt.forget()
        self._last_position = -1e9

    def forget(self) -> None:
        """Another patient: nothing of the last one may colour his answers. Beats' ids go on."""
        self.template.reset()
        self.intervals.forget()
        self._memory.reset()
        self._doubt.forget()
        self._sizes.reset()
        self._personal.forget()

    def _refined(self, k: int) -> tuple[float, float]:
        return refine(self._ring, k - self._lag + self._filter_lag)

    def _evidence(self, window: F32, rr_s: float | None, logits: F32, sqi: float) -> BeatEvidence:
        template, intervals = self.template, self.intervals
        return BeatEvidence(
            gru=logits[1:6],
            gru_before=logits[6:11],
            cnn=self._models.beat_cnn.logits(beat_image(window, template)),
            rr_s=rr_s,
            rr_last_s=intervals.last,
            rr_mean_s=intervals.mean_s,
            rr_long_s=intervals.long_mean_s,
            rr_spread=intervals.spread,
            irregular=intervals.irregular,
            amp_ratio=float(np.abs(window).max()) / template.scale(window),
            likeness=likeness(window, template, self._before),
            sqi=sqi,
        )

    def _finish(self, now: Circumstances, probs: F32 | None) -> list[Beat]:
        """The final answer of the open beat: `probs`, or what there is to say where no beat has followed."""
        held = self._open
        if held is None:
            return []
        self._open = None
        if probs is None:
            probs = self._doubt.weigh(self._models.fusion.unfollowed(self._memory))
        first = held.beat
        beat = _beat(first.id, first.r_peak, first.rr_s, probs, True, now, first)
        self.intervals.keep_class(first.rr_s, normal=beat.aami == "N" and beat.readable)
        self._doubt.keep(beat)
        if beat.aami == "N" and max(beat.probs) > LEARN_ABOVE and beat.readable:
            self.template.learn(held.window)
        return [self._personal.final(beat)]


def _beat(
    id_: int,
    peak: RPeak,
    rr_s: float | None,
    probs: F32,
    final: bool,
    now: Circumstances,
    early: Beat | None = None,
) -> Beat:
    """A beat's answer; the final one keeps the quality that the early one saw."""
    p = [float(v) for v in probs]
    return Beat(
        id=id_,
        r_peak=peak,
        rr_s=rr_s,
        aami=AAMI[p.index(max(p))],
        probs=(p[0], p[1], p[2], p[3], p[4]),
        sqi=now.sqi if early is None else early.sqi,
        final=final,
        warming=now.warming if early is None else early.warming,
        readable=now.readable if early is None else early.readable,
        at=now.at,
        paced=early is not None and early.paced,
    )
