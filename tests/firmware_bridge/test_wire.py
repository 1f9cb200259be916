from __future__ import annotations

import re
import shutil
import subprocess
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
        ("KIND_SAMPLES", wire.KIND_SAMPLES),
        ("FLAG_BOOT", wire.FLAG_BOOT),
        ("FLAG_CLIPPED", wire.FLAG_CLIPPED),
        ("FLAG_PACE", wire.FLAG_PACE),
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


C_MAIN = """
#include <stdio.h>
#include "protocol.h"
int main(void)
{
    hw_stream s = {250000, 381, 3, {HW_LEAD_II, HW_LEAD_V1, HW_LEAD_ECG}};
    uint8_t out[HW_MAX_CONTENT + 2];
    int16_t samples[200];
    for (int k = 0; k < 200; k++) samples[k] = (int16_t)((k * 2731) % 65536 - 32768);
    for (uint8_t n = 1; n < 60; n++) {
        size_t size = hw_frame(out, &s, HW_FLAG_PACE, (uint16_t)(n * 999), n * 70000000u, n % 8, samples, n);
        for (size_t k = 0; k < size; k++) printf("%02x", out[k]);
        printf("\\n");
    }
    return 0;
}
"""


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_c_encoder_of_the_header_sends_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "main.c").write_text(C_MAIN)
    flags = ["-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Werror", f"-I{HEADER.parent}"]
    subprocess.run(["cc", *flags, "main.c", "-o", "main"], cwd=tmp_path, check=True)
    lines = subprocess.run([tmp_path / "main"], capture_output=True, text=True, check=True).stdout.split("\n")
    samples = np.array([(k * 2731) % 65536 - 32768 for k in range(200)], np.int16)
    for n in range(1, 60):
        layout = wire.Layout(250_000, 381, (2, 7, 0), n, n % 8)
        sent = wire.Frame(layout, n * 999, n * 70_000_000, samples[: 3 * n].reshape(n, 3), wire.FLAG_PACE)
        expected = sent.to_bytes() if n <= wire.max_samples(3) else b""
        assert lines[n - 1] == expected.hex(), n
