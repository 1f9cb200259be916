"""[io] How evenly the live page draws: times between frames in a headless browser, with eight beds on it."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from edge.bench.beds import Beds
from edge.bench.browser import chromium
from edge.config import MqttConfig

SCRIPTS = (
    "sinus:600s rate=72", "bigeminy:600s", "sinus:600s rate=60 apc=0.2", "vt:600s rate=150", "sinus:600s rate=95",
    "paced:600s", "af:600s", "couplet:600s",
)  # fmt: skip
FRAMES = """new Promise((done) => {
  const gaps = [];
  let last = performance.now();
  const end = last + %d;
  const look = (now) => {
    gaps.push(now - last);
    last = now;
    now < end ? requestAnimationFrame(look) : done(gaps.slice(1));
  };
  requestAnimationFrame(look);
})"""


@dataclass(frozen=True, slots=True)
class Frames:
    """Times between frames in ms, and how many there were."""

    p50_ms: float
    p99_ms: float
    n: int


def frames(broker_port: int, program: str, seconds: float) -> Frames:
    """Open the page with eight beds in a browser and watch its frames.

    Parameters
    ----------
    broker_port : int
        A broker's, on the loopback.
    program : str
        The browser.
    seconds : float
        How long to watch.
    """
    beds = Beds(broker_port, {f"bed{k + 1}": script for k, script in enumerate(SCRIPTS)})
    try:
        with served(broker_port) as address, chromium(program) as browser:
            browser.size(1920, 1080)
            browser.open(address)
            browser.until("document.querySelectorAll('.bed:not(.stale) .trace').length >= 8")
            gaps = sorted(float(gap) for gap in browser.evaluate(FRAMES % round(seconds * 1000)))
    finally:
        beds.close()
    return Frames(gaps[len(gaps) // 2], gaps[min(len(gaps) - 1, int(0.99 * len(gaps)))], len(gaps))


@contextmanager
def served(broker_port: int) -> Iterator[str]:
    """The page's server in a thread of this process; gives its address."""
    from edge.io.dashboard.access import Access
    from edge.io.dashboard.server import PageServer

    token, ready, where = secrets.token_urlsafe(18), threading.Event(), [0]
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    def on_ready(port: int) -> None:
        where[0] = port
        ready.set()

    server = PageServer(MqttConfig(port=broker_port), Access("127.0.0.1", [], token), lambda line: None)
    thread = threading.Thread(
        target=lambda: loop.run_until_complete(server.run("127.0.0.1", 0, on_ready, stop)), daemon=True
    )
    thread.start()
    ready.wait(10.0)
    try:
        yield f"http://127.0.0.1:{where[0]}/#key={token}"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10.0)
        loop.close()
