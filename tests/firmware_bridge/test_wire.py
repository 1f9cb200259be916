from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import firmware_bridge
from firmware_bridge import wire
from firmware_bridge.framing import cobs_decode, crc16

HEADER = Path(firmware_bridge.__file__).with_name("protocol.h")
DEFINES = {
    name: int(value.strip("()"), 0)
    for name, value in re.findall(r"#define HW_(\w+) (\(?-?\w+\)?)", HEADER.read_text())
}
LAYOUT = wire.Layout(360_000, 1000, (2,), 1)


def frame(layout: wire.Layout = LAYOUT, seq: int = 42, t_us: int = 123_456) -> wire.Frame:
    adu = np.arange(layout.n_samples * len(layout.codes), dtype=np.int16) - 2
    return wire.Frame(layout, seq, t_us, adu.reshape(layout.n_samples, -1))


def content_of(sent: wire.Frame) -> bytearray:
    content = cobs_decode(sent.to_bytes()[:-1])
    assert content is not None
    return content


def resealed(content: bytearray, offset: int, value: int, n_bytes: int) -> bytes:
    """The content with one field changed and a CRC that is right again."""
    changed = bytearray(content[: -wire.CRC_SIZE])
    changed[offset : offset + n_bytes] = value.to_bytes(n_bytes, "little")
    return bytes(changed) + crc16(changed).to_bytes(2, "big")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("VERSION", wire.VERSION),
        ("KIND_SAMPLES", wire.KIND_SAMPLES),
        ("KIND_BEAT", wire.KIND_BEAT),
        ("KIND_HELLO", wire.KIND_HELLO),
        ("BEAT_SIZE", wire.BEAT.size),
        ("N_AAMI", len(wire.AAMI)),
        ("HELLO_OFFSET_FIRMWARE", wire.HELLO_OFFSET_FIRMWARE),
        ("MAX_FIRMWARE", wire.MAX_FIRMWARE),
        ("FLAG_BOOT", wire.FLAG_BOOT),
        ("FLAG_CLIPPED", wire.FLAG_CLIPPED),
        ("FLAG_PACE", wire.FLAG_PACE),
        ("FLAG_FINAL", wire.FLAG_FINAL),
        ("HEADER_SIZE", wire.HEADER.size),
        ("OFFSET_FLAGS", wire.OFFSET_PLACE),
        ("OFFSET_FS_MHZ", wire.OFFSET_FORMAT),
        ("CRC_SIZE", wire.CRC_SIZE),
        ("MAX_CONTENT", wire.MAX_CONTENT),
        ("MAX_LEADS", wire.MAX_LEADS),
        ("FS_MIN_MHZ", wire.FS_MIN_MHZ),
        ("FS_MAX_MHZ", wire.FS_MAX_MHZ),
        ("NO_VALUE", wire.NO_VALUE),
    ],
)
def test_constant_is_that_of_the_header(name: str, value: int) -> None:
    assert DEFINES[name] == value


def test_lead_codes_are_those_of_the_header() -> None:
    codes = {name.removeprefix("LEAD_"): code for name, code in DEFINES.items() if name.startswith("LEAD_")}
    assert codes == {name.upper(): code for code, name in enumerate(wire.LEADS)}
    assert all(wire.code_of(name) == code for code, name in enumerate(wire.LEADS))


@pytest.mark.parametrize(
    ("name", "value", "size"),
    [
        ("KIND", wire.KIND_SAMPLES, 1),
        ("FLAGS", 4, 1),
        ("SEQ", 0x1234, 2),
        ("T_US", 0x89ABCDEF, 4),
        ("FS_MHZ", 128_500, 4),
        ("SCALE_NV", 0x0203, 2),
        ("N_LEADS", 2, 1),
        ("N_SAMPLES", 3, 1),
        ("LEAD_OFF", 2, 1),
    ],
)
def test_field_lies_where_the_header_draws_it(name: str, value: int, size: int) -> None:
    sent = replace(frame(wire.Layout(128_500, 0x0203, (1, 7), 3, 2), 0x1234, 0x89ABCDEF), flags=4)
    at = DEFINES[f"OFFSET_{name}"]
    assert int.from_bytes(content_of(sent)[at : at + size], "little") == value


def test_example_in_the_header_is_what_is_sent() -> None:
    drawn = re.search(r"^ \*   (11 00 2a00 .*?)   content of", HEADER.read_text(), re.M)
    assert drawn is not None
    sent = replace(frame(), adu=np.array([[123]], np.int16))
    assert content_of(sent) == bytes.fromhex(drawn[1])


def test_one_sample_is_24_bytes_on_the_wire() -> None:
    assert len(frame().to_bytes()) == 24


@given(
    fs_mhz=st.integers(wire.FS_MIN_MHZ, wire.FS_MAX_MHZ),
    scale_nv=st.integers(1, 65535),
    codes=st.lists(st.integers(0, 15), min_size=1, max_size=8).map(tuple),
    seq=st.integers(0, 65535),
    t_us=st.integers(0, 2**32 - 1),
    flags=st.integers(0, 7),
    data=st.data(),
)
def test_frame_round_trip(
    fs_mhz: int, scale_nv: int, codes: tuple[int, ...], seq: int, t_us: int, flags: int, data: st.DataObject
) -> None:
    n = data.draw(st.integers(1, wire.max_samples(len(codes))))
    off = data.draw(st.integers(0, (1 << len(codes)) - 1))
    values = data.draw(st.lists(st.integers(-32768, 32767), min_size=n * len(codes), max_size=n * len(codes)))
    layout = wire.Layout(fs_mhz, scale_nv, codes, n, off)
    sent = wire.Frame(layout, seq, t_us, np.array(values, np.int16).reshape(n, -1), flags)
    on_wire = sent.to_bytes()
    assert on_wire.count(0) == 1
    assert len(on_wire) == layout.n_content + 2
    got = wire.read_frame(content_of(sent))
    assert isinstance(got, wire.Frame)
    assert (got.layout, got.seq, got.t_us, got.flags) == (layout, seq, t_us, flags)
    assert np.array_equal(got.adu, sent.adu)


