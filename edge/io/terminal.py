"""[io] A terminal for a program that draws on all of it and reads single keys, given back as it was.

``python -m edge.io.terminal NAME`` waits beside it for the end of its own standard input. Numbers that a killed program
has left on the screen look alive: it takes them away and says that nobody watches.
"""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping

ENTER, LEAVE = "\x1b[?1049h\x1b[?25l\x1b[H\x1b[2J", "\x1b[?25h\x1b[?1049l"
"""The other screen and no cursor; back (xterm's private modes 1049 and 25)."""


def can_draw(environ: Mapping[str, str]) -> bool:
    """Whether standard output is a terminal that understands more than lines, and can show braille."""
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    return sys.stdout.isatty() and environ.get("TERM", "dumb") != "dumb" and encoding == "utf8"


class Terminal:
    """Draws only the lines that changed."""

    def __init__(self) -> None:
        self._shown: list[str] = []
        self._size = (0, 0)

    def size(self) -> tuple[int, int]:
        """Columns and rows; after a change everything is drawn again."""
        found = shutil.get_terminal_size((80, 24))
        if found != self._size:
            self._size, self._shown = (found[0], found[1]), []
        return self._size

    def draw(self, lines: list[str]) -> None:
        """Show `lines` from the top, nothing below."""
        out = [] if self._shown else ["\x1b[2J"]
        n = max(len(lines), len(self._shown))
        for k in range(n):
            line = lines[k] if k < len(lines) else ""
            if k >= len(self._shown) or self._shown[k] != line:
                out.append(f"\x1b[{k + 1};1H{line}\x1b[K")
        self._shown = list(lines)
        if out:
            sys.stdout.write("".join(out))
            sys.stdout.flush()


@contextlib.contextmanager
def whole_screen(name: str) -> Iterator[Terminal]:
    """The terminal for as long as the block lasts, and as it was before, however the program called `name` ends."""
    keys = _raw_keys() if sys.stdin.isatty() else contextlib.nullcontext()
    with _watched(name), keys:
        sys.stdout.write(ENTER)
        sys.stdout.flush()
        try:
            yield Terminal()
        finally:
            with contextlib.suppress(OSError):
                sys.stdout.write(LEAVE)
                sys.stdout.flush()


@contextlib.contextmanager
def _watched(name: str) -> Iterator[None]:
    """Somebody is there who says so if we are killed."""
    command = [sys.executable, "-m", "edge.io.terminal", name]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    quiet = subprocess.DEVNULL
    # Of a session of its own: what ends us from the keyboard does not end it.
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=quiet, env=env, start_new_session=True
    ) as guard:
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                guard.communicate(b"q")


def guard(name: str) -> None:
    """Wait for the other end of standard input to say good-bye, or to be gone."""
    if os.read(0, 1):
        return
    with contextlib.suppress(OSError):
        _sane_keys()
    text = f"{name} was killed at {time.strftime('%H:%M:%S')}: NOBODY WATCHES HERE. Start it again."
    with contextlib.suppress(OSError):
        os.write(1, f"{LEAVE}\r\n\a{text}\r\n".encode())


def _sane_keys() -> None:
    """Keys are shown again, and come by the line."""
    import termios

    with contextlib.suppress(termios.error):
        mode = termios.tcgetattr(1)
        mode[3] |= termios.ICANON | termios.ECHO
        termios.tcsetattr(1, termios.TCSANOW, mode)


@contextlib.contextmanager
def _raw_keys() -> Iterator[None]:
    """Keys come at once and are not shown."""
    import termios
    import tty

    fd = sys.stdin.fileno()
    before = termios.tcgetattr(fd)
    try:
        tty.setcbreak(fd)
        yield
    finally:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(fd, termios.TCSADRAIN, before)


def read_keys(wait_s: float) -> str:
    """Keys that were pressed within `wait_s`; a terminal that went away is a ``q``."""
    if not sys.stdin.isatty():
        time.sleep(wait_s)
        return ""
    try:
        ready, _, _ = select.select([sys.stdin.fileno()], [], [], wait_s)
        return os.read(sys.stdin.fileno(), 64).decode("ascii", "replace") or "q" if ready else ""
    except OSError:
        return "q"


if __name__ == "__main__":
    guard(sys.argv[1])
