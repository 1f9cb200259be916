"""Devices declared in TOML: what they can say, that they do as they say, and one line for every mistake."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from firmware_bridge import devices, profile
from firmware_bridge.device import DecoderOptions, Device, EncoderOptions
from firmware_bridge.devices import olimex
from firmware_bridge.profile import parse
from firmware_bridge.types import BadInput, Gap, SampleBlock

P2 = """
title = "P2 as a profile"
fs = 256.0
baud = 57600
[frame]
length = 17
sync = "A5 5A 02"
[[channel]]
at = 4
type = "u16be"
[[channel]]
at = 6
type = "u16be"
[[constant]]
at = 16
value = 1
[scale]
bits = 10
vref_mv = 5000
gain = 2848
[counter]
at = 3
type = "u8"
"""
FULL = """
fs = 500.0
leads = ["I", "II"]
start = "go"
[frame]
length = 15
sync = "D0 0D"
footer = "0A"
samples = 2
stride = 4
[[channel]]
at = 4
type = "i16le"
[[channel]]
at = 6
type = "i16le"
[scale]
uv_per_unit = 2.0
[counter]
at = 2
type = "u8"
[checksum]
at = 12
type = "crc16"
from = 2
to = 12
order = "big"
[[lead_off]]
at = 3
mask = 0x01
[[lead_off]]
at = 3
mask = 0x02
[[pace]]
at = 3
mask = 0x04
[[restart]]
at = 3
mask = 0x08
"""


def device(text: str) -> Device:
    return parse(text, "mine", "mine.toml")


def decoded(made: Device, stream: bytes) -> list[SampleBlock | Gap]:
    return made.decoder(DecoderOptions()).feed(stream)


def test_profile_when_it_declares_p2_then_it_speaks_as_the_built_in_device() -> None:
    mv = np.random.default_rng(0).uniform(-0.5, 0.5, (300, 1)).astype(np.float32)
    theirs = olimex.DEVICE.encoder(EncoderOptions()).encode(mv)
    blocks = [item for item in decoded(device(P2), theirs) if isinstance(item, SampleBlock)]
    (other,) = decoded(olimex.DEVICE, theirs)
    assert isinstance(other, SampleBlock)
    assert np.concatenate([b.mv for b in blocks]).tolist() == other.mv.tolist()
    made = device(P2)
    assert (made.name, made.title, made.fs, made.baud, made.has_counter) == (
        "mine",
        "P2 as a profile",
        256,
        57600,
        True,
    )


def test_profile_when_all_is_declared_then_the_golden_frame_is_read_and_written() -> None:
    made = device(FULL)
    body = bytes.fromhex("07 06  0100 feff  0300 ff7f")
    crc = 0xFFFF
    for byte in body:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ 0x1021) & 0xFFFF if crc & 0x8000 else crc << 1
    golden = b"\xd0\x0d" + body + crc.to_bytes(2, "big") + b"\x0a"
    after = made.encoder(EncoderOptions(leads=("I", "II"), first_seq=8)).encode(np.zeros((2, 2), np.float32))
    first, second, third = decoded(made, golden + after)
    assert isinstance(first, SampleBlock)
    assert isinstance(second, SampleBlock)
    assert isinstance(third, SampleBlock)
    assert (first.lead_off, first.pace, first.clipped, second.clipped) == (2, (0,), 0, 2)
    assert first.mv.tolist() == [pytest.approx([0.002, -0.004])]
    assert second.mv.tolist() == [pytest.approx([0.006, 65.534])]
    assert (made.has_checksum, made.has_lead_off, made.start) == (True, True, b"go")
    mv = np.array([[0.002, -0.004], [0.006, 99.0]], np.float32)
    sent = made.encoder(EncoderOptions(leads=("I", "II"), first_seq=7)).encode(mv, 2)
    assert sent[:3] + sent[4:12] == golden[:3] + golden[4:12]
    assert sent[3] == 2


def test_profile_when_values_are_floats_then_millivolts_come_whole() -> None:
    text = """
    fs = 100
    [frame]
    length = 6
    sync = "FE"
    footer = "EF"
    [[channel]]
    at = 1
    type = "f32le"
    [scale]
    uv_per_unit = 1000
    """
    made = device(text)
    mv = np.array([[0.123456], [-7.5], [0.0]], np.float32)
    (block,) = decoded(made, made.encoder(EncoderOptions()).encode(mv))
    assert isinstance(block, SampleBlock)
    assert block.mv.tolist() == mv.tolist()
    assert block.clipped == 0


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("fs = 256.0", "", "object missing required field `fs`"),
        ("fs = 256.0", 'fs = "fast"', "fs: expected `float`, got `str`"),
        ("fs = 256.0", "fs = 0", "fs: got 0, expected 1 to 20000"),
        ("fs = 256.0", "fs = nan", "fs: got nan, expected"),
        ("baud = 57600", "baud = 1", "baud: got 1, expected 50 to"),
        ("baud = 57600", 'parity = "8E1"', "parity: got '8E1', expected N, E or O"),
        ("baud", "bauds", "object contains unknown field `bauds`"),
        (
            "length = 17",
            "length = 5",
            "channel[0].at: got 4, expected 0 to 3: it has 2 of the frame's 5 bytes",
        ),
        ("length = 17", "length = 0", "frame.length: got 0, expected 1 to 4096"),
        ('"A5 5A 02"', '"A5 5"', "frame.sync: got 'A5 5', expected bytes as pairs of hex digits"),
        ('"u16be"', '"u17"', "channel[0].type: got 'u17', expected one of u8, i8, "),
        ("at = 4", "at = 3", "belongs to"),
        ("at = 3", "at = 2", "byte 2 belongs to frame.sync"),
        ('at = 3\ntype = "u8"', 'at = 3\ntype = "f32le"', "counter.type: got 'f32le'"),
        ("value = 1", "value = 256", "constant[0].value: got 256, expected bits of the mask 255"),
        ("value = 1", "mask = 0", "constant[0].mask: got 0, expected 1 to 255"),
        ("at = 16", "at = 17", "constant[0].at: got 17, expected 0 to 16"),
        ("gain = 2848", "gain = -1", "scale.gain: got -1, expected"),
        ("bits = 10", "bits = 99", "scale.bits: got 99, expected 4 to 32"),
        (
            "bits = 10",
            "",
            "scale: got neither uv_per_unit nor both of bits and vref_mv, expected one of the two",
        ),
        ("bits = 10", "uv_per_unit = 1", "expected either this or bits and vref_mv"),
        ("bits = 10", "bits = 10\nlow = 2000", "scale.high: got 1023, expected more than low, 2000"),
        ("fs = 256.0", 'fs = 256.0\nleads = ["I", "II", "III"]', "leads: got 3, expected 1 to 2 names"),
        ("fs = 256.0", 'fs = 256.0\nleads = ["I", "I"]', "leads: got I, I, expected a name only once"),
        ("length = 17", "length = 17\nsamples = 9\nstride = 4", "channel[0] of sample"),
        ("length = 17", "length = 17\nsamples = 9", "frame.stride: got 0, expected 4 to 17"),
        (
            "[counter]",
            "[checksum]\nat = 14\nfrom = 0\nto = 17\ntype = 'sum8'\n[counter]",
            "checksum.to: got 17",
        ),
        (
            "[counter]",
            "[checksum]\nat = 14\nfrom = 0\nto = 14\ntype = 'md5'\n[counter]",
            "checksum.type: got 'md5'",
        ),
        ("[counter]", "[[lead_off]]\nat = 1\n" * 3 + "[counter]", "lead_off: got 3, expected one for all"),
        ("[frame]", "[frame", "not valid TOML"),
    ],
)
def test_profile_when_wrong_then_one_line_names_file_and_key(old: str, new: str, says: str) -> None:
    text = P2.replace(old, new, 1)
    assert text != P2
    with pytest.raises(BadInput, match=re.escape(says)) as caught:
        device(text)
    assert str(caught.value).startswith("mine.toml: ")
    assert "\n" not in str(caught.value)


def test_profile_when_nothing_marks_a_frame_then_said() -> None:
    text = P2.replace('sync = "A5 5A 02"', "").replace("[[constant]]\nat = 16\nvalue = 1\n", "")
    with pytest.raises(BadInput, match="expected a sync, a footer, a constant or a checksum"):
        device(text)


def test_example_in_the_documentation_when_read_then_valid() -> None:
    assert profile.__doc__ is not None
    text = re.sub(r"^    ", "", profile.__doc__.split("::\n")[1], flags=re.MULTILINE)
    made = parse(text, "doc", "doc")
    assert made.fs == 250.0


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    made = tmp_path / "heartwire" / "devices"
    made.mkdir(parents=True)
    return made


def test_folder_when_it_has_profiles_then_they_are_devices(folder: Path) -> None:
    (folder / "bench-7.toml").write_text(P2, encoding="utf-8")
    assert "bench-7" in devices.names()
    assert devices.get("bench-7").name == "bench-7"
    assert devices.get(str(folder / "bench-7.toml")).name == "bench-7"
    assert devices.shadowed() == []


def test_folder_when_a_profile_is_broken_then_only_that_one_fails(folder: Path) -> None:
    (folder / "broken.toml").write_text("fs = ", encoding="utf-8")
    assert "broken" in devices.names()
    with pytest.raises(BadInput, match=r"broken\.toml: not valid TOML"):
        devices.get("broken")
    assert devices.get("native").name == "native"


def test_folder_when_a_name_is_taken_then_it_stays_with_whom_it_is(folder: Path) -> None:
    (folder / "native.toml").write_text(P2, encoding="utf-8")
    assert devices.get("native").title != "P2 as a profile"
    assert [path.name for path in devices.shadowed()] == ["native.toml"]


@pytest.mark.parametrize(
    ("content", "says"), [(None, "cannot read it: No such file"), (b"\xff\xfe", "expected UTF-8 text")]
)
def test_path_when_it_cannot_be_read_then_one_line(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "x.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInput, match=re.escape(says)):
        devices.get(str(path))


def test_profile_when_its_line_has_parity_then_so_has_the_device() -> None:
    assert device(P2).parity == "N"
    assert device(P2.replace("baud = 57600", 'baud = 57600\nparity = "E"')).parity == "E"
