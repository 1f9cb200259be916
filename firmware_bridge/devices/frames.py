"""Devices that send frames: what is particular to one, and the decoder and encoder that all of them share.

A `FrameFormat` says what a frame looks like, what is in it and how to make one. Everything else (where frames
begin, what was lost, millivolts, blocks, clipping, links that were closed) is here, once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from firmware_bridge.device import Decoder, DecoderOptions, Device, Encoder, EncoderOptions
from firmware_bridge.devices.asking import Opening
from firmware_bridge.devices.blocks import BlockBuilder, samples_between
from firmware_bridge.scanning import Found, Scanner
from firmware_bridge.timeline import Arrival, SequenceCounter, Step
from firmware_bridge.types import F32, BadInput, Gap, LinkStats, SampleBlock

Codes = Sequence[Sequence[float]]
"""Converter values: for each sample one of each channel."""

SILENCE_S = 0.75
"""A frame later than this by the host's clock is no delay on the way: frames before it are missing."""


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


@dataclass(frozen=True, slots=True)
class Packet:
    """What one frame says.

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
    """

    codes: Codes
    lead_off: int = 0
    paced: bool = False
    boot: bool = False


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
    has_checksum, has_lead_off : bool
        What the frames can tell.
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
        """How many frames `frame` is after `before`; 1 where nothing tells."""
        if not self.counter_bits:
            return 1
        return (self.counter(frame) - self.counter(before)) & ((1 << self.counter_bits) - 1)

    def doubt(self, frame: bytes, due: bool) -> int:
        """How many frames must follow this one before it is believed: one at most where one was `due`."""
        return min(1, self.confirm) if due else self.confirm

    def n_lost(self, n_frames: int, frame: bytes) -> int:
        """Samples missing before `frame`, where its count misses `n_frames` frames (0 or more)."""
        return n_frames * self.n_samples

    def hear(self, data: bytes) -> bytes:
        """The simulated device is told `data`; gives its answer. See `Encoder`."""
        return b""

    def forget(self) -> None:
        """The link was opened again: what was remembered of the device's state may be wrong."""


class FrameDecoder:
    """Frames to blocks. See `firmware_bridge.device.Decoder`.

    Counted in `stats`: `n_frames` frames, `n_crc` those with a wrong checksum, `n_resync` losses of lock,
    `n_unknown` frames of an unknown kind, `n_duplicate` those that came twice or too late, `n_lost` samples
    (by the counter where there is one, else by the bytes that were skipped), `n_reboot` new beginnings.
    """

    def __init__(self, frame_format: FrameFormat, options: DecoderOptions) -> None:
        wanted = options.leads
        frame_format.configure(options.fs, None if wanted is None else len(wanted))
        self.stats = LinkStats()
        self._format = frame_format
        self._leads = wanted or frame_format.leads
        self._factor = frame_format.scale.lsb_mv * options.factor
        self._scanner = Scanner(
            frame_format.measure,
            self.stats,
            frame_format.sync,
            frame_format.doubt,
            frame_format.distance,
            frame_format.chained,
        )
        self._opening = Opening(frame_format.commands)
        self._blocks = BlockBuilder(options.device_id, self._leads, frame_format.fs, self.stats)
        bits = frame_format.counter_bits
        self._counter = SequenceCounter(bits, frame_format.late_window) if bits else None
        self._n_flat = round(frame_format.flat_s * frame_format.fs)
        self._n_zeros = 0
        self._before = b""
        self._sent_s: float | None = None
        self._reopened = False

    @property
    def n_buffered(self) -> int:
        """Bytes held."""
        return self._scanner.n_buffered

    def feed(self, data: bytes, t_s: float | None = None) -> list[SampleBlock | Gap]:
        """Take the next bytes; `t_s` tells how long a silence was, never how the frames are read."""
        self.stats.n_bytes += len(data)
        n_before = self._blocks.total
        for item in self._scanner.feed(data):
            # Frames that come together were sent one after the other.
            later_s = item.n_left // len(item.frame) * self._format.n_samples / self._blocks.fs
            sent_s = None if t_s is None else t_s - later_s
            if self._place(item, sent_s):
                self._before = item.frame
                self._sent_s = sent_s
        if self._blocks.total > n_before:
            self._opening.heard(t_s)
        return self._blocks.take()

    def ask(self, t_s: float) -> bytes:
        """What the device must be sent now. See `firmware_bridge.device.Asker`."""
        return self._opening.ask(t_s)

    def reset(self) -> None:
        """Forget the partial frame and the lock; time without signal becomes a gap where it can be told."""
        self._scanner.reset()
        self._format.forget()
        self._opening.reset()
        self._n_zeros = 0
        self._reopened = self._before != b""

    def _place(self, item: Found, sent_s: float | None) -> bool:
        """Take a frame where it belongs, saying what is missing before it; False when it must be dropped."""
        packet = self._format.read(item.frame)
        if packet is None:
            self.stats.n_unknown += 1
            return False
        if self._format.fs != self._blocks.fs:
            self._blocks.set_fs(self._format.fs)
        step = self._judge(item, packet, sent_s)
        if not step.accepted:
            self.stats.n_duplicate += 1
            return False
        reboot = step.arrival is Arrival.REBOOT
        if self._reopened or reboot or step.n_lost:
            reason = "no_signal" if self._reopened else "reboot" if reboot else "lost"
            self.stats.n_reboot += reboot
            self._blocks.gap(step.n_lost, reason)
        self._reopened = False
        self.stats.n_frames += 1
        self._take(packet)
        return True

    def _judge(self, item: Found, packet: Packet, sent_s: float | None) -> Step:
        """How the frame stands to the one before; `n_lost` of the verdict counts samples."""
        if self._counter is None:
            return self._judge_by_bytes(item, packet, sent_s)
        n_silent = samples_between(self._sent_s, sent_s, self._blocks.fs)
        missing = n_silent / self._format.n_samples - 1 if n_silent > SILENCE_S * self._blocks.fs else None
        seq = self._format.counter(item.frame)
        boot = packet.boot or (item.text and seq != self._counter.expected)
        step = self._counter.push(seq, boot=boot and self._before != b"", missing=missing)
        known = step.arrival in (Arrival.NEXT, Arrival.LOST)
        return Step(step.arrival, self._format.n_lost(step.n_lost, item.frame) if known else 0)

    def _judge_by_bytes(self, item: Found, packet: Packet, sent_s: float | None) -> Step:
        if not self._before:
            return Step(Arrival.FIRST)
        if self._reopened:
            n_lost = samples_between(self._sent_s, sent_s, self._blocks.fs) - len(packet.codes)
            return Step(Arrival.LOST, max(0, n_lost))
        # A line of text at full pace is chatter; after a silence, or where no time is known, a new beginning.
        known = sent_s is not None and self._sent_s is not None
        paused = not known or sent_s - self._sent_s > SILENCE_S  # type: ignore[operator]
        if packet.boot or (item.text and paused):
            return Step(Arrival.REBOOT)
        usual = len(item.frame), len(packet.codes)
        if not packet.codes:
            usual = self._format.n_frame, self._format.n_samples
        n_frames = round(item.n_skipped / usual[0])
        return Step(Arrival.LOST if n_frames else Arrival.NEXT, n_frames * usual[1])

    def _take(self, packet: Packet) -> None:
        scale, n_columns = self._format.scale, len(self._leads)
        zero, low, high, factor = scale.zero, scale.low, scale.high, self._factor
        every = (1 << n_columns) - 1
        paced = packet.paced
        for sample in packet.codes:
            values = sample[:n_columns]
            lead_off = packet.lead_off & every
            if self._n_flat:
                self._n_zeros = self._n_zeros + 1 if values[0] == zero else 0
                lead_off |= every if self._n_zeros >= self._n_flat else 0
            clipped = 0
            if min(values) <= low or max(values) >= high:
                clipped = sum(1 << k for k, value in enumerate(values) if not low < value < high)
            self._blocks.add([(value - zero) * factor for value in values], lead_off, clipped, paced)
            paced = False


