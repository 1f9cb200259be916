"""The C encoder of native frames against wire.py, byte by byte, on drawn frames."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import firmware_bridge
from firmware_bridge import wire
from firmware_bridge.framing import crc16

ROOT = Path(firmware_bridge.__file__).parent
FLAGS = ("-std=c99", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-Werror", "-fsanitize=undefined")


class Stream(ctypes.Structure):
    _fields_ = (
        ("fs_mhz", ctypes.c_uint32),
        ("scale_nv", ctypes.c_uint16),
        ("n_leads", ctypes.c_uint8),
        ("leads", ctypes.c_uint8 * 8),
    )


class Beat(ctypes.Structure):
    _fields_ = (
        ("seq", ctypes.c_uint16),
        ("t_us", ctypes.c_uint32),
        ("lead", ctypes.c_uint8),
        ("aami", ctypes.c_uint8),
        ("amp_uv", ctypes.c_int16),
        ("probs", ctypes.c_uint16 * 5),
    )


@pytest.fixture(scope="module")
def lib(tmp_path_factory: pytest.TempPathFactory) -> Any:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    made = tmp_path_factory.mktemp("frame") / "frame.so"
    source = str(ROOT / "c" / "hw_frame.c")
    words = ["cc", *FLAGS, "-fno-sanitize-recover=all", "-fPIC", "-shared", f"-I{ROOT}", source]
    subprocess.run([*words, "-o", str(made)], check=True)
    loaded = ctypes.CDLL(str(made))
    loaded.hw_crc16.restype = ctypes.c_uint16
    for name in ("hw_samples_frame", "hw_beat_frame", "hw_hello_frame"):
        getattr(loaded, name).restype = ctypes.c_size_t
    return loaded


def sent(lib: Any, name: str, *args: Any) -> bytes:
    """What a function of the C encoder writes; nothing after it may have been touched."""
    out = (ctypes.c_uint8 * (wire.MAX_CONTENT + 8))(*[0xEE] * (wire.MAX_CONTENT + 8))
    n = getattr(lib, name)(out, *args)
    assert n <= wire.MAX_CONTENT + 2
    assert set(out[n:]) == {0xEE} or n == 0
    return bytes(out[:n])


numbers = st.integers(-32768, 32767) | st.sampled_from([0, 0, 0, 1, 256, -256, -32768])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300)
@given(
    fs_mhz=st.integers(wire.FS_MIN_MHZ, wire.FS_MAX_MHZ),
    scale_nv=st.integers(1, 65535),
    codes=st.lists(st.integers(0, 15), min_size=1, max_size=8).map(tuple),
    seq=st.integers(0, 65535),
    t_us=st.integers(0, 2**32 - 1),
    flags=st.integers(0, 255),
    data=st.data(),
)
def test_samples_frame_when_drawn_then_the_bytes_are_those_of_wire(
    lib: Any, fs_mhz: int, scale_nv: int, codes: tuple[int, ...], seq: int, t_us: int, flags: int, data: Any
) -> None:
    n = data.draw(st.integers(1, wire.max_samples(len(codes))))
    lead_off = data.draw(st.integers(0, (1 << len(codes)) - 1))
    values = data.draw(st.lists(numbers, min_size=n * len(codes), max_size=n * len(codes)))
    stream = Stream(fs_mhz, scale_nv, len(codes), (ctypes.c_uint8 * 8)(*codes))
    samples = (ctypes.c_int16 * len(values))(*values)
    got = sent(
        lib, "hw_samples_frame", ctypes.byref(stream), flags, seq, ctypes.c_uint32(t_us), lead_off, samples, n
    )
    layout = wire.Layout(fs_mhz, scale_nv, codes, n, lead_off)
    frame = wire.Frame(layout, seq, t_us, np.array(values, np.int16).reshape(n, -1), flags)
    assert got == frame.to_bytes()


@pytest.mark.parametrize(("n_leads", "n_samples"), [(1, 0), (0, 5), (9, 1), (1, 118), (8, 15), (3, 255)])
def test_samples_frame_when_it_cannot_be_one_then_nothing_is_sent(
    lib: Any, n_leads: int, n_samples: int
) -> None:
    stream = Stream(250_000, 1000, n_leads)
    samples = (ctypes.c_int16 * 4096)()
    assert sent(lib, "hw_samples_frame", ctypes.byref(stream), 0, 0, 0, 0, samples, n_samples) == b""


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    seq=st.integers(0, 65535),
    t_us=st.integers(0, 2**32 - 1),
    lead=st.integers(0, 255),
    aami=st.sampled_from(wire.AAMI),
    amp_uv=numbers,
    probs=st.tuples(*[st.integers(0, 65535)] * 5),
    flags=st.integers(0, 255),
)
def test_beat_frame_when_drawn_then_the_bytes_are_those_of_wire(
    lib: Any,
    seq: int,
    t_us: int,
    lead: int,
    aami: str,
    amp_uv: int,
    probs: tuple[int, int, int, int, int],
    flags: int,
) -> None:
    beat = Beat(seq, t_us, lead, ord(aami), amp_uv, (ctypes.c_uint16 * 5)(*probs))
    got = sent(lib, "hw_beat_frame", flags, ctypes.byref(beat))
    assert got == wire.BeatFrame(seq, t_us, aami, probs, amp_uv, lead, flags).to_bytes()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=80), st.integers(0, 255))
def test_hello_frame_when_drawn_then_the_bytes_are_those_of_wire(lib: Any, name: str, flags: int) -> None:
    got = sent(lib, "hw_hello_frame", flags, name.encode())
    expected = wire.HelloFrame(name, flags=flags).to_bytes() if 1 <= len(name) <= 64 else b""
    assert got == expected


@given(st.binary(max_size=64))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_crc16_when_drawn_then_it_is_that_of_the_host(lib: Any, data: bytes) -> None:
    assert lib.hw_crc16(data, ctypes.c_size_t(len(data))) == crc16(data)