@pytest.mark.parametrize("bit", range(22 * 8))
def test_read_layout_with_one_flipped_bit_is_damaged(bit: int) -> None:
    content = content_of(frame())
    content[bit // 8] ^= 1 << bit % 8
    assert wire.read_layout(content) is wire.Fault.DAMAGED


@pytest.mark.parametrize(
    ("name", "value", "size"),
    [
        ("FS_MHZ", 0, 4),
        ("FS_MHZ", wire.FS_MIN_MHZ - 1, 4),
        ("FS_MHZ", wire.FS_MAX_MHZ + 1, 4),
        ("SCALE_NV", 0, 2),
        ("N_LEADS", 0, 1),
        ("N_LEADS", 9, 1),
        ("N_LEADS", 255, 1),
        ("N_SAMPLES", 0, 1),
        ("N_SAMPLES", 2, 1),
        ("N_SAMPLES", 255, 1),
        ("LEAD_OFF", 2, 1),
    ],
)
def test_read_layout_of_an_absurd_field_is_absurd(name: str, value: int, size: int) -> None:
    content = resealed(content_of(frame()), DEFINES[f"OFFSET_{name}"], value, size)
    assert wire.read_layout(content) is wire.Fault.ABSURD


@pytest.mark.parametrize("kind", [0x10, 0x12, 0x21, 0xFF])
def test_read_layout_of_another_kind_or_version_is_unknown(kind: int) -> None:
    assert wire.read_layout(resealed(content_of(frame()), 0, kind, 1)) is wire.Fault.UNKNOWN


def test_read_layout_of_more_than_a_frame_may_hold_is_damaged() -> None:
    head = wire.HEADER.pack(wire.KIND_SAMPLES, 0, 0, 0, 360_000, 1000, 1, 118, 0)
    content = head + b"\2" + bytes(236)
    assert wire.read_layout(content + crc16(content).to_bytes(2, "big")) is wire.Fault.DAMAGED


@given(st.binary(max_size=300))
def test_read_frame_of_anything_never_raises(content: bytes) -> None:
    got = wire.read_frame(content)
    assert isinstance(got, (wire.Frame, wire.Fault))


def test_leads_when_two_are_unknown_have_different_names() -> None:
    assert wire.Layout(360_000, 1, (0, 200, 7), 1).leads == ("ECG", "ECG2", "V1")


BEAT = wire.BeatFrame(0x1234, 0x89ABCDEF, "V", (1, 2, 60000, 4, 5), -321, 7, wire.FLAG_BOOT)


def content_of_aside(sent: wire.BeatFrame | wire.HelloFrame) -> bytearray:
    content = cobs_decode(sent.to_bytes()[:-1])
    assert content is not None
    return content


@pytest.mark.parametrize(
    ("name", "value", "size"),
    [("LEAD", 7, 1), ("AAMI", ord("V"), 1), ("AMP_UV", 0x10000 - 321, 2), ("PROBS", 1, 2)],
)
def test_beat_field_lies_where_the_header_draws_it(name: str, value: int, size: int) -> None:
    at = DEFINES[f"BEAT_OFFSET_{name}"]
    assert int.from_bytes(content_of_aside(BEAT)[at : at + size], "little") == value


@given(
    st.builds(
        wire.BeatFrame,
        st.integers(0, 65535),
        st.integers(0, 2**32 - 1),
        st.sampled_from(wire.AAMI),
        st.tuples(*[st.integers(0, 65535)] * 5),
        st.integers(-32768, 32767),
        st.integers(0, 255),
        st.integers(0, 255),
    )
)
def test_beat_round_trip(sent: wire.BeatFrame) -> None:
    assert wire.read_aside(content_of_aside(sent)) == sent
    assert wire.read_layout(content_of_aside(sent)) is wire.Fault.UNKNOWN


@pytest.mark.parametrize("version", [0, 1, 2, 15])
@pytest.mark.parametrize("name", ["x", "heartwire-uno 1", "y" * 64])
def test_hello_of_any_version_round_trip(version: int, name: str) -> None:
    sent = wire.HelloFrame(name, version)
    assert wire.read_aside(content_of_aside(sent)) == sent


@pytest.mark.parametrize("name", ["", "y" * 65, "a\nb", "\x7f"])
def test_hello_of_an_unreadable_name_is_absurd(name: str) -> None:
    assert wire.read_aside(content_of_aside(wire.HelloFrame(name))) is wire.Fault.ABSURD


def test_read_aside_of_a_beat_of_no_class_or_size_is_absurd() -> None:
    content = content_of_aside(BEAT)
    assert wire.read_aside(resealed(content, DEFINES["BEAT_OFFSET_AAMI"], ord("X"), 1)) is wire.Fault.ABSURD
    longer = bytearray(content[:-2] + b"\0")
    assert wire.read_aside(bytes(longer) + crc16(longer).to_bytes(2, "big")) is wire.Fault.ABSURD


@pytest.mark.parametrize("kind", [0x10, 0x13, 0x21, 0x22])
def test_read_aside_of_a_kind_nobody_knows_is_unknown(kind: int) -> None:
    assert wire.read_aside(resealed(content_of_aside(BEAT), 0, kind, 1)) is wire.Fault.UNKNOWN
