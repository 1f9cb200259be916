"""The rules on time without QRS, on fibrillation, and on the rate and class of the last beats.

Their limits are in :mod:`edge.alarms.limits`; patterns of ventricular beats are in :mod:`edge.ectopy`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from edge.alarms.limits import AlarmLimits
from edge.types import AAMI, Beat

VENTRICULAR = AAMI.index("V")

CLEAR, LOOKED_S = 0.78, 1.3
"""Probability of being an R-peak above which the detector has no doubt (`edge.rpeaks.DOUBT` above its threshold), and
age [s] at which the quality of the signal around a beat is known."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What the stages see, pushed every 0.25 s of stream.

    Attributes
    ----------
    at : int
        Device sample index now.
    fs : float
        Device rate [Hz].
    since_qrs_s : float or None
        Stream time since the last QRS [s], losses included; None where there was none since the start or
        a reset.
    lead_off, unreadable, quiet, flat_s, wander_mv, noisy, settling
        As in :class:`edge.quality.QualityState`.
    vf_prob : float or None
        Newest probability of fibrillation or flutter; None where there is none (no window yet).
    rhythm : str
        Label of the rhythm, as in :class:`edge.types.Rhythm`.
    lost, sqi : bool, float
        As in :class:`edge.quality.QualityState`.
    """

    at: int
    fs: float
    since_qrs_s: float | None
    lead_off: bool
    unreadable: bool
    quiet: bool
    vf_prob: float | None
    flat_s: float = 0.0
    wander_mv: float = 0.0
    noisy: bool = False
    settling: bool = False
    rhythm: str = "unknown"
    lost: bool = False
    sqi: float = 1.0


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule's answer: the cause is there or not, since how long [s], in words."""

    cause: bool
    since_s: float = 0.0
    value: str = ""


NOTHING = Finding(False)


class QuietClock:
    """How long no QRS was seen, counting only what could be seen: losses are left out."""

    def __init__(self) -> None:
        self.reset(0.0)

    def reset(self, now_s: float) -> None:
        """Start from here."""
        self._from_s = self._held_s = now_s
        self._losses: deque[tuple[float, float]] = deque(maxlen=200)

    def hold(self, now_s: float, since_s: float, longest_s: float) -> None:
        """A QRS could not be seen up to now; waits for none longer than until `longest_s` after the last."""
        if min(since_s, now_s - self._from_s) < longest_s:
            self._held_s = now_s

    def lose(self, end_s: float, seconds: float) -> None:
        """A gap of `seconds`, too short to restart, ended at `end_s`."""
        self._losses.append((end_s, seconds))

    def seen_s(self, now_s: float, since_s: float) -> float:
        """Of the last `since_s` seconds, those since the restart or hold that were not lost."""
        span = min(since_s, now_s - self._held_s)
        lost = sum(s for end, s in self._losses if end > now_s - span)
        return max(0.0, span - lost)


class Fibrillation:
    """Evidence for fibrillation in seconds: grows with the clock, drains twice as fast."""

    def __init__(self, limits: AlarmLimits) -> None:
        self._limits = limits
        self.reset()

    def reset(self) -> None:
        """No evidence."""
        self.seconds = 0.0
        self.growing = False
        self._on = False

    def push(self, prob: float | None, readable: bool, dt_s: float) -> Finding:
        """The newest probability, valid for the last `dt_s` seconds; noise neither adds nor takes away."""
        limits = self._limits
        self.growing = prob is not None and prob >= limits.vf_prob and readable
        if self.growing:
            self.seconds = min(2.0 * limits.vf_s, self.seconds + dt_s)
        elif readable and prob is not None:
            self.seconds = max(0.0, self.seconds - 2.0 * dt_s)
        self._on = self.seconds >= (limits.vf_end_s if self._on else limits.vf_s)
        return Finding(self._on, self.seconds, f"fibrillation for {self.seconds:.0f} s")


@dataclass(frozen=True, slots=True)
class _Seen:
    id: int
    sample: int
    rr_s: float | None
    aami: str
    readable: bool
    sqi: float
    v_prob: float
    prob: float


class RateRule:
    """A rate beyond a limit; once found, it goes on until the rate is `margin_bpm` back inside."""

    def __init__(self, limit_bpm: float, margin_bpm: float, below: bool) -> None:
        self._limit_bpm, self._margin_bpm, self._below = limit_bpm, margin_bpm, below
        self._on = False

    def reset(self) -> None:
        """Not found."""
        self._on = False

    def judge(self, rate_bpm: float | None, n_beats: int) -> Finding:
        """The rate over the last `n_beats`; None where it is not known."""
        if rate_bpm is None:
            self._on = False
            return NOTHING
        margin = self._margin_bpm if self._on else 0.0
        if self._below:
            self._on = rate_bpm < self._limit_bpm + margin
        else:
            self._on = rate_bpm > self._limit_bpm - margin
        return Finding(True, 0.0, f"{rate_bpm:.0f} bpm over {n_beats} beats") if self._on else NOTHING


