"""Philips IntelliVue monitors (MP, MX): Data Export over their serial (MIB/RS-232) port, 115200 baud, 8N1.

The monitor says nothing until a host has associated; what is said then is in
:mod:`firmware_bridge.devices.intellivue_session`, how it is written in
:mod:`firmware_bridge.devices.intellivue_messages`. A result every 256 ms holds 128 samples of each wave at 500 Hz
(or 64 of three at 250 Hz in one), and its clock at the first of them in units of 125 us, which is also what tells
losses: the monitor counts the results of each poll from 0 again. All ECG waves are one object; they are told apart by
what they are of. What describes a wave (period, scale, significant bits, meaning of the others) comes about once a
second, in the result of one object at a time.

Named leads are what is asked of the monitor, three at most: ``--leads II,V5``. ``ECG`` is whichever ECG it has: II,
and if that does not come its first, I, V, ... until one does.

Sources: as of the messages. Until a wave has been described, as they say, and from memory: 14 significant bits,
-40.96 mV at 0, 5 uV a unit (`scale` corrects it), and a result for every 256 ms. The wave's state tells when it is
invalid or unavailable, which is given as "electrode off"; which electrode is off is an alert, not read here. Results
of a monitor in demonstration mode are given as any others.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.device import DecoderOptions, EncoderOptions
from firmware_bridge.devices import intellivue_messages as m
from firmware_bridge.devices.asking import Opener
from firmware_bridge.devices.frame_format import ASIDE, Codes, FrameFormat, Packet, Scale
from firmware_bridge.devices.frames import frame_device
from firmware_bridge.devices.intellivue_session import Monitor, Session
from firmware_bridge.devices.rows import F64
from firmware_bridge.scanning import DAMAGED, MORE, NO_FRAME, Scanner
from firmware_bridge.types import BadInput, LinkStats

LSB_MV = 0.005
ZERO, MOST, SIGNIFICANT = 8192, 16383, 14
SOURCES = {
    "ECG": 0x0100, "I": 0x0101, "II": 0x0102, "III": 0x013D, "aVR": 0x013E, "aVL": 0x013F, "aVF": 0x0140,
    "V": 0x0143, "V1": 0x0103, "V2": 0x0104, "V3": 0x0105, "V4": 0x0106, "V5": 0x0107, "V6": 0x0108,
}  # fmt: skip
"""What an ECG wave is of, by the name of the lead."""
PARTITION = 0x00020000
"""A label is this and what the wave is of."""
ANY = SOURCES["ECG"]
CHOICES = tuple((PARTITION | SOURCES[name],) for name in ("II", "ECG", "I", "V", "III", "aVF", "aVL", "aVR"))
INVALID, UNAVAILABLE, CALIBRATING = 0x8000, 0x2000, 0x1000
"""Bits of a measurement's state."""
RESULT_S = 0.256
CONTEXT_RESULTS = 4
"""A wave is described in one of so many results."""
PERIOD_TICKS = 16
SIM_INVALID, SIM_SATURATED = 0x8000, 0x4000
"""What the simulated monitor does with the two bits that are not significant."""


