"""[io] A real Mosquitto on a free port of the loopback and a Unix socket, for as long as a measurement lasts."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge.bench.process import end
from firmware_bridge.types import BadInput

PLACES = "/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"
START_S = 10.0


def find_mosquitto() -> str | None:
    """Path of the broker's program, which Debian keeps outside the usual search path; None without it."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path=PLACES)


@dataclass(frozen=True, slots=True)
class Running:
    """Where a broker listens: its port on the loopback, and the path of its Unix socket (version 2 and newer)."""

    port: int
    socket_path: str | None
    pid: int

    @property
    def tcp(self) -> str:
        """Its address over TCP, as ``--mqtt`` takes it."""
        return f"127.0.0.1:{self.port}"


@contextlib.contextmanager
def mosquitto(program: str, port: int = 0) -> Iterator[Running]:
    """Run a broker with Mosquitto's own defaults and no persistence.

    Parameters
    ----------
    program : str
        Path of the broker's program.
    port : int
        Where it listens; 0 for any port that is free.

    Raises
    ------
    BadInput
        When it does not answer.
    """
    with socket.create_server(("127.0.0.1", port)) as probe:
        port = int(probe.getsockname()[1])
    with tempfile.TemporaryDirectory(prefix="heartwire-") as folder:
        conf, path = Path(folder, "mosquitto.conf"), str(Path(folder, "broker.sock"))
        plain = f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n"
        Path(folder).chmod(0o1777)  # started as root, it makes its socket as somebody else
        process = None
        try:
            for local in (path, None):
                conf.write_text(plain if local is None else f"{plain}listener 0 {local}\n")
                conf.chmod(0o644)
                process = subprocess.Popen(
                    [program, "-c", str(conf)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
                )
                if _answers(process, port):
                    break
            else:
                raise BadInput(f"bench: mosquitto does not answer on port {port}; does it start by hand?")
            yield Running(port, local, process.pid)
        finally:
            if process is not None:
                end(process)


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    """Whether it comes to listen; False for one that ends, such as an old one that has no Unix sockets."""
    until_s = time.monotonic() + START_S
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1.0).close()
            return True
        except OSError:
            if process.poll() is not None or time.monotonic() > until_s:
                end(process)
                return False
            time.sleep(0.01)
