"""[io] From starting the monitor's process to its first read from the serial port."""

from __future__ import annotations

import fcntl
import statistics
import struct
import subprocess
import termios
import time

from edge.bench.feed import Line
from edge.bench.path import environment, monitor_command
from edge.bench.process import end
from firmware_bridge.types import BadInput

TURN_S = 0.0003
N_EMPTY = 5
LONGEST_S = 30.0


def first_read_ms(broker: str, n_starts: int = 5) -> float:
    """Milliseconds, the median of `n_starts` starts after a first one that fills the caches.

    A delimiter is written about every 0.3 ms. Before the port is read they pile up; opening it throws them
    away, once; once it is read the line stays empty, and the first of five such looks is the moment.

    Raises
    ------
    BadInput
        When the monitor ends or never reads.
    """
    return statistics.median([_one(broker) for _ in range(n_starts + 1)][1:])


def _one(broker: str) -> float:
    line = Line()
    begun_s = time.monotonic()
    process = subprocess.Popen(
        monitor_command(line.port, broker),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
    )
    try:
        first_s, n_empty, piled = begun_s, 0, False
        while n_empty < N_EMPTY:
            line.send(b"\0")
            time.sleep(TURN_S)
            now_s = time.monotonic()
            if _unread(line.slave) > 1:
                n_empty, piled = 0, True
            elif piled:
                first_s, n_empty = (now_s, 1) if n_empty == 0 else (first_s, n_empty + 1)
            if process.poll() is not None or now_s - begun_s > LONGEST_S:
                raise BadInput("bench: the monitor did not start; try: heartwire run --source PORT")
        return 1000.0 * (first_s - begun_s)
    finally:
        end(process)
        line.close()


def _unread(slave: int) -> int:
    """Bytes that wait to be read."""
    return int(struct.unpack("i", fcntl.ioctl(slave, termios.FIONREAD, bytes(4)))[0])
