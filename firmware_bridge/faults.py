"""Faults on demand: what goes wrong between a device and its host, at a time or at a rate, the same every time. Pure.

A fault is written ``KIND[=VALUE][@SECOND[+SECONDS]]``: ``flip=1e-4`` flips each bit with that probability for ever,
``drop=0.05@10+5`` loses one frame in twenty from 10 s to 15 s, ``reboot@30`` begins again at 30 s. Several are
separated by semicolons.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from firmware_bridge.device import Encoder, Hearer
from firmware_bridge.types import F32, BadInput

BANNER = b"\r\nets Jun  8 2016 00:22:57\r\nrst:0x1 (POWERON_RESET)\r\nInitiliziation is done\r\n"
"""What boards print when they begin again: an ESP32's first words, and those of ProtoCentral's sketches."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a fault does, its least, greatest and usual value (None: it takes none), and its usual length in s."""

    help: str
    low: float = 0.0
    high: float = 1.0
    usual: float | None = None
    lasts_s: float = math.inf


KINDS = {
    "flip": Kind("each bit flips with this probability", usual=1e-4),
    "lose": Kind("each byte is lost with this probability", usual=1e-3),
    "double": Kind("each byte comes twice with this probability", usual=1e-3),
    "drop": Kind("each frame is lost with this probability", usual=0.05),
    "repeat": Kind("each frame comes twice with this probability", usual=0.01),
    "late": Kind("each frame comes after the next one with this probability", usual=0.01),
    "banner": Kind("boot text between two frames", lasts_s=0.0),
    "reboot": Kind("boot text, and the counter begins again", lasts_s=0.0),
    "wrap": Kind("the counter begins so many counts before its end", 1, 1e9, 100),
    "lead_off": Kind("the electrodes are off", lasts_s=5.0),
    "unplug": Kind("in the middle of a frame the device is gone; back, it begins again", lasts_s=3.0),
    "mute": Kind("says nothing before it is asked, where a device can be"),
    "drift": Kind("its clock is off by so many ppm", -1e5, 1e5, 200),
    "rate": Kind("it runs at so many times the rate that it says", 0.1, 10.0, 0.9),
}
"""All of them. Faults of the signal and the pace are possible over MQTT as well, those of bytes and frames not."""

PACE = ("drift", "rate")
_FAULT = re.compile(r"(\w+)(?:=([^@]+))?(?:@([\d.]+)(?:\+([\d.]+))?)?")


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: its kind, its value, and from when to when it acts, in seconds of signal."""

    kind: str
    value: float = 0.0
    start_s: float = 0.0
    end_s: float = math.inf


def parse(text: str) -> list[Fault]:
    """Give the faults in `text`.

    Raises
    ------
    BadInput
        One line, for what is not written as above, is unknown, or has a value out of its range.
    """
    return [_parse_one(part.strip()) for part in text.split(";") if part.strip()]


def pace_of(faults: Sequence[Fault]) -> float:
    """How fast the device's clock runs, 1 being right."""
    pace = 1.0
    for fault in faults:
        pace *= (
            1 + fault.value * 1e-6 if fault.kind == "drift" else fault.value if fault.kind == "rate" else 1.0
        )
    return pace


def _parse_one(text: str) -> Fault:
    found = _FAULT.fullmatch(text)
    kind = KINDS.get(found[1]) if found else None
    if found is None or kind is None:
        raise BadInput(
            f"got the fault {text[:60]!r}, expected KIND[=VALUE][@SECOND[+SECONDS]] with one of {', '.join(KINDS)}"
        )
    name, value, start, length = found.groups()
    try:
        number = float(value) if value is not None else kind.usual or 0.0
        start_s, lasts_s = float(start or 0), float(length) if length else kind.lasts_s
    except ValueError:
        raise BadInput(
            f"got the fault {text[:60]!r}, expected numbers in it; such as {name}=0.5@10+5"
        ) from None
    if value is not None and (kind.usual is None or not kind.low <= number <= kind.high):
        wanted = "no value" if kind.usual is None else f"{kind.low:g} to {kind.high:g}"
        raise BadInput(f"got the fault {text[:60]!r}, expected {wanted} for {name}; it means: {kind.help}")
    return Fault(name, number, start_s, start_s + lasts_s)


