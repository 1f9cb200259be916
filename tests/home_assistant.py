"""A real Home Assistant finds a bed: ``python tests/home_assistant.py PATH/TO/hass``, two minutes.

``hass`` is the program of ``pip install homeassistant paho-mqtt`` in an environment of its own (2024.11 or newer).
It is started on an empty folder with nothing but the broker's address and the automation that ``edge/DASHBOARDS.md``
shows, which publishes instead of calling a phone. A real monitor announces itself; its patient's heart races. Prints a
line a question: what Home Assistant made of the announcement, the heart rate that it holds, whether the automation
heard of the alarm and of the silence after the monitor was killed, and what it complained of. 1 if one is wrong.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from edge.bench.broker import find_mosquitto, mosquitto  # noqa: E402
from edge.integrations.homeassistant import device_payload  # noqa: E402

SCRIPT = "sinus:60s rate=72; vt:20s rate=150; sinus:600s rate=72"
WAIT_S = 240.0
PHONE = "action: notify.notify\n    data: {message: "
BROKER = "action: mqtt.publish\n    data: {topic: phone, payload: "
LOOK = """
automation ours:
  - alias: look
    triggers:
      - trigger: state
        entity_id: sensor.ecg_bed4_heart_rate
    actions:
      - action: mqtt.publish
        data: {topic: heart_rate, payload: "{{ trigger.to_state.state }}"}
"""
ENTRY = {
    "created_at": "2025-01-01T00:00:00+00:00",
    "modified_at": "2025-01-01T00:00:00+00:00",
    "disabled_by": None,
    "discovery_keys": {},
    "domain": "mqtt",
    "entry_id": "heartwire",
    "minor_version": 2,
    "options": {},
    "pref_disable_new_entities": False,
    "pref_disable_polling": False,
    "source": "user",
    "subentries": [],
    "title": "broker",
    "unique_id": None,
    "version": 1,
}


def main() -> int:
    """Play it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("hass", type=Path, help="the program of Home Assistant")
    hass, program = parser.parse_args().hass, find_mosquitto()
    if program is None or not hass.exists():
        print("home_assistant: needs mosquitto and Home Assistant's program", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="heartwire-") as folder, mosquitto(program) as broker:
        return _play(hass, Path(folder), broker.port)


def _play(hass: Path, folder: Path, port: int) -> int:
    _configure(folder, port)
    told: list[tuple[str, str]] = []
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.on_message = lambda client, userdata, m: told.append((m.topic, m.payload.decode()))
    client.connect("127.0.0.1", port)
    client.subscribe([("phone", 1), ("heart_rate", 1), ("homeassistant/status", 1)])
    client.loop_start()
    made: list[subprocess.Popen[bytes]] = []

    def start(*command: str) -> subprocess.Popen[bytes]:
        env = {**os.environ, "XDG_STATE_HOME": str(folder), "PYTHONPATH": str(ROOT)}
        env = {k: v for k, v in env.items() if k != "PYTHONPATH" or command[0] == sys.executable}
        quiet = subprocess.DEVNULL
        made.append(subprocess.Popen(command, cwd=ROOT, env=env, stdout=quiet, stderr=quiet))
        return made[-1]

    def heartwire(*words: str) -> subprocess.Popen[bytes]:
        return start(sys.executable, "-m", "edge.cli", *words)

    try:
        start(str(hass), "-c", str(folder), "--ignore-os-check")
        began = _until(lambda: ("homeassistant/status", "online") in told)
        heartwire("simulate", "--script", SCRIPT, "--to", f"pty:{folder / 'port'}", "--wait")
        _until((folder / "port").exists)
        bed = ("--source", str(folder / "port"), "--device", "bed4", "--mqtt", f"127.0.0.1:{port}")
        monitor = heartwire("run", *bed, "--mqtt-homeassistant", "homeassistant", "--alarms-log", "none")
        rate = _until(lambda: any(t == "heart_rate" and re.fullmatch(r"[67]\d(\.\d+)?", p) for t, p in told))
        alarm = _until(lambda: any("alarm_vt is on" in text for topic, text in told))
        monitor.kill()
        silent = _until(lambda: any("heart_rate is unavailable" in text for topic, text in told))
        entities = _until(lambda: len(_entities(folder)) >= len(device_payload("heartwire", "bed4")["cmps"]))
    finally:
        for process in made:
            process.terminate()
            process.wait()
        client.loop_stop()
    log = (folder / "home-assistant.log").read_text()
    bad = [
        line for line in log.splitlines() if re.search(r"(ERROR|WARNING).*(mqtt|heartwire|ecg_bed4)", line)
    ]
    wanted = device_payload("heartwire", "bed4")["cmps"]
    found = _entities(folder)
    questions = {
        f"Home Assistant {(folder / '.HA_VERSION').read_text()} runs and has the broker": began,
        f"announced: {len(wanted)}, entities that it made: {len(found)}": entities
        and {part["uniq_id"] for part in wanted.values()} == set(found),
        "it holds the heart rate": rate,
        "its automation heard of the alarm": alarm,
        "and of the silence after the monitor was killed": silent,
        f"complaints about us in its log: {len(bad)}": not bad,
    }
    for question, good in questions.items():
        print(f"{'good' if good else 'BAD '}  {question}")
    for line in bad[:10]:
        print(f"      {line[:300]}")
    return 0 if all(questions.values()) else 1


def _configure(folder: Path, port: int) -> None:
    """An empty Home Assistant, the broker's address, and the page's automation."""
    page = (ROOT / "edge" / "DASHBOARDS.md").read_text(encoding="utf-8")
    automation = re.search(r"```yaml\n(.*?)```", page, re.DOTALL)
    assert automation is not None
    assert PHONE in automation[1]
    lines = automation[1].replace(PHONE, BROKER).splitlines()
    body = "\n    ".join(["- alias: of the page", *(f"  {line}" for line in lines)])
    with socket.create_server(("127.0.0.1", 0)) as probe:
        web = probe.getsockname()[1]
    text = f"homeassistant:\n  name: test\nhttp:\n  server_port: {web}\n  server_host: 127.0.0.1\n"
    (folder / "configuration.yaml").write_text(f"{text}automation page:\n    {body}\n{LOOK}")
    (folder / ".storage").mkdir()
    entry = {**ENTRY, "data": {"broker": "127.0.0.1", "port": port, "discovery": True}}
    entries = {
        "version": 1,
        "minor_version": 5,
        "key": "core.config_entries",
        "data": {"entries": [entry]},
    }
    (folder / ".storage" / "core.config_entries").write_text(json.dumps(entries))


def _entities(folder: Path) -> list[str]:
    """Own ids of the entities that Home Assistant has of the bed."""
    path = folder / ".storage" / "core.entity_registry"
    try:
        data = json.loads(path.read_text())["data"]["entities"]
    except (OSError, ValueError):
        return []
    return [entity["unique_id"] for entity in data if entity["platform"] == "mqtt"]


def _until(what: Callable[[], object]) -> bool:
    """Whether it comes true in time."""
    until_s = time.monotonic() + WAIT_S
    while not what():
        if time.monotonic() > until_s:
            return False
        time.sleep(0.2)
    return True


if __name__ == "__main__":
    sys.exit(main())
