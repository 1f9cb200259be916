"""A real Mosquitto on a free port of the loopback, and a subscriber that remembers everything."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

DEADLINE_S = 20.0
ROOT = Path(__file__).parents[2]


def wait_for(condition: Callable[[], Any], what: str, deadline_s: float = DEADLINE_S) -> Any:
    """Poll until `condition` gives something true, and give it back; fail after `deadline_s`."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.005)
    raise AssertionError(f"{what} did not happen within {deadline_s:g} s")


class Broker:
    """One mosquitto process that can be stopped, frozen, killed and started again on the same port."""

    def __init__(self, folder: Path, extra: str = "allow_anonymous true\n") -> None:
        program = shutil.which("mosquitto", path="/usr/sbin:/usr/bin:/usr/local/sbin:/opt/homebrew/sbin")
        if program is None:
            pytest.skip("no mosquitto on this machine (apt-get install mosquitto)")
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port = probe.getsockname()[1]
        conf = folder / f"mosquitto-{self.port}.conf"
        conf.write_text(f"listener {self.port} 127.0.0.1\npersistence false\nuser root\n{extra}")
        self._command = [program, "-c", str(conf)]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self._answers, "an answer of mosquitto")

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
        except OSError:
            return False
        return True

    def signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.kill()
            self._process.wait()
            self._process = None


class Subscriber:
    """Remembers every message as (topic, payload, retain), from a thread of its own."""

    def __init__(self, port: int, topic: str = "#", **login: str) -> None:
        self._lock = threading.Lock()
        self._got: list[tuple[str, bytes, bool]] = []
        self._subscribed = threading.Event()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2)
        if login:
            self.client.username_pw_set(**login)
        self.client.on_connect = lambda client, *_: client.subscribe(topic, 1)
        self.client.on_subscribe = lambda *_: self._subscribed.set()
        self.client.on_message = self._on_message
        self.client.reconnect_delay_set(1, 1)
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self._subscribed.wait(DEADLINE_S)

    def _on_message(self, client: Any, userdata: Any, message: mqtt.MQTTMessage) -> None:
        with self._lock:
            self._got.append((message.topic, bytes(message.payload), bool(message.retain)))

    @property
    def got(self) -> list[tuple[str, bytes, bool]]:
        with self._lock:
            return list(self._got)

    def payloads(self, topic: str) -> list[bytes]:
        return [payload for name, payload, _ in self.got if name == topic]

    def resubscribed(self) -> threading.Event:
        """An event that is set when the next (re)subscription is acknowledged."""
        self._subscribed.clear()
        return self._subscribed

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


@pytest.fixture(autouse=True)
def state_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No monitor of one test finds what that of another has left, or leaves anything in the tester's home."""
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    made = Broker(tmp_path)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def make_subscriber() -> Iterator[Callable[..., Subscriber]]:
    made: list[Subscriber] = []

    def make(port: int, topic: str = "#", **login: str) -> Subscriber:
        made.append(Subscriber(port, topic, **login))
        return made[-1]

    yield make
    for subscriber in made:
        subscriber.close()


@pytest.fixture
def until() -> Callable[..., Any]:
    return wait_for


@pytest.fixture
def spawn_unheard() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts `heartwire` with these words; what it says on the terminal goes nowhere. Ended with the test."""
    made: list[subprocess.Popen[bytes]] = []

    def start(*words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "edge.cli", *words]
        made.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        return made[-1]

    yield start
    for process in made:
        process.kill()
        process.wait()


@pytest.fixture
def spawn() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts `heartwire` with these words, its output in pipes; ended with the test."""
    made: list[subprocess.Popen[str]] = []

    def start(*words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "edge.cli", *words]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        made.append(subprocess.Popen(command, cwd=ROOT, env=dict(os.environ), **pipes))  # type: ignore[call-overload]
        return made[-1]

    yield start
    for process in made:
        process.kill()
        process.communicate()


class ResetProxy:
    """TCP on the loopback that passes bytes on to `port` until told to reset every connection."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self._links: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._target))
            self._links += [near, far]
            for a, b in ((near, far), (far, near)):
                self._threads.append(threading.Thread(target=self._pump, args=(a, b)))
                self._threads[-1].start()

    @staticmethod
    def _pump(a: socket.socket, b: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := a.recv(65536):
                b.sendall(data)
        for link in (a, b):
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)

    def reset(self) -> None:
        while self._links:
            link = self._links.pop()
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            with contextlib.suppress(OSError):
                link.shutdown(socket.SHUT_RDWR)
            link.close()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.reset()
        for thread in self._threads:
            thread.join(5.0)


@pytest.fixture
def proxy(broker: Broker) -> Iterator[ResetProxy]:
    made = ResetProxy(broker.port)
    yield made
    made.close()