class FaultyWire:
    """A device's encoder, and what happens to its bytes on the way. A `Wire` and a `Talk` of the simulator.

    Parameters
    ----------
    make : callable
        Gives a new encoder, its counter beginning at the number given.
    faults : sequence of Fault
        What goes wrong.
    fs : float
        Samples per second, by which the faults' times count.
    n_leads : int
        Leads of the signal.
    seed : int
        The same seed, faults and samples give the same bytes, however the samples were cut.
    start : bytes
        The command that makes the device speak; empty: it cannot be mute.
    parity : bool
        The line has a parity bit: a byte of which it is wrong is dropped, as a port does that was told to.
    """

    def __init__(
        self,
        make: Callable[[int], Encoder],
        faults: Sequence[Fault],
        fs: float,
        n_leads: int = 1,
        seed: int = 0,
        start: bytes = b"",
        parity: bool = False,
    ) -> None:
        self._make, self._faults, self._fs, self._n_leads = make, faults, fs, n_leads
        self._random = random.Random(seed)
        self._start = start
        self._n_bits = 9 if parity else 8
        wrap = [fault for fault in faults if fault.kind == "wrap"]
        self._encoder = make(-int(wrap[0].value) if wrap else 0)
        self._mute = start != b"" and any(fault.kind == "mute" for fault in faults)
        self._pending = b""
        self._n = 0
        self.plugged = True

    def hello(self) -> bytes:
        """The device's preamble, unless it is mute."""
        return b"" if self._mute else self._encoder.preamble()

    def hear(self, data: bytes) -> bytes:
        """The device's answer; its start command makes it speak."""
        if self._start in data:
            self._mute = False
        return self._encoder.hear(data) if isinstance(self._encoder, Hearer) else b""

    def encode(self, mv: F32, lead_off: int = 0) -> bytes:
        """The bytes that arrive of float32 `mv` (n, n_leads) in mV."""
        rows = mv.reshape(-1, self._n_leads)
        return b"".join([self._sample(rows[k : k + 1], lead_off) for k in range(rows.shape[0])])

    def _sample(self, row: F32, lead_off: int) -> bytes:
        out = self._events()
        if self._acting("lead_off"):
            lead_off |= (1 << self._n_leads) - 1
        frame = self._encoder.encode(row, lead_off)
        gone = self._acting("unplug") is not None
        if gone and self.plugged:
            frame = frame[: len(frame) // 2]
        elif gone or self._mute:
            frame = b""
        else:
            frame = self._frame(frame)
        self.plugged = not gone
        self._n += 1
        return self._damage(out + frame)

    def _events(self) -> bytes:
        """What happens before this sample: text, and a new beginning."""
        out = b""
        for fault in self._faults:
            if fault.kind in ("banner", "reboot") and self._n == round(fault.start_s * self._fs):
                out += BANNER
            back = fault.kind == "unplug" and self._n == round(fault.end_s * self._fs)
            if back or (fault.kind == "reboot" and self._n == round(fault.start_s * self._fs)):
                self._encoder = self._make(0)
                self._pending = b""
                out += self._encoder.preamble()
        return out

    def _frame(self, frame: bytes) -> bytes:
        """Frames lost, repeated, and late."""
        if not frame:
            return b""
        if self._happens("drop"):
            return b""
        pending, self._pending = self._pending, b""
        if not pending and self._happens("late"):
            self._pending = frame
            return b""
        twice = frame if self._happens("repeat") else b""
        return frame + twice + pending

    def _damage(self, data: bytes) -> bytes:
        """Bytes lost and doubled, and bits flipped."""
        lose, flip, double = self._acting("lose"), self._acting("flip"), self._acting("double")
        if not data or not (lose or flip or double):
            return data
        draw, n_bits = self._random.random, self._n_bits
        out = bytearray()
        for byte in data:
            if lose and draw() < lose.value:
                continue
            if flip:
                hits = [bit for bit in range(n_bits) if draw() < flip.value]
                if n_bits == 9 and len(hits) & 1:
                    continue
                byte ^= sum(1 << bit for bit in hits) & 0xFF
            out.append(byte)
            if double and draw() < double.value:
                out.append(byte)
        return bytes(out)

    def _acting(self, kind: str) -> Fault | None:
        now_s = self._n / self._fs
        for fault in self._faults:
            if fault.kind == kind and fault.start_s <= now_s < fault.end_s:
                return fault
        return None

    def _happens(self, kind: str) -> bool:
        fault = self._acting(kind)
        return fault is not None and self._random.random() < fault.value
