"""What makes a lethal alarm: the rules on time without QRS, on fibrillation, and on the last beats.

Limits are those of the 2015 PhysioNet/CinC challenge: asystole no QRS for 4 s, extreme bradycardia below 40
bpm over 5 beats, extreme tachycardia above 140 bpm over 17, ventricular tachycardia 5 ventricular beats above
100 bpm, ventricular flutter or fibrillation for 4 s.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from edge.types import Beat


@dataclass(frozen=True, slots=True)
class AlarmLimits:
    """Limits of the rules.

    Attributes
    ----------
    asystole_s : float
        No QRS on a line that is quiet.
    asystole_doubt_s : float
        No QRS on a line neither quiet nor noise. Both clocks start again when noise ends. IEC 60601-2-27
        gives 10 s until the alarm.
    noisy_s, noisy_blind_s : float
        Such a line that looked like noise within the last `noisy_s` is no asystole: after so long without QRS it
        is told as unreadable, within those 10 s too.
    settle_s : float
        While an electrode settles the clocks wait, but no longer than until so much after the last QRS: then
        the alarm still comes within 10 s of it.
    start_s, start_wander_mv : float
        Where no heart was ever seen, the line must have been quiet, and wander less than this over the last
        4 s, for so long; otherwise the electrodes may lie on a table.
    seen_beats, seen_within_s, seen_sqi : int, float, float
        A heart has been seen after so many readable beats of at least this quality within this time.
    brady_bpm, brady_beats, tachy_bpm, tachy_beats, vt_bpm, vt_beats : float, int
        Rate and beats; the rate is over the intervals between these beats.
    margin_bpm : float
        Once raised, a rate alarm's cause ends so much beyond its limit.
    stale_s : float
        A rule on beats ends when no beat came for this long.
    vf_prob, vf_s : float
        Probability that counts as fibrillation, and time in sum.
    vf_end_s : float
        Evidence left at which fibrillation is over; it drains twice as fast as it grows.
    unreadable_s : float
        Unreadable for so long is an alarm.
    start_blind_s : float
        No heart seen for so long since the start, nor a clear flat line, is unreadable.
    restart_s : float
        A longer gap starts every clock again.
    """

    asystole_s: float = 4.0
    asystole_doubt_s: float = 7.0
    noisy_s: float = 4.0
    noisy_blind_s: float = 9.5
    settle_s: float = 5.5
    start_s: float = 6.0
    start_wander_mv: float = 0.05
    seen_beats: int = 5
    seen_within_s: float = 10.0
    seen_sqi: float = 0.5
    brady_bpm: float = 40.0
    brady_beats: int = 5
    tachy_bpm: float = 140.0
    tachy_beats: int = 17
    vt_bpm: float = 100.0
    vt_beats: int = 5
    margin_bpm: float = 5.0
    stale_s: float = 4.0
    vf_prob: float = 0.5
    vf_s: float = 4.0
    vf_end_s: float = 1.0
    unreadable_s: float = 5.0
    start_blind_s: float = 10.0
    restart_s: float = 1.0


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


class LastBeats:
    """The last beats, each as its newest answer says, and the three rules on them."""

    def __init__(self, limits: AlarmLimits) -> None:
        self._limits = limits
        self._keep = max(limits.tachy_beats, limits.vt_beats, limits.brady_beats, limits.seen_beats)
        self.reset()

    def reset(self) -> None:
        """No beat seen."""
        self._beats: list[_Seen] = []
        self._fast = self._slow = False
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
        seen = _Seen(beat.id, beat.r_peak.sample, rr_s, aami, beat.readable, beat.sqi)
        self._beats = sorted([*beats, seen], key=lambda b: b.sample)[-self._keep :]

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
        """Five or more ventricular beats in a row, the last five faster than the limit."""
        n = 0
        for b in reversed(self._beats):
            if b.aami != "V" or not b.readable:
                break
            n += 1
            if b.rr_s is None:
                break
        rate = self._rate(self._limits.vt_beats, fs) if n >= self._limits.vt_beats else None
        if rate is None or rate <= self._limits.vt_bpm:
            return NOTHING
        since_s = (self._beats[-1].sample - self._beats[-n].sample) / fs
        return Finding(True, since_s, f"{n} ventricular beats in a row at {rate:.0f} bpm")

    def brady(self, fs: float) -> Finding:
        """Slower than the limit over so many beats."""
        limit = self._limits.brady_bpm + (self._limits.margin_bpm if self._slow else 0.0)
        first = self._beats[-self._limits.brady_beats :][:1]
        sure = self._doubt is None or all(b.sample >= self._doubt for b in first)
        rate = self._rate(self._limits.brady_beats, fs) if sure else None
        self._slow = rate is not None and rate < limit
        return Finding(
            self._slow, 0.0, f"{rate:.0f} bpm over {self._limits.brady_beats} beats" if rate else ""
        )

    def tachy(self, fs: float) -> Finding:
        """Faster than the limit over so many beats."""
        limit = self._limits.tachy_bpm - (self._limits.margin_bpm if self._fast else 0.0)
        rate = self._rate(self._limits.tachy_beats, fs)
        self._fast = rate is not None and rate > limit
        return Finding(
            self._fast, 0.0, f"{rate:.0f} bpm over {self._limits.tachy_beats} beats" if rate else ""
        )

    def _rate(self, n: int, fs: float) -> float | None:
        last = self._beats[-n:]
        if len(last) < n or any(not b.readable for b in last) or any(b.rr_s is None for b in last[1:]):
            return None
        span_s = (last[-1].sample - last[0].sample) / fs
        return 60.0 * (n - 1) / span_s if span_s > 0.0 else None
