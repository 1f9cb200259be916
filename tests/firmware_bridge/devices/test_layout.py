from __future__ import annotations

import math
import struct

import numpy as np
import pytest

from firmware_bridge.device import DecoderOptions, EncoderOptions
from firmware_bridge.devices.frame_format import Scale, signed
from firmware_bridge.devices.frames import frame_device
from firmware_bridge.devices.layout import FLOATS, KINDS, Check, Facts, Field, Layout, Mark, layout_format
from firmware_bridge.types import SampleBlock


@pytest.mark.parametrize("kind", [*KINDS, *FLOATS])
@pytest.mark.parametrize("value", [0, 1, 100])
def test_field_when_put_then_got(kind: str, value: int) -> None:
    frame = bytearray(8)
    field = Field(2, kind)
    field.put(frame, value)
    assert field.get(bytes(frame)) == value
    assert frame[:2] == b"\0\0"
    assert frame[2 + field.size :] == bytes(6 - field.size)


@pytest.mark.parametrize(
    ("kind", "bytes_", "value"),
    [
        ("u16be", "0102", 0x0102),
        ("u16le", "0102", 0x0201),
        ("i24be", "ffff9c", -100),
        ("i24le", "9cffff", -100),
        ("i8", "80", -128),
        ("u32le", "01000080", 0x80000001),
        ("f32le", "0000803f", 1.0),
        ("f32be", "3f800000", 1.0),
    ],
)
def test_field_when_read_then_as_its_kind_says(kind: str, bytes_: str, value: float) -> None:
    assert Field(0, kind).get(bytes.fromhex(bytes_)) == value


def test_float_when_it_is_no_number_then_nan() -> None:
    assert math.isnan(Field(0, "f32le").get(struct.pack("<f", math.inf)))
    assert math.isnan(Field(0, "f32le").get(struct.pack("<f", math.nan)))


FULL = Layout(
    length=14,
    sync=b"\xd0\x0d",
    counter=Field(2, "u8"),
    channels=(Field(4, "i16le"), Field(6, "i16le")),
    marks=(Mark(13, 0x0A),),
    check=Check(12, "xor8", 2, 12),
    lead_off=(Mark(3, 1, 1), Mark(3, 2, 2)),
    pace=(Mark(3, 4, 4),),
    boot=(Mark(3, 8, 8),),
    n_samples=2,
    stride=4,
)
DEVICE = frame_device(
    "full", "all of it", 9600, layout_format(FULL, Facts(100.0, signed(16, 0.001), ("I", "II")))
)


def golden(count: int, flags: int) -> bytes:
    body = bytes([count, flags]) + struct.pack("<4h", 1, -2, 3, 32767)
    check = 0
    for byte in body:
        check ^= byte
    return b"\xd0\x0d" + body + bytes([check, 0x0A])


def test_frame_when_all_parts_are_declared_then_all_are_read() -> None:
    got = DEVICE.decoder(DecoderOptions()).feed(golden(1, 6) + golden(2, 0))
    blocks = [item for item in got if isinstance(item, SampleBlock)]
    assert [(b.start, b.lead_off, b.clipped, b.pace) for b in blocks] == [
        (0, 2, 0, (0,)),
        (1, 2, 2, ()),
        (2, 0, 0, ()),
        (3, 0, 2, ()),
    ]
    assert np.concatenate([b.mv for b in blocks]).tolist() == [
        pytest.approx(row) for row in ([0.001, -0.002], [0.003, 32.767]) * 2
    ]


def test_frame_when_written_then_the_golden_one() -> None:
    mv = np.array([[0.001, -0.002], [0.003, 99.0]], np.float32)
    assert DEVICE.encoder(EncoderOptions(leads=("I", "II"), first_seq=1)).encode(mv, 2) == golden(1, 2)


def test_device_when_made_then_it_tells_what_its_layout_can() -> None:
    assert (DEVICE.has_counter, DEVICE.has_checksum, DEVICE.has_lead_off) == (True, True, True)
    plain = frame_device(
        "p", "p", 9600, layout_format(Layout(2, (Field(0, "u8"),)), Facts(10.0, Scale(1, 0, 255)))
    )
    assert (plain.has_counter, plain.has_checksum, plain.has_lead_off) == (False, False, False)
