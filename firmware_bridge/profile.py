"""A device declared in TOML: its frames, without any Python. Pure but for `load`.

The file's name is the device's. All positions count bytes from the frame's first::

    title = "my own board"        # shown by `heartwire devices`
    fs = 250.0                    # samples a second
    baud = 115200
    parity = "N"                  # "E" or "O" where the serial line has a parity bit
    leads = ["ECG"]               # names of the first channels; the others are left out
    start = "b"                   # what it must be sent before it speaks, if anything
    flat_s = 0.5                  # if it sends exactly zero while an electrode is off

    [frame]
    length = 9                    # bytes
    sync = "A5 5A"                # what it begins with
    footer = "0A"                 # what it ends with
    samples = 1                   # samples in a frame,
    stride = 2                    # and bytes from one to the next
    confirm = 1                   # frames that must follow before one is believed

    [[channel]]                   # one for each channel
    at = 3
    type = "i16le"                # u8 i8, u16le i16be u24be i24be i32le ..., f32le f32be

    [scale]                       # mV = (value - zero) * uv_per_unit / 1000
    uv_per_unit = 1.5             # or, for a converter behind an amplifier: bits, vref_mv, gain
    zero = 0                      # default: half of `bits` where given, else 0
    low = -32768                  # ends of the range, where it clips; default: those of bits or type
    high = 32767

    [counter]                     # frames, counted
    at = 2
    type = "u8"

    [checksum]
    at = 6
    type = "crc16"                # see firmware_bridge/checksums.py
    from = 2                      # over the bytes from here
    to = 6                        # to before here
    order = "little"

    [[constant]]                  # a byte that is the same in every frame, in the bits of mask
    at = 5
    mask = 0xF0
    value = 0x10

    [[lead_off]]                  # one for each channel, or one for all; [[pace]] and [[restart]] likewise
    at = 5
    mask = 0x01                   # these bits
    value = 0x01                  # are so while it is off; default: all of them set
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from dataclasses import field as default
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from firmware_bridge import checksums
from firmware_bridge.device import FS_MAX, FS_MIN, Device
from firmware_bridge.devices.frame_format import Scale, unipolar
from firmware_bridge.devices.frames import frame_device
from firmware_bridge.devices.layout import FLOATS, KINDS, Check, Facts, Field, Layout, Mark, layout_format
from firmware_bridge.types import BadInput

MAX_LENGTH = 4096
MAX_CHANNELS = 64
SUFFIX = ".toml"


class Strict(msgspec.Struct, forbid_unknown_fields=True):
    """A table whose keys are those declared and no others."""


class FrameTable(Strict):
    """``[frame]``."""

    length: int
    sync: str = ""
    footer: str = ""
    samples: int = 1
    stride: int = 0
    confirm: int = 1


class FieldTable(Strict):
    """``[[channel]]`` and ``[counter]``."""

    at: int
    type: str


class MarkTable(Strict):
    """``[[constant]]``, ``[[lead_off]]``, ``[[pace]]`` and ``[[restart]]``."""

    at: int
    mask: int = 0xFF
    value: int | None = None


class ChecksumTable(Strict):
    """``[checksum]``."""

    at: int
    type: str
    start: int = msgspec.field(name="from")
    stop: int = msgspec.field(name="to")
    order: str = "little"


class ScaleTable(Strict):
    """``[scale]``."""

    uv_per_unit: float | None = None
    bits: int | None = None
    vref_mv: float | None = None
    gain: float = 1.0
    zero: float | None = None
    low: float | None = None
    high: float | None = None


class ProfileTable(Strict):
    """The whole file."""

    fs: float
    frame: FrameTable
    channel: list[FieldTable]
    scale: ScaleTable
    title: str = ""
    baud: int = 115200
    parity: str = "N"
    leads: list[str] = msgspec.field(default_factory=lambda: ["ECG"])
    start: str = ""
    flat_s: float = 0.0
    counter: FieldTable | None = None
    checksum: ChecksumTable | None = None
    constant: list[MarkTable] = msgspec.field(default_factory=list)
    lead_off: list[MarkTable] = msgspec.field(default_factory=list)
    pace: list[MarkTable] = msgspec.field(default_factory=list)
    restart: list[MarkTable] = msgspec.field(default_factory=list)


def load(path: Path) -> Device:
    """Give the device that the file at `path` declares. Raises BadInput."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise BadInput(f"{path}: cannot read it: {error.strerror or error}; give a profile's path") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path}: got other bytes, expected UTF-8 text; save it as such") from None
    return parse(text, path.stem, str(path))


