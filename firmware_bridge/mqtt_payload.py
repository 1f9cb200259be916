"""Samples as MQTT payloads, both ways: JSON, raw int16 with a retained description, native frames. Pure.

Topics below ``<in>/<device>/``: ``json``, ``int16`` with ``meta`` (retained), ``native``. One payload holds
whole samples. Whatever cannot be read is counted, never raised.

``json``, at most 64 kB::

    {"t": 12.25, "n": 4410, "fs": 360, "unit": "uV", "leads": ["MLII"], "lead_off": 0, "x": [12, 14, null]}

`fs` [Hz] and `x` are needed. `x` is a list of values, or of lists with a value for each lead; null: no value.
`unit` is V, mV (taken where it is absent), uV or nV. `n` is the number of the first sample since the device
started, so that losses are counted to the sample. Without it, a `t` (device time of the first sample, in
seconds) that jumps shows them. `boot_id` (any text) that changes says that the device began again.

``int16``, all little-endian::

    0     2  magic     "HI"
    2     1  version   1
    3     1  lead_off  bit k: the electrode of lead k is off
    4     4  seq       number of the first sample since the device started, mod 2^32: it counts samples
    8     8  t_us      device time of the first sample [us]
    16       samples   int16, sample by sample: lead 0, lead 1, ... of sample 0, ...; -32768: no value

``meta``: ``{"fs": 360, "scale_nv": 1000, "leads": ["MLII"]}``, `scale_nv` in nV per unit.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from firmware_bridge.device import FS_MAX, FS_MIN, DecoderOptions, EncoderOptions, Teller, lead_names
from firmware_bridge.devices import get
from firmware_bridge.timeline import Arrival, SequenceCounter
from firmware_bridge.types import F32, BadInput, DeviceBeat, Firmware, Gap, LinkStats, SampleBlock

#: A payload longer than this is refused before it is looked at.
MAX_BYTES = 65_536
MAX_LEADS = 8
MAX_TEXT = 64
MAGIC, VERSION = b"HI", 1
HEADER = struct.Struct("<2sBBIQ")
NO_VALUE = -32768
SCALE_NV = 1000
#: A chunk as far behind is late; a device's time that went back further, or ahead by more, began again [s].
LATE_S, MAX_LOSS_S = 2.0, 3600.0

_UNIT_NV = {"V": 1_000_000_000, "mV": 1_000_000, "uV": 1000, "nV": 1}
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"(\s*:)?')


@dataclass(frozen=True, slots=True)
class Message:
    """One MQTT message: the last level of its topic, its payload, whether it is retained."""

    suffix: str
    payload: bytes
    retain: bool = False


# -- encoders: what a device would publish ---------------------------------------------------------------


class PayloadEncoder(Protocol):
    """Samples to messages: the same quantisation in every format, 1 uV a step and 32.767 mV either way."""

    fs: float

    def hello(self) -> list[Message]:
        """What is published once, on every connection."""
        ...

    def encode(self, mv: F32, lead_off: int = 0) -> list[Message]:
        """Messages of float32 `mv` (n, n_leads) in mV, with the electrodes of `lead_off` off."""
        ...


def quantise(mv: F32) -> NDArray[np.int16]:
    """Float32 millivolts, any shape, to int16 microvolts: round, then clip to +-32767; NaN to -32768."""
    scaled = np.rint(mv * np.float32(1e6 / SCALE_NV))
    return np.where(np.isnan(scaled), NO_VALUE, np.clip(scaled, -32767, 32767)).astype(np.int16)


class JsonEncoder:
    """Chunks as JSON in whole microvolts, with the sample count and the time since the start."""

    def __init__(self, options: EncoderOptions) -> None:
        self.fs = _needed(options.fs)
        self._leads = options.leads
        self._n_sent = 0

    def hello(self) -> list[Message]:
        """Nothing: every chunk describes itself."""
        return []

    def encode(self, mv: F32, lead_off: int = 0) -> list[Message]:
        """One message of all of `mv`."""
        rows = [[None if v == NO_VALUE else v for v in row] for row in quantise(mv).tolist()]
        chunk = {
            "t": round(self._n_sent / self.fs, 6),
            "n": self._n_sent,
            "fs": self.fs,
            "unit": "uV",
            "leads": list(self._leads),
            "lead_off": lead_off,
            "x": [row[0] for row in rows] if len(self._leads) == 1 else rows,
        }
        self._n_sent += mv.shape[0]
        return [Message("json", json.dumps(chunk, separators=(",", ":")).encode())]


class Int16Encoder:
    """Chunks as a 16-byte header and raw int16, described by a retained message."""

    def __init__(self, options: EncoderOptions) -> None:
        self.fs = _needed(options.fs)
        self._leads = options.leads
        self._n_sent = 0

    def hello(self) -> list[Message]:
        """The retained description."""
        meta = {"fs": self.fs, "scale_nv": SCALE_NV, "leads": list(self._leads)}
        return [Message("meta", json.dumps(meta).encode(), retain=True)]

    def encode(self, mv: F32, lead_off: int = 0) -> list[Message]:
        """One message of all of `mv`."""
        t_us = round(self._n_sent / self.fs * 1e6)
        head = HEADER.pack(MAGIC, VERSION, lead_off, self._n_sent & 0xFFFFFFFF, t_us)
        self._n_sent += mv.shape[0]
        return [Message("int16", head + quantise(mv).astype("<i2").tobytes())]


class NativeEncoder:
    """Chunks as whole native frames."""

    def __init__(self, options: EncoderOptions) -> None:
        self._encoder = get("native").encoder(options)
        self.fs = self._encoder.fs

    def hello(self) -> list[Message]:
        """Nothing: every frame describes itself."""
        return []

    def encode(self, mv: F32, lead_off: int = 0) -> list[Message]:
        """One message of all of `mv`, in as few frames as hold it."""
        return [Message("native", self._encoder.encode(mv, lead_off))]


ENCODERS: dict[str, Callable[[EncoderOptions], PayloadEncoder]] = {
    "mqtt-json": JsonEncoder,
    "mqtt-int16": Int16Encoder,
    "mqtt-native": NativeEncoder,
}


def _needed(fs: float | None) -> float:
    if fs is None:
        raise BadInput("got no fs, expected the rate in Hz, in an MQTT encoder; say --fs 250, for example")
    return fs


# -- decoders --------------------------------------------------------------------------------------------


class _Chunk(msgspec.Struct, forbid_unknown_fields=True):
    fs: float
    x: list[float | list[float | None] | None]
    t: float | str | None = None
    n: int | None = None
    unit: Literal["V", "mV", "uV", "nV"] = "mV"
    leads: list[str] | None = None
    lead_off: int = 0
    boot_id: str | int | None = None


class _Meta(msgspec.Struct, forbid_unknown_fields=True):
    fs: float
    leads: list[str]
    scale_nv: float = SCALE_NV


_CHUNKS = msgspec.json.Decoder(_Chunk)
_METAS = msgspec.json.Decoder(_Meta)
_T = TypeVar("_T")


def _read_json(decode: Callable[[bytes], _T], payload: bytes) -> _T | None:
    """The object in `payload`; None for what is not exactly one, or has a key twice."""
    try:
        read = decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    keys = [match[0] for match in _STRING.finditer(payload) if match[1]]
    names = {key.rstrip(b": \t\r\n") for key in keys}
    return read if len(names) == len(keys) and not any(b"\\" in name for name in names) else None


def _sane(fs: float, leads: tuple[str, ...], lead_off: int) -> bool:
    """Whether a description can be that of an ECG; names of leads go into topics and onto screens."""
    named = all(0 < len(lead) <= MAX_TEXT and lead.isprintable() for lead in leads)
    return (
        FS_MIN <= fs <= FS_MAX and 1 <= len(leads) <= MAX_LEADS and named and 0 <= lead_off < 1 << len(leads)
    )


class PayloadDecoder:
    """Payloads of one device to blocks and gaps.

    The first format that gives samples is the device's: what comes in another one is refused, since the same
    samples would come twice. Counted in `stats`: `n_rejected` payloads too long, not readable or absurd,
    `n_unknown` other topics and int16 chunks that no meta has described yet, `n_duplicate` chunks that came
    twice or too late, `n_lost` samples, `n_reboot` new beginnings; for native frames see their decoder.
    """

    def __init__(self, options: DecoderOptions) -> None:
        self.stats = LinkStats()
        self._options = options
        self._suffix: str | None = None
        self._native = get("native").decoder(options)
        self._native.stats = self.stats
        self._line = _Timeline(options, self.stats)
        self._meta: _Meta | None = None

    def feed(self, suffix: str, payload: bytes, t_s: float | None = None) -> list[SampleBlock | Gap]:
        """Take one message: the last level of its topic, its payload, its monotonic receive time [s]."""
        if suffix != "native":
            self.stats.n_bytes += len(payload)
        if len(payload) > MAX_BYTES:
            self.stats.n_rejected += 1
            return []
        if suffix == "meta":
            self._take_meta(payload)
            return []
        if suffix not in ("json", "int16", "native"):
            self.stats.n_unknown += 1
            return []
        if self._suffix not in (None, suffix):
            self.stats.n_rejected += 1
            return []
        if suffix == "native":
            out = self._native.feed(payload, t_s)
        else:
            out = self._take_json(payload) if suffix == "json" else self._take_int16(payload)
        if out:
            self._suffix = suffix
        return out

    def told(self) -> list[DeviceBeat | Firmware]:
        """See `firmware_bridge.device.Teller`; only native frames say more than samples."""
        return self._native.told() if isinstance(self._native, Teller) else []

    def reset(self) -> None:
        """The link was opened again: the next jump of the count is a gap for want of signal."""
        self._native.reset()
        self._line.reopened = True

    def _take_meta(self, payload: bytes) -> None:
        meta = _read_json(_METAS.decode, payload)
        if meta is None or not _sane(meta.fs, tuple(meta.leads), 0) or not 0 < meta.scale_nv <= 1e9:
            self.stats.n_rejected += 1
            return
        self._meta = meta

    def _take_json(self, payload: bytes) -> list[SampleBlock | Gap]:
        chunk = _read_json(_CHUNKS.decode, payload)
        mv = None if chunk is None else _matrix(chunk.x)
        if chunk is None or mv is None:
            self.stats.n_rejected += 1
            return []
        leads = tuple(chunk.leads or (f"ECG{k + 1}" if k else "ECG" for k in range(mv.shape[1])))
        count = chunk.n if chunk.n is None else chunk.n & 0xFFFFFFFF
        absurd = chunk.n is not None and not 0 <= chunk.n < 1 << 53
        if absurd or len(leads) != mv.shape[1] or not _sane(chunk.fs, leads, chunk.lead_off):
            self.stats.n_rejected += 1
            return []
        t_s = float(chunk.t) if isinstance(chunk.t, int | float) else None
        head = _Head(chunk.fs, leads, chunk.lead_off, count, t_s, False, str(chunk.boot_id))
        return self._line.place(head, mv, _UNIT_NV[chunk.unit])

    def _take_int16(self, payload: bytes) -> list[SampleBlock | Gap]:
        meta = self._meta
        if meta is None:
            self.stats.n_unknown += 1
            return []
        width = 2 * len(meta.leads)
        if len(payload) < HEADER.size + width or (len(payload) - HEADER.size) % width:
            self.stats.n_rejected += 1
            return []
        magic, version, lead_off, seq, t_us = HEADER.unpack_from(payload)
        leads = tuple(meta.leads)
        if magic != MAGIC or version != VERSION or not _sane(meta.fs, leads, lead_off):
            self.stats.n_rejected += 1
            return []
        adu = np.frombuffer(payload, "<i2", offset=HEADER.size).reshape(-1, len(leads)).astype(np.float64)
        adu[adu == NO_VALUE] = np.nan
        return self._line.place(_Head(meta.fs, leads, lead_off, seq, t_us * 1e-6, True), adu, meta.scale_nv)


def _matrix(x: list[float | list[float | None] | None]) -> NDArray[np.float64] | None:
    """`x` as (n, n_leads), null as NaN; None where it is empty or its rows differ in length."""
    rows = [v if isinstance(v, list) else [v] for v in x]
    widths = {len(row) for row in rows}
    nested = {isinstance(v, list) for v in x}
    if len(widths) != 1 or len(nested) != 1 or not 1 <= widths.copy().pop() <= MAX_LEADS:
        return None
    return np.array([[math.nan if v is None else v for v in row] for row in rows], np.float64)


@dataclass(frozen=True, slots=True)
class _Head:
    """What a chunk says of itself. `clock`: its time is the device's own and decides with the count."""

    fs: float
    leads: tuple[str, ...]
    lead_off: int
    count: int | None
    t_s: float | None
    clock: bool
    boot_id: str = ""


