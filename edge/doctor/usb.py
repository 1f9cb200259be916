"""What may be behind a USB serial port, by the maker of its chip: a first guess, before anything is heard."""

from __future__ import annotations

MAKERS = {
    0x0403: ("FTDI", ("cyton", "openview", "shimmer", "dri", "intellivue")),
    0x067B: ("Prolific (serial adapters)", ("dri", "intellivue", "medlab")),
    0x2341: ("Arduino", ("text", "olimex", "chords", "openview")),
    0x2A03: ("Arduino", ("text", "olimex", "chords", "openview")),
    0x1A86: ("WCH (Arduino clones)", ("text", "olimex", "chords", "openview")),
    0x10C4: ("Silicon Labs (ESP32 boards)", ("text-esp32", "healthypi4", "native")),
    0x303A: ("Espressif", ("text-esp32", "chords-npg", "native")),
    0x2E8A: ("Raspberry Pi", ("healthypi5", "chords-pico", "native")),
    0x0483: ("STMicroelectronics", ("native", "ads1298")),
}
"""USB vendor ids (the USB Implementers Forum's list) -> maker, and formats seen on boards with its chips."""


def guesses(vid: int | None) -> tuple[str, ...]:
    """Formats that may be spoken behind a chip of the maker `vid`, the likeliest first; none for an unknown one."""
    return MAKERS[vid][1] if vid in MAKERS else ()
