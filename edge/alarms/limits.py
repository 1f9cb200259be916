"""Limits of the alarms' rules, the presets, and what each rule says in words with its limits. Pure.

The lethal rules are those of the 2015 PhysioNet/CinC challenge: asystole no QRS for 4 s, extreme bradycardia below
40 bpm over 5 beats, extreme tachycardia above 140 bpm over 17, ventricular tachycardia 5 ventricular beats above
100 bpm, ventricular flutter or fibrillation for 4 s. The presets are starting points for a person at rest; who
knows the patient sets better ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from firmware_bridge.types import BadInput


@dataclass(frozen=True, slots=True)
class AlarmLimits:
    """Limits of the rules; those of an adult.

    Attributes
    ----------
    asystole_s : float
        No QRS on a line that is quiet.
    asystole_doubt_s : float
        No QRS on a line neither quiet nor noise, or of which most is lost. Both clocks start again when noise
        ends. IEC 60601-2-27 gives 10 s until the alarm.
    noisy_s, noisy_blind_s : float
        Such a line that looked like noise within the last `noisy_s` is no asystole: after so long without QRS it
        is told as unreadable, within those 10 s too.
    poor_sqi, worsening_s : float, float
        Where the quality falls below this from `seen_sqi` or more, beats may be lost for so long (the length of the
        gate's look at noise) before it says noise: no rate across that time is too slow. A line that stays poor is
        believed again.
    settle_s : float
        While an electrode settles the clocks wait, but no longer than until so much after the last QRS: then
        the alarm still comes within 10 s of it.
    start_s, start_wander_mv : float
        Where no heart was ever seen, the line must have been quiet, and wander less than this over the last
        4 s, for so long; otherwise the electrodes may lie on a table.
    seen_beats, seen_within_s, seen_sqi : int, float, float
        A heart has been seen after so many readable beats of at least this quality within this time.
    extreme_brady_bpm, extreme_tachy_bpm : float
        Lethal rates, over `brady_beats` and `tachy_beats`.
    brady_bpm, tachy_bpm, brady_beats, tachy_beats : float, int
        Rate and beats; the rate is over the intervals between these beats.
    vt_bpm, vt_beats, vt_sure : float, int, float
        Ventricular tachycardia; fewer ventricular beats in a row, or slower ones, or beats whose probability of being
        ventricular is less on average, are a run from `run_beats` on. Of the VT of mitdb, svdb, cudb and vfdb none is
        lost by 0.65 but within a fibrillation that is told (train/RESULTS.md).
    run_beats : int
        EC57 counts three or more ventricular beats in a row as a run; two are a couplet.
    margin_bpm : float
        Once raised, a rate alarm's cause ends so much beyond its limit.
    pause_s : float
        An interval between two beats of at least so long (3 s: 2018 ACC/AHA/HRS guideline on bradycardia).
    af_s : float
        Fibrillation of the atria for so long (30 s: 2020 ESC guideline on atrial fibrillation).
    pvc_per_min, pvc_margin : float
        More ventricular beats in the last minute, those of runs left out; the cause ends so many below.
    cycles : int
        Bigeminy and trigeminy are so many cycles in a row.
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
    off : tuple of str
        Alarms that are never raised; only medium and low ones may be here.
    """

    asystole_s: float = 4.0
    asystole_doubt_s: float = 7.0
    noisy_s: float = 4.0
    noisy_blind_s: float = 9.5
    poor_sqi: float = 0.2
    worsening_s: float = 4.0
    settle_s: float = 5.5
    start_s: float = 6.0
    start_wander_mv: float = 0.05
    seen_beats: int = 5
    seen_within_s: float = 10.0
    seen_sqi: float = 0.5
    extreme_brady_bpm: float = 40.0
    extreme_tachy_bpm: float = 140.0
    brady_bpm: float = 50.0
    brady_beats: int = 5
    tachy_bpm: float = 120.0
    tachy_beats: int = 17
    vt_bpm: float = 100.0
    vt_beats: int = 5
    vt_sure: float = 0.65
    run_beats: int = 3
    margin_bpm: float = 5.0
    pause_s: float = 3.0
    af_s: float = 30.0
    pvc_per_min: float = 10.0
    pvc_margin: float = 3.0
    cycles: int = 3
    stale_s: float = 4.0
    vf_prob: float = 0.5
    vf_s: float = 4.0
    vf_end_s: float = 1.0
    unreadable_s: float = 5.0
    start_blind_s: float = 10.0
    restart_s: float = 1.0
    off: tuple[str, ...] = ()


PRESETS: Mapping[str, AlarmLimits] = {
    "adult": AlarmLimits(),
    # A child of 1 to 10 years: rates of the tables of Pediatric Advanced Life Support (AHA), 180 bpm of its SVT.
    "child": AlarmLimits(
        extreme_brady_bpm=50.0, brady_bpm=60.0, tachy_bpm=150.0, extreme_tachy_bpm=180.0, pause_s=2.0
    ),
    # At rest and asleep: a sinus rate down to 30 bpm is usual (International criteria for ECGs of athletes, 2017).
    "athlete": AlarmLimits(extreme_brady_bpm=30.0, brady_bpm=38.0),
}
"""Limits by what kind of person it is."""

SETTABLE: Mapping[str, tuple[float, float]] = {
    "extreme_brady_bpm": (20.0, 100.0),
    "brady_bpm": (25.0, 140.0),
    "tachy_bpm": (60.0, 280.0),
    "extreme_tachy_bpm": (80.0, 300.0),
    "pause_s": (1.5, 3.9),
    "af_s": (10.0, 600.0),
    "pvc_per_min": (1.0, 100.0),
}
"""Limits that a person may set, and between what. Those of asystole, VT and VF are fixed."""

_LADDER = ("extreme_brady_bpm", "brady_bpm", "tachy_bpm", "extreme_tachy_bpm")

MAY_BE_OFF = ("pause", "brady", "tachy", "af", "run", "couplet", "bigeminy", "trigeminy", "pvc_rate")
"""Alarms that a person may switch off."""


def limits_of(preset: str, given: Mapping[str, float], off: tuple[str, ...] = ()) -> AlarmLimits:
    """Limits of a preset, with those that are given instead.

    Raises
    ------
    BadInput
        For an unknown preset, a limit out of its range or out of order, or an alarm that may not be off.
    """
    if preset not in PRESETS:
        raise BadInput(f"alarms.preset: got {preset!r}, expected {', '.join(PRESETS)}")
    for name, value in given.items():
        low, high = SETTABLE[name]
        if not low <= value <= high:
            raise BadInput(f"alarms.{name}: got {value:g}, expected {low:g} to {high:g}")
    for name in off:
        if name not in MAY_BE_OFF:
            raise BadInput(
                f"alarms.off: got {name!r}, expected some of {', '.join(MAY_BE_OFF)} (no other may be off)"
            )
    limits = replace(PRESETS[preset], off=off, **dict(given))  # type: ignore[arg-type]
    for low_name, high_name in zip(_LADDER, _LADDER[1:], strict=False):
        low, high = getattr(limits, low_name), getattr(limits, high_name)
        if not low < high:
            raise BadInput(
                f"alarms.{low_name}: got {low:g}, expected less than alarms.{high_name}, which is {high:g} "
                f"(preset {preset!r}); set both"
            )
    return limits


def in_words(limits: AlarmLimits) -> dict[str, str]:
    """What each alarm's rule says, with its limits, by name of the alarm."""
    v = limits
    return {
        "asystole": f"no QRS for {v.asystole_s:g} s with the electrodes on",
        "vf": f"flutter or fibrillation of the ventricles for {v.vf_s:g} s",
        "vt": f"{v.vt_beats} or more ventricular beats in a row above {v.vt_bpm:g} bpm, "
        f"{100.0 * v.vt_sure:g} % sure on average of the last {v.vt_beats}",
        "extreme_brady": f"below {v.extreme_brady_bpm:g} bpm over {v.brady_beats} beats",
        "extreme_tachy": f"above {v.extreme_tachy_bpm:g} bpm over {v.tachy_beats} beats",
        "pause": f"{v.pause_s:g} s or more between two beats",
        "run": f"{v.run_beats} or more ventricular beats in a row, fewer or slower than VT",
        "brady": f"below {v.brady_bpm:g} bpm over {v.brady_beats} beats",
        "tachy": f"above {v.tachy_bpm:g} bpm over {v.tachy_beats} beats",
        "af": f"atrial fibrillation for {v.af_s:g} s",
        "couplet": "two ventricular beats in a row",
        "bigeminy": f"every second beat ventricular, {v.cycles} times in a row",
        "trigeminy": f"every third beat ventricular, {v.cycles} times in a row",
        "pvc_rate": f"more than {v.pvc_per_min:g} ventricular beats in a minute, those of runs left out",
        "no_signal": "no new sample for 1.5 s",
        "lead_off": "an electrode is off",
        "unreadable": f"noise, or most samples lost, for {v.unreadable_s:g} s, no heartbeat found, "
        "or no answer of the analysis for 5 s",
        "rate_mismatch": "measured rate more than 2 % off the declared one",
        "device_id_clash": "another monitor speaks for the same bed",
        "overload": "the monitor is busy without a break for 5 s, or was held up for 1 s",
        "broker_lost": "no connection to the broker for 5 s",
        "recording_stopped": "the recorder cannot write",
    }
