"""A line read at the wrong speed: garbage, but the garbage that a UART would make."""

from __future__ import annotations

import os
import random
import termios

import pytest

from firmware_bridge.sinks import PtySink
from firmware_bridge.uart import misread


@pytest.mark.parametrize("read_baud", [115200, 113000, 118000])
def test_line_when_read_at_its_speed_or_nearly_then_as_it_was_sent(read_baud: int) -> None:
    data = random.Random(1).randbytes(300)
    assert misread(data, 115200, read_baud) == data
    assert misread(b"", 115200, read_baud) == b""


def test_line_when_read_twice_as_fast_then_each_bit_counts_twice() -> None:
    # On the line 0x5d is 0 1011 1010 1; the faster receiver takes half of the start bit and what follows for a byte.
    assert misread(b"\x5d", 9600, 19200)[:1] == bytes([0b11100110])
    # 0xf0 falls once: start and four zeros are longer than a whole byte, and no stop bit is there.
    assert misread(b"\xf0", 9600, 19200) == b"\x00"


def test_line_when_read_at_half_its_speed_then_fewer_bytes() -> None:
    got = misread(b"\xf0" * 40, 19200, 9600)
    assert 0 < len(got) <= 20


def test_line_when_a_receiver_is_much_too_fast_then_each_fall_is_a_byte() -> None:
    assert len(misread(b"\x55" * 10, 1200, 115200)) == 50


def test_port_when_it_is_opened_at_another_speed_then_garbage_both_ways() -> None:
    sink = PtySink(baud=57600)
    sink.open(b"")
    reader = os.open(sink.port, os.O_RDWR | os.O_NOCTTY)
    mode = termios.tcgetattr(reader)
    for speed, right in ((termios.B115200, False), (termios.B57600, True)):
        mode[4] = mode[5] = speed
        termios.tcsetattr(reader, termios.TCSANOW, mode)
        sink.send(b"\x0a\xfa\x09")
        assert (os.read(reader, 100) == b"\x0a\xfa\x09") is right
        os.write(reader, b"v")
        assert (sink.heard() == b"v") is right
    os.close(reader)
    sink.close()