class LastBeats:
    """The last beats, each as its newest answer says, and the rules on them."""

    def __init__(self, limits: AlarmLimits) -> None:
        self._limits = limits
        self._keep = max(limits.tachy_beats, limits.vt_beats, limits.brady_beats, limits.seen_beats)
        margin = limits.margin_bpm
        self._extreme_brady = RateRule(limits.extreme_brady_bpm, margin, below=True)
        self._extreme_tachy = RateRule(limits.extreme_tachy_bpm, margin, below=False)
        self._brady = RateRule(limits.brady_bpm, margin, below=True)
        self._tachy = RateRule(limits.tachy_bpm, margin, below=False)
        self.reset()

    def reset(self) -> None:
        """No beat seen."""
        self._beats: list[_Seen] = []
        self._rates: dict[tuple[int, float], float | None] = {}
        for rule in (self._extreme_brady, self._extreme_tachy, self._brady, self._tachy):
            rule.reset()
        self._cut: set[int] = set()
        self._cut_next = False
        self._doubt: int | None = None

    def doubt(self, at: int) -> None:
        """Beats may have been missed up to sample `at`, yet those found are believed: no rate is too slow."""
        self._doubt = at

    def interrupt(self) -> None:
        """Beats may have been missed since the last: the interval to the next one does not count."""
        self._cut_next = bool(self._beats)

    def push(self, beat: Beat) -> None:
        """A new beat, or a newer answer about one."""
        beats = [b for b in self._beats if b.id != beat.id]
        new = len(beats) == len(self._beats)
        if new and beats and beat.r_peak.sample < beats[0].sample:
            return
        if new and self._cut_next:
            self._cut = {b.id for b in beats if b.id in self._cut} | {beat.id}
            self._cut_next = False
        rr_s = None if beat.id in self._cut else beat.rr_s
        aami = "V" if beat.ventricular else beat.aami
        v_prob = max(p[VENTRICULAR] for p in (beat.probs, beat.plain) if p is not None)
        seen = _Seen(
            beat.id, beat.r_peak.sample, rr_s, aami, beat.readable, beat.sqi, v_prob, beat.r_peak.prob
        )
        self._beats = sorted([*beats, seen], key=lambda b: b.sample)[-self._keep :]
        self._rates = {}

    @property
    def newest(self) -> int | None:
        """Sample of the last R-peak."""
        return self._beats[-1].sample if self._beats else None

    def heart_seen(self, fs: float) -> bool:
        """Whether the last beats came close together and could be read."""
        last = self._beats[-self._limits.seen_beats :]
        return (
            len(last) == self._limits.seen_beats
            and all(b.readable and b.sqi >= self._limits.seen_sqi for b in last)
            and (last[-1].sample - last[0].sample) / fs <= self._limits.seen_within_s
        )

    def vt(self, fs: float) -> Finding:
        """Five or more ventricular beats in a row, the last five faster and on average surer than the limits."""
        n = 0
        for b in reversed(self._beats):
            if b.aami != "V" or not b.readable:
                break
            n += 1
            if b.rr_s is None:
                break
        limits = self._limits
        rate = self._rate(limits.vt_beats, fs) if n >= limits.vt_beats else None
        if rate is None or rate <= limits.vt_bpm:
            return NOTHING
        if sum(b.v_prob for b in self._beats[-limits.vt_beats :]) < limits.vt_sure * limits.vt_beats:
            return NOTHING
        since_s = (self._beats[-1].sample - self._beats[-n].sample) / fs
        return Finding(True, since_s, f"{n} ventricular beats in a row at {rate:.0f} bpm")

    def hesitates(self, at: int, fs: float) -> bool:
        """Whether the newest beat is no clear one and so new that the gate has not looked at it (once a second)."""
        newest = self._beats[-1]
        return newest.prob < CLEAR and (at - newest.sample) / fs < LOOKED_S

    def extreme_brady(self, fs: float) -> Finding:
        """Slower than the lethal limit over so many beats."""
        return self._extreme_brady.judge(self._slow_rate(fs), self._limits.brady_beats)

    def brady(self, fs: float) -> Finding:
        """Slower than the limit over so many beats."""
        return self._brady.judge(self._slow_rate(fs), self._limits.brady_beats)

    def extreme_tachy(self, fs: float) -> Finding:
        """Faster than the lethal limit over so many beats."""
        n = self._limits.tachy_beats
        return self._extreme_tachy.judge(self._rate(n, fs), n)

    def tachy(self, fs: float) -> Finding:
        """Faster than the limit over so many beats."""
        n = self._limits.tachy_beats
        return self._tachy.judge(self._rate(n, fs), n)

    def pause(self, fs: float) -> Finding:
        """The last interval was long, and nothing may have hidden a beat in it."""
        last = self._beats[-2:]
        if len(last) < 2 or last[1].rr_s is None or not (last[0].readable and last[1].readable):
            return NOTHING
        seconds = (last[1].sample - last[0].sample) / fs
        sure = self._doubt is None or self._doubt <= last[0].sample
        if seconds < self._limits.pause_s or not sure:
            return NOTHING
        return Finding(True, seconds, f"{seconds:.1f} s between two beats")

    def _slow_rate(self, fs: float) -> float | None:
        """The rate by which a heart may be too slow: None where a beat may have been missed."""
        first = self._beats[-self._limits.brady_beats :][:1]
        sure = self._doubt is None or all(b.sample >= self._doubt for b in first)
        return self._rate(self._limits.brady_beats, fs) if sure else None

    def _rate(self, n: int, fs: float) -> float | None:
        """The rate over the last `n` beats: reckoned once for each answer, asked for by five rules ten times a beat."""
        if (n, fs) not in self._rates:
            self._rates[n, fs] = self._reckoned(n, fs)
        return self._rates[n, fs]

    def _reckoned(self, n: int, fs: float) -> float | None:
        last = self._beats[-n:]
        if len(last) < n or any(not b.readable for b in last) or any(b.rr_s is None for b in last[1:]):
            return None
        span_s = (last[-1].sample - last[0].sample) / fs
        return 60.0 * (n - 1) / span_s if span_s > 0.0 else None
