"""Frames of fixed length whose parts stand at fixed places: declared, not programmed.

The simple devices are written this way in Python, and users' own as TOML (:mod:`firmware_bridge.profile`).
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass, field
from operator import itemgetter

import numpy as np

from firmware_bridge import checksums
from firmware_bridge.devices.frame_format import Codes, FrameFormat, Packet, Scale
from firmware_bridge.devices.rows import F64, I64, U8, Batch, ChainStarts, Flags
from firmware_bridge.scanning import DAMAGED, MORE, NO_FRAME

KINDS = {
    "u8": (1, "big", False),
    "i8": (1, "big", True),
    **{
        f"{sign}{bits}{order}": (bits // 8, "little" if order == "le" else "big", sign == "i")
        for sign in "ui"
        for bits in (16, 24, 32)
        for order in ("le", "be")
    },
}
"""Integer types of a field: name -> (bytes, byte order, signed)."""
FLOATS = {"f32le": struct.Struct("<f"), "f32be": struct.Struct(">f")}
"""Floating-point types of a field."""


@dataclass(frozen=True, slots=True)
class Field:
    """A number in a frame: where it begins, and its type (a name of `KINDS` or `FLOATS`)."""

    at: int
    kind: str

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return 4 if self.kind in FLOATS else KINDS[self.kind][0]

    @property
    def bits(self) -> int:
        """Its width."""
        return 8 * self.size

    def get(self, frame: bytes) -> float:
        """Read it; a float beyond all measure is NaN."""
        at = self.at
        if self.kind in FLOATS:
            (value,) = FLOATS[self.kind].unpack_from(frame, at)
            return float(value) if abs(value) < 1e30 else math.nan
        size, order, is_signed = KINDS[self.kind]
        return int.from_bytes(frame[at : at + size], order, signed=is_signed)  # type: ignore[arg-type]

    def getter(self) -> Callable[[bytes], float]:
        """`get`, made ready for many frames."""
        size, order, is_signed = KINDS.get(self.kind, (0, "", False))
        at, end = self.at, self.at + size
        if self.kind == "u8":
            return itemgetter(at)
        if size:
            return lambda frame: int.from_bytes(frame[at:end], order, signed=is_signed)  # type: ignore[arg-type]
        return self.get

    def column(self, rows: U8, step: int = 0) -> I64 | F64:
        """Read it in each of the rows, `step` bytes further on."""
        at = self.at + step
        part = rows[:, at : at + self.size]
        if self.kind in FLOATS:
            values = np.ascontiguousarray(part).view(FLOATS[self.kind].format.replace("f", "f4"))[:, 0]
            with np.errstate(invalid="ignore"):  # some NaN signal
                wide = values.astype(np.float64)
            return np.where(np.abs(wide) < 1e30, wide, np.nan)
        size, order, is_signed = KINDS[self.kind]
        first, *others = range(size) if order == "big" else range(size - 1, -1, -1)
        number: I64 = part[:, first].astype(np.int64)
        if is_signed:
            number = (number ^ 0x80) - 0x80
        for k in others:
            number = number << 8 | part[:, k]
        return number

    def put(self, frame: bytearray, value: float) -> None:
        """Write it, cut to its width."""
        if self.kind in FLOATS:
            FLOATS[self.kind].pack_into(frame, self.at, value)
            return
        size, order, _ = KINDS[self.kind]
        cut = int(value) & (1 << 8 * size) - 1
        frame[self.at : self.at + size] = cut.to_bytes(size, order)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Mark:
    """A byte that is the same in every frame, in the bits of `mask`."""

    at: int
    value: int
    mask: int = 0xFF


@dataclass(frozen=True, slots=True)
class Check:
    """A checksum at `at`: a name of `checksums.KINDS`, over the bytes from `start` to before `stop`."""

    at: int
    kind: str
    start: int
    stop: int
    order: str = "little"


@dataclass(frozen=True, slots=True)
class Layout:
    """A frame of fixed length.

    Attributes
    ----------
    length : int
        Bytes in a frame.
    channels : tuple of Field
        One for each channel, of the frame's first sample.
    sync : bytes
        What it begins with.
    marks : tuple of Mark
        Bytes that must be what they are, such as a footer.
    counter : Field or None
        The frame's number.
    check : Check or None
        Its checksum.
    lead_off, pace, boot : tuple of Mark
        What is so when the byte is as the mark says. Of `lead_off` there is one for each channel, or one for
        all.
    n_samples, stride : int
        Samples in a frame, and the bytes from one to the next.
    """

    length: int
    channels: tuple[Field, ...]
    sync: bytes = b""
    marks: tuple[Mark, ...] = ()
    counter: Field | None = None
    check: Check | None = None
    lead_off: tuple[Mark, ...] = ()
    pace: tuple[Mark, ...] = ()
    boot: tuple[Mark, ...] = ()
    n_samples: int = 1
    stride: int = 0


@dataclass
class Facts:
    """What a layout does not say of its device; see the attributes of `FrameFormat`."""

    fs: float
    scale: Scale
    leads: tuple[str, ...] = ("ECG",)
    confirm: int = 1
    flat_s: float = 0.0
    late_window: int | None = None
    hello: bytes = b""
    commands: tuple[bytes, ...] = ()
    blank: bytes = field(default=b"")
    """What the encoder fills a frame with before it writes its parts; zeros where it is empty."""


class LayoutFormat(FrameFormat):
    """A `FrameFormat` made of a `Layout` and `Facts`."""

    has_runs = True

    def __init__(self, layout: Layout, facts: Facts) -> None:
        self.layout = layout
        self.fs, self.scale, self.leads = facts.fs, facts.scale, facts.leads
        self.confirm, self.flat_s, self.late_window = facts.confirm, facts.flat_s, facts.late_window
        self.hello, self.commands = facts.hello, facts.commands
        self.sync = layout.sync
        self.n_channels = len(layout.channels)
        self.n_samples = layout.n_samples
        self.n_frame = layout.length
        self.counter_bits = 0 if layout.counter is None else layout.counter.bits
        self.has_checksum = layout.check is not None
        self.has_lead_off = self.has_lead_off or layout.lead_off != () or facts.flat_s > 0
        self._wanted = layout.channels
        self._number = None if layout.counter is None else layout.counter.getter()
        self._turn = (1 << self.counter_bits) - 1
        self._form = re.compile(_form_of(layout), re.DOTALL).match
        self._blank = facts.blank or bytes(layout.length)
        self._steps = range(0, layout.n_samples * layout.stride, layout.stride) if layout.stride else (0,)
        self._booted = False
        self._fixed = (*(Mark(k, byte) for k, byte in enumerate(layout.sync)), *layout.marks)

    def configure(self, fs: float | None, n_leads: int | None) -> None:
        """Take rate and number of leads: channels beyond them are not read. Raises BadInput."""
        super().configure(fs, n_leads)
        self._wanted = self.layout.channels[: n_leads or len(self.leads)]
        self._getters = [
            [Field(channel.at + step, channel.kind).getter() for channel in self._wanted]
            for step in self._steps
        ]

    def measure(self, buffer: bytes, at: int) -> int:
        """The layout's length, where its marks and its checksum are right."""
        layout = self.layout
        if len(buffer) - at < layout.length:
            return MORE
        if not self._form(buffer, at):
            return NO_FRAME
        if layout.check is None:
            return layout.length
        return layout.length if _verify(layout.check, buffer[at : at + layout.length]) else DAMAGED

    def counter(self, frame: bytes) -> int:
        """The number in the frame."""
        assert self._number is not None
        return int(self._number(frame))

    def distance(self, before: bytes, frame: bytes) -> int:
        """See `FrameFormat`; nearly always 1."""
        number = self._number
        if number is None or int(number(frame)) - int(number(before)) & self._turn == 1:
            return 1
        return super().distance(before, frame)

    def read(self, frame: bytes) -> Packet | None:
        """The samples and what the frame's bits say."""
        layout = self.layout
        codes = [[get(frame) for get in getters] for getters in self._getters]
        began = False
        if layout.boot:
            boot = _any(layout.boot, frame)
            began, self._booted = boot and not self._booted, boot
        return Packet(codes, self._lead_off(frame), layout.pace != () and _any(layout.pace, frame), began)

    def starts(self) -> ChainStarts | None:
        """Where there is no sync word and others must follow."""
        wanted = not self.sync and self.confirm and self.layout.check is None and not self.counter_bits
        return ChainStarts(self, self.confirm) if wanted else None

    def may_be(self, rows: U8) -> tuple[Flags, Flags]:
        """By the marks; none alone."""
        return self._marked(rows), np.zeros(len(rows), np.bool_)

    def linked(self, rows: U8, after: U8) -> Flags:
        """Nothing tells that one is not the next."""
        return np.ones(len(rows), np.bool_)

    def _marked(self, rows: U8) -> Flags:
        good = np.ones(len(rows), np.bool_)
        for m in self._fixed:
            good &= rows[:, m.at] & m.mask == m.value
        return good

    def whole(self, rows: U8) -> Flags:
        """The rows whose sync, marks and checksum are right, and that do not say that the device has begun again."""
        layout = self.layout
        good = self._marked(rows)
        for m in layout.boot:
            good &= rows[:, m.at] & m.mask != m.value
        if layout.check is not None:
            good &= [_verify(layout.check, row.tobytes()) for row in rows]
        return good

    def numbers(self, rows: U8) -> I64:
        """The number in each row."""
        assert self.layout.counter is not None
        return self.layout.counter.column(rows).astype(np.int64)

    def read_rows(self, rows: U8, n_columns: int) -> Batch:
        """All samples, and what the frames' bits say."""
        codes = np.empty((len(rows), len(self._steps), n_columns))
        for sample, step in enumerate(self._steps):
            for k, channel in enumerate(self._wanted[:n_columns]):
                codes[:, sample, k] = channel.column(rows, step)
        self._booted = False
        paced = np.zeros(len(rows), np.bool_) if self.layout.pace else None
        for m in self.layout.pace:
            paced |= rows[:, m.at] & m.mask == m.value
        return Batch(codes.reshape(-1, n_columns), self._lead_off_rows(rows), paced)

    def _lead_off_rows(self, rows: U8) -> I64 | int:
        """As `_lead_off`, of each row."""
        marks = self.layout.lead_off
        if not marks:
            return 0
        bits = np.zeros(len(rows), np.int64)
        for k, m in enumerate(marks):
            bits |= (rows[:, m.at] & m.mask == m.value).astype(np.int64) << k
        return bits * ((1 << self.n_channels) - 1) if len(marks) == 1 else bits

    def _lead_off(self, frame: bytes) -> int:
        marks = self.layout.lead_off
        if not marks:
            return 0
        bits = sum(1 << k for k, m in enumerate(marks) if frame[m.at] & m.mask == m.value)
        return (1 << self.n_channels) - 1 if bits and len(marks) == 1 else bits

    def write(self, seq: int, codes: Codes, lead_off: int) -> bytes:
        """All parts in their places, the checksum last."""
        layout = self.layout
        frame = bytearray(self._blank)
        frame[: len(layout.sync)] = layout.sync
        for mark in layout.marks:
            frame[mark.at] = frame[mark.at] & ~mark.mask | mark.value
        for step, sample in zip(self._steps, codes, strict=True):
            for channel, value in zip(layout.channels, sample, strict=True):
                Field(channel.at + step, channel.kind).put(frame, value)
        if layout.counter is not None:
            layout.counter.put(frame, seq)
        for k, mark in enumerate(layout.lead_off):
            if lead_off >> k & 1:
                frame[mark.at] = frame[mark.at] & ~mark.mask | mark.value
        if layout.check is not None:
            _sign(layout.check, frame)
        return bytes(frame)


