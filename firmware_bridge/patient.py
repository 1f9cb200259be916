"""The virtual patient: an endless ECG with known beats and rhythms, played from a script.

Deterministic: the same `fs`, seed and script give the same samples, bit for bit, however they are read. The
times of the beats depend on seed and script alone, not on the rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.background import Background
from firmware_bridge.morphology import AFTER_S, BEFORE_S, KINDS, Person, Wave, varied, voltage, waves_of
from firmware_bridge.rhythms import SILENT, Rhythm
from firmware_bridge.scenario import LEAD_OFF_STYLES, Script, Segment, parse_script
from firmware_bridge.types import F32, BadInput

F64 = NDArray[np.float64]

#: Height of the fibrillation of the atria in atrial fibrillation [mV].
ATRIA_MV = 0.05
#: What an input without its electrode reads at its rail, and the hum of an open input [mV].
RAIL_MV, HUM_MV = 4.0, 1.5
#: After the electrode is back: first offset [mV] and its time constant [s].
SETTLE_MV, SETTLE_S = 1.0, 0.25
#: From one noise level to the next [s].
RAMP_S = 0.2


@dataclass(frozen=True, slots=True)
class TrueBeat:
    """One beat of the virtual patient: what an annotator would write.

    Attributes
    ----------
    sample : int
        Index of the R-peak: the largest deflection within 40 ms of the ventricles' time.
    aami, symbol : str
        AAMI class (N S V Q) and MIT-BIH symbol.
    rhythm : str
        The script's rhythm.
    """

    sample: int
    aami: str
    symbol: str
    rhythm: str


@dataclass(frozen=True, slots=True, eq=False)
class PatientSamples:
    """Consecutive samples: `mv` float32 (n, n_leads) in mV, `lead_off` uint8 (n,), bit k for lead k."""

    mv: F32
    lead_off: NDArray[np.uint8]


class VirtualPatient:
    """One lead (MLII-like) of a patient who lives by a script.

    Parameters
    ----------
    fs : float
        Sampling rate, 50 to 4000 Hz.
    seed : int
        Whose heart and which noise. 0 is the textbook patient, others vary in all the ways people do.
    script : Script or str
        A parsed script, the name of one of :data:`firmware_bridge.scenario.SCRIPTS`, or steps in its grammar.

    Raises
    ------
    BadInput
        `fs` out of range, a negative seed, or a script that cannot be read.
    """

    leads: tuple[str, ...] = ("MLII",)

    def __init__(self, fs: float = 250.0, seed: int = 0, script: Script | str = "demo") -> None:
        if not 50.0 <= fs <= 4000.0:
            raise BadInput(f"fs is {fs:g} Hz: expected 50 to 4000 Hz for the virtual patient")
        if seed < 0:
            raise BadInput(f"seed is {seed}: expected a whole number from 0")
        self.fs = fs
        self.person = Person() if seed == 0 else Person.draw(np.random.default_rng([seed, 1]))
        self._script = parse_script(script) if isinstance(script, str) else script
        self._background = Background(fs, self.person.resp_hz, np.random.SeedSequence([seed, 2]))
        self._rng = np.random.default_rng([seed, 3])
        self._beat_steps = self._script.segments()
        self._segment = next(self._beat_steps)
        self._rhythm = Rhythm(self._segment.step, self.person, self._rng)
        self._last_s = -0.5
        self._shown_steps = self._script.segments()
        self._shown: list[Segment] = [next(self._shown_steps)]
        self._drawn = np.zeros(0)
        self._ready: list[PatientSamples] = []
        self._made = 0
        self._read = 0
        self._beats: list[TrueBeat] = []
        self._labels: list[tuple[int, str]] = [(0, self._shown[0].step.rhythm)]
        self._pending: tuple[float, float, str] | None = None

    @property
    def position(self) -> int:
        """Samples read so far."""
        return self._read

    @property
    def beats(self) -> list[TrueBeat]:
        """Beats whose R-peak has been read."""
        return [beat for beat in self._beats if beat.sample < self._read]

    @property
    def rhythms(self) -> list[tuple[int, str]]:
        """First sample and name of every step begun so far."""
        return [(sample, label) for sample, label in self._labels if sample < max(1, self._read)]

    def read(self, n: int) -> PatientSamples:
        """The next `n` samples: mv (n, 1) in mV, NaN only where a script asks for it, and lead_off (n,)."""
        have = sum(part.lead_off.shape[0] for part in self._ready)
        while have < n:
            self._ready.append(self._make_block())
            have += self._background.block
        mv = np.concatenate([part.mv for part in self._ready] or [np.zeros((0, 1), np.float32)])
        off = np.concatenate([part.lead_off for part in self._ready] or [np.zeros(0, np.uint8)])
        self._ready = [PatientSamples(mv[n:], off[n:])]
        self._read += n
        return PatientSamples(mv[:n], off[:n])

    def _make_block(self) -> PatientSamples:
        start, n = self._made, self._background.block
        t_s = (start + np.arange(n)) / self.fs
        self._draw_beats_until((start + n) / self.fs + BEFORE_S)
        mv = self._beat_voltage(n)
        sources = self._background.take(start)
        self._show_until((start + n) / self.fs)
        for name, source in sources.items():
            mv += source * self._level(t_s, name)
        mv += self._background.mains(start, self._held(t_s, "mains_hz")) * self._level(t_s, "mains")
        off = self._electrode(t_s, start, mv)
        self._made += n
        self._shown = self._shown[-2:]
        return PatientSamples(mv.astype(np.float32).reshape(-1, 1), off)

    # -- beats: laid down one after the other, a little ahead of the samples

    def _draw_beats_until(self, until_s: float) -> None:
        while True:
            at_s, rr_s, kind = self._pending or self._next_beat(until_s)
            if at_s >= until_s:
                self._pending = (at_s, rr_s, kind) if kind else None
                return
            self._pending = None
            self._draw_beat(at_s, rr_s, kind)
            self._last_s = at_s

    def _next_beat(self, until_s: float) -> tuple[float, float, str]:
        """Time, RR and kind of the next beat, or (`until_s`, 0, '') where none comes before `until_s`."""
        while True:
            segment = self._segment
            if segment.step.rhythm not in SILENT:
                rr_s, kind = self._rhythm.next_beat(self._last_s)
                at_s = self._last_s + rr_s
                if at_s < segment.start_s:
                    at_s = segment.start_s + 0.3 * min(rr_s, 1.0)
                if at_s < segment.end_s - 0.1:
                    return at_s, rr_s, kind
            elif until_s < segment.end_s:
                return until_s, 0.0, ""
            self._segment = next(self._beat_steps)
            self._rhythm = Rhythm(self._segment.step, self.person, self._rng)

    def _draw_beat(self, at_s: float, rr_s: float, kind: str) -> None:
        waves = self._waves(at_s, rr_s, kind)
        first = max(self._made, math.ceil((at_s - BEFORE_S) * self.fs))
        last = math.floor((at_s + AFTER_S) * self.fs)
        index = np.arange(first, last + 1)
        shape = voltage(waves, index / self.fs - at_s)
        short = last + 1 - self._made - self._drawn.shape[0]
        if short > 0:
            self._drawn = np.concatenate((self._drawn, np.zeros(short)))
        self._drawn[first - self._made : last + 1 - self._made] += shape
        if kind in KINDS:
            near = np.abs(index / self.fs - at_s) <= 0.040
            peak = int(index[near][np.argmax(np.abs(shape[near]))])
            symbol, aami = KINDS[kind]
            self._beats.append(TrueBeat(peak, aami, symbol, self._segment.step.rhythm))

    def _waves(self, at_s: float, rr_s: float, kind: str) -> tuple[Wave, ...]:
        if kind == "spike":
            waves = tuple(w for w in waves_of("paced", self.person, rr_s) if w.part == "spike")
        else:
            waves = waves_of(kind, self.person, rr_s)
        breath = 1.0 + 0.05 * math.sin(2 * math.pi * self.person.resp_hz * at_s)
        return tuple(replace(w, amp_mv=w.amp_mv * breath) for w in varied(waves, self._rng))

    def _beat_voltage(self, n: int) -> F64:
        if self._drawn.shape[0] < n:
            self._drawn = np.concatenate((self._drawn, np.zeros(n - self._drawn.shape[0])))
        mv, self._drawn = self._drawn[:n].copy(), self._drawn[n:]
        return mv

    # -- levels: what the current and the previous step ask for

    def _show_until(self, until_s: float) -> None:
        while self._shown[-1].end_s < until_s:
            segment = next(self._shown_steps)
            self._shown.append(segment)
            self._labels.append((math.ceil(segment.start_s * self.fs), segment.step.rhythm))

    def _level(self, t_s: F64, name: str) -> F64:
        """Level of one source at `t_s`, gliding from one step's to the next one's."""
        level = np.full(t_s.shape, _wanted(self._shown[0], name))
        for segment in self._shown[1:]:
            share = np.clip((t_s - segment.start_s) / RAMP_S, 0.0, 1.0)
            level += share * (_wanted(segment, name) - level)
        return level

    def _held(self, t_s: F64, name: str) -> F64:
        held = np.full(t_s.shape, _wanted(self._shown[0], name))
        for segment in self._shown[1:]:
            held[t_s >= segment.start_s] = _wanted(segment, name)
        return held

    def _electrode(self, t_s: F64, start: int, mv: F64) -> NDArray[np.uint8]:
        """Overwrite `mv` where the electrode is off, let it settle afterwards; returns the lead-off bits."""
        off = np.zeros(t_s.shape, np.uint8)
        for segment in self._shown:
            if segment.step.rhythm != "lead_off":
                continue
            here = (t_s >= segment.start_s) & (t_s < segment.end_s)
            since_s = t_s - segment.end_s
            settling = since_s >= 0.0
            mv[settling] += SETTLE_MV * np.exp(-since_s[settling] / SETTLE_S)
            style = LEAD_OFF_STYLES[int(segment.step.values["style"])]
            hum = HUM_MV * self._background.mains(start, self._held(t_s, "mains_hz"))
            mv[here] = {"rail": RAIL_MV, "flat": 0.0, "hum": hum[here], "nan": np.nan}[style]
            if segment.step.values["bit"] >= 0.5:
                off[here] = 1
        return off


def _wanted(segment: Segment, name: str) -> float:
    rhythm, values = segment.step.rhythm, segment.step.values
    if name == "vf":
        return values["mv"] if rhythm == "vf" else 0.0
    if name == "atria":
        return ATRIA_MV if rhythm == "af" else 0.0
    return values[name]
