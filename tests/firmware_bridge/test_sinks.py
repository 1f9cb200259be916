"""Ports that are not there: what goes in comes out, untouched, and readers may come and go."""

from __future__ import annotations

import io
import os
import select
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from firmware_bridge.device import DecoderOptions
from firmware_bridge.devices import get
from firmware_bridge.patient import VirtualPatient
from firmware_bridge.simulator import Simulator, byte_wire
from firmware_bridge.sinks import PtySink, StreamSink, TcpSink
from firmware_bridge.types import BadInput, Gap, SampleBlock

DEADLINE_S = 20.0
EVERY_BYTE = bytes(range(256)) * 4


def until(condition: Callable[[], bool]) -> bool:
    """Whether `condition` becomes true before the deadline."""
    end_s = time.monotonic() + DEADLINE_S
    while not condition():
        if time.monotonic() > end_s:
            return False
        time.sleep(0.005)
    return True


def read(fd: int, n: int) -> bytes:
    """`n` bytes of `fd`, or fewer at its end or when none come any more."""
    data = b""
    while len(data) < n and select.select([fd], [], [], 3.0)[0]:
        try:
            part = os.read(fd, n - len(data))
        except OSError:
            break
        if not part:
            break
        data += part
    return data


def play_in_background(sink: PtySink | TcpSink, seconds: float) -> tuple[Simulator[bytes], threading.Thread]:
    patient = VirtualPatient(250, 0)
    sim = Simulator(patient, byte_wire("native", 250, patient.leads), sink, 20, 0)
    sim.open()
    thread = threading.Thread(target=sim.run, args=(seconds,))
    thread.start()
    return sim, thread


def check(data: bytes, seconds: float) -> None:
    """Assert that `data` are the native frames of the patient, none missing."""
    items = get("native").decoder(DecoderOptions()).feed(data)
    expected = VirtualPatient(250, 0).read(round(seconds * 250)).mv
    assert not [item for item in items if isinstance(item, Gap)]
    mv = np.concatenate([item.mv for item in items if isinstance(item, SampleBlock)])
    assert mv.shape == expected.shape
    assert np.abs(mv - expected).max() <= 0.00051


def test_pty_when_played_fast_then_the_real_decoder_gets_every_sample() -> None:
    sink = PtySink(await_reader=True, settle_s=0.0)
    _, thread = play_in_background(sink, 120)
    fd = os.open(sink.port, os.O_RDWR | os.O_NOCTTY)
    data = b""
    while part := read(fd, 4096):
        data += part
    thread.join(DEADLINE_S)
    os.close(fd)
    check(data, 120)
    assert sink.n_dropped == 0


def test_pty_when_every_byte_is_sent_then_none_is_translated_nor_echoed() -> None:
    sink = PtySink()
    sink.open(b"hello")
    fd = os.open(sink.name, os.O_RDWR | os.O_NOCTTY)
    sink.send(EVERY_BYTE)
    assert read(fd, 5 + len(EVERY_BYTE)) == b"hello" + EVERY_BYTE
    os.close(fd)
    sink.close()


def test_pty_when_awaited_by_a_plain_reader_then_bytes_are_raw_too() -> None:
    sink = PtySink(await_reader=True, settle_s=0.0)
    sink.open(b"")
    thread = threading.Thread(target=sink.send, args=(EVERY_BYTE,))
    thread.start()
    fd = os.open(sink.port, os.O_RDONLY | os.O_NOCTTY)
    assert read(fd, len(EVERY_BYTE)) == EVERY_BYTE
    thread.join(DEADLINE_S)
    os.close(fd)
    sink.close()


def test_pty_when_nobody_reads_then_bytes_are_dropped_and_counted_and_a_reader_may_return() -> None:
    sink = PtySink()
    sink.open(b"")
    for _ in range(100):
        sink.send(bytes(4096))
    assert sink.n_dropped > 100_000
    fd = os.open(sink.name, os.O_RDWR | os.O_NOCTTY)
    while select.select([fd], [], [], 0.2)[0]:
        os.read(fd, 65536)
    os.close(fd)
    fd = os.open(sink.name, os.O_RDWR | os.O_NOCTTY)
    sink.send(EVERY_BYTE)
    assert read(fd, len(EVERY_BYTE)) == EVERY_BYTE
    os.close(fd)
    sink.close()


def test_pty_when_waiting_for_room_then_stop_ends_it() -> None:
    sink = PtySink()
    sim, thread = play_in_background(sink, 100_000)
    assert until(lambda: sim.n_sent > 100)
    sim.stop()
    thread.join(DEADLINE_S)
    assert not thread.is_alive()


