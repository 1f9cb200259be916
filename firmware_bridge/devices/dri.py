"""GE / Datex-Ohmeda S/5 monitors and CARESCAPE Bx50: the Datex record interface (DRI) of their serial port.

The line runs at 19200 baud, 8 bits, even parity, with RTS held on. A record goes between two 7E, which two records
may share: ``7E | record | sum of the record's bytes, mod 256 | 7E``, 7E inside being sent as 7D 5E and 7D as 7D 5D.
All is little-endian. A record is 40 bytes of header (its length, number, level, the time in seconds, its main type,
and up to eight pairs of an offset and a type, ended by type FF) and its subrecords. A host asks for waves by a record
of main type 1 with a subrecord of type 0: ``0 to start, 1 to stop | 0 | up to eight types, ended by FF``. Waves come
in records of main type 1: ``number of samples | status | label | samples, i16``, ECG1 to ECG3 being types 1 to 3, at
300 samples a second. Of the status bit 0 is a gap, bit 2 a pacing pulse, bit 3 "electrode off"; samples below -32000
are words: invalid, under range, over range and so on. All waves together may have 600 samples a second: two ECGs.

Sources: xeonfusion/VSCaptureWave (Class1.cs, Class2.cs); KaiWU17TUM/icu_devices (docs/GE_Monitor.md). Conflict: one
program multiplies all waves by 0.01, the tables of the specification that another quotes say 1 uV for the ECG; these
are followed, and `scale` corrects them. Not in the sources, so named: whether the number in the header counts the
records. It is believed while it moves and the time in the header agrees; else only that time tells of losses, to the
second. The sum of one byte does not see every pair of flipped bits; over a line with parity the port drops each byte
that lacks it, and the record's length is wrong.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from firmware_bridge.device import EncoderOptions
from firmware_bridge.devices.asking import AGAIN_S, Opener, Opening
from firmware_bridge.devices.frame_format import ASIDE, Codes, FrameFormat, Packet, signed
from firmware_bridge.devices.frames import frame_device
from firmware_bridge.scanning import DAMAGED, MORE, NO_FRAME, Scanner
from firmware_bridge.types import LinkStats

LSB_MV = 0.001
FLAG, ESCAPE = b"\x7e", b"\x7d"
HEAD, DESCRIPTOR, REQUEST, WAVE_HEAD = (struct.Struct(x) for x in ("<hBBHIIh", "<hB", "<hh8B20x", "<hHH"))
N_HEADER, N_DESCRIPTORS, LAST_TYPE = 40, 8, 0xFF
MAX_RECORD = 1490
MAX_ESCAPED = 2 * (MAX_RECORD + 1) + 1
WAVES, COMMAND = 1, 0
"""Main type of records about waves, and their subrecord that is a request."""
START, STOP = 0, 1
ECG = (1, 2, 3)
GAP, PACER, LEAD_OFF = 0x0001, 0x0004, 0x0008
LEAST, UNDER, OVER, INVALID = -32000, -32764, -32763, -32767
"""Samples up to the first are words; three of these."""
LEVELS = (0, 7, 8, 9, 10, 11, 12, 6, 5, 4, 3, 2)
"""What a request may have to say of the interface's level: 0 is enough for all that were seen."""
CLOCK_SLACK_S = 1.5
"""The time in the header has no more than seconds."""
MAX_CLOCK_S = 600
"""A time that jumps by more was set."""
N_WRONG = 3
"""So often in a row must the number contradict the time to be believed no more."""
EPOCH_S = 1_700_000_000
"""When the simulated monitor was switched on."""


@dataclass(frozen=True, slots=True)
class Record:
    """A record: number, time [s], main type, and type and content of each subrecord."""

    number: int
    time_s: int
    main_type: int
    parts: tuple[tuple[int, bytes], ...]

    def to_bytes(self, level: int = 0) -> bytes:
        """The record as it is framed."""
        content = b"".join(part for _, part in self.parts)
        head = HEAD.pack(
            N_HEADER + len(content), self.number & 0xFF, level, 0, self.time_s, 0, self.main_type
        )
        at = 0
        for kind, part in self.parts:
            head += DESCRIPTOR.pack(at, kind)
            at += len(part)
        if len(self.parts) < N_DESCRIPTORS:
            head += DESCRIPTOR.pack(0, LAST_TYPE)
        return head.ljust(N_HEADER, b"\0") + content


