"""Chords, Upside Down Labs' firmware for an Arduino and the like behind a BioAmp board.

A packet is ``C7 7C | count u8 | n x u16 BE | 01``, n being the board's number of channels; no checksum, no
lead-off. The board must be sent ``START`` before it speaks; it answers ``WHORU`` with its name.

Source: Chords-Arduino-Firmware (UNO-R3.ino, UNO-R4.ino, NPG-LITE.ino and its table of boards). The gain is that of
the BioAmp EXG Pill from memory: `scale` corrects it. Only the first channel is taken unless more leads are named.
"""

from __future__ import annotations

from functools import partial

from firmware_bridge.device import Device
from firmware_bridge.devices.frame_format import unipolar
from firmware_bridge.devices.frames import frame_device
from firmware_bridge.devices.layout import Facts, Field, Layout, LayoutFormat, Mark

GAIN = 2420.0
"""BioAmp EXG Pill (from memory)."""
START, STOP = b"START\r\n", b"STOP\r\n"


class ChordsFormat(LayoutFormat):
    """The packets of one board.

    Parameters
    ----------
    name : str
        What it answers to ``WHORU``.
    n_channels, bits : int
        Its converter.
    vref_mv : float
        The converter's range.
    fs : float
        Its rate in Hz.
    """

    def __init__(self, name: str, n_channels: int, bits: int, vref_mv: float, fs: float) -> None:
        high = 0xFF & ~((1 << bits - 8) - 1)
        layout = Layout(
            length=4 + 2 * n_channels,
            sync=b"\xc7\x7c",
            counter=Field(2, "u8"),
            channels=tuple(Field(3 + 2 * k, "u16be") for k in range(n_channels)),
            marks=(
                Mark(3 + 2 * n_channels, 1),
                *(Mark(3 + 2 * k, 0, high) for k in range(n_channels)),
            ),
        )
        super().__init__(layout, Facts(fs, unipolar(bits, vref_mv, GAIN), commands=(START,)))
        self._name = name.encode()

    def hear(self, data: bytes) -> bytes:
        """The board's name for ``WHORU``."""
        return self._name + b"\r\n" if b"WHORU" in data.upper() else b""


def _device(name: str, title: str, baud: int, *board: object) -> Device:
    return frame_device(name, f"Chords on {title}", baud, partial(ChordsFormat, *board))  # type: ignore[arg-type]


DEVICE = _device("chords", "an Arduino Uno R3", 115200, "UNO-R3", 6, 10, 5000.0, 250.0)
UNO_R4 = _device("chords-r4", "an Arduino Uno R4", 230400, "UNO-R4", 6, 14, 5000.0, 500.0)
NPG_LITE = _device("chords-npg", "an NPG Lite", 230400, "NPG-LITE", 3, 12, 2500.0, 500.0)
PICO = _device("chords-pico", "a Raspberry Pi Pico", 230400, "RPI-PICO", 3, 12, 3300.0, 500.0)