@dataclass(frozen=True, slots=True)
class Context:
    """What describes a wave: its period [1/8000 s; 0: unknown], scale, and the meaning of a sample's bits."""

    period: int = 0
    low_mv: float = -ZERO * LSB_MV
    mv_per_unit: float = LSB_MV
    low: int = 0
    high: int = MOST
    wide: bool = True
    significant: int = MOST
    masks: dict[int, int] = field(default_factory=dict)

    def learn(self, found: dict[int, bytes]) -> Context:
        """What `found` says, in place of what was known. Raises struct.error where it is cut short."""
        made = self
        if m.PERIOD in found:
            period = struct.unpack_from(">I", found[m.PERIOD])[0]
            made = replace(made, period=period if 1 <= period <= 8000 else 0)
        if m.SPEC in found:
            _, size, bits, _ = struct.unpack_from(">HBBH", found[m.SPEC])
            made = replace(made, wide=size > 8, significant=(1 << min(max(bits, 1), 16)) - 1)
        if m.SCALE in found and len(found[m.SCALE]) >= 12:
            low_mv, high_mv = (m.read_float(found[m.SCALE], at) for at in (0, 4))
            low, high = struct.unpack_from(">HH", found[m.SCALE], 8)
            if high > low and math.isfinite(high_mv - low_mv) and high_mv > low_mv:
                per_unit = (high_mv - low_mv) / (high - low)
                made = replace(made, low_mv=low_mv, mv_per_unit=per_unit, low=low, high=high)
        if m.FIXED in found:
            pairs = struct.iter_unpack(">HH", found[m.FIXED][4 : len(found[m.FIXED]) // 4 * 4])
            made = replace(made, masks={kind: mask for kind, mask in pairs if not mask & made.significant})
        return made

    def raw(self, data: bytes) -> NDArray[np.int64]:
        """The samples as they were sent."""
        return np.frombuffer(data, ">u2" if self.wide else "u1", len(data) >> self.wide).astype(np.int64)

    def codes(self, raw: NDArray[np.int64]) -> F64:
        """Samples in units of 5 uV from -40.96 mV; NaN where the monitor has none."""
        value = (raw & self.significant) - self.low
        made: F64 = (self.low_mv + value * self.mv_per_unit) / LSB_MV + ZERO
        made[(raw & self.masks.get(m.INVALID_MASK, 0)) > 0] = np.nan
        return made

    def clipped(self, raw: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Which stand at an end of the range, or are said to."""
        value = raw & self.significant
        said = (raw & self.masks.get(m.SATURATION, 0)) > 0
        return np.asarray((value <= self.low) | (value >= self.high) | said)

    def pulses(self, raw: NDArray[np.int64]) -> list[int]:
        """At which the monitor saw a pacing pulse."""
        found: list[int] = np.flatnonzero(raw & self.masks.get(m.PACER_MASK, 0)).tolist()
        return found


class IntelliVueFormat(FrameFormat):
    """Results of a poll for waves, and the talk around them. See `FrameFormat`."""

    fs = 500.0
    leads = ("ECG",)
    n_channels = 3
    scale = Scale(LSB_MV, 0, MOST, ZERO)
    sync = m.START
    n_samples = 128
    n_frame = 340
    counter_bits = 32
    late_window = 8
    confirm = 0
    says_boot = False
    has_checksum = True
    has_lead_off = True
    has_clock = True
    commands = (m.framed(m.REQUEST),)

    def __init__(self) -> None:
        self._wanted = [ANY]
        self._session = Session(CHOICES)
        self._contexts: dict[int, Context] = {}
        self._content, self._message = b"", b""
        self._ticks: int | None = None
        self._frame_ticks = self._before_ticks = self._number = 0
        self._monitor = Monitor(True)
        self._ear = Scanner(self.measure, LinkStats(), m.START, lambda frame, due: 0)

    def expect(self, options: DecoderOptions) -> None:
        """Choose the waves. Raises BadInput for one that is not known."""
        names = options.leads or ("ECG",)
        if unknown := [name for name in names if name not in SOURCES]:
            raise BadInput(
                f"got lead {unknown[0]!r}, expected one of {', '.join(SOURCES)}, from an IntelliVue; "
                "name what it is to send"
            )
        self._wanted = [SOURCES[name] for name in names]
        named = tuple(PARTITION | source for source in self._wanted)
        self._session = Session(CHOICES if self._wanted == [ANY] else (named,))

    def imitate(self, options: EncoderOptions) -> None:
        """Speak at once, or within a session."""
        self.n_samples = options.n_samples or self.n_samples
        self._monitor = Monitor(options.asked)
        self._n_leads = len(options.leads)
        free = [source for source in SOURCES.values() if source not in map(SOURCES.get, options.leads)]
        self._wanted = [SOURCES.get(name) or free.pop(0) for name in options.leads]

    def opening(self) -> Opener:
        """The session that the messages go to as well."""
        return self._session

    # -- frames ------------------------------------------------------------------------------------------

    def measure(self, buffer: bytes, at: int) -> int:
        """To the end byte, before which no other frame begins, where the check is right."""
        if buffer.startswith(m.START, at + 1):
            return NO_FRAME
        end = buffer.find(m.END, at + 1, at + m.MAX_ESCAPED)
        if end < 0 and len(buffer) - at < m.MAX_ESCAPED:
            return MORE if buffer.find(m.START, at + 1) < 0 else NO_FRAME
        if end < 0 or buffer.find(m.START, at + 1, end) >= 0:
            return NO_FRAME
        return end + 1 - at if self._look(buffer[at + 1 : end]) else DAMAGED

    def _look(self, content: bytes) -> bytes:
        """The message in `content`; the last one is remembered, because it is asked for more than once."""
        if content != self._content:
            self._content, self._message = content, m.unframed(content) or b""
        return self._message

    def doubt(self, frame: bytes, due: bool) -> int:
        """The check vouches for it."""
        return 0

    def distance(self, before: bytes, frame: bytes) -> int:
        """Not told by every message."""
        return 1

    # -- results -----------------------------------------------------------------------------------------

    def read(self, frame: bytes) -> Packet | None:
        """The wanted waves of a result; all else is talk, and None is a refusal or what is not understood."""
        message = self._look(frame[1:-1])
        operation = m.read_operation(message)
        if operation is None or operation.kind not in (m.RESULT, m.LINKED) or operation.command != m.ACTION:
            return ASIDE if self._session.hear(message) else None
        result = m.read_polled(operation)
        if result is None:
            return ASIDE if len(operation.body) < 40 else None
        try:
            waves = self._waves(result)
            return self._packet(result.ticks, waves) if waves else ASIDE
        except struct.error:
            return None

    def _waves(self, result: m.Polled) -> dict[int, m.Wave]:
        """The ECG waves of a result by what they are of; what describes them is remembered."""
        waves: dict[int, m.Wave] = {}
        for found in result.objects:
            seen = [wave for wave in m.read_waves(found) if wave.source in SOURCES.values()]
            of = [wave.source for wave in seen]
            if not of and m.LABEL in found:
                source = struct.unpack_from(">H", found[m.LABEL], 2)[0]
                of = [source] * (source in SOURCES.values())
            for source in of:
                self._contexts[source] = self._contexts.get(source, Context()).learn(found)
            waves.update((wave.source, wave) for wave in seen if wave.data)
        return waves

    def _packet(self, ticks: int, waves: dict[int, m.Wave]) -> Packet:
        chosen = [waves.get(source) for source in self._wanted]
        if self._wanted == [ANY]:
            chosen = [waves.get(SOURCES["II"]) or waves.get(ANY) or next(iter(waves.values()))]
        first = next((wave for wave in chosen if wave is not None), None)
        if first is None:
            return ASIDE
        context = self._contexts[first.source]
        n = len(context.raw(first.data))
        if n == 0:
            return ASIDE
        codes = np.full((n, len(chosen)), np.nan)
        clipped = np.zeros(n, np.int64)
        pace: set[int] = set()
        lead_off = 0
        for k, wave in enumerate(chosen):
            if wave is None:
                continue
            context = self._contexts[wave.source]
            raw = context.raw(wave.data)[:n]
            lead_off |= bool(wave.state & (INVALID | UNAVAILABLE)) << k
            if not wave.state & CALIBRATING:
                codes[: len(raw), k] = context.codes(raw)
            clipped[: len(raw)] |= context.clipped(raw).astype(np.int64) << k
            pace.update(context.pulses(raw))
        self._place(ticks, n, self._contexts[first.source].period)
        return Packet((), lead_off, array=codes, clipped=clipped, pace=sorted(pace))

    def _place(self, ticks: int, n: int, period: int) -> None:
        """Rate and length of this result, by its wave's period, or as all results are."""
        self._frame_ticks = n * period or round(RESULT_S * m.TICKS_HZ)
        self._before_ticks, self.n_samples = ticks, n
        if not self.fs_given:
            self.fs = n * m.TICKS_HZ / self._frame_ticks

    def counter(self, frame: bytes) -> int:
        """A number by the clock: that of the result before, and as many more as fit between them."""
        ticks = self._before_ticks
        if self._ticks is None:
            self._ticks = ticks - self._frame_ticks
        elapsed = (ticks - self._ticks) & 0xFFFFFFFF
        elapsed -= 1 << 32 if elapsed > 1 << 31 else 0
        number = self._number + round(elapsed / self._frame_ticks)
        if number > self._number or number < self._number - self.late_window:
            self._ticks, self._number = ticks, number
        return number & 0xFFFFFFFF

    # -- the simulated monitor ---------------------------------------------------------------------------

    def write(self, seq: int, codes: Codes, lead_off: int) -> bytes:
        """What is due: talk, and the result of a poll where there is one."""
        monitor = self._monitor
        period = round(m.TICKS_HZ / self.fs)
        ticks = seq * self.n_samples * period
        out = monitor.tick(ticks)
        if monitor.sequence is None:
            return out
        labels = [label & 0xFFFF for label in monitor.labels] or self._wanted
        raw = np.array(codes, np.int64)
        raw |= np.where((raw <= 0) | (raw >= MOST), SIM_SATURATED, 0)
        objects: list[list[tuple[int, bytes]]] = []
        for k, source in enumerate(labels[: self._n_leads]):
            state = UNAVAILABLE if lead_off >> k & 1 else 0
            wave = m.Wave(source, state, raw[:, k].astype(">u2").tobytes())
            about = _described(source, period, len(raw)) if monitor.sequence % CONTEXT_RESULTS == 1 else []
            objects.append([*about, (m.OBSERVED, wave.to_bytes())])
        out += m.framed(m.polled(monitor.sequence, ticks, objects))
        monitor.sequence += 1
        return out

    def hear(self, data: bytes) -> bytes:
        """The monitor's answers."""
        messages = [self._look(item.frame[1:-1]) for item in self._ear.feed(data)]
        return b"".join(self._monitor.hear(message) for message in messages)


def _described(source: int, period: int, n: int) -> list[tuple[int, bytes]]:
    """What the simulated monitor says of a wave."""
    ends = m.write_float(-ZERO * LSB_MV, -3) + m.write_float((MOST - ZERO) * LSB_MV, -3)
    fixed = ((m.INVALID_MASK, SIM_INVALID), (m.SATURATION, SIM_SATURATED))
    return [
        (m.LABEL, struct.pack(">I", PARTITION | source)),
        (m.SPEC, struct.pack(">HBBH", n, 16, SIGNIFICANT, 0x3000)),
        (m.PERIOD, struct.pack(">I", period)),
        (m.SCALE, ends + struct.pack(">HH", 0, MOST)),
        (m.FIXED, m.listed(struct.pack(">HH", *pair) for pair in fixed)),
    ]


DEVICE = frame_device(
    "intellivue", "Philips IntelliVue, Data Export", 115200, IntelliVueFormat, has_session=True
)
