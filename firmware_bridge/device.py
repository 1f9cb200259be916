"""What a device is to the rest of heartwire: a name, its facts, and the two directions of its bytes.

A decoder is pure: bytes in, blocks and gaps out, and what was lost is counted in `stats`, never raised. An
encoder is its mirror image, so that a simulator can stand where the device would.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from firmware_bridge.types import F32, BadInput, DeviceBeat, Firmware, Gap, LinkStats, SampleBlock

FS_MIN = 1.0
FS_MAX = 20_000.0


@dataclass(frozen=True, slots=True)
class DecoderOptions:
    """How the user corrects or completes what a device says of itself.

    Attributes
    ----------
    device_id : str
        Goes into every block.
    fs : float or None
        The rate in Hz, in place of what the device declares or what would be measured.
    scale : float
        An extra factor on the millivolts (a board with another gain).
    invert : bool
        Turns the polarity (electrodes swapped).
    leads : tuple of str or None
        Names of the columns, in place of the device's own.

    Raises
    ------
    BadInput
        When `fs` is outside 1 to 20000 Hz, `scale` is not a positive number or `leads` is empty.
    """

    device_id: str = "device"
    fs: float | None = None
    scale: float = 1.0
    invert: bool = False
    leads: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        check_fs(self.fs)
        if not (math.isfinite(self.scale) and self.scale > 0):
            raise BadInput(
                f"got scale {self.scale}, expected a positive factor on the millivolts, "
                "in the device's options; use invert to turn the polarity"
            )
        if self.leads is not None and not 1 <= len(self.leads) <= 8:
            raise BadInput(
                f"got {len(self.leads)} lead names, expected 1 to 8, in the device's options; "
                "name each column once"
            )

    @property
    def factor(self) -> float:
        """`scale` with the sign of `invert`."""
        return -self.scale if self.invert else self.scale


@dataclass(frozen=True, slots=True)
class EncoderOptions:
    """What a simulated device should claim to be.

    Attributes
    ----------
    fs : float or None
        Its rate in Hz; None: the device's own.
    leads : tuple of str
        Names of the columns that it is given.
    first_seq : int
        Where its counter begins, of samples or of frames as the device has it: near the end, to see it wrap.
    asked : bool
        A host has asked it already. False: a device with a session (see `Device`) says nothing until it is
        asked as the protocol wants it, and stops when the session ends.
    n_samples : int or None
        Samples in a frame, where the device can have frames of any length; None: the device's own.
    """

    fs: float | None = None
    leads: tuple[str, ...] = ("ECG",)
    first_seq: int = 0
    asked: bool = True
    n_samples: int | None = None

    def __post_init__(self) -> None:
        check_fs(self.fs)
        if not 1 <= len(self.leads) <= 8:
            raise BadInput(
                f"got {len(self.leads)} leads, expected 1 to 8, in the simulated device; leave some out"
            )


class Decoder(Protocol):
    """Bytes of one device to samples."""

    stats: LinkStats

    def feed(self, data: bytes, t_s: float | None = None) -> list[SampleBlock | Gap]:
        """Take the next bytes, cut anywhere, and give what they complete.

        Parameters
        ----------
        data : bytes
            Any number of bytes. Any split of the same bytes gives the same samples and gaps.
        t_s : float or None
            Monotonic time in seconds at which they were received. Used only where a device has no clock of
            its own.

        Returns
        -------
        list of SampleBlock or Gap
            In order of `start`. Empty when more bytes are needed.
        """
        ...

    def reset(self) -> None:
        """Forget partial bytes: the link was opened again. The count of samples goes on."""
        ...


class Encoder(Protocol):
    """Samples to the bytes that the device would send."""

    fs: float

    def preamble(self) -> bytes:
        """What the device sends once when it starts (a delimiter, a boot message); may be empty."""
        ...

    def encode(self, mv: F32, lead_off: int = 0) -> bytes:
        """Give the bytes of float32 `mv` (n, n_leads) [mV]; bit k of `lead_off`: electrode k is off."""
        ...


@runtime_checkable
class Asker(Protocol):
    """A decoder of a device that must be asked before it speaks: it has bytes to send as well."""

    def ask(self, t_s: float) -> bytes:
        """What must be sent to the device at monotonic time `t_s`; call a few times a second."""
        ...


@runtime_checkable
class Leaver(Protocol):
    """A decoder of a device that should be told when nobody listens any more."""

    def leave(self) -> bytes:
        """What must be sent to the device before the link is closed; may be empty."""
        ...


@runtime_checkable
class Teller(Protocol):
    """A decoder of a device that says more than samples: who it is, and which beats it found itself."""

    def told(self) -> list[DeviceBeat | Firmware]:
        """What was said since the last call, in order; at most 64, the oldest go first."""
        ...


@runtime_checkable
class Hearer(Protocol):
    """An encoder that obeys what the host sends it."""

    def hear(self, data: bytes) -> bytes:
        """Be told `data`; gives the answer."""
        ...


@dataclass(frozen=True, slots=True)
class Device:
    """The facts of one device, and how to make its two halves.

    Attributes
    ----------
    name, title : str
        The word users type, and a readable name.
    fs : float or None
        Its usual rate in Hz; None when the stream says it or it must be measured.
    baud : int
        Its usual serial speed.
    leads : tuple of str
        Its usual leads.
    decoder, encoder : callable
        Make a decoder from `DecoderOptions`, an encoder from `EncoderOptions`.
    has_counter, has_checksum, has_lead_off, has_clock : bool
        What the format can tell.
    start : bytes
        The command that makes it speak; empty where it speaks by itself. Where there is one the decoder is an
        `Asker`.
    parity : str
        Parity bit of its serial line: "N" none, "E" even, "O" odd.
    has_session : bool
        It never speaks unasked: a monitor that must be told what to send, and may stop when it is not kept
        company. Where it is so its simulator waits to be asked as well.
    """

    name: str
    title: str
    fs: float | None
    baud: int
    leads: tuple[str, ...]
    decoder: Callable[[DecoderOptions], Decoder]
    encoder: Callable[[EncoderOptions], Encoder]
    has_counter: bool = False
    has_checksum: bool = False
    has_lead_off: bool = False
    has_clock: bool = False
    start: bytes = b""
    parity: str = "N"
    has_session: bool = False


def check_fs(fs: float | None) -> None:
    """Raise BadInput unless `fs` is None or a rate that an ECG can have."""
    if fs is not None and not FS_MIN <= fs <= FS_MAX:
        raise BadInput(
            f"got fs {fs}, expected {FS_MIN:g} to {FS_MAX:g} Hz, in the device's options; "
            "give samples per second"
        )


def lead_names(own: tuple[str, ...], wanted: tuple[str, ...] | None) -> tuple[str, ...]:
    """Give `own` names, the first of them replaced by those `wanted`; the number of leads stays."""
    if wanted is None:
        return own
    return (wanted + own[len(wanted) :])[: len(own)]
