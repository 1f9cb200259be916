from __future__ import annotations

import sys
from pathlib import Path

import pytest

from firmware_bridge import devices
from firmware_bridge.types import BadInput

BAUDS = (9600, 19200, 57600, 115200, 230400, 921600)


def test_built_in_names_are_those_of_pyproject() -> None:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    text = (Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8")
    declared = tomllib.loads(text)["project"]["entry-points"][devices.GROUP]
    known = {name: f"firmware_bridge.devices.{m}:{a}" for name, (m, a) in devices._BUILT_IN.items()}
    assert known == declared
    assert set(known) <= set(devices.names())


@pytest.mark.parametrize("name", devices.names())
def test_every_name_is_a_device_of_that_name(name: str) -> None:
    device = devices.get(name)
    assert device.name == name
    assert device.title
    assert device.baud in BAUDS


def test_unknown_name_lists_those_there_are() -> None:
    with pytest.raises(BadInput, match=r"got device 'ekg', expected one of: ads1292r-raw, .*native.*; see"):
        devices.get("ekg")
