"""The shipped flow in a real Node-RED, from a real broker: heart rate, stale, alarms once, a decoded chunk."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from edge.integrations.catalogue import Site, node_red
from edge.messages import Composer, Message, mark_late
from edge.types import Alarm, Status, WaveChunk

ROOT = Path(__file__).parents[2]
DEADLINE_S = 60.0
STATUS = Status(72.4, None, "sinus", 1.0, False, 830.0, 30.0, 0.0, 0, False, 0)
SETTINGS = """module.exports = {
  uiHost: "127.0.0.1", flowFile: "flows.json", credentialSecret: false,
  telemetry: {enabled: false, updateNotification: false}, editorTheme: {tours: false},
  externalModules: {palette: {allowInstall: false}}, logging: {console: {level: "warn"}}
};"""


def program() -> list[str]:
    """The command that starts Node-RED: on the PATH, or where tests/run has put it."""
    found = shutil.which("node-red")
    script = (
        Path(os.environ.get("HEARTWIRE_NODE_RED", ROOT / ".venv-test/node-red"))
        / "node_modules/node-red/red.js"
    )
    node = shutil.which("node")
    if found is None and (node is None or not script.is_file()):
        pytest.skip("no Node-RED on this machine (npm install node-red, or ./tests/run)")
    return [found] if found is not None else [str(node), str(script)]


class Editor:
    """Listens to Node-RED as its editor does: what the debug nodes show, and the status under each node."""

    def __init__(self, port: int) -> None:
        self.shown: list[tuple[str, Any]] = []
        self.status: dict[str, str] = {}
        self.socket = connect(f"ws://127.0.0.1:{port}/comms", max_size=None)
        for topic in ("debug", "status/#"):
            self.socket.send(json.dumps({"subscribe": topic}))
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        try:
            for text in self.socket:
                for word in json.loads(text):
                    data = word.get("data")
                    if word.get("topic") == "debug":
                        self.shown.append((data["id"], json.loads(data["msg"])))
                    elif str(word.get("topic")).startswith("status/"):
                        self.status[word["topic"].removeprefix("status/")] = (data or {}).get("text", "")
        except ConnectionClosed:
            return

    def of(self, node: str) -> list[Any]:
        return [message for name, message in list(self.shown) if name == node]

    def close(self) -> None:
        self.socket.close()
        self._thread.join()


@pytest.fixture
def editor(tmp_path: Path, broker: Any, until: Callable[..., Any]) -> Iterator[Editor]:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    nodes = json.loads(node_red(Site(port=broker.port)))
    for node in nodes:
        if node["type"] == "debug":
            node["active"] = True  # what a user does with a click
    (tmp_path / "flows.json").write_text(json.dumps(nodes))
    (tmp_path / "settings.js").write_text(SETTINGS)
    command = [
        *program(),
        "--userDir",
        str(tmp_path),
        "--port",
        str(port),
        "--settings",
        str(tmp_path / "settings.js"),
    ]
    log = (tmp_path / "log").open("wb")
    process = subprocess.Popen(command, stdout=log, stderr=log)
    made: list[Editor] = []
    try:

        def ready() -> bool:
            assert process.poll() is None, (tmp_path / "log").read_text()
            try:
                made.append(Editor(port))
            except OSError:
                return False
            return True

        until(ready, "Node-RED", DEADLINE_S)
        until(
            lambda: "connected" in made[0].status.get("hw-state", ""),
            "its connection to the broker",
            DEADLINE_S,
        )
        yield made[0]
    finally:
        for one in made:
            one.close()
        process.kill()
        process.wait()
        log.close()


def test_flow_when_started_in_node_red_then_it_shows_heart_rate_alarms_and_waveform(
    editor: Editor, make_subscriber: Any, broker: Any, until: Callable[..., Any]
) -> None:
    client, composer = make_subscriber(broker.port).client, Composer("bed4", "b00t")

    def publish(message: Message) -> None:
        client.publish(message.topic, message.payload, message.qos, False)

    def stamp(index: int) -> float:
        return 1.8e9

    publish(composer.bridge(True))  # its topic looks like a bed's
    publish(composer.compose(STATUS, stamp)[0])
    (rate,) = until(lambda: editor.of("hw-rate-debug"), "a heart rate", DEADLINE_S)
    assert (rate["topic"], rate["payload"], rate["reason"]) == ("bed4", 72.4, None)
    until(lambda: editor.status.get("hw-rate") == "bed4: 72 bpm", "the status under the node", DEADLINE_S)
    until(lambda: len(editor.of("hw-rate-debug")) == 2, "the end of it", DEADLINE_S)
    stale = editor.of("hw-rate-debug")[1]
    assert (stale.get("payload"), stale["reason"]) == (None, "stale")

    alarm = Alarm("vt", "active", "high", "patient", 0, True, False, "170 bpm", 0)
    event = composer.compose(alarm, stamp)[1]
    for _ in range(3):
        publish(event)
    publish(Message(event.topic, mark_late(composer.compose(alarm, stamp)[1].payload), False, 1))
    publish(composer.note("gap", "no alarm", 1.8e9))
    until(lambda: len(editor.of("hw-alarm-debug")) == 2, "two alarms", DEADLINE_S)
    first, second = (message["payload"] for message in editor.of("hw-alarm-debug"))
    assert (first["name"], first["state"], first["late"]) == ("vt", "active", False)
    assert second == {**first, "late": True}

    mv = np.array([[0.5], [-1.25], [np.nan]], np.float32)
    chunk = composer.compose(WaveChunk(0, 250.0, mv, ("II",), 2), stamp)[-1]
    client.publish("heartwire/bed4/waveform/II", b"rubbish", 0)
    publish(chunk)
    (wave,) = until(lambda: editor.of("hw-wave-debug"), "a chunk", DEADLINE_S)
    assert (wave["topic"], wave["lead"], wave["seq"], wave["t"]) == ("bed4", "II", 0, 1.8e12)
    assert wave["payload"] == [0.5, -1.25, None]