class FrameEncoder:
    """Samples to frames. See `firmware_bridge.device.Encoder`.

    A frame of several samples leaves when it is full. Leads beyond the device's channels are refused, channels
    without a lead rest at zero, NaN goes as zero. Where the format does not say its rate and `fs` is not the
    device's own, the decoder must be told.

    Parameters
    ----------
    frame_format : FrameFormat
        The device's.
    options : EncoderOptions
        See there.
    """

    def __init__(self, frame_format: FrameFormat, options: EncoderOptions) -> None:
        frame_format.configure(options.fs, len(options.leads))
        self.fs = frame_format.fs
        self._format = frame_format
        self._n_leads = len(options.leads)
        self._seq = options.first_seq
        self._waiting: list[list[float]] = []

    def preamble(self) -> bytes:
        """What the device sends when it starts."""
        return self._format.hello

    def hear(self, data: bytes) -> bytes:
        """Be told `data` by the host; gives the answer."""
        return self._format.hear(data)

    def encode(self, mv: F32, lead_off: int = 0) -> bytes:
        """Give the frames of float32 `mv` (n, n_leads) in mV."""
        made = self._format
        rows = np.zeros((mv.size // self._n_leads, made.n_channels), np.float32)
        rows[:, : self._n_leads] = mv.reshape(-1, self._n_leads)
        waiting, n = self._waiting, made.n_samples
        waiting += made.scale.codes(rows)
        out: list[bytes] = []
        while len(waiting) >= n:
            out.append(made.write(self._seq, waiting[:n], lead_off))
            self._seq += 1
            del waiting[:n]
        return b"".join(out)


def frame_device(name: str, title: str, baud: int, make: Callable[[], FrameFormat]) -> Device:
    """The device of a frame format; `make` gives a new instance of it."""

    def decoder(options: DecoderOptions) -> Decoder:
        return FrameDecoder(make(), options)

    def encoder(options: EncoderOptions) -> Encoder:
        return FrameEncoder(make(), options)

    made = make()
    made.configure(None, None)
    return Device(
        name=name,
        title=title,
        fs=made.fs,
        baud=baud,
        leads=made.leads,
        decoder=decoder,
        encoder=encoder,
        has_counter=made.counter_bits > 0,
        has_checksum=made.has_checksum,
        has_lead_off=made.has_lead_off,
        start=made.commands[-1] if made.commands else b"",
    )
