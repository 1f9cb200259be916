"""Scripts for the virtual patient: what the heart and the electrodes do, step by step.

The grammar is one line: ``rhythm:seconds[s] [key=value ...]`` steps, separated by semicolons, for example
``sinus:60s rate=72 pvc=0.1; vt:10s; asystole:8s; lead_off:5s``. A script repeats from its first step when it
ends, unless its last step is ``end``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from firmware_bridge.types import BadInput

#: Keys that any step takes, and their defaults: rms or amplitude [mV] of each noise; mains [Hz].
NOISE_KEYS: dict[str, float] = {"floor": 0.006, "emg": 0.0, "wander": 0.06, "mains": 0.0, "mains_hz": 50.0}

#: Rhythms, the keys each takes and their defaults: `rate` [bpm], `hrv` relative, `pvc`, `apc` shares 0..1.
RHYTHMS: dict[str, dict[str, float]] = {
    "sinus": {"rate": 72.0, "hrv": 0.03, "pvc": 0.0, "apc": 0.0},
    "bigeminy": {"rate": 72.0, "hrv": 0.02},
    "trigeminy": {"rate": 75.0, "hrv": 0.02},
    "couplet": {"rate": 75.0, "hrv": 0.02},
    "pause": {"rate": 70.0, "hrv": 0.03, "length": 3.0},
    "af": {"rate": 95.0, "pvc": 0.0},
    "svt": {"rate": 180.0},
    "vt": {"rate": 170.0},
    "vf": {"mv": 0.5},
    "asystole": {},
    "paced": {"rate": 70.0},
    "spikes": {"rate": 70.0},
    "noise": {"emg": 0.35, "wander": 0.6},
    "lead_off": {"style": 0.0, "bit": 1.0},
}

#: ``style=`` of a lead_off step: the input at its rail, exactly constant, open with mains hum, no value.
LEAD_OFF_STYLES = ("rail", "flat", "hum", "nan")

#: Range of every key: outside it a script is refused.
_LIMITS: dict[str, tuple[float, float]] = {
    "rate": (10.0, 300.0),
    "hrv": (0.0, 0.3),
    "pvc": (0.0, 1.0),
    "apc": (0.0, 1.0),
    "length": (0.5, 60.0),
    "mv": (0.02, 5.0),
    "bit": (0.0, 1.0),
    "floor": (0.0, 5.0),
    "emg": (0.0, 5.0),
    "wander": (0.0, 5.0),
    "mains": (0.0, 5.0),
    "mains_hz": (40.0, 70.0),
}

SCRIPTS: dict[str, str] = {
    "demo": (
        "sinus:12s rate=74 pvc=0.1; couplet:5s rate=74; bigeminy:7s rate=76; vt:7s rate=172; "
        "sinus:6s rate=80; af:13s rate=98; sinus:3s rate=74; lead_off:4s; sinus:8s rate=72"
    ),
    "sinus": "sinus:60s rate=72",
    "pvc": "sinus:60s rate=72 pvc=0.12; couplet:10s; bigeminy:30s; trigeminy:30s",
    "atrial": "sinus:60s rate=70 apc=0.12; af:60s; svt:15s",
    "arrest": "sinus:30s rate=80; asystole:15s; sinus:30s rate=60",
    "vt": "sinus:30s rate=76; vt:15s; sinus:30s rate=82",
    "vf": "sinus:30s rate=76; vt:5s rate=190; vf:20s; asystole:10s; sinus:30s rate=60",
    "brady": "sinus:30s rate=66; sinus:30s rate=34; sinus:30s rate=60; pause:12s length=4",
    "paced": "paced:60s rate=70; spikes:15s rate=70; paced:30s rate=70",
    "electrodes": (
        "sinus:20s; lead_off:6s; sinus:20s; lead_off:6s style=flat bit=0; "
        "sinus:20s; lead_off:6s style=hum bit=0"
    ),
    "noisy": "sinus:30s emg=0.05 wander=0.2 mains=0.05; sinus:20s emg=0.25 wander=0.5; noise:20s; sinus:30s",
}


@dataclass(frozen=True, slots=True)
class Step:
    """One step: a rhythm (a key of :data:`RHYTHMS`), its length [s], and the value of every key."""

    rhythm: str
    seconds: float
    values: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Segment:
    """A step laid on the time axis: from `start_s` to `end_s`, the `index`-th since the stream began."""

    index: int
    start_s: float
    end_s: float
    step: Step


@dataclass(frozen=True, slots=True)
class Script:
    """Steps, and whether they begin again after the last (if not, the last goes on for ever)."""

    steps: tuple[Step, ...]
    loop: bool = True

    def segments(self) -> Iterator[Segment]:
        """The steps on the time axis, without end."""
        index, at_s = 0, 0.0
        while True:
            last_of_all = not self.loop and index == len(self.steps) - 1
            step = self.steps[index % len(self.steps)]
            end_s = math.inf if last_of_all else at_s + step.seconds
            yield Segment(index, at_s, end_s, step)
            if last_of_all:
                return
            index, at_s = index + 1, end_s


_STEP = re.compile(r"^(?P<rhythm>[a-z_]+)\s*:\s*(?P<seconds>[0-9.]+)\s*s?(?P<keys>(\s+[a-z_]+=\S+)*)$")


def parse_script(text: str) -> Script:
    """The script named `text`, or else written in `text` in the grammar above.

    Raises
    ------
    BadInput
        One line: the step that cannot be read, what was expected there, and where.
    """
    if re.fullmatch(r"[a-z_]+", text.strip()) and text.strip() != "end":
        if text.strip() not in SCRIPTS:
            raise BadInput(
                f"script {text.strip()!r} is unknown: name one of {', '.join(sorted(SCRIPTS))}, "
                "or write steps like 'sinus:60s rate=72; vt:10s'"
            )
        text = SCRIPTS[text.strip()]
    parts = [part.strip() for part in text.split(";")]
    if parts and not parts[-1]:
        parts.pop()
    loop = not (parts and parts[-1] == "end")
    if not loop:
        parts.pop()
    if not parts:
        raise BadInput("script is empty: write at least one step like 'sinus:60s rate=72'")
    return Script(tuple(_parse_step(part, number) for number, part in enumerate(parts, 1)), loop)


def _parse_step(text: str, number: int) -> Step:
    where = f"step {number} of the script"
    match = _STEP.match(text)
    if match is None:
        raise BadInput(
            f"{where} reads {text[:60]!r}: expected 'rhythm:seconds key=value ...', as 'vt:10s rate=170'"
        )
    rhythm = match["rhythm"]
    if rhythm not in RHYTHMS:
        raise BadInput(f"{where}: rhythm {rhythm!r} is unknown, use one of {', '.join(RHYTHMS)}")
    seconds = _number(match["seconds"], f"{where}: length")
    if not 0.1 <= seconds <= 1e6:
        raise BadInput(f"{where}: length {match['seconds']} s is out of range, use 0.1 to 1000000 s")
    values = {**NOISE_KEYS, **RHYTHMS[rhythm]}
    for pair in match["keys"].split():
        key, _, value = pair.partition("=")
        if key not in values:
            raise BadInput(f"{where}: {rhythm} has no key {key!r}, use one of {', '.join(values)}")
        values[key] = _value(key, value, where)
    return Step(rhythm, seconds, values)


def _value(key: str, text: str, where: str) -> float:
    if key == "style":
        if text not in LEAD_OFF_STYLES:
            raise BadInput(f"{where}: style is {text!r}, use one of {', '.join(LEAD_OFF_STYLES)}")
        return float(LEAD_OFF_STYLES.index(text))
    value = _number(text, f"{where}: {key}")
    low, high = _LIMITS[key]
    if not low <= value <= high:
        raise BadInput(f"{where}: {key}={text} is out of range, use {low:g} to {high:g}")
    return value


def _number(text: str, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise BadInput(f"{what} is {text[:40]!r}, expected a number") from None
    if not math.isfinite(value):
        raise BadInput(f"{what} is {text[:40]!r}, expected a finite number")
    return value