def parse(text: str, name: str, where: str) -> Device:
    """Give the device that `text` declares.

    Parameters
    ----------
    text : str
        TOML, as above.
    name : str
        What the device is to be called.
    where : str
        Named in errors.

    Raises
    ------
    BadInput
        One line: the file, the key, what was got, what was expected.
    """
    table = _Checked(_table(text, where), where)
    layout, facts = table.layout(), table.facts()
    title = table.profile.title or f"profile {name}"
    return frame_device(name, title, table.profile.baud, layout_format(layout, facts), table.profile.parity)


def _table(text: str, where: str) -> ProfileTable:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return msgspec.convert(tomllib.loads(text), ProfileTable)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{where}: not valid TOML: {error}") from None
    except msgspec.ValidationError as error:
        what, _, at = str(error).partition(" - at ")
        key = at.strip("`").removeprefix("$").removeprefix(".")
        raise BadInput(
            f"{where}: {key + ': ' if key else ''}{what[:1].lower()}{what[1:]}; see profile.py"
        ) from None


@dataclass(frozen=True, slots=True)
class _Checked:
    """A profile being checked; `used` is which part has which byte."""

    profile: ProfileTable
    where: str
    used: dict[int, str] = default(default_factory=dict)

    def fail(self, key: str, got: Any, expected: str) -> NoReturn:
        """Refuse the profile in one line."""
        raise BadInput(f"{self.where}: {key}: got {got}, expected {expected}")

    def within(self, key: str, got: float, low: float, high: float) -> None:
        """Refuse what is not from `low` to `high`."""
        if not low <= got <= high:
            self.fail(key, f"{got:g}", f"{low:g} to {high:g}")

    def take(self, key: str, at: int, n: int) -> None:
        """Give bytes `at` to `at + n` to `key`; refuse what is outside the frame or another's."""
        length = self.profile.frame.length
        if not 0 <= at <= length - n:
            self.fail(f"{key}.at", at, f"0 to {length - n}: it has {n} of the frame's {length} bytes")
        for byte in range(at, at + n):
            if (owner := self.used.setdefault(byte, key)) != key:
                self.fail(f"{key}.at", at, f"a place of its own: byte {byte} belongs to {owner}")

    def hex(self, key: str, text: str) -> bytes:
        """Bytes written as hex digits."""
        try:
            return bytes.fromhex(text)
        except ValueError:
            self.fail(key, repr(text), 'bytes as pairs of hex digits, such as "A5 5A"')

    def layout(self) -> Layout:
        """The frame, all of it checked."""
        p, frame = self.profile, self.profile.frame
        self.within("frame.length", frame.length, 1, MAX_LENGTH)
        self.within("frame.samples", frame.samples, 1, 1024)
        self.within("frame.confirm", frame.confirm, 0, 16)
        sync, footer = self.hex("frame.sync", frame.sync), self.hex("frame.footer", frame.footer)
        if sync:
            self.take("frame.sync", 0, len(sync))
        if footer:
            self.take("frame.footer", frame.length - len(footer), len(footer))
        marks = [Mark(frame.length - len(footer) + k, value) for k, value in enumerate(footer)]
        if not (sync or marks or p.constant or p.checksum):
            self.fail("frame.sync", "none", "a sync, a footer, a constant or a checksum to find frames by")
        return Layout(
            length=frame.length,
            channels=self.channels(),
            sync=sync,
            marks=(*marks, *self.marks("constant", p.constant)),
            counter=None if p.counter is None else self.field("counter", p.counter),
            check=self.check(),
            lead_off=self.marks("lead_off", p.lead_off),
            pace=self.marks("pace", p.pace),
            boot=self.marks("restart", p.restart),
            n_samples=frame.samples,
            stride=frame.stride,
        )

    def channels(self) -> tuple[Field, ...]:
        """Fields of the first sample; those of the others are checked as well."""
        p, frame = self.profile, self.profile.frame
        if not 1 <= len(p.channel) <= MAX_CHANNELS:
            self.fail("channel", len(p.channel), f"1 to {MAX_CHANNELS} of them")
        fields = tuple(self.field(f"channel[{k}]", table) for k, table in enumerate(p.channel))
        if frame.samples > 1:
            self.within("frame.stride", frame.stride, sum(f.size for f in fields), frame.length)
        for sample in range(1, frame.samples):
            for k, channel in enumerate(fields):
                self.take(
                    f"channel[{k}] of sample {sample}", channel.at + sample * frame.stride, channel.size
                )
        return fields

    def field(self, key: str, table: FieldTable) -> Field:
        """A number in the frame."""
        known = [*KINDS, *FLOATS] if key.startswith("channel") else list(KINDS)
        if table.type not in known:
            self.fail(f"{key}.type", repr(table.type), f"one of {', '.join(known)}")
        made = Field(table.at, table.type)
        self.take(key, made.at, made.size)
        return made

    def check(self) -> Check | None:
        """The checksum."""
        table = self.profile.checksum
        if table is None:
            return None
        if table.type not in checksums.KINDS:
            self.fail("checksum.type", repr(table.type), f"one of {', '.join(checksums.KINDS)}")
        if table.order not in ("little", "big"):
            self.fail("checksum.order", repr(table.order), "little or big")
        size = checksums.KINDS[table.type].size
        self.take("checksum", table.at, size)
        self.within("checksum.from", table.start, 0, self.profile.frame.length - 1)
        self.within("checksum.to", table.stop, table.start + 1, self.profile.frame.length)
        if table.start < table.at + size and table.at < table.stop:
            self.fail("checksum.to", table.stop, f"bytes other than its own at {table.at}")
        return Check(table.at, table.type, table.start, table.stop, table.order)

    def marks(self, key: str, tables: list[MarkTable]) -> tuple[Mark, ...]:
        """Bytes, or bits of them, that mean something."""
        made = []
        for k, table in enumerate(tables):
            self.within(f"{key}[{k}].at", table.at, 0, self.profile.frame.length - 1)
            self.within(f"{key}[{k}].mask", table.mask, 1, 0xFF)
            value = table.mask if table.value is None else table.value
            if value & ~table.mask:
                self.fail(f"{key}[{k}].value", value, f"bits of the mask {table.mask} only")
            made.append(Mark(table.at, value, table.mask))
        n = len(self.profile.channel)
        if key == "lead_off" and len(made) not in (0, 1, n):
            self.fail(key, len(made), f"one for all, or one for each of the {n} channels")
        return tuple(made)

    def facts(self) -> Facts:
        """What is not in the frame."""
        p = self.profile
        self.within("fs", p.fs, FS_MIN, FS_MAX)
        self.within("baud", p.baud, 50, 20_000_000)
        if p.parity not in ("N", "E", "O"):
            self.fail("parity", repr(p.parity), "N, E or O")
        self.within("flat_s", p.flat_s, 0, 60)
        if not 1 <= len(p.leads) <= min(8, len(p.channel)):
            self.fail("leads", len(p.leads), f"1 to {min(8, len(p.channel))} names, one for each channel")
        if len(set(p.leads)) < len(p.leads):
            self.fail("leads", ", ".join(p.leads), "a name only once")
        commands = (p.start.encode(),) if p.start else ()
        return Facts(p.fs, self.scale(), tuple(p.leads), p.frame.confirm, p.flat_s, commands=commands)

    def scale(self) -> Scale:
        """What the values mean."""
        s = self.profile.scale
        made = self._by_converter(s) if s.uv_per_unit is None else self._by_unit(s)
        low, high = (a if b is None else b for a, b in ((made.low, s.low), (made.high, s.high)))
        if not low < high:
            self.fail("scale.high", f"{high:g}", f"more than low, {low:g}")
        return Scale(made.lsb_mv, low, high, made.zero if s.zero is None else s.zero, made.whole)

    def _by_unit(self, s: ScaleTable) -> Scale:
        if s.bits is not None or s.vref_mv is not None:
            self.fail("scale.uv_per_unit", f"{s.uv_per_unit:g}", "either this or bits and vref_mv")
        assert s.uv_per_unit is not None
        if not (math.isfinite(s.uv_per_unit) and s.uv_per_unit > 0):
            self.fail("scale.uv_per_unit", s.uv_per_unit, "a number above 0 (`invert` turns the polarity)")
        kind = self.profile.channel[0].type
        if kind in FLOATS:
            return Scale(s.uv_per_unit / 1000, -math.inf, math.inf, whole=False)
        size, _, is_signed = KINDS[kind]
        top = 1 << 8 * size
        low, high = (-top // 2, top // 2 - 1) if is_signed else (0, top - 1)
        return Scale(s.uv_per_unit / 1000, low, high)

    def _by_converter(self, s: ScaleTable) -> Scale:
        if s.bits is None or s.vref_mv is None:
            self.fail("scale", "neither uv_per_unit nor both of bits and vref_mv", "one of the two")
        self.within("scale.bits", s.bits, 4, 32)
        self.within("scale.vref_mv", s.vref_mv, 1, 100_000)
        self.within("scale.gain", s.gain, 1e-3, 1e6)
        return unipolar(s.bits, s.vref_mv, s.gain)
