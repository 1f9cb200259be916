"""What is particular to one device's frames: what one looks like, what is in it, and how to make it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from firmware_bridge import timeline
from firmware_bridge.device import DecoderOptions, EncoderOptions
from firmware_bridge.devices.asking import Opener, Opening
from firmware_bridge.devices.rows import F64, I64, U8, Batch, ChainStarts, Flags
from firmware_bridge.types import F32, BadInput

Codes = Sequence[Sequence[float]]
"""Converter values: for each sample one of each channel."""


@dataclass(frozen=True, slots=True)
class Scale:
    """What a value means: mV = (code - zero) * lsb_mv; `low` and `high` are the ends of its range.

    `whole` is False for devices that send floating point.
    """

    lsb_mv: float
    low: float
    high: float
    zero: float = 0.0
    whole: bool = True

    def codes(self, mv: F32) -> list[list[float]]:
        """Values for float32 `mv` (n, n_channels), rounded and clipped; NaN becomes zero."""
        exact = np.nan_to_num(mv.astype(np.float64)) / self.lsb_mv + self.zero
        made: list[list[float]] = np.clip(exact, self.low, self.high).tolist()
        if self.whole:
            made = np.clip(np.rint(exact), self.low, self.high).astype(np.int64).tolist()
        return made


def signed(bits: int, lsb_mv: float) -> Scale:
    """The scale of a converter of two's complement: both of its ends are a rail."""
    return Scale(lsb_mv, -(1 << bits - 1), (1 << bits - 1) - 1)


def unipolar(bits: int, vref_mv: float, gain: float) -> Scale:
    """The scale of a converter of 0 to `vref_mv` behind an amplifier that rests at half of it."""
    return Scale(vref_mv / 2**bits / gain, 0, 2**bits - 1, 2 ** (bits - 1))


class Packet(msgspec.Struct, frozen=True, gc=False):
    """What one frame says. A `msgspec.Struct` and not a dataclass, as `SampleBlock`: made for every frame.

    Attributes
    ----------
    codes : sequence of sequences
        For each sample its values, one a channel; empty in a frame that is not about samples.
    lead_off : int
        Bit k: the electrode of channel k is off.
    paced : bool
        A pacing pulse was seen, given with the frame's first sample.
    boot : bool
        The device says that it has begun again.
    array : ndarray of float64, shape (n, n_channels), or None
        In place of `codes`, where a frame has so many samples that they are better taken together. NaN where
        the device has no value.
    clipped : ndarray of int64, shape (n,), or None
        To `array`: bit k of each sample: channel k is out of range.
    pace : sequence of int
        To `array`: samples, counted from 0, at which a pacing pulse was seen.
    hole : bool
        The device says that samples are missing before these, and not how many.
    aside : bool
        Not about samples at all, and not counted by the device: talk.
    """

    codes: Codes
    lead_off: int = 0
    paced: bool = False
    boot: bool = False
    array: F64 | None = None
    clipped: NDArray[np.int64] | None = None
    pace: Sequence[int] = ()
    hole: bool = False
    aside: bool = False


ASIDE = Packet((), aside=True)
"""Talk."""


