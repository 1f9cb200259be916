"""The server over real sockets, between a real Mosquitto and viewers good and bad."""

from __future__ import annotations

import http.client
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge.bench.process import rss_mb
from edge.io.dashboard import assets, server
from edge.waveform import encode_wave

TOKEN = "k" * 20
ALARM = {"state": "active", "priority": "high", "value": "172 bpm"}


@pytest.fixture
def sender(broker: Any) -> Iterator[Callable[..., None]]:
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()

    def send(topic: str, body: Any, retain: bool = False, qos: int = 1) -> None:
        payload = body if isinstance(body, bytes) else json.dumps(body).encode()
        client.publish(topic, payload, qos, retain).wait_for_publish(5)

    yield send
    client.disconnect()
    client.loop_stop()


def hear(viewer: Any, wanted: Callable[[dict[str, Any]], Any], deadline_s: float = 10.0) -> dict[str, Any]:
    """The first item that is wanted."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        for item in json.loads(viewer.recv(timeout=deadline_s)):
            if wanted(item):
                return dict(item)
    raise AssertionError("not heard")


def is_up(item: dict[str, Any]) -> bool:
    return item["is"] == "tick" and item["up"]


def ask(page: Any, path: str = "/", method: str = "GET", **headers: str) -> tuple[int, Any, bytes]:
    link = http.client.HTTPConnection("127.0.0.1", page.port, timeout=5)
    link.putrequest(method, path, skip_host=True)
    for name, value in {"Host": f"127.0.0.1:{page.port}", **headers}.items():
        link.putheader(name, value)
    link.endheaders()
    answer = link.getresponse()
    found = answer.status, answer.headers, answer.read()
    link.close()
    return found


UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


def test_load_when_installed_then_every_file_that_the_page_names_is_there() -> None:
    files = assets.load()
    html = files["/"][1].decode()
    for name in ("style.css", "page.js", "icon.svg"):
        assert f'"{name}"' in html
        assert f"/{name}" in files
    for kind, body in files.values():
        if kind.startswith("text/javascript"):
            for line in body.decode().splitlines():
                if line.startswith("import "):
                    assert line.split('"')[1].removeprefix(".") in files
    assert "style=" not in html
    assert "<script>" not in html


def test_server_when_asked_for_files_then_served_with_strict_headers(
    broker: Any, open_page: Callable[..., Any]
) -> None:
    page = open_page(broker.port)
    for path, (kind, body) in assets.load().items():
        status, headers, got = ask(page, path)
        assert (status, headers["Content-Type"], got) == (200, kind, body)
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
        assert headers["X-Content-Type-Options"] == "nosniff"
    assert ask(page, "/../pyproject.toml")[0] == 404
    assert ask(page, "/%2e%2e/access.py")[0] == 404


def test_server_when_the_name_or_the_page_is_foreign_then_refused_over_http_and_websocket(
    broker: Any, open_page: Callable[..., Any]
) -> None:
    page = open_page(broker.port)
    assert ask(page, Host="evil.example")[0] == 400
    assert ask(page, Host=f"evil.example:{page.port}", path="/page.js")[0] == 400
    assert ask(page, Origin="http://evil.example")[0] == 403
    assert ask(page, "/live", **UPGRADE, Origin="http://evil.example")[0] == 403
    assert ask(page, "/live", **UPGRADE, Origin=f"http://localhost:{page.port}")[0] == 403
    assert ask(page, "/live", **UPGRADE)[0] == 403
    assert (
        ask(page, "/live", **{**UPGRADE, "Host": "evil.example", "Origin": "http://evil.example"})[0] == 400
    )
    assert ask(page, "/", **UPGRADE, Origin=page.origin)[0] == 200
    assert ask(page, "/live", **UPGRADE, Origin=page.origin)[0] == 101
    with pytest.raises(http.client.HTTPException):
        ask(page, "/", method="POST")
    assert ask(page)[0] == 200


def test_server_when_a_viewer_comes_then_what_is_true_and_then_what_happens(
    broker: Any, open_page: Callable[..., Any], sender: Callable[..., None]
) -> None:
    sender("heartwire/bed4/state", {"hr_bpm": 61, "boot_id": "a", "seq": 1}, retain=True)
    sender("heartwire/bed4/waveform/II/meta", {"fs": 250, "scale_mv": 0.001}, retain=True)
    page = open_page(broker.port)
    with page.viewer() as viewer:
        hear(viewer, lambda item: item["is"] == "lead")
        sender("heartwire/bed4/waveform/II", encode_wave(0, 10**15, np.ones(3, np.float32)), qos=0)
        assert hear(viewer, lambda item: item["is"] == "wave")["x"] == [1000, 1000, 1000]
        sender("heartwire/bed4/state", {"hr_bpm": 62, "boot_id": "a", "seq": 2}, retain=True)
        assert hear(viewer, lambda item: item["is"] == "vitals" and item["it"]["hr_bpm"] == 62)
        begun = time.monotonic()
        assert hear(viewer, lambda item: item["is"] == "fresh" and item["it"]["stale"])
        assert time.monotonic() - begun < 3.0
        with page.viewer() as second:
            found = json.loads(second.recv(timeout=5))
            assert {"tick", "bed", "lead", "vitals", "fresh"} == {item["is"] for item in found}


def test_server_when_acknowledged_with_the_key_then_on_the_command_topic_and_else_told_why(
    broker: Any,
    open_page: Callable[..., Any],
    sender: Callable[..., None],
    make_subscriber: Callable[..., Any],
    until: Callable[..., Any],
) -> None:
    watcher = make_subscriber(broker.port, "heartwire/+/command/ack")
    sender("heartwire/bed4/alarm/vt", ALARM, retain=True)
    page = open_page(broker.port)
    with page.viewer() as viewer:
        bed = hear(viewer, lambda item: item["is"] == "alarm")["bed"]
        for junk in (
            "",
            "[]",
            "x" * 500,
            b"\xff\xfe",
            json.dumps({"ack": 99, "alarm": "vt", "token": TOKEN}),
        ):
            viewer.send(junk)
        for ack, error in (
            ({"ack": bed, "alarm": "vt", "token": "wrong"}, "wrong key"),
            ({"ack": bed, "alarm": "vt"}, "wrong key"),
            ({"ack": bed, "alarm": "vf", "token": TOKEN}, "no such alarm"),
        ):
            viewer.send(json.dumps(ack))
            assert error in hear(viewer, lambda item: item["is"] == "answer")["it"]["error"]
        assert watcher.got == []
        viewer.send(json.dumps({"ack": bed, "alarm": "vt", "token": TOKEN}))
        until(lambda: watcher.got, "the command")
        ((topic, payload, retain),) = watcher.got
        assert (topic, json.loads(payload)["name"], retain) == ("heartwire/bed4/command/ack", "vt", False)


def test_server_when_a_viewer_says_too_much_then_closed_and_the_others_stay(
    broker: Any, open_page: Callable[..., Any]
) -> None:
    from websockets.exceptions import ConnectionClosed

    page = open_page(broker.port)
    with page.viewer() as good, page.viewer() as bad:
        bad.send("x" * 5000)
        with pytest.raises(ConnectionClosed):
            hear(bad, lambda item: False)
        assert hear(good, is_up)


def test_server_when_the_broker_goes_and_comes_then_every_viewer_knows(
    broker: Any, open_page: Callable[..., Any]
) -> None:
    page = open_page(broker.port)
    with page.viewer() as viewer:
        hear(viewer, is_up)
        broker.stop()
        assert hear(viewer, lambda item: item["is"] == "tick" and not item["up"])["why"]
        broker.start()
        hear(viewer, is_up)
    said = page.close()
    assert "connection ended" in said or "Connection refused" in said
    assert said.rstrip().endswith(": connected")
    assert TOKEN not in said


def test_server_when_five_of_twenty_never_read_then_closed_and_nobody_else_notices(
    broker: Any, open_page: Callable[..., Any], sender: Callable[..., None], until: Callable[..., Any]
) -> None:
    sender("heartwire/bed4/waveform/II/meta", {"fs": 250, "scale_mv": 0.001}, retain=True)
    page = open_page(broker.port)
    good = [page.viewer() for _ in range(15)]
    n_good = n_sockets(page)
    dead = [dumb(page) for _ in range(5)]
    until(lambda: n_sockets(page) == n_good + 5, "their connections")
    before_mb = rss_mb(page.process.pid)
    begun = time.monotonic()
    waits = []
    chunk, k = np.zeros(2000, np.float32), 0
    while n_sockets(page) > n_good and time.monotonic() - begun < 10.0:
        k += 1
        sent = time.monotonic()
        sender("heartwire/bed4/waveform/II", encode_wave(k, 10**15 + k, chunk), qos=0)
        for viewer in good:
            hear(viewer, partial(is_chunk, k))
        waits.append(time.monotonic() - sent)
        time.sleep(0.05)
    assert sorted(waits)[len(waits) // 2] < 0.5, waits
    assert n_sockets(page) == n_good
    assert time.monotonic() - begun > server.PING_S
    after_mb = rss_mb(page.process.pid)
    assert before_mb is not None
    assert after_mb is not None
    assert after_mb - before_mb < 20.0
    for viewer in good:
        viewer.close()
    for link in dead:
        link.close()


def is_chunk(k: int, item: dict[str, Any]) -> bool:
    return item["is"] == "wave" and item["t_ms"] == (10**15 + k) / 1000


def dumb(page: Any) -> socket.socket:
    """A viewer that shakes hands and then never reads."""
    link = socket.socket()
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    link.connect(("127.0.0.1", page.port))
    lines = [
        f"Host: 127.0.0.1:{page.port}",
        f"Origin: {page.origin}",
        *(f"{k}: {v}" for k, v in UPGRADE.items()),
    ]
    link.sendall(("GET /live HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n").encode())
    return link


def n_sockets(page: Any) -> int:
    """Sockets that the server holds."""
    links = [
        os.path.join(f"/proc/{page.process.pid}/fd", name)
        for name in os.listdir(f"/proc/{page.process.pid}/fd")
    ]
    return sum(os.readlink(link).startswith("socket:") for link in links)


def test_server_when_sent_hostile_things_then_it_stays_small_and_shows_the_good_bed(
    broker: Any, open_page: Callable[..., Any], sender: Callable[..., None]
) -> None:
    page = open_page(broker.port)
    with page.viewer() as viewer:
        hear(viewer, is_up)
        before_mb = rss_mb(page.process.pid)
        payloads = [
            b"", b"\xff", b"[" * 60000, b"{" * 60000, b'{"hr_bpm": NaN}', b'{"hr_bpm": 1e999}', os.urandom(3000),
            b'{"a":' + b"9" * 5000 + b"}", b'{"state":"active","state":"x"}', b"x" * 5_000_000,
        ]  # fmt: skip
        leaves = [
            "state",
            "beat",
            "alarm/vt",
            "waveform/II",
            "waveform/II/meta",
            "rhythm",
            "event",
            "x" * 60000,
        ]
        for device in ("bed4", "<img src=x onerror=alert(1)>", "\u202etxt.exe", "x" * 60000):
            for leaf in leaves[: 8 if len(device) < 100 else 1]:
                for payload in payloads[: 10 if device == "bed4" else 9]:
                    sender(f"heartwire/{device}/{leaf}", payload, qos=0)
        sender("heartwire/bed4/state", {"hr_bpm": 72, "boot_id": "a", "seq": 1})
        assert hear(viewer, lambda item: item["is"] == "vitals" and item["it"]["hr_bpm"] == 72)
        after_mb = rss_mb(page.process.pid)
        assert before_mb is not None
        assert after_mb is not None
        assert after_mb - before_mb < 30.0
