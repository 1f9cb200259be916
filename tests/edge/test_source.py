"""TCP and standard input as sources, and the names that choose one."""

from __future__ import annotations

import os
import select
import socket
import subprocess
import sys

import pytest

from edge.io.source import BackOff, SourceLost, StdinSource, TcpSource, make_source
from firmware_bridge.types import BadInput


def read_until(source: TcpSource, n: int) -> bytes:
    data = b""
    while len(data) < n:
        assert select.select([source.fileno()], [], [], 5.0)[0], "nothing came within 5 s"
        data += source.read()
    return data


def test_back_off_when_failing_then_doubles_to_the_last_and_begins_again() -> None:
    back_off = BackOff()
    assert [back_off.fail() for _ in range(6)] == [0.2, 0.4, 0.8, 1.6, 2.0, 2.0]
    back_off.succeed()
    assert back_off.fail() == 0.2


def test_tcp_when_server_sends_and_closes_then_bytes_then_lost_then_open_again() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        source = TcpSource(f"tcp://127.0.0.1:{server.getsockname()[1]}")
        for _ in range(2):
            source.open()
            peer, _address = server.accept()
            assert source.read() == b""
            peer.sendall(b"ecg" * 5000)
            assert read_until(source, 15000) == b"ecg" * 5000
            peer.close()
            assert select.select([source.fileno()], [], [], 5.0)[0]
            with pytest.raises(SourceLost):
                source.read()
            source.close()
            source.close()
            assert source.fileno() == -1


def test_tcp_when_nobody_listens_then_lost_and_one_line_of_advice() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    source = TcpSource(f"tcp://127.0.0.1:{port}")
    with pytest.raises(SourceLost) as caught:
        source.open()
    assert "is the sender running" in source.explain(caught.value)


@pytest.mark.parametrize("name", ["tcp://", "tcp://host", "tcp://host:x", "tcp://host:99999", "ftp://x", ""])
def test_make_source_when_name_is_wrong_then_one_line(name: str) -> None:
    with pytest.raises(BadInput, match="source: got"):
        make_source(name, 115200)


def test_stdin_when_piped_then_bytes_then_the_end() -> None:
    code = (
        "import select, sys\n"
        "from edge.io.source import SourceEnded, StdinSource\n"
        "s = StdinSource(); s.open(); n = 0\n"
        "try:\n"
        "    while select.select([s.fileno()], [], [], 10)[0]: n += len(s.read())\n"
        "except SourceEnded: print(n)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=b"x" * 100_000, capture_output=True, timeout=30, check=True
    )
    assert done.stdout == b"100000\n"


def test_stdin_when_a_file_then_told_to_pipe_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.path.abspath(__file__)) as file:
        monkeypatch.setattr(sys, "stdin", file)
        with pytest.raises(BadInput, match="expected a pipe"):
            StdinSource().open()


def test_stdin_when_it_can_never_be_waited_for_then_told_to_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull) as nothing:
        monkeypatch.setattr(sys, "stdin", nothing)
        with pytest.raises(BadInput, match=r"^source: standard input is no pipe, expected a pipe; use `cat"):
            StdinSource().open()
