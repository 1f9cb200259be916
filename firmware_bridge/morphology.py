"""The shapes of single heartbeats: sums of asymmetric Gaussians around the R-peak.

The method is that of McSharry et al., "A dynamical model for generating synthetic electrocardiogram signals",
IEEE Trans Biomed Eng 50(3), 2003 (P, Q, R, S and T as Gaussians), with the two flanks of a wave free of each
other. Amplitudes and widths were fitted by eye to lead MLII of MIT-BIH records 100, 119 and 208 (ventricular
beats upright) and 200 and 233 (ventricular beats with a deep S).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

#: MIT-BIH symbol and AAMI EC57 class of every kind of beat drawn here.
KINDS: dict[str, tuple[str, str]] = {
    "normal": ("N", "N"),
    "conducted": ("N", "N"),
    "atrial": ("A", "S"),
    "pvc": ("V", "V"),
    "vt": ("V", "V"),
    "paced": ("/", "Q"),
}

#: How far from the R-peak a beat still has any voltage [s].
BEFORE_S, AFTER_S = 0.36, 0.80

#: The RR interval at which the T wave stands where the tables below put it [s].
RR_REF_S = 0.85


@dataclass(frozen=True, slots=True)
class Wave:
    """One deflection: amplitude [mV], centre from the R-peak [s], left and right sigma [s].

    `part` is ``p``, ``qrs``, ``t`` or ``spike``: it says what varies with rate and from beat to beat.
    """

    part: str
    amp_mv: float
    centre_s: float
    left_s: float
    right_s: float


def _sinus_waves(p_mv: float) -> tuple[Wave, ...]:
    return (
        Wave("p", p_mv, -0.165, 0.026, 0.022),
        Wave("qrs", -0.10, -0.029, 0.008, 0.008),
        Wave("qrs", 1.20, 0.0, 0.0115, 0.0105),
        Wave("qrs", -0.22, 0.031, 0.009, 0.011),
        Wave("t", 0.24, 0.285, 0.055, 0.034),
    )


_PVC_UP = (
    Wave("qrs", 1.45, 0.0, 0.032, 0.030),
    Wave("qrs", 0.75, 0.050, 0.024, 0.022),
    Wave("t", -0.55, 0.215, 0.090, 0.055),
)
_PVC_DOWN = (
    Wave("qrs", 0.55, -0.058, 0.022, 0.018),
    Wave("qrs", -1.60, 0.0, 0.026, 0.034),
    Wave("t", 0.65, 0.240, 0.075, 0.060),
)
_VT_UP = (
    Wave("qrs", 1.35, 0.0, 0.034, 0.040),
    Wave("qrs", -0.45, 0.105, 0.034, 0.040),
    Wave("t", -0.40, 0.185, 0.050, 0.045),
)
_VT_DOWN = (
    Wave("qrs", 0.35, -0.075, 0.024, 0.022),
    Wave("qrs", -1.45, 0.0, 0.032, 0.036),
    Wave("t", 0.55, 0.150, 0.055, 0.050),
)
_PACED = (
    Wave("spike", 1.10, -0.072, 0.0011, 0.0016),
    Wave("qrs", -1.15, 0.0, 0.030, 0.036),
    Wave("qrs", -0.45, 0.062, 0.022, 0.026),
    Wave("t", 0.55, 0.290, 0.080, 0.050),
)


@dataclass(frozen=True, slots=True)
class Person:
    """What makes one patient's ECG differ from another's; drawn once from the seed by :meth:`draw`.

    Attributes
    ----------
    gain, p_gain, t_gain : float
        Factors on the whole beat, the P wave and the T wave.
    width : float
        Factor on the width of a normal QRS.
    pvc_up : bool
        Ventricular beats upright (True) or with a deep S.
    resp_hz : float
        Breathing rate.
    """

    gain: float = 1.0
    p_gain: float = 1.0
    t_gain: float = 1.0
    width: float = 1.0
    pvc_up: bool = True
    resp_hz: float = 0.25

    @staticmethod
    def draw(rng: np.random.Generator) -> Person:
        """A person of the ordinary adult range."""
        return Person(
            gain=float(rng.uniform(0.8, 1.3)),
            p_gain=float(rng.uniform(0.75, 1.4)),
            t_gain=float(rng.uniform(0.7, 1.5)),
            width=float(rng.uniform(0.9, 1.12)),
            pvc_up=bool(rng.random() < 0.5),
            resp_hz=float(rng.uniform(0.18, 0.32)),
        )


def waves_of(kind: str, person: Person, rr_s: float) -> tuple[Wave, ...]:
    """Waves of one beat of `kind` (a key of :data:`KINDS`) in `person`, `rr_s` seconds after its predecessor.

    The T wave moves and narrows with the square root of RR (Bazett, 1920), between 0.35 and 1.5 s.
    """
    if kind == "normal":
        waves = _sinus_waves(0.13)
    elif kind == "atrial":
        waves = _sinus_waves(-0.07)
    elif kind == "conducted":
        waves = tuple(wave for wave in _sinus_waves(0.0) if wave.part != "p")
    elif kind == "pvc":
        waves = _PVC_UP if person.pvc_up else _PVC_DOWN
    elif kind == "vt":
        waves = _VT_UP if person.pvc_up else _VT_DOWN
    else:
        waves = _PACED
    ventricular = kind in ("pvc", "vt", "paced")
    bazett = float(np.sqrt(np.clip(rr_s, 0.35, 1.5) / RR_REF_S)) if not ventricular else 1.0
    return tuple(_personal(wave, person, bazett, ventricular) for wave in waves)


def _personal(wave: Wave, person: Person, bazett: float, ventricular: bool) -> Wave:
    if wave.part == "spike":
        return wave
    gain = person.gain
    if wave.part == "p":
        return replace(wave, amp_mv=wave.amp_mv * gain * person.p_gain)
    if wave.part == "t":
        gain = gain if ventricular else gain * person.t_gain
        return _stretched(replace(wave, amp_mv=wave.amp_mv * gain), bazett)
    return _stretched(replace(wave, amp_mv=wave.amp_mv * gain), 1.0 if ventricular else person.width)


def _stretched(wave: Wave, factor: float) -> Wave:
    return replace(
        wave, centre_s=wave.centre_s * factor, left_s=wave.left_s * factor, right_s=wave.right_s * factor
    )


def varied(waves: tuple[Wave, ...], rng: np.random.Generator) -> tuple[Wave, ...]:
    """The same beat as it comes out this time: every wave a little higher, wider and earlier or later.

    Spread (1 sigma): QRS 2 % in height and 1.5 % in width, P and T 7 % in height and 3 % in width, 3 ms in
    the place of P and T. Draws four numbers a wave whatever the beat, so that streams stay in step.
    """
    out = []
    for wave in waves:
        height, width, place, _ = rng.standard_normal(4)
        soft = wave.part in ("p", "t")
        amp_mv = wave.amp_mv * (1.0 + height * (0.07 if soft else 0.02))
        spread = 1.0 + float(np.clip(width, -3, 3)) * (0.03 if soft else 0.015)
        shift_s = float(np.clip(place, -3, 3)) * 0.003 if soft else 0.0
        if wave.part == "spike":
            spread = 1.0
        out.append(
            replace(
                wave,
                amp_mv=amp_mv,
                centre_s=wave.centre_s + shift_s,
                left_s=wave.left_s * spread,
                right_s=wave.right_s * spread,
            )
        )
    return tuple(out)


def voltage(waves: tuple[Wave, ...], t_s: F64) -> F64:
    """Voltage in mV of `waves` at times `t_s` [s] from the R-peak, shape as `t_s`."""
    mv = np.zeros_like(t_s)
    for wave in waves:
        from_centre = t_s - wave.centre_s
        sigma = np.where(from_centre < 0.0, wave.left_s, wave.right_s)
        mv += wave.amp_mv * np.exp(-0.5 * (from_centre / sigma) ** 2)
    return mv
