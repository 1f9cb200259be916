"""The quality gate: is a lead on, can the signal be read, is the line flat.

It takes care not to call a heart that stands still or fibrillates unreadable: only noise through and
through is.
`push_raw` takes every device sample, `push` every filtered sample at the model's rate. The caller pushes a
device sample before the model samples that come from it; then the state depends on the stream alone, and not
on how it was cut.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np

from edge.lead import STRIDE_S, LeadLimits, RawGate
from edge.signal_measures import (
    F64,
    Measurer,
    NoiseLimits,
    moving_mean,
    moving_sum,
    noise_reason,
    quality_index,
    wave_index,
)


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """Limits of the gate.

    Attributes
    ----------
    flat_mv : float
        A range below this over a second holds no QRS (EC13: complexes under 0.15 mV must not be counted).
    quiet_mv : float
        Nor does this one over `quiet_s`, where no QRS was found.
    quiet_share : float
        Nor does this share of the patient's usual R-peak, where that is more, up to `p_wave_mv`.
    p_wave_mv, p_wave_busy : float
        P-waves alone (ventricular standstill) stay below this and are short. A P-wave is at most 0.25 mV.
    quiet_s : float
        Length of the window for quiet [s]: 4 s without QRS less the T-wave of the last beat.
    noise_s : float
        Length of the window for noise [s].
    noise_on, noise_off : int
        Of the last four seconds, so many noisy make the signal unreadable, so few make it readable again.
    max_spikes : int
        More pulses in 4 s than two for each beat at 180 bpm are not a pacemaker's.
    lost_share : float
        Where more than this share of the last 4 s was lost, what stands in for it makes waves of its own.
    lead : LeadLimits
        When a lead is off.
    noise : NoiseLimits
        What noise is.
    """

    flat_mv: float = 0.08
    quiet_mv: float = 0.15
    quiet_share: float = 0.15
    p_wave_mv: float = 0.35
    p_wave_busy: float = 0.2
    quiet_s: float = 3.0
    noise_s: float = 4.0
    noise_on: int = 3
    noise_off: int = 1
    max_spikes: int = 24
    lost_share: float = 0.5
    lead: LeadLimits = field(default_factory=LeadLimits)
    noise: NoiseLimits = field(default_factory=NoiseLimits)


@dataclass(frozen=True, slots=True)
class QualityState:
    """What the gate thinks, renewed every 0.25 s of stream.

    Attributes
    ----------
    sqi : float
        0 (no signal, noise) to 1 (clean). 0.5 while too young to say. Less by the share of the last 4 s that the
        device calls clipped; that alone makes nothing unreadable, for a fibrillation too can stand at the rails.
    lead_off : bool
        The electrode is off.
    unreadable : bool
        Nothing but noise: labels are suspended. Also True where the lead is off.
    reason : str or None
        Why: 'lead_off' (the device says so), 'no_value', 'rail', 'flat' (exactly constant), 'mains',
        'muscle', 'motion', 'square'.
    noise_mv : float
        What lies between the beats [mV].
    quiet : bool
        No QRS could hide in the last 3 s: flat but for the noise floor, or P-waves alone; pace pulses left
        out.
    flat_s : float
        For how long nothing of a QRS's size has been seen, pace pulses left out [s].
    wander_mv : float
        Range of the raw baseline over 4 s [mV].
    noisy : bool
        The newest second's look says noise: too little to call the signal unreadable, yet beats may be missed.
    settling : bool
        The baseline still comes back from a jolt of the electrode: a QRS may be lost in the front end.
    wave_sqi : float
        Quality of a wave that repeats itself, as VT does: people are shown the better of the two. The networks are
        given `sqi` alone.
    lost : bool
        Most samples of the last 4 s were lost, or have no value: no wave can be judged. Beats may yet be found.
    """

    sqi: float = 0.5
    lead_off: bool = False
    unreadable: bool = False
    reason: str | None = None
    noise_mv: float = 0.0
    quiet: bool = False
    flat_s: float = 0.0
    wander_mv: float = 0.0
    noisy: bool = False
    settling: bool = False
    wave_sqi: float = 0.0
    lost: bool = False


class Calm:
    """Range of the last second, hum, wander and pace pulses taken off: what a QRS would have to hide in.

    Parameters
    ----------
    fs : float
        Rate of the filtered signal [Hz].
    """

    def __init__(self, fs: float) -> None:
        self._second = round(fs)
        self._smooth = max(1, round(0.04 * fs))
        self._half = round(0.25 * fs)
        self._before, self._after = round(0.04 * fs), round(0.13 * fs)

    def range_mv(self, y: F64, spikes: list[int]) -> float:
        """Range of the last second of `y` [mV]; pace pulses came in at indices `spikes`."""
        a = max(0, len(y) - self._second - self._smooth - self._half)
        y = self._without(y[a:], [s - a for s in spikes])
        # A mean over 40 ms takes most of 50 and 60 Hz away.
        smooth = moving_sum(y, self._smooth) / self._smooth
        rest = (smooth - moving_mean(smooth, self._half))[-self._second :]
        return float(rest.max() - rest.min())

    def _without(self, y: F64, spikes: list[int]) -> F64:
        if not spikes:
            return y
        y = y.copy()
        for s in spikes:
            a, b = s - self._before, s + self._after
            if b <= 0 or a >= len(y) - 1:
                continue
            left = y[a] if a >= 0 else y[b]
            right = y[b] if b < len(y) else left
            a, b = max(a, 0), min(b, len(y) - 1)
            y[a : b + 1] = np.linspace(left, right, b + 1 - a)
        return y


class NoiseVotes:
    """What the last four looks say together.

    Parameters
    ----------
    limits : QualityLimits
        Its `noise_on` and `noise_off`.

    Attributes
    ----------
    reason : str or None
        Why it is unreadable.
    newest : str or None
        What the newest look said.
    """

    __slots__ = ("_last", "_off", "_on", "newest", "reason")

    def __init__(self, limits: QualityLimits) -> None:
        self._on, self._off = limits.noise_on, limits.noise_off
        self._last: list[str | None] = []
        self.reason: str | None = None
        self.newest: str | None = None

    def push(self, reason: str | None) -> None:
        """One look: why it is noise, None where it may be a heart."""
        self.newest = reason
        self._last = [*self._last[-3:], reason]
        reasons = [v for v in self._last if v is not None]
        if len(reasons) >= self._on:
            self.reason = reasons[-1]
        elif len(reasons) <= self._off:
            self.reason = None


class Quality:
    """The gate of one lead.

    Parameters
    ----------
    fs_device, fs_model : float
        Rates of the raw and the filtered samples [Hz].
    limits : QualityLimits
        Limits.
    """

    def __init__(self, fs_device: float, fs_model: float, limits: QualityLimits | None = None) -> None:
        self._limits = limits or QualityLimits()
        self._fs_device, self._fs = fs_device, fs_model
        self._raw_gate = RawGate(fs_device, self._limits.lead)
        self._n_raw = self._raw_gate.stride
        self._stride = max(1, round(STRIDE_S * fs_model))
        self._n_noise = round(self._limits.noise_s * fs_model)
        self._n_keep = self._n_noise - self._stride
        self._n_calm = round(fs_model) + self._stride
        # Ranges are of one second each, so the first of them reaches one second back.
        self._n_ranges = 1 + round((self._limits.quiet_s - 1.0) / STRIDE_S)
        self._measure = Measurer(fs_model, self._n_noise)
        self._n_quiet = round(self._limits.quiet_s / STRIDE_S) * self._stride
        self._measure_quiet = Measurer(fs_model, self._n_quiet)
        self._calm = Calm(fs_model)
        self.reset()

    def reset(self) -> None:
        """Forget the signal, as after a gap or a new patient."""
        self.state = QualityState()
        self._raw: list[float] = []
        self._n_bit = self._n_clipped = 0
        self._clipped: deque[float] = deque(maxlen=round(self._limits.noise_s / STRIDE_S))
        self._lost: deque[float] = deque(maxlen=self._clipped.maxlen)
        self._raw_gate.reset()
        self._new: list[float] = []
        self._window: F64 = np.zeros(0)
        self._n_pushed = 0
        self._turn = 0
        self._amp_mv = 1.0
        self._forget_window()

    def push_raw(self, mv: float, lead_off: bool, clipped: bool = False) -> None:
        """One device sample [mV], finite or not, before any filter; `lead_off` and `clipped` are the device's words."""
        raw = self._raw
        raw.append(mv)
        if lead_off:
            self._n_bit += 1
        if clipped:
            self._n_clipped += 1
        if len(raw) == self._n_raw:
            self._raw_stride()

    def push(self, mv: float) -> None:
        """One filtered sample at the model's rate [mV]."""
        new = self._new
        new.append(mv)
        if len(new) == self._stride:
            self._model_stride()

    def pulse_alone(self, ago: int) -> bool:
        """Whether a pace pulse without a QRS lies `ago` device samples back: a pacemaker that nothing answers."""
        return self._raw_gate.pulse_alone(self._raw, ago)

    def note_peak(self, amp_mv: float) -> None:
        """An R-peak was found: its size [mV] tells how small this patient's QRS can be."""
        size = abs(amp_mv)
        if size >= 0.05:
            self._amp_mv += 0.1 * (min(size, 5.0) - self._amp_mv)

    def _forget_window(self) -> None:
        self._window = np.zeros(0)
        self._votes = NoiseVotes(self._limits)
        self._sqi, self._wave_sqi, self._noise_mv = 0.5, 0.0, 0.0
        self._flat_s, self._quiet = 0.0, False
        self._ranges: list[float] = []

    def _raw_stride(self) -> None:
        block, n_bit = np.array(self._raw, dtype=np.float64), self._n_bit
        self._clipped.append(self._n_clipped / len(block))
        self._lost.append(1.0 - np.count_nonzero(np.isfinite(block)) / len(block))
        self._raw.clear()
        self._n_bit = self._n_clipped = 0
        self._raw_gate.take(block, n_bit)
        if self._raw_gate.reason is not None:
            self._forget_window()
        self._renew()

    def _model_stride(self) -> None:
        block = np.array(self._new, dtype=np.float64)
        self._new.clear()
        self._n_pushed += len(block)
        size_mv = self._limits.lead.absurd_mv
        fit = -size_mv < float(block.min()) and float(block.max()) < size_mv  # False where one is NaN
        if self._raw_gate.reason is not None or not fit:
            return
        self._window = np.concatenate((self._window[-self._n_keep :], block))
        self._turn = (self._turn + 1) % round(1.0 / STRIDE_S)
        if self._turn == 0 and len(self._window) >= self._n_noise:
            self._vote(self._window[-self._n_noise :])
        if len(self._window) >= self._n_calm:
            self._look_for_calm(len(block) / self._fs)
        self._renew()

    def _vote(self, y: F64) -> None:
        m = self._measure(y)
        self._sqi, self._wave_sqi, self._noise_mv = quality_index(m), wave_index(m), m.noise_mv
        reason = "square" if self._raw_gate.square else noise_reason(m, self._limits.noise)
        self._votes.push(reason)

    def _look_for_calm(self, step_s: float) -> None:
        rate = self._fs / self._fs_device
        first = self._n_pushed - len(self._window)
        found = self._raw_gate.spikes
        # A pacemaker gives two pulses a beat at most: more than so many are something else.
        spikes = [int(s * rate) - first for s in found] if len(found) <= self._limits.max_spikes else []
        # A pace pulse is found when its stride of raw samples is full: look one stride back.
        size = self._calm.range_mv(self._window[: -self._stride], spikes)
        flat_mv = min(self._limits.flat_mv, max(0.04, 0.25 * self._amp_mv))
        self._flat_s = 0.0 if size >= flat_mv else self._flat_s + step_s if self._flat_s else 1.0
        self._ranges = [*self._ranges[1 - self._n_ranges :], size]
        largest = max(self._ranges)
        full = len(self._ranges) == self._n_ranges
        quiet_mv = max(self._limits.quiet_mv, self._limits.quiet_share * self._amp_mv)
        small = largest < min(quiet_mv, self._limits.p_wave_mv)
        self._quiet = full and (small or self._p_waves_alone(largest))

    def _p_waves_alone(self, largest_mv: float) -> bool:
        """Whether the ranges' own seconds hold short waves only; the last vote's window began before them."""
        if largest_mv >= self._limits.p_wave_mv:
            return False
        m = self._measure_quiet(self._window[: -self._stride][-self._n_quiet :])
        return m.busy < self._limits.p_wave_busy and m.fast < self._limits.noise.muscle_fast

    def _renew(self) -> None:
        lead_off = self._raw_gate.reason is not None
        clipped = sum(self._clipped) / (self._clipped.maxlen or 1)
        bad = self._raw_gate.reason or self._votes.reason
        sqi = 0.0 if lead_off else (min(self._sqi, 0.2) if bad else self._sqi) * (1.0 - clipped)
        self.state = QualityState(
            sqi,
            lead_off,
            bad is not None,
            bad,
            self._noise_mv,
            self._quiet,
            self._flat_s,
            self._raw_gate.wander_mv,
            self._votes.newest is not None,
            self._raw_gate.settling,
            0.0 if bad else self._wave_sqi * (1.0 - clipped),
            sum(self._lost) > self._limits.lost_share * (self._lost.maxlen or 1),
        )
