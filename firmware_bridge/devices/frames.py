"""Devices that send frames: the decoder and encoder that all of them share.

A `FrameFormat` says what is particular to one. Everything else (where frames begin, what was lost, millivolts,
blocks, clipping, links that were closed) is here, once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from firmware_bridge.device import Decoder, DecoderOptions, Device, Encoder, EncoderOptions
from firmware_bridge.devices.blocks import BlockBuilder, samples_between
from firmware_bridge.devices.frame_format import FrameFormat, Packet
from firmware_bridge.devices.rows import F64, Batch, Flags, least_frames, rows_of, run_of, zeros_so_far
from firmware_bridge.scanning import Found, Run, Scanner
from firmware_bridge.timeline import Arrival, SequenceCounter, Step
from firmware_bridge.types import F32, Gap, LinkStats, SampleBlock

SILENCE_S, SILENCE_FRAMES = 0.25, 2.5
"""After a longer silence (in seconds, and in frames' lengths) frames may be missing by whole turns of their counter:
the host's clock must tell."""
HOLD_S = 0.05
"""How long frames are held after such a silence: by then it shows whether it was a stall, after which all that was
sent meanwhile comes at once, or a loss."""
MAX_HELD = 4096
PAUSE_S = 0.75
"""Text after a longer pause, where there is no counter, is a device that began again, and else chatter."""
LONGEST_TURN_S = 600.0
"""Counters that take longer to come round need no help."""


class FrameDecoder:
    """Frames to blocks. See `firmware_bridge.device.Decoder`.

    Counted in `stats`: `n_bytes` bytes, understood talk left out, `n_frames` frames, `n_crc` those with a wrong
    checksum, `n_resync` losses of lock, `n_unknown` frames of an unknown kind, `n_duplicate` those that came twice
    or too late, `n_lost` samples (by the counter where there is one, else by the bytes that were skipped),
    `n_reboot` new beginnings.
    """

    def __init__(self, frame_format: FrameFormat, options: DecoderOptions) -> None:
        wanted = options.leads
        frame_format.configure(options.fs, None if wanted is None else len(wanted))
        frame_format.expect(options)
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
            partial(run_of, frame_format) if frame_format.has_runs else None,
            least_frames(frame_format.n_samples) * frame_format.n_frame,
            frame_format.starts(),
        )
        self._opening = frame_format.opening()
        self._blocks = BlockBuilder(options.device_id, self._leads, frame_format.fs, self.stats)
        bits = frame_format.counter_bits
        self._counter = SequenceCounter(bits, frame_format.late_window) if bits else None
        self._n_flat = round(frame_format.flat_s * frame_format.fs)
        self._n_zeros = 0
        kind = type(frame_format)
        self._is_plain = kind.elapsed is FrameFormat.elapsed and kind.n_lost is FrameFormat.n_lost
        turn_s = (1 << bits) * frame_format.n_samples / frame_format.fs
        self._has_short_turn = bits > 0 and turn_s < LONGEST_TURN_S
        self._held: list[tuple[Found, Packet]] = []
        self._held_s = (0.0, 0.0)
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
        if self._held and (t_s is None or t_s - self._held_s[0] >= HOLD_S or len(self._held) > MAX_HELD):
            self._release()
        for item in self._scanner.runs(data):
            if isinstance(item, Run):
                self._hear_run(item, t_s)
            else:
                self._hear(item, t_s)
        if self._blocks.total > n_before:
            self._opening.heard(t_s)
        return self._blocks.take()

    def ask(self, t_s: float) -> bytes:
        """What the device must be sent now. See `firmware_bridge.device.Asker`."""
        return self._opening.ask(t_s)

    def leave(self) -> bytes:
        """What the device must be sent before the link is closed. See `firmware_bridge.device.Leaver`."""
        return self._opening.leave()

    def reset(self) -> None:
        """Forget the partial frame and the lock; time without signal becomes a gap where it can be told."""
        self._release()
        self._scanner.reset()
        self._format.forget()
        self._opening.reset()
        self._n_zeros = 0
        self._reopened = self._before != b""

    def _hear(self, item: Found, t_s: float | None) -> None:
        """Read a frame, and place it or hold it."""
        packet = self._format.read(item.frame)
        if packet is None:
            self.stats.n_unknown += 1
            return
        if packet.aside:
            self.stats.n_bytes -= len(item.frame)
            return
        sent_s = self._sent_at(len(item.frame), item.n_left, t_s)
        if t_s is not None and (self._held or self._in_doubt(sent_s)):
            self._held.append((item, packet))
            self._held_s = (self._held_s[0] if len(self._held) > 1 else t_s, t_s)
        else:
            self._place(item, packet, sent_s)

    def _hear_run(self, run: Run, t_s: float | None) -> None:
        """Take a run of frames: the first is read alone; where its place is beyond question those after it follow."""
        items = run.each()
        self._hear(next(items), t_s)
        stride = len(run.frames) // run.n
        if not self._goes_on(run.frames[:stride], run.frames[stride : 2 * stride]):
            for item in items:
                self._hear(item, t_s)
            return
        rest = rows_of(run.frames, stride, stride, run.n - 1)
        if self._counter is not None:
            self._counter.go_on(len(rest))
        self.stats.n_frames += len(rest)
        self._before = run.frames[-stride:]
        self._sent_s = self._sent_at(stride, run.n_left, t_s)
        self._take_batch(self._format.read_rows(rest, len(self._leads)), len(rest))

    def _goes_on(self, frame: bytes, second: bytes) -> bool:
        """Whether `frame` has just been placed, and `second` is the next by the count."""
        if self._held or self._reopened or self._before != frame:
            return False
        return self._counter is None or self._format.goes_on(second, self._counter.expected)

    def _sent_at(self, n_frame: int, n_left: int, t_s: float | None) -> float | None:
        """When a frame was sent: those that come together were sent one after the other."""
        if t_s is None:
            return None
        return t_s - n_left // n_frame * self._format.n_samples / self._format.fs

    def _in_doubt(self, sent_s: float | None) -> bool:
        """Whether it has been silent for so long that the counter may have come round unseen."""
        if not self._has_short_turn or sent_s is None or self._sent_s is None:
            return False
        silent_s = sent_s - self._sent_s
        return silent_s > SILENCE_S and silent_s > self._silence_s

    @property
    def _silence_s(self) -> float:
        """How long nothing must have come for it to be a silence."""
        return max(SILENCE_S, SILENCE_FRAMES * self._format.n_samples / self._format.fs)

    def _release(self) -> None:
        """Place the frames held: the last came as it was sent, those before it one after the other."""
        held, self._held = self._held, []
        period_s = self._format.n_samples / self._format.fs
        for k, (item, packet) in enumerate(held):
            self._place(item, packet, self._held_s[1] - (len(held) - 1 - k) * period_s)

    def _place(self, item: Found, packet: Packet, sent_s: float | None) -> None:
        """Take a frame where it belongs, saying what is missing before it, or drop it where it has no place."""
        if self._format.fs != self._blocks.fs:
            self._blocks.set_fs(self._format.fs)
        if packet.hole or not self._is_next(item, packet, sent_s):
            step = self._judge(item, packet, sent_s)
            if not step.accepted:
                self.stats.n_duplicate += 1
                return
            reboot = step.arrival is Arrival.REBOOT
            if self._reopened or reboot or step.n_lost or packet.hole:
                reason = "no_signal" if self._reopened else "reboot" if reboot else "lost"
                self.stats.n_reboot += reboot
                self._blocks.gap(step.n_lost, reason)
            self._reopened = False
        self.stats.n_frames += 1
        self._before = item.frame
        self._sent_s = sent_s
        if packet.array is None:
            self._take(packet)
        else:
            self._take_array(packet, packet.array)

    def _is_next(self, item: Found, packet: Packet, sent_s: float | None) -> bool:
        """Whether nothing about the frame asks for a judgement; nearly always."""
        if item.n_skipped or item.text or packet.boot or not self._before or self._reopened:
            return False
        counter, made = self._counter, self._format
        if counter is None:
            return True
        if sent_s is not None and self._sent_s is not None and sent_s - self._sent_s > SILENCE_S / 2:
            return False
        if not self._is_plain or made.counter(item.frame) != counter.expected:
            return False
        counter.go_on(1)
        return True

    def _judge(self, item: Found, packet: Packet, sent_s: float | None) -> Step:
        """How the frame stands to the one before; `n_lost` of the verdict counts samples."""
        if self._counter is None:
            return self._judge_by_bytes(item, packet, sent_s)
        n_silent = samples_between(self._sent_s, sent_s, self._blocks.fs)
        is_silence = n_silent > self._silence_s * self._blocks.fs
        missing = n_silent / self._format.n_samples - 1 if is_silence else None
        seq = self._format.counter(item.frame)
        elapsed = self._format.elapsed(item.frame)
        if elapsed is not None:
            self._counter.slack = self._format.clock_slack_s * self._format.fs / self._format.n_samples
        text = item.text and self._format.says_boot
        boot = packet.boot or (text and seq != self._counter.expected)
        damaged = item.n_skipped // self._format.n_frame if self._format.counter_bits <= 8 else 0
        step = self._counter.push(
            seq, elapsed=elapsed, boot=boot and self._before != b"", missing=missing, damaged=damaged
        )
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
        paused = not known or sent_s - self._sent_s > PAUSE_S  # type: ignore[operator]
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
        if n_columns == 1 and not self._n_flat:  # most devices
            for sample in packet.codes:
                value = sample[0]
                clipped = 1 if value <= low or value >= high else 0
                self._blocks.add(((value - zero) * factor,), packet.lead_off & 1, clipped, paced)
                paced = False
            return
        for sample in packet.codes:
            values = sample[:n_columns]
            lead_off = packet.lead_off & every
            if self._n_flat:
                self._n_zeros = self._n_zeros + 1 if values[0] == zero else 0
                lead_off |= every if self._n_zeros >= self._n_flat else 0
            clipped = 0
            for k, value in enumerate(values):
                if value <= low or value >= high:
                    clipped |= 1 << k
            self._blocks.add([(value - zero) * factor for value in values], lead_off, clipped, paced)
            paced = False

    def _take_batch(self, batch: Batch, n_frames: int) -> None:
        """As `_take`, the samples of `n_frames` frames at once: cut where what is said of them changes."""
        scale, codes = self._format.scale, batch.codes
        n_samples = len(codes) // n_frames
        mv = ((codes - scale.zero) * self._factor).astype(np.float32)
        beyond = (codes <= scale.low) | (codes >= scale.high)
        flat = self._flat(codes[:, 0] == scale.zero) if self._n_flat else None
        if not (np.any(batch.lead_off) or flat is not None or batch.paced is not None or beyond.any()):
            self._blocks.extend(mv)
            return
        every = (1 << codes.shape[1]) - 1
        lead_off = np.repeat(batch.lead_off & every, n_samples if np.ndim(batch.lead_off) else len(codes))
        if flat is not None:
            lead_off[flat] = every
        clipped = beyond @ (1 << np.arange(codes.shape[1]))
        pace = [] if batch.paced is None else (np.flatnonzero(batch.paced) * n_samples).tolist()
        self._blocks.extend_as(mv, lead_off, clipped, pace)

    def _flat(self, is_zero: Flags) -> Flags | None:
        """Which samples end a run of zeros so long that an electrode is off; None: no one does."""
        if not is_zero.any():
            self._n_zeros = 0
            return None
        zeros = zeros_so_far(is_zero, self._n_zeros)
        self._n_zeros = int(zeros[-1])
        flat: Flags = zeros >= self._n_flat
        return flat if flat.any() else None

    def _take_array(self, packet: Packet, array: F64) -> None:
        """Samples that came together: cut where what is clipped changes."""
        n_columns = len(self._leads)
        every = (1 << n_columns) - 1
        mv = ((array[:, :n_columns] - self._format.scale.zero) * self._factor).astype(np.float32)
        clipped = np.zeros(len(mv), np.int64) if packet.clipped is None else packet.clipped & every
        if len(mv):
            self._blocks.extend_as(mv, np.full(len(mv), packet.lead_off & every), clipped, packet.pace)


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
        frame_format.imitate(options)
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


def frame_device(
    name: str,
    title: str,
    baud: int,
    make: Callable[[], FrameFormat],
    parity: str = "N",
    has_session: bool = False,
) -> Device:
    """The device of a frame format; `make` gives a new instance of it. For the others see `Device`."""

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
        has_clock=made.has_clock,
        start=made.commands[-1] if made.commands else b"",
        parity=parity,
        has_session=has_session,
    )
