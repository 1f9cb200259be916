"""A source that speaks: what is due goes out on the link it reads."""

from __future__ import annotations

import errno
import os

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
