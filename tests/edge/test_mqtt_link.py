"""One connection: its packets, its settings, and a dialler that nobody waits for any more."""

from __future__ import annotations

import socket
import ssl
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from edge.config import MqttConfig
from edge.io.mqtt_link import Dialler, MqttLink, make_client, publish_packet, tls_context
from edge.io.poller import WRITE, Poller
from edge.messages import Message
from firmware_bridge.types import BadInput


def test_packet_when_built_then_these_bytes() -> None:
    assert publish_packet(Message("a/b", b"hi", False, 0)) == bytes.fromhex("30 07 0003 612f62 6869")
    assert publish_packet(Message("a/b", b"hi", True, 0))[0] == 0x31
    assert publish_packet(Message("a/b", bytes(200), False, 0))[:5] == bytes.fromhex("30 cd01 0003")


@pytest.mark.parametrize("topic", ["", "a/#", "+", "a\0b", "x" * 65_536])
def test_packet_when_the_topic_is_no_topic_then_refused(topic: str) -> None:
    with pytest.raises(ValueError, match="topic"):
        publish_packet(Message(topic, b"x", False, 0))


def test_link_when_the_socket_takes_no_more_then_packets_stay_whole_and_in_order() -> None:
    ours, theirs = socket.socketpair()
    for sock in (ours, theirs):
        sock.setblocking(False)
    link = MqttLink(make_client(MqttConfig(), "one"), ours, "ping", 0.0)
    messages = [Message(f"t/{k}", bytes([k]) * 3001, False, 0) for k in range(200)]
    assert not link.send_now(messages[0]), "nothing goes before the broker was greeted"
    link.ready = True
    sent, got = b"", b""
    for message in messages:
        while not link.send_now(message):
            assert link.wants_write()
            got += theirs.recv(1 << 20)
            link.handle(WRITE)
            link.flush()
        sent += publish_packet(message)
    while len(got) < len(sent):
        got += theirs.recv(1 << 20)
        link.flush()
    assert got == sent
    link.abandon()
    theirs.close()


def test_tls_when_not_asked_for_then_none() -> None:
    assert tls_context(MqttConfig()) is None


def test_tls_when_asked_for_then_names_are_checked_and_old_versions_refused() -> None:
    context = tls_context(MqttConfig(tls=True))
    assert context is not None
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


@pytest.mark.parametrize("content", [None, "not a certificate"])
def test_tls_when_its_files_do_not_serve_then_one_line(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(BadInput, match=r"mqtt TLS: cannot use .*ca\.pem"):
        tls_context(MqttConfig(tls=True, ca_file=str(path)))


def test_dialler_when_nobody_listens_then_the_loop_is_told_why(until: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    told: list[BaseException | None] = []
    with closing(Poller()) as poller:
        dialler = Dialler(poller, lambda client, error: told.append(error))
        dialler.dial(make_client(MqttConfig(port=port), "one"))

        def turn() -> bool:
            poller.turn(0.01)
            return bool(told)

        until(turn, "an answer")
        assert isinstance(told[0], ConnectionRefusedError)
        assert not dialler.busy
        dialler.close()


def test_dialler_when_closed_before_the_answer_then_the_connection_is_thrown_away() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, closing(Poller()) as poller:
        dialler = Dialler(poller, lambda client, error: None)
        dialler.dial(make_client(MqttConfig(port=server.getsockname()[1]), "one"))
        dialler.close()
        server.settimeout(10.0)
        peer, _ = server.accept()
        with peer:
            peer.settimeout(10.0)
            while peer.recv(4096):
                continue
