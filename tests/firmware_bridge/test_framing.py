from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_bridge.framing import DelimiterFramer, cobs_decode, cobs_encode, crc16
from firmware_bridge.types import LinkStats


def test_crc16_of_check_string_is_that_of_ccitt_false() -> None:
    assert crc16(b"123456789") == 0x29B1


def test_crc16_over_data_and_its_own_crc_is_zero() -> None:
    data = b"heart"
    assert crc16(data + crc16(data).to_bytes(2, "big")) == 0


@pytest.mark.parametrize(
    ("content", "stuffed"),
    [
        (b"\x00", "01 01"),
        (b"\x00\x00", "01 01 01"),
        (b"\x11\x22\x00\x33", "03 1122 02 33"),
        (b"\x11\x22\x33\x44", "05 11223344"),
        (b"\x11\x00\x00\x00", "02 11 01 01 01"),
        (bytes(range(1, 255)), "ff" + bytes(range(1, 255)).hex()),
    ],
)
def test_cobs_of_the_published_examples(content: bytes, stuffed: str) -> None:
    assert cobs_encode(content) == bytes.fromhex(stuffed)
    assert cobs_decode(bytes.fromhex(stuffed)) == content


@given(st.binary(min_size=0, max_size=254))
def test_cobs_round_trip_has_no_zero_and_costs_one_byte(content: bytes) -> None:
    stuffed = cobs_encode(content)
    assert 0 not in stuffed
    assert len(stuffed) == len(content) + 1
    assert cobs_decode(stuffed) == content


@given(st.binary(min_size=1, max_size=255).filter(lambda data: 0 not in data))
def test_cobs_decode_of_anything_gives_bytes_or_none(stuffed: bytes) -> None:
    content = cobs_decode(stuffed)
    assert content is None or cobs_encode(bytes(content)) == stuffed


def test_cobs_encode_when_too_long_says_so() -> None:
    with pytest.raises(ValueError, match="got 255 bytes, expected at most 254"):
        cobs_encode(bytes(255))


@given(st.lists(st.sampled_from([b"\n", b"a", b"bb", b"cccc", b"dddddd"]), max_size=40), st.data())
def test_delimiter_framer_when_cut_anywhere_gives_the_same(pieces: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(pieces)
    whole_stats, cut_stats = LinkStats(), LinkStats()
    whole = DelimiterFramer(b"\n", 8, whole_stats).feed(stream)
    framer = DelimiterFramer(b"\n", 8, cut_stats)
    cut: list[bytes] = []
    at = 0
    while at < len(stream):
        n = data.draw(st.integers(1, 12))
        cut += framer.feed(stream[at : at + n])
        assert framer.n_buffered <= 8
        at += n
    assert cut == whole
    assert cut_stats == whole_stats


def test_delimiter_framer_when_a_frame_is_too_long_drops_it_once_and_goes_on() -> None:
    stats = LinkStats()
    framer = DelimiterFramer(b"\n", 8, stats)
    assert framer.feed(b"ab\n" + b"x" * 50) == [b"ab"]
    assert framer.feed(b"x" * 50) == []
    assert framer.feed(b"x\ncd\n") == [b"cd"]
    assert stats.n_resync == 1


def test_delimiter_framer_after_reset_forgets_the_partial_frame() -> None:
    framer = DelimiterFramer(b"\n", 8, LinkStats())
    framer.feed(b"old")
    framer.reset()
    assert framer.feed(b"new\n") == [b"new"]
