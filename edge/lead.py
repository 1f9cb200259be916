"""The device's own samples before any filter: is a lead on, is it stuck, is it hum; pace pulses; wander."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.signal_measures import F64, MainsMeter, moving_sum

STRIDE_S = 0.25
"""The gate's state is renewed this often."""

_STRIDES = round(1.0 / STRIDE_S)
_KEPT_S = 4.0
_KEPT = round(_KEPT_S / STRIDE_S)


@dataclass(frozen=True, slots=True)
class LeadLimits:
    """When a lead counts as off, and what a pace pulse is.

    Attributes
    ----------
    lost_s : float
        No value, or exactly the same one, for this long: the lead is off. A heart that stands still leaves a
        noise floor that moves the last bit; an open or railed input does not.
    absurd_mv : float
        A sample beyond this is no value. The widest front ends take +-400 mV with the electrodes' offset.
    mains_share, mains_mv : float
        A second that is hum to this share and of this size (peak to peak) is an open lead. A clean record's
        share is below 0.1; a QRS of 1 mV under 1 mV of hum leaves it near 0.6. Hum that was half as large
        while the heart beat is not the lead's.
    stuck_share, stuck_mv : float
        A signal of which so much repeats the sample before, though its range is this large, is a square wave.
    jolt_mv, settled_mv, settle_s : float
        An electrode is jolted where the baseline jumps so far within 0.5 s and stays there, and has settled once
        it moves less than this in a second, or after so long. Until then the front end may be overloaded and
        show no QRS: mitdb 116 loses up to seven beats after jolts of 3.3 and 3.5 mV. Half the records of DS1
        have none, the others a few in 30 min.
    alone_mv, alone_before_s, alone_after_s : float, float, float
        A pace pulse that has less than this beside it, from so long before until so long after, is alone: P-waves
        stay below (:class:`edge.quality.QualityLimits`), and a ventricle answers within 40 ms.
    cut_before_s, cut_after_s, beside_s : float, float, float
        What is taken out round a pulse, and how far from it an R-peak still is its own.
    spike_mv, spike_stands_out, spike_s, min_spike_fs : float
        Pace pulse: a jump of this size, and so many times the median jump, and back within this time or three
        samples; looked for where fs is at least `min_spike_fs`. EC13: 2 to 700 mV, 0.1 to 2 ms, of
        which a front end leaves one or two samples of a fraction of it.
    """

    lost_s: float = 1.0
    absurd_mv: float = 1000.0
    mains_share: float = 0.8
    mains_mv: float = 0.5
    stuck_share: float = 0.9
    stuck_mv: float = 0.2
    jolt_mv: float = 2.0
    settled_mv: float = 0.25
    settle_s: float = 8.0
    alone_mv: float = 0.35
    alone_before_s: float = 0.15
    alone_after_s: float = 0.17
    cut_before_s: float = 0.006
    cut_after_s: float = 0.012
    beside_s: float = 0.03
    spike_mv: float = 0.25
    spike_stands_out: float = 8.0
    spike_s: float = 0.0085
    min_spike_fs: float = 200.0


