"""Medlab's OEM ECG modules EG01010 and EG01000.

They send bytes without any frame: 0 to 246 is a sample of the wave, at rest 128; more is a marker for what follows:
F8 the wave, F9 a respiration rate, FA a pulse (within milliseconds of the R-wave), FB an information, of which 11 is
"electrode off". One byte is taken for each of F9, FA, FB, after which the wave goes on whether F8 comes or not. There
is nothing by which a loss could be seen.

Source: the EG01010's manual, p. 12. Not in it, so named: that the electrode is on again with the next pulse or another
information, and how many units are 1 mV (`scale` corrects it by the module's own 1 mV pulse, command ``C``).
"""

from __future__ import annotations

import numpy as np

from firmware_bridge.device import DecoderOptions, Device, EncoderOptions, lead_names
from firmware_bridge.devices.asking import Opening
from firmware_bridge.devices.blocks import BlockBuilder, samples_between
from firmware_bridge.devices.frame_format import Scale
from firmware_bridge.devices.rows import U8
from firmware_bridge.types import F32, BadInput, Gap, LinkStats, SampleBlock

SCALE = Scale(1 / 50, 0, 246, 128)
"""50 units a millivolt: not known, but the range is then -2.6 to 2.4 mV."""
WAVE, RESPIRATION, PULSE, INFORMATION = 0xF8, 0xF9, 0xFA, 0xFB
KNOWN = (WAVE, RESPIRATION, PULSE, INFORMATION)
LEAD_OFF = 0x11
LEAD_ON = 0x00
"""What the simulated module says when it is on again; what the real one says is not known."""
RATES = {300.0: b"S0", 100.0: b"S1", 50.0: b"S2"}
NORMAL, LEAD_II = b"N", b"G1"

LEAST_BYTES = 192
"""Fewer are taken sooner one by one."""


class MedlabDecoder:
    """Bytes to blocks. See `firmware_bridge.device.Decoder`.

    Counted in `stats`: `n_frames` samples, `n_unknown` markers that are not known.
    """

    def __init__(self, options: DecoderOptions) -> None:
        self.stats = LinkStats()
        fs = _rate(options.fs)
        self._opening = Opening((NORMAL, RATES[fs], LEAD_II))
        self._blocks = BlockBuilder(options.device_id, lead_names(("ECG",), options.leads), fs, self.stats)
        self._factor = SCALE.lsb_mv * options.factor
        self._marker = WAVE
        self._off = False
        self._t_s: float | None = None
        self._reopened = False

    @property
    def n_buffered(self) -> int:
        """Bytes held: none ever."""
        return 0

    def feed(self, data: bytes, t_s: float | None = None) -> list[SampleBlock | Gap]:
        """Take the next bytes; `t_s` only tells how long a link was closed."""
        self.stats.n_bytes += len(data)
        if self._reopened and data:
            self._reopened = False
            n_lost = samples_between(self._t_s, t_s, self._blocks.fs)
            self._blocks.gap(max(0, n_lost - len(data)), "no_signal")
        if len(data) < LEAST_BYTES:
            for byte in data:
                self._take(byte)
        else:
            self._take_many(np.frombuffer(data, np.uint8))
        if data:
            self._opening.heard(t_s)
            self._t_s = self._t_s if t_s is None else t_s
        return self._blocks.take()

    def ask(self, t_s: float) -> bytes:
        """What the module must be sent now: its mode, rate and lead."""
        return self._opening.ask(t_s)

    def reset(self) -> None:
        """The link was opened again: what comes first is taken for the wave."""
        self._marker = WAVE
        self._opening.reset()
        self._reopened = self._blocks.total > 0

    def _take(self, byte: int) -> None:
        if byte > SCALE.high:
            self._marker = byte
            self.stats.n_unknown += byte not in KNOWN
            return
        marker, self._marker = self._marker, WAVE
        if marker == INFORMATION:
            self._off = byte == LEAD_OFF
        elif marker == PULSE:
            self._off = False
        elif marker == WAVE:
            self.stats.n_frames += 1
            clipped = int(not SCALE.low < byte < SCALE.high)
            self._blocks.add(((byte - SCALE.zero) * self._factor,), int(self._off), clipped)

    def _take_many(self, data: U8) -> None:
        """As `_take`, of each byte."""
        is_marker = data > SCALE.high
        before = np.concatenate((np.array([self._marker], np.uint8), data[:-1]))
        marker = np.where(before > SCALE.high, before, np.uint8(WAVE))
        self._marker = int(data[-1]) if is_marker[-1] else WAVE
        self.stats.n_unknown += int((is_marker & ~np.isin(data, KNOWN)).sum())
        tells = ~is_marker & ((marker == INFORMATION) | (marker == PULSE))
        told = np.concatenate(([self._off], (marker == INFORMATION) & (data == LEAD_OFF)))
        off = told[np.maximum.accumulate(np.where(tells, np.arange(1, len(data) + 1), 0))]
        self._off = bool(off[-1])
        is_wave = ~is_marker & (marker == WAVE)
        codes = data[is_wave].astype(np.float64)
        self.stats.n_frames += len(codes)
        mv = ((codes - SCALE.zero) * self._factor).astype(np.float32)[:, None]
        clipped = (codes <= SCALE.low) | (codes >= SCALE.high)
        if len(codes):
            self._blocks.extend_as(mv, off[is_wave].astype(np.int64), clipped.astype(np.int64))


class MedlabEncoder:
    """Samples to bytes, of the first lead only. See `firmware_bridge.device.Encoder`."""

    def __init__(self, options: EncoderOptions) -> None:
        self.fs = _rate(options.fs)
        self._n_leads = len(options.leads)
        self._off = False

    def preamble(self) -> bytes:
        """The marker of the wave."""
        return bytes([WAVE])

    def hear(self, data: bytes) -> bytes:
        """Commands are obeyed in silence."""
        return b""

    def encode(self, mv: F32, lead_off: int = 0) -> bytes:
        """Give a byte for each sample of float32 `mv` (n, n_leads) in mV, and a word when an electrode changes."""
        first: F32 = mv.reshape(-1, self._n_leads)[:, :1].astype(np.float32)
        wave = bytes(int(code) for (code,) in SCALE.codes(first))
        off = bool(lead_off & 1)
        if off == self._off:
            return wave
        self._off = off
        return bytes([INFORMATION, LEAD_OFF if off else LEAD_ON, WAVE]) + wave


def _rate(fs: float | None) -> float:
    """One of the module's rates; 300 Hz where none is asked for."""
    if fs is None:
        return 300.0
    if fs not in RATES:
        raise BadInput(f"got fs {fs:g}, expected 50, 100 or 300 Hz, from a Medlab module; give one")
    return fs


DEVICE = Device(
    name="medlab",
    title="Medlab EG01010, EG01000",
    fs=300.0,
    baud=9600,
    leads=("ECG",),
    decoder=MedlabDecoder,
    encoder=MedlabEncoder,
    has_lead_off=True,
    start=LEAD_II,
)
