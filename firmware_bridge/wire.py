"""Native frames, packed and unpacked. `protocol.h` is their definition; a test compares the two."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.framing import cobs_encode, crc16

VERSION = 1
KIND_SAMPLES = 0x11
KIND_BEAT = 0x12
KIND_HELLO = 0x1F
FLAG_BOOT = 0x01
FLAG_CLIPPED = 0x02
FLAG_PACE = 0x04
FLAG_FINAL = 0x08

HEADER = struct.Struct("<BBHIIHBBB")
PLACE = struct.Struct("<BHI")
"""Flags, seq and t_us, which say where a frame belongs."""
BEAT = struct.Struct("<BBHIBBh5H")
HELLO_OFFSET_FIRMWARE = 2
OFFSET_PLACE = 1
OFFSET_FORMAT = 8
CRC_SIZE = 2
MAX_CONTENT = 254
MIN_CONTENT = 5
"""Kind, flags, one more byte and the CRC."""
MAX_FIRMWARE = 64
MAX_LEADS = 8
FS_MIN_MHZ = 1_000
FS_MAX_MHZ = 20_000_000
NO_VALUE = -32768

LEADS = (
    "ECG",
    "I",
    "II",
    "III",
    "aVR",
    "aVL",
    "aVF",
    "V1",
    "V2",
    "V3",
    "V4",
    "V5",
    "V6",
    "MLII",
    "MLIII",
    "MCL1",
)
AAMI = "NSVFQ"
_CODE_OF = {name.upper(): code for code, name in enumerate(LEADS)}


class Fault(Enum):
    """Why a frame was not taken."""

    DAMAGED = "damaged"
    UNKNOWN = "unknown"
    ABSURD = "absurd"


@dataclass(frozen=True, slots=True)
class Layout:
    """The part of a frame that stays the same from frame to frame.

    Attributes
    ----------
    fs_mhz : int
        Rate in mHz.
    scale_nv : int
        nV per unit.
    codes : tuple of int
        Lead codes, an index into `LEADS`.
    n_samples : int
        Samples of each lead.
    lead_off : int
        Bit k: the electrode of lead k is off.
    """

    fs_mhz: int
    scale_nv: int
    codes: tuple[int, ...]
    n_samples: int
    lead_off: int = 0

    @property
    def samples_at(self) -> int:
        """Offset of the first sample in the content."""
        return HEADER.size + len(self.codes)

    @property
    def n_content(self) -> int:
        """Length of the content in bytes, the CRC included."""
        return self.samples_at + 2 * len(self.codes) * self.n_samples + CRC_SIZE

    @property
    def fs(self) -> float:
        """Rate in Hz."""
        return self.fs_mhz / 1000

    @property
    def leads(self) -> tuple[str, ...]:
        """Names of the leads, each only once: a second unknown one is ``ECG2``."""
        names: list[str] = []
        for column, code in enumerate(self.codes):
            name = lead_of(code)
            names.append(name if name not in names else f"{name}{column + 1}")
        return tuple(names)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One native frame: `adu` is int16 (n_samples, n_leads), `seq` and `t_us` those of its first sample."""

    layout: Layout
    seq: int
    t_us: int
    adu: NDArray[np.int16]
    flags: int = 0

    def to_bytes(self) -> bytes:
        """Give the bytes on the wire, closing zero included.

        Raises
        ------
        ValueError
            When the frame would be longer than `MAX_CONTENT`.
        """
        layout = self.layout
        content = (
            HEADER.pack(
                KIND_SAMPLES,
                self.flags,
                self.seq & 0xFFFF,
                self.t_us & 0xFFFFFFFF,
                layout.fs_mhz,
                layout.scale_nv,
                len(layout.codes),
                layout.n_samples,
                layout.lead_off,
            )
            + bytes(layout.codes)
            + self.adu.astype("<i2", copy=False).tobytes()
        )
        return _on_wire(content)


@dataclass(frozen=True, slots=True)
class BeatFrame:
    """A beat that the firmware found itself.

    Attributes
    ----------
    seq, t_us : int
        Number of the sample at the R-peak, mod 65536, and its device time [us], mod 2^32.
    aami : str
        One of `AAMI`.
    probs : tuple of int
        Of N S V F Q, in 1/65535.
    amp_uv : int
        The filtered lead at the R-peak [uV].
    lead : int
        Lead code, an index into `LEADS`.
    flags : int
        `FLAG_BOOT` and the like.
    """

    seq: int
    t_us: int
    aami: str
    probs: tuple[int, int, int, int, int]
    amp_uv: int
    lead: int = 0
    flags: int = 0

    def to_bytes(self) -> bytes:
        """Give the bytes on the wire, closing zero included."""
        place = (KIND_BEAT, self.flags, self.seq & 0xFFFF, self.t_us & 0xFFFFFFFF)
        return _on_wire(BEAT.pack(*place, self.lead, ord(self.aami), self.amp_uv, *self.probs))