def read_record(data: bytes) -> Record | None:
    """The record in `data`, unescaped and without its sum; None where it contradicts itself."""
    if not N_HEADER <= len(data) <= MAX_RECORD:
        return None
    length, number, _, _, time_s, _, main_type = HEAD.unpack_from(data)
    if length != len(data):
        return None
    found: list[tuple[int, int]] = []
    for k in range(N_DESCRIPTORS):
        offset, kind = DESCRIPTOR.unpack_from(data, HEAD.size + k * DESCRIPTOR.size)
        if kind == LAST_TYPE:
            break
        if not 0 <= offset <= length - N_HEADER:
            return None
        found.append((kind, N_HEADER + offset))
    return Record(number, time_s, main_type, tuple((kind, data[at:]) for kind, at in found))


def framed(record: bytes) -> bytes:
    """`record` with its sum, escaped, between flags."""
    content = record + bytes([sum(record) & 0xFF])
    escaped = content.replace(ESCAPE, b"\x7d\x5d").replace(FLAG, b"\x7d\x5e")
    return FLAG + escaped + FLAG


def unframed(content: bytes) -> Record | None:
    """What stands between two flags; None for what is damaged."""
    if ESCAPE in content:
        if content.count(ESCAPE) != content.count(b"\x7d\x5e") + content.count(b"\x7d\x5d"):
            return None
        content = content.replace(b"\x7d\x5e", FLAG).replace(b"\x7d\x5d", ESCAPE)
    if len(content) <= N_HEADER or content[0] | content[1] << 8 != len(content) - 1:
        return None
    return read_record(content[:-1]) if sum(content[:-1]) & 0xFF == content[-1] else None


def request(kinds: Sequence[int], what: int = START, level: int = 0) -> bytes:
    """A frame that asks for the waves `kinds`, or ends them."""
    types = [*kinds, *[LAST_TYPE] * (len(kinds) < 8), *[0] * 8][:8]
    body = REQUEST.pack(what, 0, *types)
    return framed(Record(0, 0, WAVES, ((COMMAND, body),)).to_bytes(level))