def layout_format(layout: Layout, facts: Facts) -> Callable[[], FrameFormat]:
    """A maker of new instances, as `frame_device` wants one."""
    return lambda: LayoutFormat(layout, facts)


def _form_of(layout: Layout) -> bytes:
    """A pattern of what the marks leave free of the whole frame."""
    allowed = [set(range(256)) for _ in range(layout.length)]
    for m in layout.marks:
        allowed[m.at] &= {byte for byte in range(256) if byte & m.mask == m.value}
    if not all(allowed):
        return b"(?!)"  # they contradict each other
    classes = [
        b"." if len(bytes_) == 256 else b"[%b]" % b"".join(b"\\x%02x" % k for k in sorted(bytes_))
        for bytes_ in allowed
    ]
    return b"".join(classes)


def _any(marks: tuple[Mark, ...], frame: bytes) -> bool:
    return any(frame[m.at] & m.mask == m.value for m in marks)


def _verify(check: Check, frame: bytes) -> bool:
    kind = checksums.KINDS[check.kind]
    value = kind.over(frame[check.start : check.stop])
    return value.to_bytes(kind.size, check.order) == frame[check.at : check.at + kind.size]  # type: ignore[arg-type]


def _sign(check: Check, frame: bytearray) -> None:
    kind = checksums.KINDS[check.kind]
    value = kind.over(bytes(frame[check.start : check.stop]))
    frame[check.at : check.at + kind.size] = value.to_bytes(kind.size, check.order)  # type: ignore[arg-type]
