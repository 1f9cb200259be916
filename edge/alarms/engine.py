"""The alarm engine: observations and beats in, changes of alarms out. Time is an argument.

A detached lead, a gap and a silent link are technical matters, never asystole: each restarts the clock. Every
lethal and every technical alarm lives by itself, so that none can mask another; a medium or low one is not raised
while one that says more about the same event is active (`AlarmSpec.above`). `active` lists them, the most urgent
first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count

from edge.alarms.limits import AlarmLimits, in_words
from edge.alarms.rules import NOTHING, Fibrillation, Finding, LastBeats, Observation, QuietClock
from edge.alarms.state import SPECS, AlarmSpec, AlarmState
from edge.ectopy import Ectopy
from edge.types import Alarm, Beat, LinkState


class AlarmEngine:
    """All alarms of one patient.

    Parameters
    ----------
    limits : AlarmLimits, optional
        Limits of the rules.
    numbers : iterator of int, optional
        Gives every occurrence its number: shared by all who raise alarms about one bed.
    """

    def __init__(self, limits: AlarmLimits | None = None, numbers: Iterator[int] | None = None) -> None:
        self._limits = limits or AlarmLimits()
        words, numbers = in_words(self._limits), count(1) if numbers is None else numbers
        self._at, self._fs, self._now_s = 0, 1.0, 0.0
        self._from_at, self._from_s = 0, 0.0
        self._states = {
            spec.name: AlarmState(_timed(spec, self._limits), words[spec.name], numbers) for spec in SPECS
        }
        self._clock = QuietClock()
        self._vf = Fibrillation(self._limits)
        self._beats = LastBeats(self._limits)
        self._ectopy = Ectopy(self._limits)
        self._forget()

    def _forget(self) -> None:
        self._tick_s: float | None = None
        self._heart_seen = False
        self._silent = self._mismatch = self._noisy = False
        self._unreadable_s = self._still_s = 0.0
        self._poor_s: float | None = None
        self._noise_end_s = self._noisy_end_s = float("-inf")
        self._restart(self._now_s)

    def _restart(self, now_s: float) -> None:
        self._clock.reset(now_s)
        self._vf.reset()
        self._beats.reset()
        self._ectopy.reset()

    @property
    def active(self) -> tuple[Alarm, ...]:
        """Alarms active or latched, acknowledged or not, the most urgent first."""
        return tuple(s.alarm(self._at) for s in self._states.values() if s.state != "cleared")

    def on_beat(self, beat: Beat, fs: float) -> list[Alarm]:
        """A beat's early or final answer; `fs` is the device rate [Hz]."""
        self._see(beat.at, fs)
        self._beats.push(beat)
        self._ectopy.push(beat)
        self._heart_seen = self._heart_seen or self._beats.heart_seen(fs)
        return self._judge_beats()

    def on_tick(self, obs: Observation) -> list[Alarm]:
        """Every 0.25 s of stream."""
        now_s = self._see(obs.at, obs.fs)
        dt_s = 0.25 if self._tick_s is None else min(1.0, max(0.0, now_s - self._tick_s))
        self._tick_s = now_s
        if obs.lead_off or self._silent:
            self._restart(now_s)
        if obs.unreadable:
            self._beats.interrupt()
            self._ectopy.interrupt()
            self._noise_end_s = now_s
        readable = not obs.unreadable and not obs.lead_off
        vf = self._vf.push(obs.vf_prob, readable, dt_s)
        self._doubt(obs, now_s, dt_s)
        self._count_still(obs, dt_s)
        asystole = self._asystole(obs, now_s, vf.cause)
        out = self._set("asystole", asystole) + self._set("vf", vf) + self._judge_beats()
        out += self._set("af", Finding(obs.rhythm == "af" and readable, 0.0, "atrial fibrillation"))
        out += self._set("no_signal", Finding(self._silent))
        out += self._set("lead_off", Finding(obs.lead_off, 0.0, "electrode off"))
        out += self._set("unreadable", self._unreadable(obs, dt_s, asystole.cause or vf.cause, now_s))
        return out + self._set("rate_mismatch", Finding(self._mismatch))

    def on_link(self, link: LinkState, at: int, fs: float) -> list[Alarm]:
        """The link fell silent or came back, or its rate is not what the device declares."""
        now_s = self._see(at, fs)
        if link.kind in ("no_signal", "signal"):
            self._silent = link.kind == "no_signal"
            self._restart(now_s)
            return self._set("no_signal", Finding(self._silent, 0.0, link.detail))
        if link.kind in ("rate_mismatch", "rate_ok"):
            self._mismatch = link.kind == "rate_mismatch"
            return self._set("rate_mismatch", Finding(self._mismatch, 0.0, link.detail))
        return []

    def on_gap(self, seconds: float, at: int, fs: float) -> list[Alarm]:
        """`seconds` of stream were lost, up to sample `at`; 0 or less is a loss of unknown length."""
        now_s = self._see(at, fs)
        if 0.0 < seconds <= self._limits.restart_s:
            self._clock.lose(now_s, seconds)
        else:
            self._restart(now_s)
        return []

    def ack(self, name: str, at: int, by: str = "") -> list[Alarm]:
        """A person (`by`) has seen the alarm `name`, or all where it is empty; an unknown name does nothing."""
        chosen = self._states.values() if not name else filter(None, [self._states.get(name)])
        return [alarm for state in chosen for alarm in state.ack(at, by)]

    def reset(self, at: int | None = None) -> list[Alarm]:
        """A new patient: every alarm ends, nothing is remembered. Gives those that ended."""
        at = self._at if at is None else at
        self._see(at, self._fs)
        before = [s for s in self._states.values() if s.state != "cleared"]
        out = []
        for state in self._states.values():
            since, value, occurrence = state.since, state.value, state.occurrence
            state.reset()
            if state in before:
                state.since, state.value, state.occurrence = since, value, occurrence
                out.append(state.alarm(at))
        self._forget()
        return out

    def _see(self, at: int, fs: float) -> float:
        """Seconds of stream at sample `at`: they go on where the rate changes or the count begins anew."""
        if fs != self._fs or at < self._at:
            self._from_at, self._from_s = (self._at if at >= self._at else at), self._now_s
        self._at, self._fs = at, fs
        self._now_s = self._from_s + (at - self._from_at) / fs
        return self._now_s

    def _set(self, name: str, finding: Finding) -> list[Alarm]:
        state = self._states[name]
        cause = finding.cause and name not in self._limits.off
        if not cause and state.idle:
            return []
        told = any(self._states[above].state == "active" for above in state.spec.above)
        since = max(0, self._at - round(finding.since_s * self._fs))
        return state.update(cause and not told, self._now_s, self._at, since, finding.value)

    def _judge_beats(self) -> list[Alarm]:
        """The rules on beats. Those on time need a rate that can be believed; all need that beats go on."""
        fs, at, beats, ectopy = self._fs, self._at, self._beats, self._ectopy
        newest = beats.newest
        fresh = newest is not None and (at - newest) / fs < self._limits.stale_s
        timed = fresh and not self._mismatch
        out = self._set("vt", beats.vt(fs) if fresh else NOTHING)
        # Noise ends a long interval with a peak that is hardly one: the alarm stays as it is until the gate has looked.
        if not (timed and beats.hesitates(at, fs)):
            out += self._set("extreme_brady", beats.extreme_brady(fs) if timed else NOTHING)
        out += self._set("extreme_tachy", beats.extreme_tachy(fs) if timed else NOTHING)
        out += self._set("pause", beats.pause(fs) if timed else NOTHING)
        out += self._set("run", ectopy.run(fs) if fresh else NOTHING)
        out += self._set("brady", beats.brady(fs) if timed else NOTHING)
        out += self._set("tachy", beats.tachy(fs) if timed else NOTHING)
        out += self._set("couplet", ectopy.couplet() if fresh else NOTHING)
        out += self._set("bigeminy", ectopy.bigeminy() if fresh else NOTHING)
        out += self._set("trigeminy", ectopy.trigeminy() if fresh else NOTHING)
        return out + self._set("pvc_rate", ectopy.pvc_rate(at, fs) if fresh else NOTHING)

    def _asystole(self, obs: Observation, now_s: float, fibrillating: bool) -> Finding:
        limits = self._limits
        if obs.lead_off or self._silent:
            return NOTHING
        flat_s = self._clock.seen_s(now_s, obs.flat_s)
        no_qrs_s = self._no_qrs_s(obs, now_s)
        if not self._heart_seen:
            cause = self._still_s >= limits.start_s and max(flat_s, no_qrs_s) >= limits.asystole_s
        elif flat_s >= (limits.asystole_doubt_s if obs.lost else limits.asystole_s):
            cause = True
        elif fibrillating or self._vf.growing or obs.unreadable or (self._noisy and not obs.quiet):
            cause = False
        else:
            clear_s = min(no_qrs_s, now_s - self._noise_end_s)
            cause = clear_s >= (limits.asystole_s if obs.quiet and not obs.lost else limits.asystole_doubt_s)
        seconds = max(flat_s, no_qrs_s)
        return Finding(cause, seconds, f"no QRS for {seconds:.1f} s")

    def _doubt(self, obs: Observation, now_s: float, dt_s: float) -> None:
        """What may have hidden a QRS, though the signal counts as readable."""
        if obs.noisy:
            self._noisy_end_s = now_s
        self._noisy = now_s - self._noisy_end_s < self._limits.noisy_s
        if obs.settling:
            since_s = float("inf") if obs.since_qrs_s is None else obs.since_qrs_s
            self._clock.hold(now_s, since_s, self._limits.settle_s)
        if obs.noisy or obs.settling or self._vf.growing or self._worsening(obs.sqi, dt_s):
            self._beats.doubt(obs.at)

    def _worsening(self, sqi: float, dt_s: float) -> bool:
        """Whether the signal fell from good to poor within the last `worsening_s`: it may go on to be noise."""
        limits = self._limits
        if sqi >= limits.seen_sqi:
            self._poor_s = None
        elif self._poor_s is not None:
            self._poor_s += dt_s
        elif sqi < limits.poor_sqi:
            self._poor_s = 0.0
        return self._poor_s is not None and self._poor_s < limits.worsening_s

    def _count_still(self, obs: Observation, dt_s: float) -> None:
        calm = (obs.quiet or obs.flat_s > 0.0) and obs.wander_mv < self._limits.start_wander_mv
        self._still_s = self._still_s + dt_s if calm and not obs.lead_off else 0.0

    def _no_qrs_s(self, obs: Observation, now_s: float) -> float:
        return self._clock.seen_s(now_s, float("inf") if obs.since_qrs_s is None else obs.since_qrs_s)

    def _unreadable(self, obs: Observation, dt_s: float, told: bool, now_s: float) -> Finding:
        limits = self._limits
        if obs.lead_off or self._silent:
            self._unreadable_s = 0.0
            return NOTHING
        self._unreadable_s = self._unreadable_s + dt_s if obs.unreadable or obs.lost else 0.0
        if self._unreadable_s >= limits.unreadable_s:
            what = "most samples lost" if obs.lost else "noise"
            return Finding(True, self._unreadable_s, f"{what} for {self._unreadable_s:.0f} s")
        if told:
            return NOTHING
        no_qrs_s = self._no_qrs_s(obs, now_s)
        if not self._heart_seen:
            return Finding(no_qrs_s >= limits.start_blind_s, 0.0, "no heartbeat found since the start")
        blind = self._noisy and no_qrs_s >= limits.noisy_blind_s
        return Finding(blind, no_qrs_s, f"no heartbeat found in noise for {no_qrs_s:.0f} s")


def _timed(spec: AlarmSpec, limits: AlarmLimits) -> AlarmSpec:
    """The alarm with the time that its cause must last, where that is a limit too."""
    return replace(spec, on_s=limits.af_s) if spec.name == "af" else spec
