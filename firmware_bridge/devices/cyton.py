"""OpenBCI Cyton behind its dongle.

A packet is ``A0 | count u8 | 8 x i24 BE | 6 bytes of accelerometer | C0 to C6``: 33 bytes, no checksum, no
lead-off bits. The board must be sent ``b`` before it speaks, and answers ``v`` (reset) with text that ends in
``$$$``.

Source: brainflow (cyton.cpp, openbci_gain_tracker.h); the letters ``b`` and ``s`` from memory. The gain is 24
unless the board was told otherwise: `scale` corrects it. Only the first channel is taken unless more leads are
named.
"""

from __future__ import annotations

from firmware_bridge.devices.frame_format import signed
from firmware_bridge.devices.frames import frame_device
from firmware_bridge.devices.layout import Facts, Field, Layout, LayoutFormat, Mark

GAIN = 24
LSB_MV = 4500.0 / (2**23 - 1) / GAIN
"""Reference 4.5 V: 0.02235 uV."""
START, STOP = b"b", b"s"

LAYOUT = Layout(
    length=33,
    sync=b"\xa0",
    counter=Field(1, "u8"),
    channels=tuple(Field(2 + 3 * k, "i24be") for k in range(8)),
    marks=(Mark(32, 0xC0, 0xF8),),
)
FACTS = Facts(
    250.0,
    signed(24, LSB_MV),
    hello=b"OpenBCI V3 8-16 channel\r\nFirmware: v3.1.2\r\n$$$",
    commands=(START,),
)


class CytonFormat(LayoutFormat):
    """Its packets, and the simulated board's obedience."""

    def __init__(self) -> None:
        super().__init__(LAYOUT, FACTS)

    def hear(self, data: bytes) -> bytes:
        """Text for ``v``; the rest is obeyed in silence."""
        return self.hello if b"v" in data else b""


DEVICE = frame_device("cyton", "OpenBCI Cyton", 115200, CytonFormat)
