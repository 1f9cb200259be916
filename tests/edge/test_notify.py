"""Words for the service manager, over a real datagram socket: a path, an abstract name, none, one that is gone."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from edge.io.notify import Notifier


def listener(address: str) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    made.bind(address)
    made.settimeout(10.0)
    return made


def test_notifier_when_the_socket_is_a_path_then_one_datagram_with_all_words(tmp_path: Path) -> None:
    with listener(str(tmp_path / "notify")) as heard:
        notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert notifier.wanted
        notifier.send("READY=1", "STATUS=bed4: no signal")
        assert heard.recv(1000) == b"READY=1\nSTATUS=bed4: no signal"
        notifier.send()
        notifier.send("WATCHDOG=1")
        assert heard.recv(1000) == b"WATCHDOG=1"
        notifier.close()
        notifier.send("WATCHDOG=1")
        notifier.close()


def test_notifier_when_the_socket_is_abstract_then_heard_too() -> None:
    name = f"heartwire-test-{os.getpid()}"
    with listener("\0" + name) as heard:
        notifier = Notifier({"NOTIFY_SOCKET": "@" + name})
        notifier.send("READY=1")
        assert heard.recv(1000) == b"READY=1"
        notifier.close()


@pytest.mark.parametrize("name", ["", "vsock:2:1234", "relative"])
def test_notifier_when_nobody_listens_then_nothing_is_sent(name: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": name})
    assert not notifier.wanted
    notifier.send("READY=1")
    notifier.close()


def test_notifier_when_the_manager_is_gone_or_full_then_nothing_happens(tmp_path: Path) -> None:
    gone = Notifier({"NOTIFY_SOCKET": str(tmp_path / "gone")})
    gone.send("READY=1")
    gone.close()
    with listener(str(tmp_path / "full")):
        full = Notifier({"NOTIFY_SOCKET": str(tmp_path / "full")})
        for _ in range(5000):
            full.send("WATCHDOG=1")
        full.close()


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({}, 0.0),
        ({"WATCHDOG_USEC": "10000000"}, 10.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": str(os.getpid())}, 10.0),
        ({"WATCHDOG_USEC": "10000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
    ],
)
def test_watchdog_when_it_is_meant_for_another_or_is_no_number_then_none(
    environ: dict[str, str], seconds: float
) -> None:
    assert Notifier(environ).watchdog_s == seconds
