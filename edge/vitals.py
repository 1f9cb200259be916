"""What is shown of a patient once a second: heart rate, variability and counts, or why there are none."""

from __future__ import annotations

from collections import deque

from edge.intervals import Intervals
from edge.quality import QualityState
from edge.types import Beat, Status

NO_BEAT_S = 4.0
"""Without a beat for so long there is no heart rate to show."""


class Vitals:
    """Follows beats and the link, and makes the status.

    Parameters
    ----------
    intervals : Intervals
        Those of the beat stage.
    """

    def __init__(self, intervals: Intervals) -> None:
        self._intervals = intervals
        self._silent = self._mismatch = False
        self._pvcs: deque[int] = deque()
        self.last_r: int | None = None
        """Device sample of the newest R-peak since the states last began anew."""
        self.n_lost = 0
        """Samples lost since the stream began."""

    def on_beat(self, beat: Beat) -> None:
        """Take an early or final answer."""
        if not beat.final:
            self.last_r = beat.r_peak.sample
        elif beat.aami == "V":
            self._pvcs.append(beat.r_peak.sample)

    def on_link(self, kind: str) -> None:
        """Take a `LinkState`'s kind: silence and a wrong rate each last until their own end."""
        if kind in ("no_signal", "signal"):
            self._silent = kind == "no_signal"
        elif kind in ("rate_mismatch", "rate_ok"):
            self._mismatch = kind == "rate_mismatch"

    def reset(self) -> None:
        """Another patient on the same link."""
        self._pvcs.clear()
        self.last_r = None

    def status(self, at: int, fs: float, quality: QualityState | None, rhythm: str, warming: bool) -> Status:
        """The status at device sample `at`; `quality` is None before the first block."""
        hr, reason = self._rate(at, fs, quality, warming)
        while self._pvcs and at - self._pvcs[0] > 60.0 * fs:
            self._pvcs.popleft()
        known = reason is None
        last = self._intervals.last
        return Status(
            hr_bpm=hr,
            reason=reason,
            rhythm=rhythm,
            sqi=max(quality.sqi, quality.wave_sqi) if quality is not None else 0.0,
            lead_off=quality is not None and quality.lead_off,
            rr_ms=1000.0 * last if known and last is not None else None,
            rmssd_ms=self._intervals.rmssd_ms if known else None,
            pvc_per_min=float(len(self._pvcs)) if known else None,
            n_lost=self.n_lost,
            warming=warming,
            at=at,
        )

    def _rate(
        self, at: int, fs: float, quality: QualityState | None, warming: bool
    ) -> tuple[float | None, str | None]:
        """Heart rate, or why there is none."""
        if self._silent or quality is None:
            return None, "no_signal"
        if self._mismatch:
            return None, "rate_mismatch"
        if quality.lead_off:
            return None, "lead_off"
        if quality.unreadable:
            return None, "unreadable"
        hr = self._intervals.hr_bpm
        if self.last_r is None or hr is None:
            return None, "warming" if warming else "no_beats"
        if at - self.last_r > NO_BEAT_S * fs:
            return None, "no_beats"
        return hr, None
