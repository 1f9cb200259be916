"""[io] A device on a pseudo-terminal, sample by sample at its rate, and when each chunk of it comes out again.

What comes out is recognised by its values: a chunk is 36 or so consecutive samples of a noisy ECG in steps of
1 uV, and stands at one place only in what was sent. So a latency is never that of another chunk, and a chunk
that does not hold what was sent is an error.
"""

from __future__ import annotations

import os
import pty
import termios
import time
import tty
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from edge.bench.listener import Listener
from edge.bench.tap import Tap
from edge.waveform import decode_wave
from firmware_bridge.types import BadInput

I16 = NDArray[np.int16]
LOOK_BACK_S = 2.0


class Line:
    """A raw pseudo-terminal whose both ends stay open: for its reader a serial port."""

    def __init__(self) -> None:
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave, termios.TCSANOW)
        os.set_blocking(self.master, False)
        self.port = os.ttyname(self.slave)

    def send(self, data: bytes) -> None:
        """Write without waiting. Raises BadInput when nobody reads any more."""
        try:
            os.write(self.master, data)
        except BlockingIOError:
            raise BadInput("bench: the monitor has stopped reading its port") from None

    def close(self) -> None:
        """Close both ends."""
        os.close(self.master)
        os.close(self.slave)


@dataclass(slots=True)
class Passage:
    """What was sent, when, and how long each chunk took.

    `sent_uv` int16 (n,) are the samples in uV; `sent_ns` the time of writing each, `latency_ns` (index of the
    chunk's last sample, time from writing it to receiving the chunk).
    """

    sent_uv: I16
    fs: float
    sent_ns: list[int] = field(default_factory=list)
    latency_ns: list[tuple[int, int]] = field(default_factory=list)

    def arrived(self, payload: bytes, at_ns: int) -> None:
        """A waveform chunk has arrived. Raises BadInput when no such samples were sent lately."""
        chunk = decode_wave(payload)[2]
        n_sent, n = len(self.sent_ns), len(chunk)
        for end in range(n_sent, max(n, n_sent - round(LOOK_BACK_S * self.fs)) - 1, -1):
            if np.array_equal(self.sent_uv[end - n : end], chunk):
                self.latency_ns.append((end - 1, at_ns - self.sent_ns[end - 1]))
                return
        raise BadInput(f"bench: a chunk of {n} samples came out that did not go in lately")

    def latency_us(self, after_s: float) -> NDArray[np.float64]:
        """Latencies in microseconds, without those of the first `after_s` seconds."""
        return np.array([ns / 1000.0 for end, ns in self.latency_ns if end >= after_s * self.fs])


def play(passage: Passage, frames: Sequence[bytes], line: Line, listener: Listener | Tap, topic: str) -> None:
    """Send one frame a sample at the passage's rate, and note when chunks on `topic` arrive.

    One thread does both: while it waits for the next frame's time it listens. The schedule is absolute.
    """
    start_ns = time.monotonic_ns()
    for k, frame in enumerate(frames):
        due_ns = start_ns + round(k * 1e9 / passage.fs)
        while (left_ns := due_ns - time.monotonic_ns()) > 0:
            _listen(passage, listener, topic, left_ns / 1e9)
        passage.sent_ns.append(time.monotonic_ns())
        line.send(frame)
    until_ns = time.monotonic_ns() + 200_000_000
    while (left_ns := until_ns - time.monotonic_ns()) > 0:
        _listen(passage, listener, topic, left_ns / 1e9)


def _listen(passage: Passage, listener: Listener | Tap, topic: str, timeout_s: float) -> None:
    messages = listener.read(timeout_s)
    at_ns = time.monotonic_ns()
    for name, payload in messages:
        if name.startswith(topic) and not name.endswith("/meta"):
            passage.arrived(payload, at_ns)
