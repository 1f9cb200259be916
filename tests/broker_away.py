"""Kills the broker for ten minutes, and the monitor once meanwhile: ``python tests/broker_away.py [--seconds 600]``.

A virtual patient whose heart races and whose electrode comes off, again and again, on a pseudo-terminal; a real
monitor; a real Mosquitto that is killed and, without a memory, started again. What the alarm log holds (it is on the
disk at once) is held against what a subscriber was told: each change of each alarm once, in order, late, with its own
time. Prints a line a question; 1 if one of them is answered wrong.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from edge.alarms.log import read_log  # noqa: E402
from edge.bench.broker import find_mosquitto, mosquitto  # noqa: E402

SCRIPT = "sinus:7s rate=75; vt:7s rate=150; sinus:5s rate=75; lead_off:5s"
BED = "heartwire/bed4/"
WAIT_S = 120.0
CHANGES = {"raised", "acknowledged", "returned", "latched", "cleared", "adopted"}


class Listener:
    """A subscriber that comes back by itself and remembers every event of an alarm, in the order it was told."""

    def __init__(self, port: int) -> None:
        self.events: list[dict[str, Any]] = []
        self.states: list[dict[str, Any]] = []
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self._client.on_connect = lambda client, *_: client.subscribe(BED + "#", 1)
        self._client.on_message = lambda client, userdata, message: self._take(message)
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port, 5)
        self._client.loop_start()

    def _take(self, message: mqtt.MQTTMessage) -> None:
        if message.topic == BED + "state":
            self.states.append(json.loads(message.payload))
        elif message.topic == BED + "event":
            said = json.loads(message.payload)
            if said["what"] == "alarm":
                self.events.append(said)

    def close(self) -> None:
        """Let go."""
        self._client.disconnect()
        self._client.loop_stop()


def main() -> int:
    """Play it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="how long the broker is away")
    away_s = parser.parse_args().seconds
    program = find_mosquitto()
    if program is None:
        print("broker_away: needs mosquitto", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="heartwire-") as folder:
        return _play(program, Path(folder), away_s)


def _play(program: str, folder: Path, away_s: float) -> int:
    with contextlib.ExitStack() as first:
        broker = first.enter_context(mosquitto(program))
        port = broker.port
        with _patient(folder) as start:
            monitor, listener = start(port), Listener(port)
            _until(lambda: listener.states, "the monitor's first state")
            gone_s = time.time()
            os.kill(broker.pid, signal.SIGKILL)
            first.close()
            time.sleep(away_s / 2)
            monitor.kill()
            monitor.wait()
            monitor = start(port)
            time.sleep(max(0.0, gone_s + away_s - time.time()))
            with mosquitto(program, port):
                back_s = time.time()
                n = len(listener.states)
                _until(lambda: len(listener.states) > n, "the monitor's return")
                n_told = len(listener.events)
                _until(lambda: _all_told(listener, n_told), "all that waited")
                listener.close()
        records, _ = read_log((folder / "alarms.jsonl").read_bytes())
    return _judge([r for r in records if r["what"] in CHANGES], listener, gone_s, back_s)


def _judge(records: list[dict[str, Any]], listener: Listener, gone_s: float, back_s: float) -> int:
    begin, end = (time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at)) for at in (gone_s + 1.0, back_s - 1.0))
    inside = [r for r in records if begin <= r["t"] <= end]
    told = listener.events
    seen = Counter((e["boot_id"], e["seq"]) for e in told)
    once = list({(e["boot_id"], e["seq"]): e for e in told}.values())
    of_inside = {_key(record) for record in inside}
    got = [event for event in once if _key(event) in of_inside]
    raised = [r for r in inside if r["what"] == "raised"]
    raised_got = {e["occurrence"] for e in got if e["state"] == "active"}
    boots = list(dict.fromkeys(r["boot_id"] for r in records))
    order = [(boots.index(e["boot_id"]), e["seq"]) for e in got]
    questions = {
        f"alarms inside: {len(raised)}, told: {len({r['occurrence'] for r in raised} & raised_got)}": {
            r["occurrence"] for r in raised
        }
        <= raised_got,
        f"their changes: {len(inside)}, told: {len(got)}": len(got) == len(inside) == len(of_inside),
        f"marked late: {sum(e.get('late') is True for e in got)}": all(e.get("late") is True for e in got),
        f"told twice: {sum(n - 1 for n in seen.values())}": max(seen.values()) == 1,
        f"out of order: {sum(a > b for a, b in zip(order, order[1:], strict=False))}": order == sorted(order),
        f"starts of the monitor: {len(boots)}": len(boots) == 2,
        "at least 50 alarms": len(raised) >= 50 or back_s - gone_s < 500.0,
    }
    print(f"broker away for {back_s - gone_s:.0f} s, the monitor killed once")
    for question, good in questions.items():
        print(f"{'good' if good else 'BAD '}  {question}")
    return 0 if all(questions.values()) else 1


def _all_told(listener: Listener, n_told: int) -> bool:
    """Nothing waits any more, and what came last is news again."""
    late = [event.get("late") is True for event in listener.events[n_told:]]
    return listener.states[-1]["n_waiting"] == 0 and True in late and not late[-1]


def _key(said: dict[str, Any]) -> tuple[Any, ...]:
    """What makes a change of an alarm this one and no other, in the log as on the topic."""
    return tuple(said[name] for name in ("boot_id", "occurrence", "name", "state", "t"))


@contextlib.contextmanager
def _patient(folder: Path) -> Iterator[Callable[[int], subprocess.Popen[bytes]]]:
    """The patient on a pseudo-terminal; gives what starts a monitor of his."""
    made: list[subprocess.Popen[bytes]] = []

    def heartwire(*words: str) -> subprocess.Popen[bytes]:
        env = {**os.environ, "XDG_STATE_HOME": str(folder), "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", "edge.cli", *words]
        quiet = subprocess.DEVNULL
        made.append(subprocess.Popen(command, cwd=ROOT, env=env, stdout=quiet, stderr=quiet))
        return made[-1]

    def monitor(port: int) -> subprocess.Popen[bytes]:
        log = str(folder / "alarms.jsonl")
        where = ("--mqtt", f"127.0.0.1:{port}", "--alarms-log", log, "--alarms-log-kb", "4096")
        return heartwire("run", "--source", str(link), "--device", "bed4", *where)

    link = folder / "port"
    try:
        heartwire("simulate", "--script", SCRIPT, "--to", f"pty:{link}", "--wait")
        _until(link.exists, "the patient")
        yield monitor
    finally:
        for process in made:
            process.kill()
            process.wait()


def _until(what: Callable[[], object], name: str) -> None:
    """Wait for it to be true."""
    until_s = time.monotonic() + WAIT_S
    while not what():
        if time.monotonic() > until_s:
            raise SystemExit(f"broker_away: {name} did not come within {WAIT_S:g} s")
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
