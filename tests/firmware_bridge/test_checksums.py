from __future__ import annotations

import pytest

from firmware_bridge.checksums import KINDS

CHECK = b"123456789"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sum8", 0xDD),
        ("sum8-inverted", 0x22),
        ("sum8-negated", 0x23),
        ("sum16", 0x01DD),
        ("xor8", 0x31),
        ("crc8", 0xF4),
        ("crc16", 0x29B1),
        ("crc16-reflected", 0x6F91),
        ("crc16-x25", 0x906E),
        ("crc32", 0xCBF43926),
    ],
)
def test_check_string_gives_the_published_value(name: str, value: int) -> None:
    assert KINDS[name].over(CHECK) == value
    assert value >> 8 * KINDS[name].size == 0


def test_every_kind_has_its_value_here() -> None:
    assert len(KINDS) == 10
    assert all(kind.over(b"") >= 0 for kind in KINDS.values())
