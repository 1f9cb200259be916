"""Helpers in processes of their own."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from edge.io import child


def test_child_when_its_verb_fails_then_its_line_can_be_read() -> None:
    process = child.spawn("replay", "/nowhere/100", "--to", "pty")
    assert process.stderr is not None
    assert "/nowhere/100" in process.stderr.read()
    assert process.wait(30) == 2
    child.end(process)


def test_child_when_its_parent_lets_go_then_it_ends(until: Any) -> None:
    process = child.spawn("simulate", "--to", "pty")
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(30) == 0
    child.end(process)


def test_broker_when_started_then_it_listens_on_the_loopback_only(until: Any, make_subscriber: Any) -> None:
    pytest.importorskip("amqtt")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    process = child.spawn("broker", str(port))

    def answers() -> bool:
        with socket.socket() as link:
            return link.connect_ex(("127.0.0.1", port)) == 0

    until(answers, "an answer of the broker")
    with socket.socket() as link:
        assert link.connect_ex(("127.0.0.2", port)) != 0
    subscriber = make_subscriber(port)
    subscriber.client.publish("a/b", b"hello", 1)
    until(lambda: subscriber.payloads("a/b") == [b"hello"], "the message")
    child.end(process)
    assert process.returncode is not None
