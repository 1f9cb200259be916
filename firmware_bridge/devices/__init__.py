"""The devices by name: one file each, and those that other packages bring.

Another package adds a device by an entry point of the group ``heartwire.devices`` that names a
`firmware_bridge.device.Device`.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points

from firmware_bridge.device import Device
from firmware_bridge.types import BadInput

GROUP = "heartwire.devices"
_BUILT_IN = {
    "native": ("native", "DEVICE"),
    "text": ("text", "DEVICE"),
    "text-esp32": ("text", "ESP32"),
    "text-mv": ("text", "MV"),
    "text-json": ("text", "NDJSON"),
    "openview": ("openview", "DEVICE"),
    "max30003": ("openview", "MAX30003_DEVICE"),
    "healthypi4": ("openview", "HEALTHYPI4_DEVICE"),
    "healthypi5": ("openview", "HEALTHYPI5_DEVICE"),
    "healthypi5-batch": ("openview", "HEALTHYPI5_BATCH_DEVICE"),
    "ads1293": ("openview", "ADS1293_DEVICE"),
    "healthybridge": ("healthybridge", "DEVICE"),
    "heartypatch": ("heartypatch", "DEVICE"),
    "olimex": ("olimex", "DEVICE"),
    "olimex-125": ("olimex", "SLOW"),
    "cyton": ("cyton", "DEVICE"),
    "bitalino": ("bitalino", "DEVICE"),
    "bmd101": ("thinkgear", "DEVICE"),
    "chords": ("chords", "DEVICE"),
    "chords-r4": ("chords", "UNO_R4"),
    "chords-npg": ("chords", "NPG_LITE"),
    "chords-pico": ("chords", "PICO"),
    "ads1298": ("ads129x", "DEVICE"),
    "ads1299": ("ads129x", "ADS1299"),
    "ads1292r-raw": ("ads129x", "ADS1292R"),
    "shimmer": ("shimmer", "DEVICE"),
    "medlab": ("medlab", "DEVICE"),
}
"""What pyproject.toml's entry points name as well: known without a look at what is installed."""


def names() -> list[str]:
    """Give all names that `get` knows, sorted."""
    return sorted(set(_BUILT_IN) | {point.name for point in entry_points(group=GROUP)})


def get(name: str) -> Device:
    """Give the device called `name`.

    Raises
    ------
    BadInput
        When there is none, or it cannot be loaded; the line lists those there are.
    """
    if name in _BUILT_IN:
        module, attribute = _BUILT_IN[name]
        device = getattr(import_module(f"{__name__}.{module}"), attribute)
        assert isinstance(device, Device)
        return device
    for point in entry_points(group=GROUP, name=name):
        try:
            device = point.load()
        except Exception as error:
            raise BadInput(
                f"got device {name!r}, expected it to load, from {point.value}; "
                f"{type(error).__name__}: {error}"
            ) from error
        if not isinstance(device, Device):
            raise BadInput(
                f"got a {type(device).__name__}, expected a firmware_bridge Device, from {point.value}; "
                "ask whoever made it"
            )
        return device
    raise BadInput(f"got device {name!r}, expected one of: {', '.join(names())}; see heartwire devices")
