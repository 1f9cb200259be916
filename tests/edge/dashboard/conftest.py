"""A page's server as a process of its own, on a real Mosquitto."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[3]
TOKEN = "k" * 20


class Page:
    """A running ``heartwire dashboard`` and where it is."""

    def __init__(self, broker_port: int, *words: str) -> None:
        command = [sys.executable, "-W", "error", "-m", "edge.cli", "dashboard", *words]
        command += ["--mqtt", f"127.0.0.1:{broker_port}", "--listen", "127.0.0.1:0"]
        environ = {**os.environ, "HEARTWIRE_DASHBOARD_TOKEN": TOKEN, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=environ
        )
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        found = re.search(r"http://\S+", line)
        assert found, line + self.process.stderr.read()
        self.address = found[0]
        self.port = urlsplit(self.address).port or 0
        self.origin = f"http://127.0.0.1:{self.port}"
        self.live = f"ws://127.0.0.1:{self.port}/live"

    def viewer(self) -> Any:
        """A viewer as a browser's page would be one."""
        from websockets.sync.client import connect

        return connect(self.live, origin=self.origin, compression=None, max_queue=None)

    def close(self) -> str:
        """End it well; gives what it said."""
        self.process.terminate()
        _, said = self.process.communicate(timeout=10)
        assert self.process.returncode == 0, said
        return said


@pytest.fixture
def open_page() -> Iterator[Callable[..., Page]]:
    pytest.importorskip("websockets")
    made: list[Page] = []

    def make(port: int, *words: str) -> Page:
        made.append(Page(port, *words))
        return made[-1]

    yield make
    for page in made:
        if page.process.poll() is None:
            page.close()
        assert page.process.stderr is not None
        page.process.stderr.close()
