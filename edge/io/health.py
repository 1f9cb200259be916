"""[io] A container's health check: listens where the monitor feeds its watchdog, and is content when it does.

``python -m edge.io.health`` binds the socket that ``NOTIFY_SOCKET`` names, as a service manager would, and waits for
one ``WATCHDOG=1``: exit status 0; 1 when none comes in time.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
import time
from collections.abc import Mapping
from pathlib import Path

WAIT_S = 10.0
"""As systemd's watchdog waits; a living monitor feeds it once a second."""


def is_fed(path: Path, seconds: float) -> bool:
    """Whether the monitor that sends to the socket at `path` feeds its watchdog within this time.

    Raises
    ------
    OSError
        Nothing can listen there.
    """
    with contextlib.suppress(FileNotFoundError):
        path.unlink()
    end_s = time.monotonic() + seconds
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(path))
        try:
            while (left_s := end_s - time.monotonic()) > 0.0:
                heard.settimeout(left_s)
                with contextlib.suppress(TimeoutError):
                    if b"WATCHDOG=1" in heard.recv(4096).split(b"\n"):
                        return True
            return False
        finally:
            path.unlink(missing_ok=True)


def main(environ: Mapping[str, str], seconds: float = WAIT_S) -> int:
    """Check once; says on stderr what is wrong."""
    name = environ.get("NOTIFY_SOCKET", "")
    if not name.startswith("/"):
        print("heartwire health: NOTIFY_SOCKET names no path: nothing can be heard", file=sys.stderr)
        return 1
    try:
        fed = is_fed(Path(name), seconds)
    except OSError as error:
        print(f"heartwire health: cannot listen at {name!r}: {error.strerror or error}", file=sys.stderr)
        return 1
    if not fed:
        print(f"heartwire health: the monitor did nothing to its end for {seconds:g} s", file=sys.stderr)
    return 0 if fed else 1


if __name__ == "__main__":
    sys.exit(main(os.environ))
