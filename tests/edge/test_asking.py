"""A source that speaks: what is due goes out on the link it reads."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket

import pytest

from edge.io.asking import AskingSource
from edge.io.source import FdSource, SourceLost


class Pair(FdSource):
    """A link to a pipe, or to nobody."""

    def open(self) -> None:
        self.far, self._fd = os.openpty()
        os.set_blocking(self._fd, False)


class Asks:
    """Has something to say at every full second."""

    def ask(self, t_s: float) -> bytes:
        return b"%d" % t_s if t_s == int(t_s) else b""


def test_tick_when_something_is_due_then_it_is_sent_and_else_nothing() -> None:
    pair = Pair("pair")
    source = AskingSource(pair, Asks())
    source.tick(1.0)
    source.open()
    assert source.name == "pair"
    for t_s in (2.0, 2.5, 3.0):
        source.tick(t_s)
    sent = b""
    while len(sent) < 2:  # the terminal hands over what was written in one piece or in two
        sent += os.read(pair.far, 10)
    assert sent == b"23"
    os.write(pair.far, b"abc\n")
    assert source.read() == b"abc\n"
    assert source.fileno() == pair.fileno() >= 0
    os.close(pair.far)
    source.tick(4.0)
    with pytest.raises(SourceLost):
        source.read()
    source.close()
    assert source.fileno() == -1
    assert "cannot open it" in source.explain(OSError(errno.EIO, "x"))


class Leaves(Asks):
    """Wants to say good-bye, and has much to say."""

    def ask(self, t_s: float) -> bytes:
        return b"x" * 100_000 if t_s == 1.0 else b""

    def leave(self) -> bytes:
        return b"bye"


def drained(fd: int) -> bytes:
    got = b""
    with contextlib.suppress(OSError):  # a terminal whose other end is closed
        while select.select([fd], [], [], 0.1)[0]:
            got += os.read(fd, 65536)
    return got


def test_close_when_the_device_wants_to_know_then_it_is_told() -> None:
    pair = Pair("pair")
    source = AskingSource(pair, Leaves())
    source.close()
    source.open()
    source.close()
    assert drained(pair.far) == b"bye"
    os.close(pair.far)


def test_tick_when_the_link_is_full_then_the_rest_goes_later_and_nothing_is_asked_meanwhile() -> None:
    near, far = socket.socketpair()
    near.setblocking(False)
    pair = Pair("pair")
    pair._fd = near.fileno()
    source = AskingSource(pair, Leaves())
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    got = b""
    for t_s in (1.0, *[2.0] * 100):
        source.tick(t_s)
        got += drained(far.fileno())
        if len(got) == 100_000:
            break
    assert got == b"x" * 100_000
    near.close()
    far.close()
    source.tick(1.0)  # a link that is gone takes nothing, and nothing is kept for it
    pair._fd = -1
