"""[io] What viewers cost the one who is monitored: latency with them and without, by turns.

Two are measured: the monitor's own, from a byte at the serial port to its message at the broker, and that to a
subscriber, in which the broker serves the others too.

The page's server runs all the time, the viewers every other turn; those who never read have their sockets filled first,
so that broker and server are really kept from writing. They share this machine: on a ward they have their own.
"""

from __future__ import annotations

import contextlib
import os
import re
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edge.bench.listener import connected
from edge.bench.path import CHUNK_MS, PathCost, Stretch, cost_of, environment, monitor_stretch
from edge.bench.process import end, rss_mb
from edge.io.mqtt_link import publish_packet
from edge.messages import Message
from edge.waveform import SCALE_MV, encode_wave
from firmware_bridge.types import BadInput

START_S = 30.0
FILL_CHUNKS, FILL_SAMPLES = 150, 2000
"""What is sent so that nothing more fits into the socket of one who never reads: 0.6 MB."""
FILLER = "heartwire/filler/waveform/II"


@dataclass(frozen=True, slots=True)
class ViewersCost:
    """Without viewers and with them, to the broker and to a subscriber; memory of the page's server [MB] before they
    came and at the end.
    """

    alone: PathCost
    watched: PathCost
    path_alone: PathCost
    path_watched: PathCost
    page_rss_mb: float | None
    page_rss_end_mb: float | None


def viewers_cost(broker: str, seconds: float, n_viewers: int, n_stuck: int, n_rounds: int = 0) -> ViewersCost:
    """Measure by turns, `seconds` of each of the four in all; their order alternates.

    Parameters
    ----------
    broker : str
        A broker's address, ``HOST:PORT``.
    seconds : float
        How long the monitor is fed without viewers, and how long with them.
    n_viewers, n_stuck : int
        Viewers, and how many of them never read.
    n_rounds : int
        How many turns each has; one for every 5 s unless named.
    """
    found: dict[tuple[bool, bool], list[Stretch]] = {}
    n_rounds = n_rounds or max(1, round(seconds / 5.0))
    part_s = seconds / n_rounds
    with served(broker) as (address, pid):
        before_mb = rss_mb(pid)
        for k in range(n_rounds):
            for with_them in (False, True) if k % 2 else (True, False):
                several = crowd(broker, address, n_viewers - n_stuck, n_stuck)
                with several if with_them else contextlib.nullcontext():
                    for tapped in (True, False):
                        stretch = monitor_stretch(broker, part_s, CHUNK_MS, tapped)
                        found.setdefault((with_them, tapped), []).append(stretch)
        after_mb = rss_mb(pid)
    alone, watched, path_alone, path_watched = (
        cost_of(found[key]) for key in ((False, True), (True, True), (False, False), (True, False))
    )
    return ViewersCost(alone, watched, path_alone, path_watched, before_mb, after_mb)


@contextlib.contextmanager
def served(broker: str) -> Iterator[tuple[str, int]]:
    """The page's server as a process of its own; gives its address and process id.

    Raises
    ------
    BadInput
        When it does not start.
    """
    words = ["dashboard", "--mqtt", broker, "--listen", "127.0.0.1:0"]
    process = _started(["-m", "edge.cli", *words], stderr=subprocess.PIPE)
    try:
        assert process.stderr is not None
        line = _line(process, process.stderr.fileno())
        found = re.search(r"http://\S+", line)
        if found is None:
            raise BadInput(f"bench: the page's server did not start; it said: {line.strip() or 'nothing'}")
        yield found[0], process.pid
    finally:
        end(process)
        if process.stderr is not None:
            process.stderr.close()


@contextlib.contextmanager
def crowd(broker: str, address: str, n_reading: int, n_stuck: int) -> Iterator[None]:
    """Viewers in a process of their own, the sockets of those who never read filled.

    Raises
    ------
    BadInput
        When they do not all connect.
    """
    words = [broker, address, str(n_reading), str(n_stuck)]
    process = _started(["-m", "edge.bench.crowd", *words], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        line = _line(process, process.stdout.fileno())
        if line != "ready\n":
            raise BadInput(
                f"bench: {n_reading + n_stuck} viewers did not connect; they said: {line.strip() or 'nothing'}"
            )
        fill(broker)
        yield
    finally:
        end(process)
        if process.stdout is not None:
            process.stdout.close()


def fill(broker: str, n_chunks: int = FILL_CHUNKS, pause_s: float = 0.005) -> None:
    """Publish more of a bed's waveform than fits into sockets that nobody reads."""
    meta = b'{"fs":250.0,"scale_mv":%g}' % SCALE_MV
    noise = np.random.default_rng(0).normal(0.0, 1.0, FILL_SAMPLES).astype(np.float32)
    with connected(broker) as sock:
        _publish(sock, Message(f"{FILLER}/meta", meta, True, 0))
        for k in range(n_chunks):
            _publish(sock, Message(FILLER, encode_wave(k, 10**15 + k, noise), False, 0))
            time.sleep(pause_s)


def _publish(sock: socket.socket, message: Message) -> None:
    sock.sendall(publish_packet(message))


def _started(
    words: list[str], stdout: int = subprocess.DEVNULL, stderr: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, *words], stdout=stdout, stderr=stderr, env=environment())


def _line(process: subprocess.Popen[bytes], fd: int) -> str:
    """The first line that a process says; less where it ends or takes too long."""
    until_s, said = time.monotonic() + START_S, b""
    while not said.endswith(b"\n") and time.monotonic() < until_s:
        if select.select([fd], [], [], 0.1)[0]:
            byte = os.read(fd, 1)
            if not byte:
                break
            said += byte
    return said.decode(errors="replace")
