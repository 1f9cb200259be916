"""[io] A wire and nothing else: every line read from a serial port is published at once, unfiltered and unlooked at.

What it takes is what the kernel, the broker and the interpreter take here from any program; the rest of a
build's time is its own. Run as ``python -m edge.bench.bare SERIAL-PORT BROKER TOPIC``; it prints "ready"
and runs until it is ended.
"""

from __future__ import annotations

import os
import sys
import time

import serial

from edge.bench.listener import connected
from edge.io.mqtt_link import publish_packet
from edge.messages import Message
from edge.waveform import HEADER, MAGIC, VERSION


def run(port: str, broker: str, topic: str) -> None:
    """Read and publish for ever."""
    sock = connected(broker)
    with serial.Serial(port, 115200) as device:
        fd, rest, seq = device.fileno(), b"", 0
        os.set_blocking(fd, True)
        print("ready", flush=True)
        while True:
            *lines, rest = (rest + os.read(fd, 4096)).split(b"\n")
            for line in lines:
                head = HEADER.pack(MAGIC, VERSION, seq, time.time_ns() // 1000)
                counts = round(float(line) * 1000.0).to_bytes(2, "little", signed=True)
                sock.send(publish_packet(Message(topic, head + counts, False, 0)))
                seq += 1


if __name__ == "__main__":
    run(sys.argv[1], sys.argv[2], sys.argv[3])