class _Timeline:
    """Give every chunk its place in the stream, and say what is missing before it."""

    def __init__(self, options: DecoderOptions, stats: LinkStats) -> None:
        self._options = options
        self._stats = stats
        self._counter: SequenceCounter | None = None
        self._last: _Head | None = None
        self._last_n = 0
        self._next = 0
        self.reopened = False

    def place(self, head: _Head, values: NDArray[np.float64], unit_nv: float) -> list[SampleBlock | Gap]:
        """The gap, if any, and the block of `values` (n, n_leads) in units of `unit_nv`."""
        n = values.shape[0]
        arrival, n_lost = self._judge(head, n)
        if arrival in (Arrival.DUPLICATE, Arrival.LATE):
            self._stats.n_duplicate += 1
            return []
        out: list[SampleBlock | Gap] = []
        if arrival in (Arrival.LOST, Arrival.REBOOT):
            rebooted = arrival is Arrival.REBOOT
            self._stats.n_reboot += rebooted
            self._stats.n_lost += n_lost
            reason = "no_signal" if self.reopened else "reboot" if rebooted else "lost"
            out.append(Gap(self._next, n_lost, reason))
            self._next += n_lost
        factor = float(np.float32(unit_nv * 1e-6 * self._options.factor))
        with np.errstate(over="ignore"):
            mv = (values * factor).astype(np.float32)
        leads = lead_names(head.leads, self._options.leads)
        fs = self._options.fs or head.fs
        out.append(SampleBlock(self._options.device_id, self._next, fs, mv, leads, head.lead_off))
        self._stats.n_frames += 1
        self._stats.n_samples += n
        self._next += n
        self._last, self._last_n, self.reopened = head, n, False
        return out

    def _judge(self, head: _Head, n: int) -> tuple[Arrival, int]:
        last = self._last
        changed = last is not None and (head.fs, head.leads, head.boot_id) != (
            last.fs,
            last.leads,
            last.boot_id,
        )
        if head.count is None:
            return (Arrival.REBOOT, 0) if changed else self._judge_by_time(head)
        if self._counter is None or (last is not None and last.count is None):
            self._counter = SequenceCounter(32, late_window=max(64, int(LATE_S * head.fs)))
        elapsed = None
        if head.clock and last is not None and last.t_s is not None and head.t_s is not None and head.t_s > 0:
            elapsed = (head.t_s - last.t_s) * head.fs
        # A count of 0 is a device that started, unless it wraps or the very first chunk came twice.
        began = last is not None and head.count == 0 and self._counter.expected not in (0, self._last_n)
        step = self._counter.push(head.count, n, elapsed, boot=changed or began)
        return step.arrival, step.n_lost

    def _judge_by_time(self, head: _Head) -> tuple[Arrival, int]:
        """Without a count: a loss is a jump of the time by more than half a chunk and 50 ms."""
        last = self._last
        if last is None or last.t_s is None or head.t_s is None:
            return Arrival.NEXT, 0
        if head.t_s <= last.t_s:
            return (Arrival.LATE if last.t_s - head.t_s <= LATE_S else Arrival.REBOOT), 0
        late_s = head.t_s - last.t_s - self._last_n / head.fs
        if late_s <= max(0.05, 0.5 * self._last_n / head.fs):
            return Arrival.NEXT, 0
        return (Arrival.LOST, round(late_s * head.fs)) if late_s <= MAX_LOSS_S else (Arrival.REBOOT, 0)
