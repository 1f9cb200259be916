"""The devices by name: one file each, those that other packages bring, and those that users declare in TOML.

Another package adds a device by an entry point of the group ``heartwire.devices`` that names a
`firmware_bridge.device.Device`. A user's profile (see :mod:`firmware_bridge.profile`) is a file in
``$XDG_CONFIG_HOME/heartwire/devices`` (``~/.config/heartwire/devices``), known by its name without ``.toml``, or
is named by its path. A name that is taken stays with whom it is.
"""

from __future__ import annotations

import os
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path

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
    "dri": ("dri", "DEVICE"),
    "intellivue": ("intellivue", "DEVICE"),
}
"""What pyproject.toml's entry points name as well: known without a look at what is installed."""


def names() -> list[str]:
    """Give all names that `get` knows, sorted."""
    return sorted(_packaged() | {path.stem for path in profiles()})


def get(name: str) -> Device:
    """Give the device called `name`, or that of the profile at the path `name`, which ends with ``.toml``.

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
    if name.endswith(".toml"):
        return _profile(Path(name))
    for point in entry_points(group=GROUP, name=name):
        return _of_package(point)
    for path in profiles():
        if path.stem == name:
            return _profile(path)
    raise BadInput(f"got device {name!r}, expected one of: {', '.join(names())}; see heartwire devices")


def profiles() -> list[Path]:
    """Give the users' profiles, sorted; also those whose name is taken, which `get` does not give."""
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.join(os.path.expanduser("~"), ".config")
    return sorted(Path(home, "heartwire", "devices").glob("*.toml"))


def shadowed() -> list[Path]:
    """Give the users' profiles whose name is taken."""
    taken = _packaged()
    return [path for path in profiles() if path.stem in taken]


def _packaged() -> set[str]:
    return set(_BUILT_IN) | {point.name for point in entry_points(group=GROUP)}


def _profile(path: Path) -> Device:
    from firmware_bridge.profile import load

    return load(path)


def _of_package(point: EntryPoint) -> Device:
    try:
        device = point.load()
    except Exception as error:
        raise BadInput(
            f"got device {point.name!r}, expected it to load, from {point.value}; "
            f"{type(error).__name__}: {error}"
        ) from error
    if not isinstance(device, Device):
        raise BadInput(
            f"got a {type(device).__name__}, expected a firmware_bridge Device, from {point.value}; "
            "ask whoever made it"
        )
    return device
