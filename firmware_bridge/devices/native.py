"""The native frame as a device: `protocol.h` on the wire, blocks and gaps in hand.

A frame whose layout is that of the frame before it (nearly all are) takes a short way: COBS, CRC, counter,
clock, and its sample bytes join those before it. Everything else takes the long way round.
"""

from __future__ import annotations

import math
from array import array
from binascii import crc_hqx
from collections import deque
from dataclasses import replace
from struct import Struct

import numpy as np
from numpy.typing import NDArray

from firmware_bridge import wire
from firmware_bridge.device import DecoderOptions, Device, EncoderOptions, lead_names
from firmware_bridge.framing import CRC_START, DelimiterFramer, cobs_decode
from firmware_bridge.timeline import Arrival, SequenceCounter
from firmware_bridge.types import F32, BadInput, DeviceBeat, Firmware, Gap, LinkStats, SampleBlock
from firmware_bridge.wire import NO_VALUE, BeatFrame, Fault, HelloFrame, Layout

T_MASK = 0xFFFFFFFF
MARKS = wire.FLAG_CLIPPED | wire.FLAG_PACE
"""Flags that say something of the samples."""
SLACK_S = 0.1
"""How far a frame's time stamp may be off: firmware takes it when it comes round to it."""
FEW_BYTES = 32
FEW = tuple(Struct(f"<{n}h").unpack for n in range(FEW_BYTES // 2 + 1))
ROOM = 1024
"""Values for which memory is taken at once: an array made for every frame costs as much as all the rest of it."""
MAX_BACK_US = 10_000_000
"""A device clock that went back by less is a late frame; by more, a wrap of its 71.6 minutes or a reboot."""

SURE = 3
"""Frames of another version, none of ours between them, after which it is no accident that their CRC is right."""
AGAIN = 1000
"""After so many more it is said again."""
MOST_TOLD = 64


class NativeDecoder:
    """Bytes of native frames to blocks. See `firmware_bridge.device.Decoder`; it is a `Teller` as well.

    A frame says of itself as a whole that a sample met a rail, or that a pacing pulse was seen: the first goes for
    all of its samples and leads, the second is given with its first sample.

    Counted in `stats`: `n_crc` damaged frames, `n_unknown` frames of another kind or version, `n_rejected`
    frames that say something absurd and beats of no known sample, `n_duplicate` frames that came twice or too
    late, `n_lost` samples, `n_reboot` new beginnings (also a change of rate or leads), `n_resync` stretches
    without any delimiter and a first frame that was cut by opening the port.
    """

    def __init__(self, options: DecoderOptions) -> None:
        self.stats = LinkStats()
        self._options = options
        self._framer = DelimiterFramer(b"\0", wire.MAX_CONTENT + 1, self.stats)
        self._counter = SequenceCounter(16, late_window=1024)
        self._layout: Layout | None = None
        self._key = b""
        self._n_content = -1
        self._unpack = Struct("").unpack
        self._samples_at = 0
        self._n_samples = 0
        self._max_dt_us = 0
        self._t_us = 0
        self._flags = self._marks = 0
        self._pace: list[int] = []
        self._next = 0
        self._fresh = True
        self._reopened = False
        self._raw: list[bytes] = []
        self._cells = array("f")
        self._room: F32 = np.empty((0, 1), np.float32)
        self._n_used = 0
        self._told: deque[DeviceBeat | Firmware] = deque(maxlen=MOST_TOLD)
        self._firmware = ""
        self._n_foreign = 0
        self._foreign_at = -1
        self._fs = 0.0
        self._leads: tuple[str, ...] = ()
        self._lead_off = 0
        self._factor = 0.0

    def feed(self, data: bytes, t_s: float | None = None) -> list[SampleBlock | Gap]:
        """Take the next bytes; give one block for each unbroken stretch, and the gaps between."""
        stats = self.stats
        stats.n_bytes += len(data)
        out: list[SampleBlock | Gap] = []
        for part in self._framer.feed(data):
            if not part:
                continue
            content = cobs_decode(part)
            if content is None:
                self._fault(Fault.DAMAGED)
                continue
            if len(content) == self._n_content and not crc_hqx(content, CRC_START):
                kind, flags, seq, t_us, key, samples, _crc = self._unpack(content)
                if (
                    kind == 0x11
                    and flags & MARKS == self._marks
                    and key == self._key
                    and seq == self._counter.expected
                    and (t_us - self._t_us) & T_MASK < self._max_dt_us
                ):
                    self._flags = flags
                    self._t_us = t_us
                    self._counter.expected = (seq + self._n_samples) & 0xFFFF
                    self._raw.append(samples)
                    continue
            self._take(content, out)
        if self._raw:
            self._flush(out)
        return out

    def told(self) -> list[DeviceBeat | Firmware]:
        """Give what else was said since the last call: beats that the firmware found, and who it is."""
        if not self._told:
            return []
        told = list(self._told)
        self._told.clear()
        return told

    def reset(self) -> None:
        """Forget the partial frame; the next jump of the counter is a gap for want of signal."""
        self._framer.reset()
        self._fresh = True
        self._reopened = self._layout is not None
        self._n_content = -1
        self._firmware = ""

    def _fault(self, fault: Fault) -> None:
        """Count a frame that was not taken; the first after opening was cut, not damaged."""
        if fault is Fault.UNKNOWN:
            self.stats.n_unknown += 1
        elif fault is Fault.ABSURD:
            self.stats.n_rejected += 1
        elif self._fresh:
            self.stats.n_resync += 1
        else:
            self.stats.n_crc += 1
        self._fresh = False

    def _take(self, content: bytearray, out: list[SampleBlock | Gap]) -> None:
        """The long way: a first frame, another layout, a jump of the counter or the clock, or damage."""
        layout = wire.read_layout(content)
        if isinstance(layout, Fault):
            self._aside(content) if layout is Fault.UNKNOWN else self._fault(layout)
            return
        flags, seq, t_us = wire.PLACE.unpack_from(content, wire.OFFSET_PLACE)
        if not self._place(layout, seq, t_us, flags, out):
            return
        if flags & wire.FLAG_CLIPPED != self._marks:
            self._flush(out)
            self._marks = flags & wire.FLAG_CLIPPED
        old = self._layout
        if layout != old or self._reopened:
            if old is None or replace(layout, n_samples=old.n_samples) != old:
                self._flush(out)
            self._adopt(layout, content)
        self._fresh = self._reopened = False
        self._t_us = t_us
        self._flags = flags
        if flags & wire.FLAG_PACE:
            self._pace.append(self._next + sum(map(len, self._raw)) // (2 * len(self._leads)))
        self._raw.append(bytes(content[self._samples_at : -wire.CRC_SIZE]))

    def _aside(self, content: bytearray) -> None:
        """A frame with a right CRC that brings no samples."""
        self._fresh = False
        said = wire.read_aside(content)
        if isinstance(said, HelloFrame):
            if said.firmware != self._firmware:
                self._firmware = said.firmware
                self._told.append(Firmware(said.firmware, said.version, wire.VERSION))
        elif isinstance(said, BeatFrame):
            self._beat(said)
        else:
            self._fault(said)
            if content[0] >> 4 != wire.VERSION:
                self._foreign(content[0] >> 4)

    def _beat(self, beat: BeatFrame) -> None:
        """Give a beat its place among the samples; it lies before the newest of them."""
        behind = (self._counter.expected - beat.seq) & 0xFFFF
        pending = sum(map(len, self._raw)) // (2 * len(self._leads)) if self._raw else 0
        sample = self._next + pending - behind
        if self._layout is None or self._reopened or not 0 < behind < 0x8000 or sample < 0:
            self.stats.n_rejected += 1
            return
        p_n, p_s, p_v, p_f, p_q = (p / 65535.0 for p in beat.probs)
        probs = (p_n, p_s, p_v, p_f, p_q)
        final = bool(beat.flags & wire.FLAG_FINAL)
        lead = wire.lead_of(beat.lead)
        self._told.append(DeviceBeat(sample, self._fs, beat.aami, probs, beat.amp_uv / 1000.0, lead, final))

    def _foreign(self, version: int) -> None:
        """A frame of another version: said once it is no accident, and now and then again."""
        if self._foreign_at != self._counter.expected:
            self._foreign_at, self._n_foreign = self._counter.expected, 0
        self._n_foreign += 1
        if self._n_foreign % AGAIN == SURE:
            self._told.append(Firmware(self._firmware, version, wire.VERSION))

    def _place(self, layout: Layout, seq: int, t_us: int, flags: int, out: list[SampleBlock | Gap]) -> bool:
        """Find the frame's place in the stream, say what is missing before it; False when it has none."""
        old = self._layout
        elapsed: float | None = None
        if old is not None:
            delta = (t_us - self._t_us) & T_MASK
            delta -= T_MASK + 1 if delta > T_MASK - MAX_BACK_US else 0
            elapsed = delta * 1e-6 * layout.fs
        changed = old is not None and (old.fs_mhz, old.codes) != (layout.fs_mhz, layout.codes)
        began = bool(flags & ~self._flags & wire.FLAG_BOOT) and seq < self._counter.expected
        step = self._counter.push(seq, layout.n_samples, elapsed, boot=changed or began)
        if not step.accepted:
            self.stats.n_duplicate += 1
            return False
        if step.arrival is Arrival.LOST or step.arrival is Arrival.REBOOT:
            self._flush(out)
            reason = "reboot" if step.arrival is Arrival.REBOOT else "lost"
            self.stats.n_reboot += step.arrival is Arrival.REBOOT
            self.stats.n_lost += step.n_lost
            out.append(Gap(self._next, step.n_lost, "no_signal" if self._reopened else reason))
            self._next += step.n_lost
        return True

    def _adopt(self, layout: Layout, content: bytearray) -> None:
        """Make `layout` the one that takes the short way."""
        self._layout = layout
        self._key = bytes(content[wire.OFFSET_FORMAT : layout.samples_at])
        self._n_content = layout.n_content
        n_raw = layout.n_content - layout.samples_at - wire.CRC_SIZE
        self._unpack = Struct(f"<BBHI{len(self._key)}s{n_raw}s{wire.CRC_SIZE}s").unpack
        self._samples_at = layout.samples_at
        self._n_samples = layout.n_samples
        self._max_dt_us = int((layout.n_samples + 8) * 1.01e6 / layout.fs)
        self._counter.slack = SLACK_S * layout.fs
        self._fs = self._options.fs or layout.fs
        self._leads = lead_names(layout.leads, self._options.leads)
        self._n_used = ROOM  # no room is left for rows of another length
        self._lead_off = layout.lead_off
        self._factor = float(np.float32(layout.scale_nv * 1e-6 * self._options.factor))

    def _flush(self, out: list[SampleBlock | Gap]) -> None:
        """Turn the sample bytes at hand into one block."""
        raw = self._raw
        if not raw:
            return
        counts = raw[0] if len(raw) == 1 else b"".join(raw)
        mv = self._few_to_mv(counts) if len(counts) <= FEW_BYTES else self._to_mv(counts)
        n = len(mv)
        stats = self.stats
        stats.n_frames += len(raw)
        stats.n_samples += n
        raw.clear()
        clipped = (1 << len(self._leads)) - 1 if self._marks else 0
        pace: tuple[int, ...] = ()
        if self._pace:
            pace = tuple(self._pace)
            self._pace.clear()
        out.append(
            SampleBlock(
                self._options.device_id, self._next, self._fs, mv, self._leads, self._lead_off, clipped, pace
            )
        )
        self._next += n

    def _to_mv(self, raw: bytes) -> F32:
        """int16 bytes to millivolts."""
        adu = np.frombuffer(raw, "<i2").reshape(-1, len(self._leads))
        mv = np.multiply(adu, np.float32(self._factor), dtype=np.float32)
        if adu.min() == NO_VALUE:
            mv[adu == NO_VALUE] = np.nan
        return mv

    def _few_to_mv(self, raw: bytes) -> F32:
        """`_to_mv` of a few, to the same bits, without NumPy's arithmetic: each of its calls costs a sample's wait.

        They become the next rows of an array that is there already, whose rows are given out once each.
        """
        begin, cells, factor = self._n_used, self._cells, self._factor
        counts, n_leads = FEW[len(raw) // 2](raw), len(self._leads)
        if begin + len(counts) > len(cells):
            begin = 0
            self._cells = cells = array("f", bytes(4 * n_leads * (ROOM // n_leads)))
            self._room = np.frombuffer(cells, np.float32).reshape(-1, n_leads)
        at = begin
        for v in counts:
            cells[at] = math.nan if v == NO_VALUE else v * factor
            at += 1
        self._n_used = at
        return self._room[begin // n_leads : at // n_leads]


class NativeEncoder:
    """Samples to native frames. See `firmware_bridge.device.Encoder`.

    Each `encode` gives its samples at once, in as few frames as they fit. The device's clock is its count of
    samples over its rate. NaN goes as "no value".

    Parameters
    ----------
    options : EncoderOptions
        `fs` must be given. A lead's name outside the code table goes as "ECG".
    scale_nv : int
        nV per unit: 1000 reaches 32.8 mV either way, in steps of 1 uV.
    first_seq, first_t_us : int
        Where the counter and the clock begin.

    Raises
    ------
    BadInput
        When the rate is not given.
    """

    def __init__(
        self, options: EncoderOptions, scale_nv: int = 1000, first_seq: int = 0, first_t_us: int = 0
    ) -> None:
        if options.fs is None:
            raise BadInput(
                "got no fs, expected the rate in Hz, in the native encoder; say --fs 250, for example"
            )
        self.fs = options.fs
        self._fs_mhz = round(options.fs * 1000)
        self._codes = tuple(wire.code_of(lead) for lead in options.leads)
        self._scale_nv = scale_nv
        self._first_seq = first_seq or options.first_seq
        self._first_t_us = first_t_us
        self._n_sent = 0

    def preamble(self) -> bytes:
        """One delimiter, which ends whatever noise came before."""
        return b"\0"

    def encode(self, mv: F32, lead_off: int = 0) -> bytes:
        """Give the frames of float32 `mv` (n, n_leads) in mV."""
        scaled = np.rint(mv.reshape(-1, len(self._codes)) * np.float32(1e6 / self._scale_nv))
        clipped = np.abs(scaled) > 32767
        adu = np.where(np.isnan(scaled), wire.NO_VALUE, np.clip(scaled, -32767, 32767)).astype(np.int16)
        step = wire.max_samples(len(self._codes))
        return b"".join(
            [
                self._frame(adu[k : k + step], bool(clipped[k : k + step].any()), lead_off)
                for k in range(0, adu.shape[0], step)
            ]
        )

    def _frame(self, adu: NDArray[np.int16], clipped: bool, lead_off: int) -> bytes:
        flags = wire.FLAG_CLIPPED if clipped else 0
        if self._n_sent < self.fs:
            flags |= wire.FLAG_BOOT
        layout = Layout(self._fs_mhz, self._scale_nv, self._codes, adu.shape[0], lead_off)
        t_us = self._first_t_us + round(self._n_sent * 1e9 / self._fs_mhz)
        frame = wire.Frame(layout, self._first_seq + self._n_sent, t_us, adu, flags)
        self._n_sent += adu.shape[0]
        return frame.to_bytes()


DEVICE = Device(
    name="native",
    title="heartwire native frame (protocol.h)",
    fs=None,
    baud=115200,
    leads=("ECG",),
    decoder=NativeDecoder,
    encoder=NativeEncoder,
    has_counter=True,
    has_checksum=True,
    has_lead_off=True,
    has_clock=True,
)