def test_pty_when_closed_then_the_reader_sees_its_end_and_the_link_is_gone(tmp_path: Path) -> None:
    link = tmp_path / "port"
    sink = PtySink(str(link))
    sink.open(b"")
    assert os.readlink(link) == sink.port
    assert sink.name == str(link)
    fd = os.open(link, os.O_RDWR | os.O_NOCTTY)
    sink.send(b"abc")
    assert read(fd, 3) == b"abc"
    sink.close()
    assert read(fd, 1) == b""
    os.close(fd)
    assert not os.path.lexists(link)


def test_pty_when_an_old_link_is_there_then_it_is_replaced(tmp_path: Path) -> None:
    link = tmp_path / "port"
    link.symlink_to("/dev/nothing")
    sink = PtySink(str(link))
    sink.open(b"")
    assert os.readlink(link) == sink.port
    sink.close()


@pytest.mark.parametrize("name", ["file", "nowhere/port"])
def test_pty_when_the_link_cannot_be_made_then_one_line_says_so(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("mine")
    sink = PtySink(str(tmp_path / name))
    with pytest.raises(BadInput, match="choose another path"):
        sink.open(b"")
    sink.close()
    assert (tmp_path / "file").read_text() == "mine"


def test_tcp_when_played_fast_then_the_real_decoder_gets_every_sample() -> None:
    sink = TcpSink(0)
    _, thread = play_in_background(sink, 60)
    port = int(sink.name.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), DEADLINE_S) as link:
        data = b""
        while part := link.recv(65536):
            data += part
    thread.join(DEADLINE_S)
    check(data, 60)


def test_tcp_when_the_reader_leaves_then_the_next_one_is_served() -> None:
    sink = TcpSink(0)
    sink.open(b"hi")
    sink.send(b"lost")
    assert sink.n_dropped == 4
    port = int(sink.name.rpartition(":")[2])
    for _ in range(2):
        with socket.create_connection(("127.0.0.1", port), DEADLINE_S) as link:
            link.setblocking(False)
            got = bytearray()

            def served(link: socket.socket = link, got: bytearray = got) -> bool:
                sink.send(b"x")
                if select.select([link], [], [], 0)[0]:
                    got.extend(link.recv(100))
                return b"hix" in got

            assert until(served)
    sink.close()


def test_tcp_when_the_port_is_taken_then_one_line_says_so() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        sink = TcpSink(other.getsockname()[1])
        with pytest.raises(BadInput, match=r"cannot listen there .*; choose another port"):
            sink.open(b"")


def test_stream_when_written_then_it_holds_every_byte() -> None:
    stream = io.BytesIO()
    sink = StreamSink(stream)
    sink.open(b"hello")
    sink.send(EVERY_BYTE)
    sink.close()
    assert stream.getvalue() == b"hello" + EVERY_BYTE


def test_pty_when_the_reader_writes_then_it_is_heard() -> None:
    sink = PtySink()
    sink.open(b"")
    assert sink.heard() == b""
    fd = os.open(sink.name, os.O_RDWR | os.O_NOCTTY)
    os.write(fd, b"START\r\n\x00")
    assert until(lambda: sink.heard() == b"START\r\n\x00")
    os.close(fd)
    sink.close()
    assert sink.heard() == b""


def test_pty_when_unplugged_then_the_link_is_gone_until_it_is_plugged_in(tmp_path: Path) -> None:
    link = tmp_path / "port"
    sink = PtySink(str(link))
    sink.open(b"")
    fd = os.open(link, os.O_RDWR | os.O_NOCTTY)
    sink.unplug()
    assert read(fd, 1) == b""
    os.close(fd)
    assert not os.path.lexists(link)
    sink.plug()
    fd = os.open(link, os.O_RDWR | os.O_NOCTTY)
    sink.send(b"back")
    assert read(fd, 4) == b"back"
    os.close(fd)
    sink.close()


def test_tcp_when_the_reader_writes_then_it_is_heard_and_unplugged_it_hangs_up() -> None:
    sink = TcpSink(0)
    sink.open(b"hi")
    assert sink.heard() == b""
    port = int(sink.name.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port), DEADLINE_S) as link:
        sink.send(b"x", lambda: True)
        assert link.recv(10)
        link.send(b"b")
        assert until(lambda: sink.heard() == b"b")
        sink.unplug()
        while link.recv(10):
            pass
    sink.plug()
    with socket.create_connection(("127.0.0.1", port), DEADLINE_S) as link:
        sink.send(b"y", lambda: True)
        assert link.recv(10)
    sink.close()


def test_stream_when_unplugged_then_it_just_goes_on() -> None:
    stream = io.BytesIO()
    sink = StreamSink(stream)
    sink.unplug()
    sink.plug()
    sink.send(b"abc")
    assert (stream.getvalue(), sink.heard()) == (b"abc", b"")
