"""Serial ports, played by ptys: bytes, hang-up, return under another number, and what a user is told."""

from __future__ import annotations

import errno
import gc
import os
import select
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.io.serial_source import SerialSource, list_ports
from edge.io.source import SourceLost, make_source


class Pty:
    """A device on a pty. `link` points at its slave, as udev's by-id links do."""

    def __init__(self, link: Path) -> None:
        self.link, self.master = link, -1
        self.plug()

    def plug(self) -> None:
        self.master, slave = os.openpty()
        self.link.unlink(missing_ok=True)
        self.link.symlink_to(os.ttyname(slave))
        os.close(slave)

    def unplug(self) -> None:
        if self.master >= 0:
            os.close(self.master)
            self.master = -1


@pytest.fixture
def pty(tmp_path: Path) -> Iterator[Pty]:
    made = Pty(tmp_path / "ttyECG")
    yield made
    made.unplug()


@pytest.fixture
def source(pty: Pty) -> Iterator[SerialSource]:
    made = SerialSource(str(pty.link), 115200)
    yield made
    made.close()


def read_until(source: SerialSource, n: int) -> bytes:
    data = b""
    while len(data) < n:
        assert select.select([source.fileno()], [], [], 5.0)[0], "nothing came within 5 s"
        data += source.read()
    return data


def test_port_when_open_then_every_byte_comes_unchanged(pty: Pty, source: SerialSource) -> None:
    source.open()
    assert source.read() == b""
    raw = bytes(range(256))
    os.write(pty.master, raw)
    assert read_until(source, 256) == raw


def test_port_when_open_then_raw_and_without_echo(pty: Pty, source: SerialSource) -> None:
    source.open()
    iflag, oflag, _cflag, lflag, *_ = termios.tcgetattr(source.fileno())
    assert not lflag & (termios.ICANON | termios.ECHO | termios.ISIG)
    assert not iflag & (termios.IXON | termios.ICRNL)
    assert not oflag & termios.OPOST


def test_port_when_unplugged_then_what_came_first_is_read_then_lost(pty: Pty, source: SerialSource) -> None:
    source.open()
    os.write(pty.master, b"last words")
    assert read_until(source, 10) == b"last words"
    pty.unplug()
    assert select.select([source.fileno()], [], [], 5.0)[0]
    with pytest.raises(SourceLost):
        source.read()


def test_port_when_plugged_in_500_times_then_found_again_and_no_descriptor_leaks(
    pty: Pty, source: SerialSource
) -> None:
    gc.collect()  # what earlier tests left open is closed now, not while this one counts
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(500):
        source.open()
        os.write(pty.master, b"x")
        assert read_until(source, 1) == b"x"
        pty.unplug()
        with pytest.raises(SourceLost):
            source.read()
        source.close()
        pty.plug()
    assert len(os.listdir("/proc/self/fd")) == before


def test_port_when_held_by_another_then_busy_and_its_holder_named(pty: Pty, source: SerialSource) -> None:
    other = SerialSource(str(pty.link), 115200)
    other.open()
    with pytest.raises(SourceLost) as caught:
        source.open()
    other.close()
    assert "busy" in source.explain(caught.value)
    source.open()


def test_port_when_missing_then_no_such_port_and_where_to_look(tmp_path: Path) -> None:
    source = SerialSource(str(tmp_path / "ttyUSB9"), 115200)
    with pytest.raises(SourceLost) as caught:
        source.open()
    assert caught.value.errno == errno.ENOENT
    line = source.explain(caught.value)
    assert "no such port" in line
    assert "heartwire ports" in line


@pytest.mark.parametrize("path", ["/dev/null", str(Path(__file__)), "/"])
def test_port_when_not_a_serial_port_then_said(path: str) -> None:
    source = SerialSource(path, 115200)
    with pytest.raises(SourceLost) as caught:
        source.open()
    assert "not a serial port" in source.explain(caught.value)


def test_port_when_permission_is_missing_then_the_group_to_join(pty: Pty, source: SerialSource) -> None:
    line = source.explain(PermissionError(errno.EACCES, "Permission denied"))
    assert "usermod -aG" in line
    assert "\n" not in line


def test_list_ports_when_asked_then_each_has_a_path_and_a_description() -> None:
    assert all(port.path.startswith("/dev/") and port.title for port in list_ports())


def test_make_source_when_a_path_then_a_serial_port() -> None:
    assert isinstance(make_source("/dev/ttyUSB0", 9600), SerialSource)


@pytest.mark.parametrize(
    ("parity", "bits"), [("E", termios.PARENB), ("O", termios.PARENB | termios.PARODD), ("N", 0)]
)
def test_port_when_it_has_a_parity_bit_then_it_is_set_and_wrong_bytes_are_dropped(
    pty: Pty, monkeypatch: pytest.MonkeyPatch, parity: str, bits: int
) -> None:
    asked: list[list[int]] = []
    real = termios.tcsetattr

    def note(fd: int, when: int, attributes: list[Any]) -> None:
        asked.append(list(attributes[:3]))
        real(fd, when, attributes)

    monkeypatch.setattr(termios, "tcsetattr", note)
    monkeypatch.setattr(SerialSource, "_is_pty", lambda self: False)
    made = make_source(str(pty.link), 19200, parity)
    assert isinstance(made, SerialSource)
    made.open()
    made.close()
    # A pty keeps no parity: what counts is what a port is asked for.
    assert asked[0][2] & (termios.PARENB | termios.PARODD) == bits
    wanted = termios.INPCK | termios.IGNPAR if bits else 0
    assert asked[-1][0] & (termios.INPCK | termios.IGNPAR) == wanted


def test_pty_when_opened_again_by_another_parity_then_it_opens(pty: Pty) -> None:
    for parity in ("N", "E", "E", "N", "O"):
        made = make_source(str(pty.link), 19200, parity)
        made.open()
        made.close()
