"""The shipped broker files in the real Mosquitto, with certificates made by the commands that stand in them."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge.cli import main
from edge.config import parse
from edge.service.catalogue import Site, acl, mosquitto

ROOT = Path(__file__).parents[3]
GENEROUS_S = 60.0
NUMBERS = count()
USERS = ("bed4", "bed5", "board-bed4", "viewer", "nurse")
SITE = Site("bed4", host="127.0.0.1")


def until(condition: Any, what: str) -> Any:
    end_s = time.monotonic() + GENEROUS_S
    while time.monotonic() < end_s:
        if found := condition():
            return found
        time.sleep(0.01)
    raise AssertionError(f"{what} did not happen within {GENEROUS_S:g} s")


def program(name: str, package: str) -> str:
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.skip(f"no {name} on this machine (apt-get install {package})")
    return found


class Guarded:
    """Mosquitto as Debian starts it, with our files in its conf.d."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ca = folder / "certs" / "ca.crt"
        (folder / "certs").mkdir()
        (folder / "conf.d").mkdir()
        openssl, passwd = program("openssl", "openssl"), program("mosquitto_passwd", "mosquitto")
        ours = mosquitto(SITE)
        for line in re.findall(r"^#\$ (openssl .*|printf .*)$", ours, re.MULTILINE):
            words = line.replace("openssl ", f"{openssl} ", 1)
            subprocess.run(words, shell=True, cwd=folder / "certs", check=True, capture_output=True)
        for user in USERS:
            create = [] if (folder / "heartwire.passwd").exists() else ["-c"]
            command = [passwd, "-b", *create, str(folder / "heartwire.passwd"), user, f"secret-{user}"]
            subprocess.run(command, check=True, capture_output=True)
        (folder / "heartwire.acl").write_text(acl(SITE) + "\nuser bed5\ntopic readwrite heartwire/bed5/#\n")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = int(probe.getsockname()[1])
        text = ours.replace("/etc/mosquitto/", f"{folder}/").replace("listener 8883", f"listener {self.port}")
        (folder / "conf.d" / "heartwire.conf").write_text(text)
        (folder / "mosquitto.conf").write_text(
            f"user root\npersistence true\npersistence_location {folder}/\nlog_dest file {folder}/log\n"
            f"include_dir {folder}/conf.d\n"
        )
        for path in (folder / "heartwire.acl", folder / "heartwire.passwd", folder / "certs" / "server.key"):
            path.chmod(0o600)
        self.process = subprocess.Popen(
            [program("mosquitto", "mosquitto"), "-c", str(folder / "mosquitto.conf")],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        until(self._answers, "an answer of mosquitto")

    def _answers(self) -> bool:
        if self.process.poll() is not None:
            assert self.process.stderr is not None
            raise AssertionError(self.process.stderr.read())
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()


class User:
    """A client with a user's password, that remembers what it hears."""

    def __init__(self, broker: Guarded, name: str, password: str | None = None) -> None:
        self.heard: list[tuple[str, bytes]] = []
        self.answer: str | None = None
        self.gone = threading.Event()
        self._subscribed = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, f"test-{name}-{next(NUMBERS)}")
        if name:
            self.client.username_pw_set(name, f"secret-{name}" if password is None else password)
        self.client.tls_set_context(ssl.create_default_context(cafile=str(broker.ca)))
        self.client.on_connect = self._on_connect
        self.client.on_disconnect = lambda *_: self.gone.set()
        self.client.on_subscribe = lambda *_: self._subscribed.set()
        self.client.on_message = lambda _c, _u, m: self.heard.append((m.topic, bytes(m.payload)))
        self.client.connect("127.0.0.1", broker.port)
        self.client.loop_start()
        until(lambda: self.answer is not None, "an answer to CONNECT")

    def _on_connect(self, client: Any, userdata: Any, flags: Any, code: Any, properties: Any) -> None:
        self.answer = "" if not code.is_failure else str(code)

    def listen(self, topic: str) -> None:
        self._subscribed.clear()
        self.client.subscribe(topic, 1)
        assert self._subscribed.wait(GENEROUS_S)

    def send(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Publish and wait for the broker's word, which it gives for what it drops as well."""
        self.client.publish(topic, payload, 1, retain).wait_for_publish(GENEROUS_S)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    made = Guarded(tmp_path_factory.mktemp("mosquitto"))
    yield made
    made.close()


@pytest.fixture
def enter(guarded: Guarded) -> Iterator[Any]:
    made: list[User] = []

    def make(name: str, password: str | None = None) -> User:
        made.append(User(guarded, name, password))
        return made[-1]

    yield make
    for user in made:
        user.close()


@pytest.mark.parametrize(
    ("name", "password"), [("", None), ("bed4", "secret-bed5"), ("bed4", ""), ("stranger", "x")]
)
def test_broker_when_somebody_has_no_right_password_then_refused(
    enter: Any, name: str, password: str
) -> None:
    assert enter(name, password).answer == "Not authorized"


@pytest.mark.parametrize("name", USERS)
def test_broker_when_a_user_comes_with_the_right_one_then_let_in(enter: Any, name: str) -> None:
    assert enter(name).answer == ""


def test_broker_when_spoken_to_without_tls_or_trusted_by_the_wrong_authority_then_no_connection(
    guarded: Guarded, tmp_path: Path
) -> None:
    plain = mqtt.Client(CallbackAPIVersion.VERSION2)
    plain.username_pw_set("bed4", "secret-bed4")
    connected: list[Any] = []
    plain.on_connect = lambda *words: connected.append(words)
    plain.connect("127.0.0.1", guarded.port)
    end_s = time.monotonic() + GENEROUS_S
    while plain.loop(0.1) == mqtt.MQTT_ERR_SUCCESS and time.monotonic() < end_s:
        continue
    assert time.monotonic() < end_s
    assert connected == []
    command = "openssl req -x509 -newkey rsa:2048 -nodes -days 9 -subj /CN=other -keyout k -out other.crt"
    subprocess.run(command.split(), cwd=tmp_path, check=True, capture_output=True)
    trust = ssl.create_default_context(cafile=str(tmp_path / "other.crt"))
    with (
        socket.create_connection(("127.0.0.1", guarded.port)) as link,
        pytest.raises(ssl.SSLCertVerificationError),
    ):
        trust.wrap_socket(link, server_hostname="127.0.0.1")


@pytest.mark.parametrize(
    ("sender", "topic", "arrives"),
    [
        ("bed4", "heartwire/bed4/state", True),
        ("bed4", "heartwire/bridge/state", True),
        ("bed5", "heartwire/bed5/state", True),
        ("bed5", "heartwire/bed4/state", False),
        ("bed5", "heartwire/bed4/command/ack", False),
        ("bed4", "heartwire/bed5/alarm/vf", False),
        ("viewer", "heartwire/bed4/command/ack", False),
        ("viewer", "heartwire/bed4/command/reset", False),
        ("viewer", "heartwire/viewer/state", False),
        ("nurse", "heartwire/bed4/command/ack", True),
        ("nurse", "heartwire/bed4/command/pause", True),
        ("nurse", "heartwire/bed4/command/reset", False),
        ("nurse", "heartwire/bed4/state", False),
        ("board-bed4", "heartwire/bed4/state", False),
    ],
)
def test_broker_when_a_user_publishes_then_only_what_is_his_arrives(
    enter: Any, sender: str, topic: str, arrives: bool
) -> None:
    viewer, one, last = enter("viewer"), enter(sender), enter("bed4" if sender != "bed4" else "bed5")
    viewer.listen("heartwire/#")
    one.send(topic, b"mine")
    bed = "bed4" if sender != "bed4" else "bed5"
    last.send(f"heartwire/{bed}/event", b"behind it")
    until(lambda: (f"heartwire/{bed}/event", b"behind it") in viewer.heard, "what came behind it")
    if arrives:
        until(lambda: (topic, b"mine") in viewer.heard, "the message")
    assert ((topic, b"mine") in viewer.heard) is arrives


def test_broker_when_a_board_sends_samples_then_its_bed_hears_them_and_no_other(enter: Any) -> None:
    bed4, bed5, board = enter("bed4"), enter("bed5"), enter("board-bed4")
    bed4.listen("in/bed4/#")
    bed5.listen("in/#")
    bed5.listen("heartwire/bed5/#")
    board.send("in/bed5/json", b"forged")
    board.send("in/bed4/json", b"mine")
    until(lambda: ("in/bed4/json", b"mine") in bed4.heard, "the samples")
    bed5.send("heartwire/bed5/event", b"last")
    until(lambda: ("heartwire/bed5/event", b"last") in bed5.heard, "the last word")
    assert [topic for topic, _ in bed5.heard if topic.startswith("in/")] == []


def test_broker_when_a_message_is_huge_then_refused_and_the_others_go_on(enter: Any) -> None:
    bed4, viewer = enter("bed4"), enter("viewer")
    viewer.listen("heartwire/bed4/#")
    bed4.gone.clear()
    bed4.client.publish("heartwire/bed4/event", b"x" * 100_000, 1)
    assert bed4.gone.wait(GENEROUS_S)
    nurse = enter("nurse")
    nurse.send("heartwire/bed4/command/ack", b"vt")
    until(lambda: ("heartwire/bed4/command/ack", b"vt") in viewer.heard, "a small message")
    assert all(len(payload) < 65_536 for _, payload in viewer.heard)


def test_run_when_configured_by_init_then_it_works_through_the_guarded_broker(
    guarded: Guarded, enter: Any, tmp_path: Path, spawn: Any
) -> None:
    link, file = tmp_path / "ttyECG", tmp_path / "bed4.toml"
    spawn("simulate", "--script", "sinus:300s rate=80", "--to", f"pty:{link}", "--wait")
    until(link.exists, "the device")
    (tmp_path / "password").write_text("secret-bed4\n")
    words = ["--source", str(link), "--device", "bed4", "--mqtt", f"127.0.0.1:{guarded.port}", "--mqtt-tls"]
    words += ["--mqtt-ca-file", str(guarded.ca), "--mqtt-username", "bed4", "-o", str(file)]
    assert main(["init", *words, "--mqtt-password-file", str(tmp_path / "password")]) == 0
    assert parse(file.read_text(), {}, {}).mqtt.tls
    assert "secret" not in file.read_text()
    viewer, nurse = enter("viewer"), enter("nurse")
    viewer.listen("heartwire/#")
    command = [sys.executable, "-m", "edge.cli", "run", "-c", str(file)]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as monitor:
        try:
            until(lambda: [p for t, p in viewer.heard if t == "heartwire/bed4/beat"], "beats")
            viewer.send("heartwire/bed4/command/ack", b'{"id": "of the viewer"}')
            nurse.send("heartwire/bed4/command/ack", b'{"id": "of the nurse"}')
            answer = "heartwire/bed4/response/ack"
            answers = until(lambda: [json.loads(p) for t, p in viewer.heard if t == answer], "an answer")
            assert [one["id"] for one in answers] == ["of the nurse"]
        finally:
            monitor.send_signal(signal.SIGTERM)
            _, said = monitor.communicate(timeout=GENEROUS_S)
    assert monitor.returncode == 0, said
    assert "secret-bed4" not in said