class DriFormat(FrameFormat):
    """Records of waves. See `FrameFormat`.

    A frame is all from its flag to before the next one, so that records may share flags; a flag before another
    is a frame with nothing in it.
    """

    fs = 300.0
    leads = ("ECG1",)
    n_channels = 2
    scale = signed(16, LSB_MV)
    sync = FLAG
    n_samples = 150
    n_frame = 343
    counter_bits = 8
    confirm = 0
    says_boot = False
    has_checksum = True
    has_lead_off = True
    clock_slack_s = CLOCK_SLACK_S

    def __init__(self) -> None:
        self._kinds: tuple[int, ...] = ECG[:1]
        self._sending: tuple[int, ...] = ()
        self._content = b""
        self._record: Record | None = None
        self._before: tuple[int, int] | None = None
        self._count = self._n_wrong = 0
        self._numbered, self._trusted = False, True
        self._elapsed: float | None = None
        self._ear = Scanner(self.measure, LinkStats(), FLAG, lambda frame, due: 0)

    def configure(self, fs: float | None, n_leads: int | None) -> None:
        """Take rate and number of leads. Raises BadInput."""
        super().configure(fs, n_leads)
        self._kinds = ECG[: n_leads or 1]
        self.commands = tuple(request(self._kinds, level=level) for level in reversed(LEVELS))

    def imitate(self, options: EncoderOptions) -> None:
        """Speak at once, or when asked."""
        self.n_samples = options.n_samples or self.n_samples
        self._sending = self._kinds if options.asked else ()

    def opening(self) -> Opener:
        """Ask for the waves, by another level each time that nothing comes."""
        return Opening(self.commands[::-1], AGAIN_S, request(self._kinds, STOP))

    # -- the monitor's records ---------------------------------------------------------------------------

    def measure(self, buffer: bytes, at: int) -> int:
        """To the next flag, where length and sum are right."""
        n = len(buffer) - at
        if n < 2:
            return MORE
        if buffer[at + 1] == FLAG[0]:
            return n - len(buffer[at:].lstrip(FLAG)) - 1
        end = buffer.find(FLAG, at + 1, at + MAX_ESCAPED + 1)
        if end < 0:
            return MORE if n <= MAX_ESCAPED else NO_FRAME
        return DAMAGED if self._look(buffer[at + 1 : end]) is None else end - at

    def _look(self, content: bytes) -> Record | None:
        """The record in `content`; the last one is remembered, because it is asked for more than once."""
        if content != self._content:
            self._content, self._record = content, unframed(content)
        return self._record

    def doubt(self, frame: bytes, due: bool) -> int:
        """Length and sum vouch for it."""
        return 0

    def distance(self, before: bytes, frame: bytes) -> int:
        """Not told by what is between flags alone."""
        return 1

    def read(self, frame: bytes) -> Packet | None:
        """The samples of a record of waves; None where it has fewer than it says."""
        record = self._look(frame.lstrip(FLAG))
        if record is None or record.main_type != WAVES:
            return ASIDE
        parts = dict(record.parts)
        if not any(kind in parts for kind in self._kinds):
            return ASIDE
        heads = {
            kind: WAVE_HEAD.unpack_from(parts[kind])
            for kind in self._kinds
            if len(parts.get(kind, b"")) >= WAVE_HEAD.size
        }
        n = max((head[0] for head in heads.values()), default=-1)
        if n < 0 or any(WAVE_HEAD.size + 2 * n > len(parts[kind]) for kind in heads):
            return None
        return self._packet({kind: (heads[kind][1], parts[kind]) for kind in heads}, n)

    def _packet(self, waves: dict[int, tuple[int, bytes]], n: int) -> Packet:
        codes = np.full((n, len(self._kinds)), np.nan)
        clipped = np.zeros(n, np.int64)
        lead_off, every = 0, 0
        for k, kind in enumerate(self._kinds):
            status, part = waves.get(kind, (0, b""))
            if not part:
                continue
            every |= status
            lead_off |= (status & LEAD_OFF > 0) << k
            raw = np.frombuffer(part, "<i2", n, WAVE_HEAD.size)
            codes[:, k] = np.where(raw <= LEAST, np.nan, raw)
            clipped |= ((raw == UNDER) | (raw == OVER) | (raw == 32767)).astype(np.int64) << k
        self.n_samples = n or self.n_samples
        pace = (0,) if every & PACER and n else ()
        return Packet((), lead_off, hole=every & GAP > 0, array=codes, clipped=clipped, pace=pace)

    def counter(self, frame: bytes) -> int:
        """The record's number while it can be believed, else one more than the last time."""
        record = self._look(frame.lstrip(FLAG))
        assert record is not None
        number, time_s = record.number, record.time_s
        before, self._before = self._before, (number, time_s)
        self._elapsed = None
        if before is None:
            self._count = number
            return number
        ahead, seconds = (number - before[0]) & 0xFF, time_s - before[1]
        if abs(seconds) <= MAX_CLOCK_S and time_s:
            self._elapsed = seconds * self.fs / self.n_samples
        self._numbered = self._trusted and (self._numbered or ahead > 0)
        if self._numbered:
            self._doubt_number(ahead)
        self._count = number if self._numbered else (self._count + 1) & 0xFF
        return self._count

    def _doubt_number(self, ahead: int) -> None:
        """Believe the number no more when it has told another story than the time, whole turns aside, for long."""
        if self._elapsed is None:
            return
        off = (self._elapsed - ahead + 128) % 256 - 128
        wrong = abs(off) > 1 + self.clock_slack_s * self.fs / self.n_samples
        self._n_wrong = self._n_wrong + 1 if wrong else 0
        if self._n_wrong == N_WRONG:
            self._numbered = self._trusted = False

    def elapsed(self, frame: bytes) -> float | None:
        """By the time in the header."""
        return self._elapsed

    # -- the simulated monitor ---------------------------------------------------------------------------

    def write(self, seq: int, codes: Codes, lead_off: int) -> bytes:
        """A record of the waves that were asked for; nothing where none were."""
        if not self._sending:
            return b""
        waves = np.array(codes, "<i2")
        parts = []
        for k, kind in enumerate(ECG[: self.n_channels]):
            if kind in self._sending:
                status = LEAD_OFF if lead_off >> k & 1 else 0
                head = WAVE_HEAD.pack(len(waves), status, 0)
                parts.append((kind, head + waves[:, k].tobytes()))
        time_s = EPOCH_S + int(seq * self.n_samples / self.fs)
        return framed(Record(seq, time_s, WAVES, tuple(parts)).to_bytes())

    def hear(self, data: bytes) -> bytes:
        """Requests are obeyed in silence."""
        for item in self._ear.feed(data):
            record = self._look(item.frame.lstrip(FLAG))
            if record is None or record.main_type != WAVES:
                continue
            for kind, part in record.parts:
                if kind == COMMAND and len(part) >= REQUEST.size:
                    self._obey(*REQUEST.unpack_from(part))
        return b""

    def _obey(self, what: int, _: int, *types: int) -> None:
        wanted = types[: types.index(LAST_TYPE)] if LAST_TYPE in types else types
        if what == START:
            self._sending = tuple(kind for kind in self._kinds if kind in (*self._sending, *wanted))
        elif what == STOP:
            self._sending = tuple(kind for kind in self._sending if kind not in wanted)


DEVICE = frame_device("dri", "GE/Datex-Ohmeda S/5, DRI", 19200, DriFormat, parity="E", has_session=True)
