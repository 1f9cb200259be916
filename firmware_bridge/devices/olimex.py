"""Olimex SHIELD-EKG-EMG and ModularEEG, which speak the "P2" packet.

A packet is ``A5 5A 02 | count u8 | 6 x u16 BE | switches``: 17 bytes, no checksum. Values are those of a
10-bit converter; `switches` is 1, or 2 while the fork says that it has begun again.

Sources: logston/olimex-ekg-emg (sketch); the gain from Olimex's text. The original demo runs at 256 Hz and, from
memory, 57600 baud, the fork at 125 Hz and 115200 baud: two devices here. The gain is a trimmer (10 x 6 to 101 x
3.56) and the baseline often rests near 300, not 512: `scale` corrects the one, the filters remove the other.
Only the first of the six channels is taken unless more leads are named.
"""

from __future__ import annotations

from firmware_bridge.devices.frame_format import unipolar
from firmware_bridge.devices.frames import frame_device
from firmware_bridge.devices.layout import Facts, Field, Layout, Mark, layout_format

GAIN = 2848.0
"""10 x 80 x 3.56, as the trimmer is delivered."""
VREF_MV = 5000.0
"""An Arduino Uno's; a board of 3.3 V has 0.66 times the scale."""

LAYOUT = Layout(
    length=17,
    sync=b"\xa5\x5a\x02",
    counter=Field(3, "u8"),
    channels=tuple(Field(4 + 2 * k, "u16be") for k in range(6)),
    marks=tuple(Mark(4 + 2 * k, 0, 0xFC) for k in range(6)),
    boot=(Mark(16, 2),),
)
_BLANK = bytes(16) + b"\x01"


def _facts(fs: float) -> Facts:
    return Facts(fs, unipolar(10, VREF_MV, GAIN), blank=_BLANK)


DEVICE = frame_device(
    "olimex", "Olimex SHIELD-EKG-EMG, ModularEEG (P2)", 57600, layout_format(LAYOUT, _facts(256.0))
)
SLOW = frame_device(
    "olimex-125", "Olimex SHIELD-EKG-EMG, 125 Hz fork (P2)", 115200, layout_format(LAYOUT, _facts(125.0))
)
