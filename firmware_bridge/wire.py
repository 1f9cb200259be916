"""The native frame, packed and unpacked. `protocol.h` is its definition; a test compares the two."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from enum import Enum

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.framing import cobs_encode, crc16

KIND_SAMPLES = 0x11
FLAG_BOOT = 0x01
FLAG_CLIPPED = 0x02
FLAG_PACE = 0x04

HEADER = struct.Struct("<BBHIIHBBB")
PLACE = struct.Struct("<BHI")
"""Flags, seq and t_us, which say where a frame belongs."""
OFFSET_PLACE = 1
OFFSET_FORMAT = 8
CRC_SIZE = 2
MAX_CONTENT = 254
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
            name = LEADS[code] if code < len(LEADS) else LEADS[0]
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
        return cobs_encode(content + crc16(content).to_bytes(CRC_SIZE, "big")) + b"\0"


def code_of(lead: str) -> int:
    """Give the code of a lead's name, whatever its case; 0 for a name that the table lacks."""
    return _CODE_OF.get(lead.upper(), 0)


def max_samples(n_leads: int) -> int:
    """Give how many samples of each of `n_leads` leads fit into one frame."""
    return (MAX_CONTENT - CRC_SIZE - HEADER.size - n_leads) // (2 * n_leads)


def read_layout(content: bytes | bytearray) -> Layout | Fault:
    """Check all of `content` (COBS undone, CRC included) but its sequence; give its layout or its fault."""
    n = len(content)
    if n <= HEADER.size + CRC_SIZE or n > MAX_CONTENT or crc16(content) != 0:
        return Fault.DAMAGED
    kind, _, _, _, fs_mhz, scale_nv, n_leads, n_samples, lead_off = HEADER.unpack_from(content)
    if kind != KIND_SAMPLES:
        return Fault.UNKNOWN
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