@dataclass(frozen=True, slots=True)
class HelloFrame:
    """Who sends: `firmware` is its name and version, `version` that of the frames it speaks."""

    firmware: str
    version: int = VERSION
    flags: int = 0

    def to_bytes(self) -> bytes:
        """Give the bytes on the wire, closing zero included."""
        kind = self.version << 4 | KIND_HELLO & 0xF
        return _on_wire(bytes((kind, self.flags)) + self.firmware.encode("ascii"))


def _on_wire(content: bytes) -> bytes:
    return cobs_encode(content + crc16(content).to_bytes(CRC_SIZE, "big")) + b"\0"


def lead_of(code: int) -> str:
    """Give the name of the lead of a code; that of 0 for a code that the table lacks."""
    return LEADS[code] if code < len(LEADS) else LEADS[0]


def code_of(lead: str) -> int:
    """Give the code of a lead's name, whatever its case; 0 for a name that the table lacks."""
    return _CODE_OF.get(lead.upper(), 0)


def max_samples(n_leads: int) -> int:
    """Give how many samples of each of `n_leads` leads fit into one frame."""
    return (MAX_CONTENT - CRC_SIZE - HEADER.size - n_leads) // (2 * n_leads)


def read_layout(content: bytes | bytearray) -> Layout | Fault:
    """Check all of `content` (COBS undone, CRC included) but its sequence; give its layout or its fault."""
    n = len(content)
    if not MIN_CONTENT <= n <= MAX_CONTENT or crc16(content) != 0:
        return Fault.DAMAGED
    if content[0] != KIND_SAMPLES:
        return Fault.UNKNOWN
    if n <= HEADER.size + CRC_SIZE:
        return Fault.DAMAGED
    _, _, _, _, fs_mhz, scale_nv, n_leads, n_samples, lead_off = HEADER.unpack_from(content)
    codes = tuple(content[HEADER.size : HEADER.size + n_leads])
    layout = Layout(fs_mhz, scale_nv, codes, n_samples, lead_off)
    sane = (
        FS_MIN_MHZ <= fs_mhz <= FS_MAX_MHZ
        and scale_nv > 0
        and 1 <= n_leads <= MAX_LEADS
        and n_samples > 0
        and lead_off >> n_leads == 0
        and layout.n_content == n
    )
    return layout if sane else Fault.ABSURD


def read_frame(content: bytes | bytearray) -> Frame | Fault:
    """Give the frame in `content` (COBS undone), or why it is none."""
    layout = read_layout(content)
    if isinstance(layout, Fault):
        return layout
    flags, seq, t_us = PLACE.unpack_from(content, OFFSET_PLACE)
    raw = bytes(content[layout.samples_at : -CRC_SIZE])
    adu = np.frombuffer(raw, "<i2").reshape(layout.n_samples, len(layout.codes)).astype(np.int16)
    return Frame(layout, seq, t_us, adu, flags)


def read_aside(content: bytes | bytearray) -> BeatFrame | HelloFrame | Fault:
    """Give what a frame with a right CRC says that is no samples, or why it says nothing we know."""
    n = len(content) - CRC_SIZE
    kind, flags = content[0], content[1]
    if kind & 0xF == KIND_HELLO & 0xF:
        name = bytes(content[HELLO_OFFSET_FIRMWARE:n])
        plain = 1 <= len(name) <= MAX_FIRMWARE and all(0x20 <= c < 0x7F for c in name)
        return HelloFrame(name.decode("ascii"), kind >> 4, flags) if plain else Fault.ABSURD
    if kind != KIND_BEAT:
        return Fault.UNKNOWN
    if n != BEAT.size:
        return Fault.ABSURD
    _, _, seq, t_us, lead, letter, amp_uv, *probs = BEAT.unpack_from(content)
    if chr(letter) not in AAMI:
        return Fault.ABSURD
    p_n, p_s, p_v, p_f, p_q = probs
    return BeatFrame(seq, t_us, chr(letter), (p_n, p_s, p_v, p_f, p_q), amp_uv, lead, flags)
