"""The messages of IntelliVue's Data Export: golden bytes of other programs, and what is refused."""

from __future__ import annotations

import math
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.devices import intellivue_messages as m

POLL = (
    "E1000002 0001 0028 0004 0007 0022 0021 0000 0000 00000000 F13B 0014"
    " 0003 0001 0009 0000 0001 0008 F13E 0004 00493E00"
)
PRIORITIES = "e1000002000100220000000500 1c002100000000000000000001000e0000f23a00080001000400020102"
CREATED_RESULT = "E1000002 00020014 0001 0001 000E 0021 0000 0000 000ABD00 0D06 0000"


def test_messages_when_built_then_those_of_vscapture() -> None:
    assert len(m.REQUEST) == 300
    assert m.poll_waves(600) == bytes.fromhex(POLL)
    assert m.set_priorities([0x20102]) == bytes.fromhex(PRIORITIES)
    event = m.read_operation(m.created_event(0x000ABD00))
    assert event is not None
    assert m.created_result(event) == bytes.fromhex(CREATED_RESULT)
    assert m.RELEASE_REQUEST[0] == m.RELEASE
    assert m.RELEASE_RESPONSE[0] == m.RELEASED


def test_frame_when_built_then_escaped_and_checked() -> None:
    assert m.framed(b"\xc0\x01\xc1\x7d").startswith(bytes.fromhex("c0 1101 0004 7de0 01 7de1 7d5d"))
    assert m.framed(b"\xc0\x01\xc1\x7d").endswith(b"\xc1")
    content = bytes.fromhex("1101 0001 55")
    assert m.unframed(content + m._CHECK(content).to_bytes(2, "little")) == b"\x55"


@given(message=st.binary(min_size=1, max_size=300), at=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_frame_when_damaged_then_none_and_else_the_message(message: bytes, at: int, bit: int) -> None:
    frame = m.framed(message)
    assert not {0xC0, 0xC1} & set(frame[1:-1])
    content = bytearray(frame[1:-1])
    assert m.unframed(bytes(content)) == message
    content[at % len(content)] ^= 1 << bit
    assert m.unframed(bytes(content)) in (
        None,
        message,
    )  # an escape may be damaged into another of the same byte


def test_frame_when_broken_off_then_none() -> None:
    assert m.unframed(m.framed(b"abc")[1:-1] + b"\x7d") is None
    assert m.unframed(b"") is None


def test_acceptance_when_it_grants_waves_or_not_then_told() -> None:
    accepted = m.acceptance()
    assert accepted[0] == m.ACCEPT
    assert accepted[1] == len(accepted) - 2
    assert m.grants_waves(accepted)
    assert not m.grants_waves(_without_waves())
    assert m.grants_waves(b"\x0e")


def _without_waves() -> bytes:
    accepted = m.acceptance()
    at = accepted.index(struct.pack(">HH", m.PROFILE, 8)) + 4
    return accepted[:at] + struct.pack(">I", 0x80000000) + accepted[at + 4 :]


@pytest.mark.parametrize("kind", [m.INVOKE, m.RESULT, m.LINKED])
def test_operation_when_written_and_read_then_the_same(kind: int) -> None:
    operation = m.Operation(kind, 7, m.ACTION, b"body")
    message = operation.to_bytes()
    assert m.read_operation(message) == operation
    for cut in range(len(message)):
        assert m.read_operation(message[:cut]) is None


def test_result_when_written_and_read_then_the_same() -> None:
    wave = m.Wave(0x0102, 0x0400, b"\x20\x00\x20\x01")
    pairs = [(m.LABEL, b"\0\2\1\2"), (m.OBSERVED, wave.to_bytes())]
    operation = m.read_operation(m.polled(3, 0x12345678, [pairs]))
    assert operation is not None
    result = m.read_polled(operation)
    assert result == m.Polled(3, 0x12345678, (dict(pairs),))
    assert m.read_waves(result.objects[0]) == [wave]


def test_result_when_cut_anywhere_then_none_or_nothing_in_it() -> None:
    operation = m.read_operation(m.polled(3, 1, [[(m.OBSERVED, m.Wave(0x0102, 0, b"\0" * 8).to_bytes())]]))
    assert operation is not None
    for cut in range(len(operation.body)):
        short = m.Operation(m.RESULT, 4, m.ACTION, operation.body[:cut])
        assert m.read_polled(short) is None


def test_wave_when_compound_then_each_of_its_parts() -> None:
    parts = [m.Wave(0x0101 + k, 0, bytes([k] * 4)) for k in range(3)]
    found = {m.COMPOUND: m.listed(part.to_bytes() for part in parts)}
    assert m.read_waves(found) == parts
    with pytest.raises(struct.error):
        m.read_waves({m.COMPOUND: found[m.COMPOUND][:-1]})


@pytest.mark.parametrize(
    ("text", "value"), [("fdff6000", -40.96), ("fd009ffb", 40.955), ("01000003", 30.0), ("00007b00", 0x7B00)]
)
def test_float_when_read_then_mantissa_and_exponent(text: str, value: float) -> None:
    assert m.read_float(bytes.fromhex(text), 0) == pytest.approx(value)


def test_float_when_it_is_no_number_then_nan() -> None:
    assert all(math.isnan(m.read_float(bytes.fromhex(t), 0)) for t in ("007fffff", "00800000", "007ffffe"))
    assert m.read_float(m.write_float(-40.96, -3), 0) == -40.96


def test_priorities_when_read_then_the_labels() -> None:
    operation = m.read_operation(m.set_priorities([0x20102, 0x20107]))
    assert operation is not None
    assert m.read_priorities(operation.body) == [0x20102, 0x20107]
    assert m.read_priorities(b"") == []
