"""HealthyBridge: what HealthyPi 5 sends from its RP2040 to its radio.

A frame is ``55 AA | type | flags | length u16 | seq u16 | payload | CRC u16``, little-endian, at 921600 baud with
RTS/CTS. Type 0x20 holds samples: ``ms u32 | count u16 | fs u16 | count x (ECG, BioZ, red, IR: i32)``; type 0x40 the
vital signs, whose last byte's bit 3 is the ECG's lead-off; type 0x41 the battery. All share one count.

Sources: Protocentral's healthypi_5_firmware (HPIBridge.h, HPIBridge.cpp). Conflict: its documents call the checksum
CRC-16/CCITT; the code computes the reflected form (CRC-16/MCRF4XX), as it draws the sync word AA55 and sends 55 AA.
The code is followed. The gain of the MAX30001 was not verified: `scale` corrects it.
"""

from __future__ import annotations

import struct

from firmware_bridge.checksums import crc16_reflected
from firmware_bridge.devices.frame_format import Codes, FrameFormat, Packet, signed
from firmware_bridge.devices.frames import frame_device
from firmware_bridge.scanning import DAMAGED, MORE, NO_FRAME

LSB_MV = 1000.0 / (2**17 * 20)
MAX_PAYLOAD = 512
HEADER = struct.Struct("<2sBBHH")
BATCH = struct.Struct("<IHH")
SAMPLE = struct.Struct("<iiii")
SAMPLES, VITALS, BATTERY = 0x20, 0x40, 0x41
LEAD_OFF = 0x08
LAST = 0x04
"""Flag that the firmware sets in each frame."""
VITALS_EVERY = 16
"""Batches of 8 between two frames of vital signs: once a second."""


class HealthyBridgeFormat(FrameFormat):
    """Batches of 8 samples, and once a second the vital signs. See `FrameFormat`."""

    fs = 128.0
    scale = signed(18, LSB_MV)
    sync = b"\x55\xaa"
    n_samples = 8
    n_frame = HEADER.size + BATCH.size + 8 * SAMPLE.size + 2
    counter_bits = 16
    confirm = 0
    has_checksum = True
    has_lead_off = True

    def __init__(self) -> None:
        self._off = False
        self._n_extra = 0
        self._n_missed = 0
        self._ms: int | None = None
        self._elapsed_ms = 0

    def measure(self, buffer: bytes, at: int) -> int:
        """Length by the header."""
        if len(buffer) - at < HEADER.size:
            return MORE
        length = buffer[at + 4] | buffer[at + 5] << 8
        if length > MAX_PAYLOAD:
            return NO_FRAME
        n = HEADER.size + length + 2
        if len(buffer) - at < n:
            return MORE
        crc = int.from_bytes(buffer[at + n - 2 : at + n], "little")
        return n if crc16_reflected(buffer[at + 2 : at + n - 2]) == crc else DAMAGED

    def counter(self, frame: bytes) -> int:
        """The sequence number, which all kinds of frame share."""
        return frame[6] | frame[7] << 8

    def n_lost(self, n_frames: int, frame: bytes) -> int:
        """Which of the lost frames held samples is told by the next batch's clock, to whole batches."""
        self._n_missed += n_frames
        if not self._n_missed or frame[2] != SAMPLES:
            return 0
        n_batches = round(self._elapsed_ms * self.fs / 1000 / self.n_samples) - 1
        n_missed, self._n_missed = self._n_missed, 0
        return self.n_samples * min(max(n_batches, 0), n_missed)

    def read(self, frame: bytes) -> Packet | None:
        """Samples, or none where the frame is about something else."""
        kind, payload = frame[2], frame[HEADER.size : -2]
        if kind == VITALS and payload:
            self._off = bool(payload[-1] & LEAD_OFF)
        if kind in (VITALS, BATTERY):
            return Packet(())
        if kind != SAMPLES or len(payload) < BATCH.size:
            return None
        ms, n, fs = BATCH.unpack_from(payload)
        if fs and not self.fs_given:
            self.fs = float(fs)
        self._elapsed_ms = 0 if self._ms is None else (ms - self._ms) & 0xFFFFFFFF
        self._ms = ms
        n = min(n, (len(payload) - BATCH.size) // SAMPLE.size)
        codes = [SAMPLE.unpack_from(payload, BATCH.size + k * SAMPLE.size)[:1] for k in range(n)]
        return Packet(codes, int(self._off))

    def write(self, seq: int, codes: Codes, lead_off: int) -> bytes:
        """A batch; before it the vital signs, once a second and when an electrode comes off or on."""
        off = bool(lead_off)
        vitals = b""
        if off != self._off or seq % VITALS_EVERY == 0:
            vitals = self._frame(seq, VITALS, struct.pack("<HBBhB", 70, 98, 14, 3650, LEAD_OFF if off else 0))
            self._n_extra += 1
        self._off = off
        ms = round((seq + 1) * self.n_samples / self.fs * 1000) & 0xFFFFFFFF
        batch = b"".join(SAMPLE.pack(int(code), 0, 0, 0) for (code,) in codes)
        return vitals + self._frame(seq, SAMPLES, BATCH.pack(ms, len(codes), round(self.fs)) + batch)

    def _frame(self, seq: int, kind: int, payload: bytes) -> bytes:
        frame = HEADER.pack(self.sync, kind, LAST, len(payload), (seq + self._n_extra) & 0xFFFF) + payload
        return frame + crc16_reflected(frame[2:]).to_bytes(2, "little")

    def forget(self) -> None:
        """Electrodes count as on until the device says otherwise."""
        self._off = False


DEVICE = frame_device("healthybridge", "HealthyPi 5, HealthyBridge", 921600, HealthyBridgeFormat)