class RawGate:
    """Looks at the device's own samples: lead off, stuck, hum, pace pulses, wander of the baseline.

    Parameters
    ----------
    fs : float
        Device rate [Hz].
    limits : LeadLimits
        Limits.
    """

    def __init__(self, fs: float, limits: LeadLimits) -> None:
        self._fs, self._limits = fs, limits
        self.stride = max(1, round(STRIDE_S * fs))
        self._mains = MainsMeter(fs, _STRIDES * self.stride)
        self._back = max(3, int(limits.spike_s * fs))
        self._after = np.arange(2, self._back + 1)
        self.reset()

    def reset(self) -> None:
        """Forget everything but the limits."""
        self.reason: str | None = None
        self.spikes: list[int] = []
        """Recent pace pulses: device sample indices since the reset."""
        self._settling = 0
        self._levels: list[float] = []
        self._n, self._turn, self._hum = 0, 0, False
        self._second: list[F64] = []
        self._tail: F64 = np.full(self._back + 1, np.nan)
        self._usual_hum_mv = 0.0
        self._same, self._lost = 0, 0
        self._low, self._high = float("inf"), float("-inf")
        self._means: list[float] = []
        self._stuck: list[float] = []

    @property
    def wander_mv(self) -> float:
        """Range of the means of the last 16 strides [mV]."""
        return max(self._means) - min(self._means) if self._means else 0.0

    @property
    def settling(self) -> bool:
        """Whether the baseline still comes back from a jolt."""
        return self._settling > 0

    @property
    def square(self) -> bool:
        """Whether the last four seconds repeat the sample before nearly always, though they jump."""
        full = len(self._stuck) == _KEPT and len(self._second) == _STRIDES
        if not full or sum(self._stuck) < self._limits.stuck_share * _KEPT:
            return False
        return max(self._means) - min(self._means) > self._limits.stuck_mv

    def take(self, x: F64, n_bit: int) -> None:
        """One stride of samples `x` [mV], of which the device calls `n_bit` detached."""
        low, high = float(x.min()), float(x.max())
        good = -self._limits.absurd_mv < low and high < self._limits.absurd_mv  # False where one is NaN
        if not good:
            x = np.where(np.abs(x) < self._limits.absurd_mv, x, np.nan)
        joined = np.concatenate((self._tail, x))
        self._tail = joined[len(x) :]
        jumps = joined[1:] - joined[:-1]
        self._count_runs(x, jumps[self._back :], good)
        self.reason = self._run_reason(float(x[-1])) if n_bit == 0 else "lead_off"
        start, self._n = self._n - len(self._tail), self._n + len(x)
        if not good:
            self._second, self._hum = [], False
            return
        self._low, self._high = min(self._low, low), max(self._high, high)
        self._means = [*self._means[1 - _KEPT :], float(x.sum()) / len(x)]
        self._settle(x)
        self._listen(x)
        if self.reason is None and self._hum:
            self.reason = "mains"
        if self._fs >= self._limits.min_spike_fs:
            self._find_spikes(joined, jumps, start)

    def _settle(self, x: F64) -> None:
        # Medians: the QRS and T of a lead of 7 mV must not look like a jump of its baseline.
        level = float(np.partition(x, len(x) // 2)[len(x) // 2])
        self._levels = [*self._levels[-_STRIDES:], level]
        levels, limits = self._levels, self._limits
        if len(levels) > 3 and min(abs(v - levels[-4]) for v in levels[-2:]) > limits.jolt_mv:
            self._settling = round(limits.settle_s / STRIDE_S)
        elif len(levels) <= _STRIDES or abs(level - levels[0]) < limits.settled_mv:
            self._settling = 0
        else:
            self._settling = max(0, self._settling - 1)

    def _listen(self, x: F64) -> None:
        self._second = [*self._second[1 - _STRIDES :], x]
        self._turn = (self._turn + 1) % _STRIDES
        if self._turn == 0 and len(self._second) == _STRIDES:
            share, size = self._mains(np.concatenate(self._second))
            alone = share > self._limits.mains_share
            self._hum = alone and size > max(self._limits.mains_mv, 2.0 * self._usual_hum_mv)
            if not alone:
                self._usual_hum_mv += 0.1 * (size - self._usual_hum_mv)

    def _count_runs(self, x: F64, jumps: F64, good: bool) -> None:
        n_moved = int(np.count_nonzero(jumps))  # a jump to or from NaN is NaN, which counts
        self._stuck = [*self._stuck[1 - _KEPT :], 1.0 - n_moved / len(x)]
        self._same = _run(self._same, jumps, n_moved)
        if good:
            self._lost = 0
            return
        fine = np.isfinite(x)
        self._lost = _run(self._lost, fine, int(np.count_nonzero(fine)))

    def _run_reason(self, last: float) -> str | None:
        long = self._limits.lost_s * self._fs
        if self._lost >= long:
            return "no_value"
        if self._same + 1 >= long:
            at_end = last >= self._high or last <= self._low
            return "rail" if at_end and self._high - self._low > 1.0 else "flat"
        return None

    def pulse_alone(self, newest: list[float], ago: int) -> bool:
        """Whether what lies `ago` samples back is a pace pulse without a QRS; `newest` are those not taken yet [mV]."""
        limits, fs = self._limits, self._fs
        if fs < limits.min_spike_fs or not self._second:
            return False
        x = np.concatenate((*self._second, np.array(newest, dtype=np.float64)))
        at = len(x) - 1 - ago
        first = at - round(limits.alone_before_s * fs)
        x = x[max(0, first) : at + round(limits.alone_after_s * fs) + 1]
        pulses = self._pulses(x, x[1:] - x[:-1])
        if first < 0 or not len(pulses) or np.abs(pulses - (at - first)).min() > limits.beside_s * fs:
            return False
        rest = x.copy()
        for pulse in pulses:
            a = max(0, pulse - round(limits.cut_before_s * fs))
            b = min(len(x) - 1, pulse + round(limits.cut_after_s * fs))
            rest[a : b + 1] = np.linspace(rest[a], rest[b], b + 1 - a)
        # A mean over 20 ms takes 50 Hz away; a line through the ends takes the wander.
        n = round(0.02 * fs)
        rest = moving_sum(rest, n) / n
        rest -= np.linspace(rest[0], rest[-1], len(rest))
        return float(rest.max() - rest.min()) < limits.alone_mv

    def _find_spikes(self, x: F64, jumps: F64, start: int) -> None:
        self.spikes += (start + self._pulses(x, jumps)).tolist()
        if self.spikes:
            self.spikes = [s for s in self.spikes if s > self._n - _KEPT_S * self._fs]

    def _pulses(self, x: F64, jumps: F64) -> NDArray[np.int64]:
        """Where in `x` pace pulses have begun; `jumps` are those from each sample to the next."""
        size = np.abs(jumps[: -self._back])
        steep = np.flatnonzero(size > self._limits.spike_mv)
        if not len(steep):
            return steep
        # Muscle noise jumps too, but everywhere.
        usual = float(np.partition(size, len(size) // 2)[len(size) // 2])
        steep = steep[size[steep] > self._limits.spike_stands_out * usual]
        away = np.abs(x[steep[:, None] + self._after] - x[steep][:, None])
        # A front end spreads the pulse over a few samples: its height is not yet that of the first jump.
        height = np.maximum(size[steep], away.max(axis=1))
        found: NDArray[np.int64] = 1 + steep[(away < 0.3 * height[:, None]).any(axis=1)]
        return found


def _run(before: int, ends: NDArray[Any], n_ends: int) -> int:
    """Length of the run that goes on at the end of a stride, where `ends` is non-zero where a run ends."""
    return before + len(ends) if n_ends == 0 else len(ends) - 1 - int(np.flatnonzero(ends)[-1])
