"""The sketch for Arduino boards and ESP32, complete: the one C encoder laid beside it. Pure but for reading itself."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parent
NAME = "heartwire_ad8232"
"""Name of the sketch; the Arduino IDE wants its folder to be called the same."""

SOURCES = (f"firmware/arduino/{NAME}.ino", "protocol.h", "c/hw_frame.c")
"""What belongs into the folder, below :data:`ROOT`."""


def files() -> dict[str, str]:
    """Text of every file of the sketch, by its path in a folder of sketches."""
    return {f"{NAME}/{Path(name).name}": (ROOT / name).read_text(encoding="utf-8") for name in SOURCES}
