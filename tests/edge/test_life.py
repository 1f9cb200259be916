"""The real monitor and a service manager played on a real socket: ready, fed while alive, not fed once it is dead."""

from __future__ import annotations

import os
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

import edge.io.mqtt_link as mqtt_link
from edge.config import MqttConfig
from edge.io.life import Life
from edge.io.mqtt_source import MqttSource
from edge.io.notify import Notifier
from edge.io.poller import Poller
from edge.io.publisher import Publisher
from edge.log_lines import Line
from edge.messages import Composer
from edge.stamps import Stamps

ROOT = Path(__file__).parents[2]
GENEROUS_S = 60.0
SABOTEUR = """
import sys, time
from pathlib import Path
from edge.pipeline import Pipeline
flag, parts = Path(sys.argv[1]), Pipeline.parts

def spoilt(self, item):
    what = flag.read_text() if flag.exists() else ""
    if what == "raise":
        raise RuntimeError("a stage is broken")
    while what == "block":
        flag.with_name("blocked").touch()
        time.sleep(1)
    return parts(self, item)

Pipeline.parts = spoilt
from edge.cli import main
sys.exit(main(sys.argv[2:]))
"""


class Manager:
    """What systemd does with a service's socket: it takes words, each as a dict."""

    def __init__(self, path: Path) -> None:
        self.path, self.status = path, ""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))

    def hear(self, seconds: float) -> dict[str, str] | None:
        """The next datagram, or None when none comes in this time."""
        self._socket.settimeout(seconds)
        try:
            words = self._socket.recv(4096).decode()
        except TimeoutError:
            return None
        heard = dict(word.partition("=")[::2] for word in words.split("\n"))
        self.status = heard.get("STATUS", self.status)
        return heard

    def until(self, name: str, text: str = "") -> dict[str, str]:
        """Hear on until a datagram has `name` with `text` in it."""
        end_s = time.monotonic() + GENEROUS_S
        while time.monotonic() < end_s:
            words = self.hear(GENEROUS_S) or {}
            if text in words.get(name, "-"):
                return words
        raise AssertionError(f"{name} with {text!r} did not come")

    def until_status(self, text: str) -> None:
        """Hear on until the line has `text` in it."""
        if text not in self.status:
            self.until("STATUS", text)

    def n_fed(self, seconds: float) -> int:
        """How often the watchdog is fed in this time."""
        n, end_s = 0, time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            n += "WATCHDOG" in (self.hear(left_s) or {})
        return n

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Manager]:
    made = Manager(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", str(made.path))
    monkeypatch.setenv("WATCHDOG_USEC", "10000000")
    yield made
    made.close()


@pytest.fixture
def spoilable(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts the real verb, whose analysis breaks in the way that the file `flag` names."""
    made: list[subprocess.Popen[str]] = []

    def start(*words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", SABOTEUR, str(tmp_path / "flag"), *words]
        made.append(
            subprocess.Popen(
                command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        )  # fmt: skip
        return made[-1]

    yield start
    for process in made:
        process.kill()
        process.communicate()


def test_run_when_its_cable_is_silent_then_fed_and_when_its_analysis_is_blocked_then_not(
    tmp_path: Path, broker: Any, manager: Manager, spawn: Any, spoilable: Any, until: Any
) -> None:
    link = tmp_path / "ttyECG"
    player = spawn("simulate", "--script", "sinus:300s", "--to", f"pty:{link}")
    until(link.exists, "the device", GENEROUS_S)
    where = f"127.0.0.1:{broker.port}"
    monitor = spoilable("run", "--source", str(link), "--device", "bed4", "--mqtt", where)
    assert "READY" in manager.until("READY", "1")
    manager.until_status("bed4: samples at")
    manager.until("WATCHDOG", "1")
    player.send_signal(signal.SIGSTOP)
    manager.until_status("bed4: no signal, connected to the broker")
    for _ in range(2):
        manager.until("WATCHDOG", "1")
    assert "no signal" in manager.status
    player.send_signal(signal.SIGCONT)
    manager.until_status("bed4: samples at")
    (tmp_path / "flag").write_text("block")
    until((tmp_path / "blocked").exists, "the block", GENEROUS_S)
    while manager.hear(0.2) is not None:
        continue  # what was said before
    assert manager.n_fed(2.0) == 0
    assert monitor.poll() is None


def test_run_when_its_analysis_raises_for_ever_then_not_fed_and_said_and_fed_again_when_mended(
    tmp_path: Path, manager: Manager, spawn: Any, spoilable: Any, until: Any
) -> None:
    link = tmp_path / "ttyECG"
    spawn("simulate", "--script", "sinus:300s", "--to", f"pty:{link}")
    until(link.exists, "the device", GENEROUS_S)
    monitor = spoilable("run", "--source", str(link), "--device", "bed4", "--mqtt", "none")
    manager.until("WATCHDOG", "1")
    (tmp_path / "flag").write_text("raise")
    manager.until_status("bed4: no answer of the analysis to")
    assert manager.n_fed(1.5) == 0
    (tmp_path / "flag").unlink()
    manager.until("WATCHDOG", "1")
    monitor.send_signal(signal.SIGTERM)
    assert "ending" in manager.until("STOPPING", "1")["STATUS"]
    _, said = monitor.communicate(timeout=GENEROUS_S)
    assert monitor.returncode == 0
    assert "ERROR    watchdog: not fed: no answer of the analysis" in said
    assert "info     watchdog: fed again" in said


def test_run_when_the_port_is_missing_then_never_ready(tmp_path: Path, manager: Manager, spawn: Any) -> None:
    monitor = spawn("run", "--source", str(tmp_path / "nothing"), "--mqtt", "none")
    assert monitor.wait(GENEROUS_S) == 2
    words = [manager.hear(0.1) or {} for _ in range(5)]
    assert not [word for word in words if "READY" in word or "WATCHDOG" in word]


def test_run_when_the_broker_refuses_us_then_never_ready(
    tmp_path: Path, broker: Any, manager: Manager, spawn: Any, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    guarded = type(broker)(tmp_path, "allow_anonymous false\n")
    with monkeypatch.context() as alone:
        alone.delenv("NOTIFY_SOCKET")  # mosquitto would say READY=1 as well
        guarded.start()
    link = tmp_path / "ttyECG"
    try:
        spawn("simulate", "--to", f"pty:{link}", "--wait")
        until(link.exists, "the device", GENEROUS_S)
        monitor = spawn("run", "--source", str(link), "--mqtt", f"127.0.0.1:{guarded.port}")
        _, said = monitor.communicate(timeout=GENEROUS_S)
        assert monitor.returncode == 2
    finally:
        guarded.stop()
    words = [manager.hear(0.1) or {} for _ in range(5)]
    assert not [word for word in words if "READY" in word], said


# -- threads that are stuck --------------------------------------------------------------------------------


class Desk:
    """A life, its log, and the words that the manager got."""

    def __init__(self, manager: Manager, source: Any) -> None:
        self.lines: list[Line] = []
        environ = {"NOTIFY_SOCKET": str(manager.path), "WATCHDOG_USEC": "10000000"}
        self.life = Life(Notifier(environ), "bed4", source, self.lines.append)
        self._manager = manager

    def __enter__(self) -> Desk:
        return self

    def __exit__(self, *_: object) -> None:
        self.life.close()

    def turn(self, now_s: float, publisher: Publisher | None) -> dict[str, str]:
        self.life.pulse.said()
        self.life.tick(now_s, publisher, Stamps(0.0, 0.0), True, False)
        return self._manager.hear(0.5) or {}


@pytest.fixture
def stuck_clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Every connection attempt hangs, as the look-up of a name may, until the event is set."""
    free = threading.Event()

    def hang(client: mqtt.Client) -> None:
        free.wait(GENEROUS_S)
        raise OSError("given up")

    monkeypatch.setattr(mqtt.Client, "reconnect", hang)
    yield free
    free.set()


def test_life_when_the_thread_that_dials_is_stuck_then_not_fed_and_told_once(
    manager: Manager, stuck_clients: threading.Event, until: Any
) -> None:
    poller = Poller()
    publisher = Publisher(MqttConfig(), Composer("bed4", "b00t"), poller, lambda kind, detail: None)
    now_s = time.monotonic()
    late_s = now_s + mqtt_link.STUCK_S + 1.0
    with Desk(manager, object()) as desk:
        publisher.tick(now_s)
        words = desk.turn(now_s, publisher)
        assert words["WATCHDOG"] == "1"
        assert "READY" not in words, "the broker has not been asked to the end"
        for _ in range(3):
            publisher.tick(late_s)
            assert "WATCHDOG" not in desk.turn(late_s, publisher)
        assert [line.level for line in desk.lines] == ["error"]
        assert "the thread that connects to the broker has not answered for 6" in str(desk.lines[0])
        stuck_clients.set()
        until(lambda: poller.turn(0.1) or publisher.asked, "the end of the attempt", GENEROUS_S)
        publisher.tick(late_s)
        words = desk.turn(late_s, publisher)
        assert (words["READY"], words["WATCHDOG"]) == ("1", "1")
        assert str(desk.lines[-1]) == "watchdog: fed again"
    publisher.close()
    poller.close()


def test_life_when_nobody_looks_after_the_publisher_then_not_fed(manager: Manager) -> None:
    poller = Poller()
    publisher = Publisher(MqttConfig(), Composer("bed4", "b00t"), poller, lambda kind, detail: None)
    with Desk(manager, object()) as desk:
        assert "WATCHDOG" in desk.turn(time.monotonic(), publisher)
        assert "WATCHDOG" not in desk.turn(time.monotonic() + 10.0, publisher)
        assert "nobody has looked after the broker" in desk.life.pulse.trouble
    publisher.close()
    poller.close()


def test_life_when_the_thread_of_an_mqtt_source_is_stuck_then_not_fed(
    manager: Manager, stuck_clients: threading.Event
) -> None:
    source = MqttSource("mqtt://127.0.0.1:1/in/bed4", MqttConfig(), "in")
    source.open()
    with Desk(manager, source) as desk:
        assert desk.turn(time.monotonic(), None)["WATCHDOG"] == "1"
        assert "WATCHDOG" not in desk.turn(time.monotonic() + mqtt_link.STUCK_S + 1.0, None)
        assert "the thread that reads mqtt://127.0.0.1:1/in/bed4 has not moved" in desk.life.pulse.trouble
    stuck_clients.set()
    source.close()


def test_life_when_nobody_manages_us_then_nothing_is_asked() -> None:
    life = Life(Notifier({}), "bed4", MqttSource("mqtt://h/in", MqttConfig(), "in"), pytest.fail)
    life.tick(0.0, None, Stamps(0.0, 0.0), False, True)
    life.close()
