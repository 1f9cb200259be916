"""Alarms through everything that takes them away: the broker killed, the monitor killed, the disk refusing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.config import MqttConfig
from edge.io.outbox_file import OutboxFile
from edge.io.poller import Poller
from edge.io.publisher import Publisher
from edge.messages import Composer, Message
from edge.types import Alarm

ROOT = Path(__file__).parents[2]
DEADLINE_S = 60.0
EVENT, VT, VF = "heartwire/bed4/event", "heartwire/bed4/alarm/vt", "heartwire/bed4/alarm/vf"


class Loop:
    """A monitor's loop with a publisher that has an outbox; its clock can be put forward."""

    def __init__(self, port: int, path: Path, boot_id: str = "b00t", **more: Any) -> None:
        self.ahead_s = 0.0
        self.notes: list[tuple[str, str]] = []
        self.poller = Poller()
        self.composer = Composer("bed4", boot_id)
        more = {"replay_after_s": 0.0, **more}
        config = MqttConfig(host="127.0.0.1", port=port, outbox_path=str(path), **more)
        self.publisher = Publisher(config, self.composer, self.poller, self._note, self.clock)

    def _note(self, kind: str, detail: str) -> None:
        self.notes.append((kind, detail))

    def clock(self) -> float:
        return time.monotonic() + self.ahead_s

    def until(self, condition: Callable[[], Any], what: str) -> None:
        end = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < end, f"{what} did not happen; notes: {self.notes}"
            self.turn()

    def turn(self) -> None:
        self.poller.turn(0.01)
        self.publisher.tick(self.clock())

    def let_pass(self, seconds: float) -> None:
        """Put the clock forward in steps that the connection survives: its own ping must come back."""
        for _ in range(round(seconds)):
            self.ahead_s += 1.0
            link = self.publisher._link
            self.turn()
            self.until(
                lambda link=link: link is None or link._echo or link._echo_s > self.clock() - 3.0, "a ping"
            )

    def until_written(self) -> None:
        self.until(lambda: self.publisher._n_held == 0, "a write")

    def alarm(self, n: int, name: str = "vt") -> None:
        alarm = Alarm(name, "active", "high", "patient", n, True, False, f"number {n}", n)
        for message in self.composer.compose(alarm, lambda index: 1.8e9 + index):
            self.publisher.publish(message)

    def close(self) -> None:
        self.publisher.close()
        self.poller.close()


CHILD = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from test_publisher_outbox import Loop
loop = Loop(int(sys.argv[1]), Path(sys.argv[2]), "1st")
for n in range(25):
    loop.alarm(n)
    if n == 24:
        loop.alarm(24, "vf")
loop.until_written()
print("written", flush=True)
loop.until(lambda: False, "the end")
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bed4.outbox"


@pytest.fixture
def make_loop(path: Path) -> Iterator[Callable[..., Loop]]:
    made: list[Loop] = []

    def make(port: int, boot_id: str = "b00t", **more: Any) -> Loop:
        made.append(Loop(port, path, boot_id, **more))
        return made[-1]

    yield make
    for loop in made:
        loop.close()


def events(subscriber: Any) -> list[dict[str, Any]]:
    return [json.loads(payload) for payload in subscriber.payloads(EVENT)]


def once(subscriber: Any) -> list[dict[str, Any]]:
    """The events as a reader sees them who removes what comes twice."""
    return list({(event["boot_id"], event["seq"]): event for event in events(subscriber)}.values())


def left(path: Path) -> list[Message]:
    file = OutboxFile(path, 10**7)
    try:
        return file.load()
    finally:
        file.close()


def test_publisher_when_broker_and_monitor_are_killed_then_50_of_50_alarms_late_in_order_once(
    broker: Any, make_subscriber: Any, make_loop: Any, path: Path
) -> None:
    broker.stop()
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(broker.port), str(path), str(Path(__file__).parent)],
        stdout=subprocess.PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"written\n"
    child.kill()
    child.wait()
    child.stdout.close()
    loop = make_loop(broker.port, "2nd")
    for n in range(25, 50):
        loop.alarm(n)
    loop.until_written()
    loop.ahead_s += 120.0
    broker.start()
    subscriber = make_subscriber(broker.port)
    loop.until(lambda: len(once(subscriber)) >= 51, "all events")
    loop.until(lambda: loop.publisher.n_waiting == 0, "an empty backlog")
    got = once(subscriber)
    assert [event["value"] for event in got if event["name"] == "vt"] == [f"number {n}" for n in range(50)]
    assert [event["boot_id"] for event in got] == ["1st"] * 26 + ["2nd"] * 25
    assert all(event["late"] for event in got)
    assert [event["t"] for event in got] == sorted(event["t"] for event in got)
    order = [topic for topic, _, _ in subscriber.got]
    assert order.index(VT) < order.index(VF) < order.index(EVENT)
    (vt,) = subscriber.payloads(VT)
    assert (json.loads(vt)["value"], json.loads(vt)["boot_id"]) == ("number 49", "2nd")
    assert json.loads(subscriber.payloads(VF)[-1])["boot_id"] == "1st"
    assert loop.publisher.counts == {"n_waiting": 0, "n_dropped": 0, "n_dropped_events": 0}
    loop.close()
    assert left(path) == []


def test_publisher_when_the_broker_is_there_then_events_are_prompt_in_order_and_forgotten(
    broker: Any, make_subscriber: Any, make_loop: Any, path: Path
) -> None:
    subscriber, loop = make_subscriber(broker.port), make_loop(broker.port)
    loop.until(lambda: loop.publisher.ready, "a connection")
    for n in range(30):
        loop.alarm(n)
    loop.until(lambda: len(events(subscriber)) == 30, "30 events")
    assert [event["value"] for event in events(subscriber)] == [f"number {n}" for n in range(30)]
    assert not any("late" in event for event in events(subscriber))
    loop.close()
    assert left(path) == []


