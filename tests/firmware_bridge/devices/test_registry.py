from __future__ import annotations

import pytest

from firmware_bridge import devices
from firmware_bridge.types import BadInput


def test_names_hold_the_built_in_devices() -> None:
    assert {"native", "text", "text-esp32", "text-mv", "openview", "max30003", "healthypi4"} <= set(
        devices.names()
    )


@pytest.mark.parametrize("name", devices.names())
def test_every_name_is_a_device_of_that_name(name: str) -> None:
    device = devices.get(name)
    assert device.name == name
    assert device.title
    assert device.baud in (9600, 57600, 115200)


def test_unknown_name_lists_those_there_are() -> None:
    with pytest.raises(BadInput, match=r"got device 'ekg', expected one of: healthypi4, .*native.*; see"):
        devices.get("ekg")