class FrameFormat:
    """What is particular to one device's frames. An instance belongs to one decoder or encoder and may remember.

    Attributes
    ----------
    fs : float
        Rate in Hz. May change while frames are read, where they say it, unless `fs_given`.
    fs_given : bool
        The user said what the rate is.
    leads : tuple of str
        The columns that are given unless the user names others: the first of the channels.
    n_channels : int
        How many channels a sample has.
    scale : Scale
        What the values mean.
    sync : bytes
        What every frame begins with; may be empty.
    n_samples : int
        Samples in a frame, as the encoder makes it.
    n_frame : int
        Length of the usual frame in bytes, by which bytes that were skipped are counted.
    counter_bits : int
        Width of the frame counter; 0 where there is none.
    late_window : int or None
        See `SequenceCounter`.
    confirm : int
        How many frames must follow one that is not yet believed (see `Scanner`).
    chained : bool
        See `Scanner`.
    flat_s : float
        For devices that send exactly `scale.zero` while an electrode is off: how long that must last; else 0.
    has_checksum, has_lead_off, has_clock : bool
        What the frames can tell.
    says_boot : bool
        Text between frames is what it prints when it begins again. Without it, text is damage by chance.
    clock_slack_s : float
        How far the clock in the frames, if `elapsed` reads one, may be off.
    has_runs : bool
        Many frames can be read at once: `whole`, `numbers` and `read_rows` say how.
    hello : bytes
        What the device sends when it starts.
    commands : tuple of bytes
        What must be sent to it before it speaks, one after the other.
    """

    fs: float = 250.0
    fs_given = False
    leads: tuple[str, ...] = ("ECG",)
    n_channels = 1
    scale: Scale
    sync = b""
    n_samples = 1
    n_frame = 1
    counter_bits = 0
    late_window: int | None = None
    confirm = 1
    chained = False
    flat_s = 0.0
    has_checksum = False
    has_lead_off = False
    has_clock = False
    says_boot = True
    clock_slack_s = 0.0
    has_runs = False
    hello = b""
    commands: tuple[bytes, ...] = ()

    def configure(self, fs: float | None, n_leads: int | None) -> None:
        """Take what the user says of rate and number of leads, before anything else. Raises BadInput."""
        self.fs = fs or self.fs
        self.fs_given = fs is not None
        if n_leads is not None and n_leads > self.n_channels:
            raise BadInput(
                f"got {n_leads} leads, expected at most {self.n_channels}, in the device's options; "
                "leave some out"
            )

    def expect(self, options: DecoderOptions) -> None:
        """Take all else that a decoder is told, after `configure`. Raises BadInput."""

    def imitate(self, options: EncoderOptions) -> None:
        """Take all else that a simulated device is told, after `configure`. Raises BadInput."""

    def opening(self) -> Opener:
        """The host's part of the conversation; a new one each time."""
        return Opening(self.commands)

    def measure(self, buffer: bytes, at: int) -> int:
        """Length of the frame at a sync word, or `MORE`, `NO_FRAME`, `DAMAGED` of :mod:`firmware_bridge.scanning`."""
        raise NotImplementedError

    def read(self, frame: bytes) -> Packet | None:
        """What a whole frame says; None when it is of a kind that is not known."""
        raise NotImplementedError

    def write(self, seq: int, codes: Codes, lead_off: int) -> bytes:
        """Frame number `seq` with `n_samples` samples of `n_channels` values."""
        raise NotImplementedError

    def counter(self, frame: bytes) -> int:
        """The frame's number. Only asked where `counter_bits` is not 0."""
        raise NotImplementedError

    def distance(self, before: bytes, frame: bytes) -> int:
        """How many frames `frame` is after `before`, less than 1 if it comes late; 1 where nothing tells."""
        if not self.counter_bits:
            return 1
        first, second = self.counter(before), self.counter(frame)
        if (second - first) & (1 << self.counter_bits) - 1 == 1:
            return 1
        return timeline.distance(first, second, self.counter_bits, self.late_window)

    def doubt(self, frame: bytes, due: bool) -> int:
        """How many frames must follow this one before it is believed: one at most where one was `due`."""
        return min(1, self.confirm) if due else self.confirm

    def elapsed(self, frame: bytes) -> float | None:
        """How many frames' time the device's clock says has passed since the frame before; None: it has none."""
        return None

    @property
    def form(self) -> object:
        """What its frames look like now, where a device may change that."""
        return None

    def starts(self) -> ChainStarts | None:
        """What finds frames that no sync word marks; a new one each time."""
        return None

    def stride(self, before: bytes) -> int:
        """Length in bytes of the frames that may follow `before` as a run."""
        return self.n_frame

    def whole(self, rows: U8) -> Flags:
        """Of each row of (n, stride) bytes whether `measure` would find just that frame; one that `read` cannot read
        without what is in others may be left out. Only asked, as the three below, where `has_runs`."""
        raise NotImplementedError

    def follows(self, rows: U8) -> Flags:
        """Of each of the rows but the first whether its `distance` from the one before it is 1."""
        if not self.counter_bits:
            return np.ones(len(rows) - 1, np.bool_)
        made: Flags = np.diff(self.numbers(rows)) & (1 << self.counter_bits) - 1 == 1
        return made

    def goes_on(self, frame: bytes, expected: int) -> bool:
        """Whether `frame`, the first of a run, has the number `expected`, and those after it just the next ones."""
        return self.counter(frame) == expected

    def numbers(self, rows: U8) -> I64:
        """The `counter` of each row."""
        raise NotImplementedError

    def read_rows(self, rows: U8, n_columns: int) -> Batch:
        """What the frames of a run say, of the first `n_columns` channels, as `read` has it. They count as read and,
        where `counter` remembers, as counted; the first row's has been asked for."""
        raise NotImplementedError

    def n_lost(self, n_frames: int, frame: bytes) -> int:
        """Samples missing before `frame`, where its count misses `n_frames` frames (0 or more)."""
        return n_frames * self.n_samples

    def hear(self, data: bytes) -> bytes:
        """The simulated device is told `data`; gives its answer. See `Encoder`."""
        return b""

    def forget(self) -> None:
        """The link was opened again: what was remembered of the device's state may be wrong."""
