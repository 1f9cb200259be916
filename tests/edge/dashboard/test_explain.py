"""The Explain view: who is told, and what a person sees of a real monitor's networks in a real browser."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion

from edge.artefact import load_models
from edge.bench.browser import Browser, chromium, find_chromium
from edge.explain.beat import Explainer
from edge.messages import Composer
from edge.pipeline import Pipeline
from edge.types import Beat
from firmware_bridge.patient import VirtualPatient
from firmware_bridge.types import SampleBlock

ROOT = Path(__file__).parents[3]
FS = 250.0
DEADLINE_S = 60.0
SIZES = {"phone": (390, 844, 2.0, True), "laptop": (1366, 768, 1.0, False), "wide": (1920, 1080, 1.0, False)}
VIEW = "document.querySelector('.bed .inside')"
WHICH = f"{VIEW}.querySelector('.which').textContent"
PAINTED = """[...document.querySelectorAll('.bed .inside canvas')].map((c) => {
  const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
  const seen = new Set();
  for (let i = 0; i < d.length; i += 4) if (d[i + 3]) seen.add((d[i] << 16) | (d[i + 1] << 8) | d[i + 2]);
  return seen.size;
})"""
LABELS = "[...document.querySelectorAll('.bed .inside canvas')].map((c) => c.getAttribute('aria-label'))"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    pytest.importorskip("websockets")
    program = find_chromium()
    if program is None:
        pytest.skip("no chromium on this machine (apt-get install chromium)")
    with chromium(program) as made:
        yield made


@pytest.fixture(scope="module")
def demo() -> Iterator[str]:
    """The address of the page of a running ``heartwire demo --explain``."""
    pytest.importorskip("amqtt")
    command = [sys.executable, "-m", "edge.cli", "demo", "--explain", "--listen", "127.0.0.1:0"]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [*command, "--script", "sinus:600s rate=75 pvc=0.2"],
        cwd=ROOT,
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        found = next((m for line in process.stderr if (m := re.search(r"http://\S+", line))), None)
        assert found is not None
        yield found[0]
    finally:
        process.terminate()
        process.wait(30.0)
        process.stderr.close()


@pytest.fixture(scope="module")
def messages() -> tuple[bytes, bytes]:
    """What a monitor says of a beat, and the state that makes its bed live."""
    explainer, composer = Explainer(load_models()), Composer("bed4", "b00t")
    pipeline = Pipeline(explainer.watched)
    mv = VirtualPatient(FS, 1, "sinus:9s rate=70").read(1500).mv
    explained = state = None
    for k in range(0, len(mv), 5):
        for event in pipeline.push(SampleBlock("bed4", k, FS, mv[k : k + 5], ("II",))):
            if isinstance(event, Beat):
                explainer.on_beat(event, k / FS)
            for message in composer.compose(event, lambda sample: 1.7e9 + sample / FS):
                state = message.payload if message.topic.endswith("/state") else state
        if explainer.waits(k / FS) and (found := explainer.step(k / FS)) is not None:
            explained = composer.explain(*found, lambda sample: 1.7e9 + sample / FS).payload
    assert explained is not None
    assert state is not None
    return explained, state


@pytest.fixture
def send(broker: Any) -> Iterator[Callable[[str, bytes], None]]:
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    yield lambda topic, payload: client.publish(topic, payload, 1).wait_for_publish(10.0)
    client.disconnect()
    client.loop_stop()


NOTE = json.dumps({"what": "note", "event_type": "marker", "detail": ""}).encode()


def hear(viewer: Any, kind: str, deadline_s: float = DEADLINE_S) -> dict[str, Any]:
    """The next item of this kind."""
    end_s = time.monotonic() + deadline_s
    while time.monotonic() < end_s:
        for item in json.loads(viewer.recv(timeout=deadline_s)):
            if item["is"] == kind and item.get("up", True):
                return dict(item)
    raise AssertionError(f"no {kind!r} was heard")


def settle(viewer: Any) -> None:
    """Wait until the server has taken what was sent."""
    assert viewer.ping().wait(DEADLINE_S)
    time.sleep(0.3)


def test_viewer_when_it_looks_inside_a_bed_then_it_alone_is_told_and_no_longer_than_it_looks(
    broker: Any,
    open_page: Callable[..., Any],
    send: Callable[[str, bytes], None],
    messages: tuple[bytes, bytes],
) -> None:
    explained, state = messages
    page = open_page(broker.port)
    with page.viewer() as one, page.viewer() as other:
        hear(one, "tick")
        send("heartwire/bed4/state", state)
        number = hear(one, "bed")["bed"]
        send("heartwire/bed4/explain", explained)  # nobody looks
        send("heartwire/bed4/event", NOTE)
        hear(one, "note")  # messages come in their order: that one is past
        one.send(json.dumps({"explain": number}))
        one.send(json.dumps({"explain": [number]}))  # rubbish changes nothing
        settle(one)
        send("heartwire/bed4/explain", explained)
        item = hear(one, "explain")
        assert item["bed"] == number
        assert item["it"]["id"] == json.loads(explained)["id"]
        assert item["it"]["gru"]["h"] == {**json.loads(explained)["gru"]["h"], "reach": 1}
        one.send(json.dumps({"explain": None}))
        settle(one)
        send("heartwire/bed4/explain", explained)
        send("heartwire/bed4/event", NOTE)
        for viewer, n_notes in ((one, 1), (other, 2)):
            kinds: list[str] = []
            while kinds.count("note") < n_notes:
                kinds += [item["is"] for item in json.loads(viewer.recv(timeout=DEADLINE_S))]
            assert "explain" not in kinds
    page.close()


def test_demo_when_explained_then_on_every_screen_each_panel_is_drawn_and_told_in_words(
    demo: str, browser: Browser, tmp_path: Path
) -> None:
    assert demo.endswith("&explain=demo")
    browser.size(1366, 768)
    browser.open(demo)
    browser.until(f"{VIEW} && {WHICH}.startsWith('Beat')", DEADLINE_S)
    browser.until(f"parseInt({WHICH}.slice(5)) > 6", DEADLINE_S)
    for name, (width, height, ratio, mobile) in SIZES.items():
        browser.size(width, height, ratio, mobile)
        browser.until(f"{PAINTED}.every((n) => n > 4)", DEADLINE_S)
        browser.evaluate(f"({VIEW}.scrollIntoView(), 0)")
        assert browser.evaluate("document.documentElement.scrollWidth <= innerWidth"), name
        Path(os.environ.get("HEARTWIRE_SHOTS", tmp_path), f"explain-{name}.png").write_bytes(
            browser.screenshot()
        )
    labels = browser.evaluate(LABELS)
    assert len(labels) == 8
    assert labels[0].startswith("What the CNN was shown of beat ")
    assert [label[:14] for label in labels[1:5]] == [f"Level {k} of 4 o" for k in range(1, 5)]
    assert "64 units over 4.0 s" in labels[7]
    rows = browser.evaluate("[...document.querySelectorAll('.opinions tbody tr')].map((r) => r.textContent)")
    assert [row[0] for row in rows] == list("NSVFQ")
    weights = [
        float(text.replace("\u2212", "-"))
        for text in browser.evaluate(
            "[...document.querySelectorAll('.weights .value')].map((v) => v.textContent)"
        )
    ]
    assert len(weights) == 6
    assert [abs(w) for w in weights] == sorted((abs(w) for w in weights), reverse=True)
    before = browser.evaluate(WHICH)
    browser.until(f"{WHICH} !== {json.dumps(before)}", DEADLINE_S)
    assert browser.errors == []


def test_view_when_closed_and_opened_by_hand_then_as_the_button_says(demo: str, browser: Browser) -> None:
    browser.size(1366, 768)
    browser.open("about:blank")  # another fragment alone would not load the page anew
    browser.open(demo.partition("&explain")[0])
    browser.until("document.querySelector('.bed .why')", DEADLINE_S)
    why = "document.querySelector('.bed .why')"
    assert browser.evaluate(f"{VIEW}.hidden && {why}.getAttribute('aria-expanded') === 'false'")
    browser.click(".bed .why")
    browser.until(f"!{VIEW}.hidden && {WHICH}.startsWith('Beat')", DEADLINE_S)
    assert browser.evaluate(f"{why}.getAttribute('aria-expanded')") == "true"
    browser.click(".bed .why")
    assert browser.evaluate(f"{VIEW}.hidden")


def test_view_when_its_monitor_explains_nothing_or_stops_then_it_says_so(
    broker: Any,
    browser: Browser,
    open_page: Callable[..., Any],
    send: Callable[[str, bytes], None],
    messages: tuple[bytes, bytes],
) -> None:
    explained, state = messages
    browser.open(open_page(broker.port).address + "&explain=bed4")
    browser.until("document.querySelector('#link')?.dataset.up === 'true'", DEADLINE_S)
    send("heartwire/bed4/state", state)
    browser.until(f"{VIEW} && {WHICH}.includes('started with --explain')", DEADLINE_S)
    assert browser.evaluate(f"{VIEW}.querySelector('.panels').hidden")
    send("heartwire/bed4/explain", explained)
    browser.until(f"{WHICH}.startsWith('Beat')", DEADLINE_S)
    browser.until(f"{VIEW}.classList.contains('old')", DEADLINE_S)
    assert "Stale: seen" in browser.evaluate(f"{VIEW}.querySelector('.age').textContent")
    hostile = explained.replace(b'"aami":"N"', b'"aami":"<b>"', 1)
    assert hostile != explained
    send("heartwire/bed4/explain", hostile)
    time.sleep(0.5)
    assert browser.evaluate(f"{VIEW}.querySelectorAll('b').length") == 1
    assert browser.evaluate(f"{VIEW}.classList.contains('old')")
    assert browser.errors == []


ORDER = """(async () => {
  const { Memory, Places, fallen } = await import("/memory.js");
  const { unpack } = await import("/packed.js");
  const rows = 250, periods = [400, 10, Infinity, 100, 30], n = periods.length;
  const x = new Float32Array(rows * n);
  for (let r = 0; r < rows; r++) periods.forEach((p, c) => (x[r * n + c] = Math.sin((2 * Math.PI * r) / p)));
  const memory = new Memory();
  const column = (c) => Float32Array.from({ length: rows }, (_, r) => x[r * n + c]);
  memory.push({ x, rows, columns: n, column }, 62.5);
  const map = new Float32Array(8 * 3);
  map[6 * 3] = 1;
  map[1 * 3 + 2] = 1;
  const places = new Places();
  places.push({ x: map, rows: 8, columns: 3 });
  const bytes = btoa(String.fromCharCode(0, 255, 255, 127, 0, 128));
  const packed = unpack({ shape: [3], dtype: "int16", scale: 0.5, zero: 0, data: bytes });
  const { order, half, range } = memory;
  return { order, half, range, places: places.order, half_of: fallen([1, 0.75, 0.25]), packed: [...packed.x] };
})()"""


def test_rows_when_their_signals_are_known_then_in_the_order_that_is_promised(
    broker: Any, browser: Browser, open_page: Callable[..., Any]
) -> None:
    browser.open(open_page(broker.port).address)
    browser.until("document.getElementById('ward')", DEADLINE_S)
    found = browser.evaluate(ORDER)
    assert found["order"] == [1, 4, 3, 0, 2]  # the one that never moves is the last
    # A sine's autocorrelation is a half after a sixth of its period.
    assert found["half"][1] * 62.5 == pytest.approx(10 / 6, abs=0.3)
    assert found["half"][4] * 62.5 == pytest.approx(30 / 6, abs=0.6)
    assert found["range"] == [found["half"][1], found["half"][0]]
    assert found["places"] == [2, 0, 1]  # the channel that is never active is the last
    assert found["half_of"] == 1.5
    assert found["packed"] == [-128.0, 16383.5, -16384.0]