def test_publisher_when_the_connection_is_reset_then_nothing_is_missing_or_left(
    proxy: Any, broker: Any, make_subscriber: Any, make_loop: Any, path: Path
) -> None:
    subscriber, loop = make_subscriber(broker.port), make_loop(proxy.port)
    loop.until(lambda: loop.publisher.ready, "a connection")
    for n in range(300):
        loop.alarm(n)
        if n % 60 == 30:
            loop.until_written()
            proxy.reset()
            loop.ahead_s += 5.0
    loop.until(lambda: len(once(subscriber)) == 300 and loop.publisher.n_waiting == 0, "all events")
    assert [event["value"] for event in once(subscriber)] == [f"number {n}" for n in range(300)]
    loop.close()
    assert left(path) == []


def test_publisher_when_the_broker_is_back_then_late_events_wait_for_their_readers(
    broker: Any, make_subscriber: Any, make_loop: Any
) -> None:
    broker.stop()
    loop = make_loop(broker.port, replay_after_s=120.0)
    loop.alarm(1)
    loop.publisher.publish(loop.composer.note("gap", "while it was away", 1.8e9))
    loop.until_written()
    loop.ahead_s += 60.0
    broker.start()
    subscriber = make_subscriber(broker.port)
    loop.until(lambda: subscriber.payloads(VT), "the retained alarm")
    loop.alarm(2)
    loop.publisher.publish(Message("heartwire/bed4/state", b"{}", True, 1))
    loop.publisher.publish(Message("heartwire/bed4/waveform/I", b"wave", False, 0))
    for topic in (VT, "heartwire/bed4/state", "heartwire/bed4/waveform/I"):
        loop.until(lambda topic=topic: subscriber.payloads(topic), topic)
    loop.until(
        lambda: json.loads(subscriber.payloads(VT)[-1])["value"] == "number 2", "the new alarm, at once"
    )
    loop.let_pass(50.0)
    assert events(subscriber) == []
    loop.let_pass(71.0)
    loop.until(lambda: len(events(subscriber)) == 3, "the events")
    assert [e.get("value") or e["detail"] for e in events(subscriber)] == [
        "number 1",
        "while it was away",
        "number 2",
    ]


def test_publisher_when_the_disk_refuses_then_alarms_arrive_all_the_same(
    broker: Any, make_subscriber: Any
) -> None:
    subscriber, loop = make_subscriber(broker.port), Loop(broker.port, Path("/proc/heartwire/outbox"))
    loop.until(lambda: loop.publisher.ready, "a connection")
    loop.alarm(1)
    loop.until(lambda: events(subscriber), "the event")
    loop.until(lambda: any(kind == "outbox_memory" for kind, _ in loop.notes), "a word about it")
    loop.close()


def test_publisher_when_more_events_wait_than_may_then_those_given_up_leave_the_disk_too(
    broker: Any, make_loop: Any, path: Path
) -> None:
    broker.stop()
    loop = make_loop(broker.port, outbox=10)
    for n in range(40):
        loop.publisher.publish(loop.composer.note("gap", f"number {n}", 1.8e9 + n))
    loop.until_written()
    assert loop.publisher.counts == {"n_waiting": 10, "n_dropped": 0, "n_dropped_events": 30}
    loop.close()
    assert [json.loads(m.payload)["detail"] for m in left(path)] == [f"number {n}" for n in range(30, 40)]


def test_publisher_when_a_wave_or_a_state_goes_out_then_the_disk_has_no_part_in_it(
    broker: Any, make_loop: Any, path: Path
) -> None:
    loop = make_loop(broker.port)
    loop.until(lambda: loop.publisher.ready, "a connection")
    loop.until(path.exists, "the file")
    loop.publisher._outbox.add = None  # whoever calls it fails
    loop.publisher.publish(Message("heartwire/bed4/waveform/I", b"x", False, 0))
    loop.publisher.publish(Message("heartwire/bed4/state", b"{}", True, 1))
    loop.publisher.publish(loop.composer.response("ack", {}, 1.8e9))
    assert loop.publisher.n_errors == 0


def test_run_when_killed_without_a_broker_then_its_alarm_comes_late_from_the_next_start(
    tmp_path: Path, broker: Any, make_subscriber: Any, until: Any
) -> None:
    broker.stop()
    leader, follower = os.openpty()
    command = [sys.executable, "-m", "edge.cli", "run", "--source", os.ttyname(follower), "--device", "bed4"]
    command += ["--mqtt", f"127.0.0.1:{broker.port}", "--json", "--mqtt-replay-after-s", "0"]
    first = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    second = None
    try:
        assert first.stdout is not None
        said = (json.loads(line) for line in first.stdout)
        alarm = next(
            m["payload"] for m in said if m["topic"] == EVENT and m["payload"].get("name") == "no_signal"
        )
        place = tmp_path / "state" / "heartwire" / "bed4.outbox"
        until(lambda: b"no_signal" in Path(f"{place}-wal").read_bytes(), "the write")
        time.sleep(0.5)  # the event is written right behind the retained alarm
        first.kill()
        first.communicate()
        broker.start()
        subscriber = make_subscriber(broker.port)
        second = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: {**alarm, "late": True} in events(subscriber), "the alarm", 60.0)
        assert second.poll() is None
    finally:
        for process in (first, second):
            if process is not None:
                process.kill()
                process.wait()
        os.close(leader)
        os.close(follower)
