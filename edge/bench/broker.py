"""[io] A real Mosquitto on a free port of the loopback, for as long as a measurement lasts."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from edge.bench.process import end
from firmware_bridge.types import BadInput

PLACES = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"
START_S = 10.0


def find_mosquitto() -> str | None:
    """Path of the broker's program, which Debian keeps outside the usual search path; None without it."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=PLACES)


@contextlib.contextmanager
def mosquitto(program: str) -> Iterator[int]:
    """Run a broker with Mosquitto's own defaults and no persistence; gives its port.

    Raises
    ------
    BadInput
        When it does not answer.
    """
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory(prefix="heartwire-") as folder:
        conf = Path(folder, "mosquitto.conf")
        conf.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n")
        conf.chmod(0o644)
        Path(folder).chmod(0o755)
        process = subprocess.Popen(
            [program, "-c", str(conf)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            _await(process, port)
            yield port
        finally:
            end(process)


def _await(process: subprocess.Popen[bytes], port: int) -> None:
    until_s = time.monotonic() + START_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > until_s:
                raise BadInput(
                    f"bench: mosquitto does not answer on port {port}; does it start by hand?"
                ) from None
            time.sleep(0.01)
