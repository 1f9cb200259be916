"""[io] A headless Chromium on one page, through its DevTools protocol."""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from edge.bench.process import end
from firmware_bridge.types import BadInput

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
START_S = 30.0
CALL_S = 20.0
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--no-first-run", "--disable-extensions", "--disable-background-networking", "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)  # fmt: skip


def find_chromium() -> str | None:
    """Path of a Chromium, None without one."""
    return next((path for name in PROGRAMS if (path := shutil.which(name))), None)


class Browser:
    """One page of a running Chromium.

    Parameters
    ----------
    address : str
        WebSocket address of the page's debugger.
    """

    def __init__(self, address: str) -> None:
        from websockets.sync.client import connect

        self._socket = connect(address, max_size=None, compression=None)
        self._number = 0
        self.errors: list[str] = []
        for domain in ("Page", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol and wait for its answer; what the page complains of goes to `errors`.

        Raises
        ------
        BadInput
            The method failed.
        """
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            said = json.loads(self._socket.recv(timeout=CALL_S))
            if said.get("id") == self._number:
                if "error" in said:
                    raise BadInput(f"chromium: {method}: {said['error'].get('message')}")
                return dict(said["result"])
            self._note(said)

    def _note(self, said: dict[str, Any]) -> None:
        if said.get("method") == "Runtime.exceptionThrown":
            detail = said["params"]["exceptionDetails"]
            self.errors.append(detail.get("exception", {}).get("description") or detail["text"])
        if said.get("method") == "Log.entryAdded" and said["params"]["entry"]["level"] == "error":
            self.errors.append(said["params"]["entry"]["text"])

    def open(self, address: str) -> None:
        """Go to an address."""
        self.call("Page.navigate", url=address)

    def evaluate(self, script: str) -> Any:
        """Value of a JavaScript expression; a promise is waited for."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            detail = result["exceptionDetails"]
            raise BadInput(f"chromium: {detail.get('exception', {}).get('description') or detail['text']}")
        return result["result"].get("value")

    def until(self, script: str, deadline_s: float = 15.0) -> None:
        """Evaluate until it gives something true.

        Raises
        ------
        BadInput
            It does not within `deadline_s`.
        """
        end_s = time.monotonic() + deadline_s
        while not self.evaluate(f"!!({script})"):
            if time.monotonic() > end_s:
                raise BadInput(f"chromium: {script[:200]!r} did not come true within {deadline_s:g} s")
            time.sleep(0.05)

    def size(self, width: int, height: int, ratio: float = 1.0, mobile: bool = False) -> None:
        """Be a screen of this size in CSS pixels."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=ratio,
            mobile=mobile,
        )

    def prefer(self, **features: str) -> None:
        """Have preferences, such as ``color_scheme="light"``."""
        named = [{"name": f"prefers-{k.replace('_', '-')}", "value": v} for k, v in features.items()]
        self.call("Emulation.setEmulatedMedia", features=named)

    def click(self, selector: str) -> None:
        """Press and release the mouse in the middle of an element."""
        box = f"(() => {{ const r = document.querySelector({json.dumps(selector)}).getBoundingClientRect();"
        x, y = self.evaluate(box + " return [r.x + r.width / 2, r.y + r.height / 2]; })()")
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def screenshot(self) -> bytes:
        """What is on the screen, as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot")["data"])

    def close(self) -> None:
        """Let go of the page."""
        self._socket.close()


@contextlib.contextmanager
def chromium(program: str) -> Iterator[Browser]:
    """Run a browser of its own, with nothing in it; gives its page.

    Raises
    ------
    BadInput
        When it does not start.
    """
    with tempfile.TemporaryDirectory(prefix="heartwire-", ignore_cleanup_errors=True) as folder:
        command = [program, *FLAGS, f"--user-data-dir={folder}", "about:blank"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            browser = Browser(_page_of(process, Path(folder)))
            yield browser
            browser.close()
        finally:
            end(process)


def _page_of(process: subprocess.Popen[bytes], folder: Path) -> str:
    """Address of the page's debugger, once the browser has written down its port."""
    until_s = time.monotonic() + START_S
    while time.monotonic() < until_s and process.poll() is None:
        with contextlib.suppress(OSError, ValueError, IndexError, KeyError, StopIteration):
            port = int((folder / "DevToolsActivePort").read_text().split()[0])
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=5.0) as answer:
                pages = json.load(answer)
            return str(next(p["webSocketDebuggerUrl"] for p in pages if p["type"] == "page"))
        time.sleep(0.05)
    raise BadInput("chromium did not start; does it by hand, with --headless=new --no-sandbox?")
