"""[io] Many viewers in a process of their own: pages over WebSocket, subscribers over MQTT, some that never read.

Run as ``python -m edge.bench.crowd BROKER PAGE-ADDRESS N-READING N-STUCK``: half of each are pages. It prints
"ready" when all are connected and runs until it is ended. What is read is thrown away.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import sys
from urllib.parse import urlsplit

from edge.bench.listener import SUBSCRIBE, connected, packet, text
from edge.ward.beds import Ward

SMALL = 4096
"""A receive buffer that is full at once, for those who never read."""
KEY = "aGVhcnR3aXJlLXZpZXdlcg=="


def subscriber(broker: str, small: bool = False, alarm_qos: int = 0) -> socket.socket:
    """A socket that has asked the broker at `broker`, ``HOST:PORT``, for all that a page shows."""
    sock = connected(broker)
    if small:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
    wanted = [(name, alarm_qos if "/alarm/" in name else 0) for name, _ in Ward().topics]
    filters = b"".join(text(name) + bytes([qos]) for name, qos in wanted)
    sock.sendall(packet(SUBSCRIBE, struct.pack(">H", 1) + filters))
    return sock


def stuck_page(address: str) -> socket.socket:
    """A socket over which a page has shaken hands, which is all that it ever does."""
    host = urlsplit(address).netloc
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
    sock.connect(("127.0.0.1", urlsplit(address).port or 80))
    lines = ["GET /live HTTP/1.1", f"Host: {host}", f"Origin: http://{host}", "Upgrade: websocket"]
    lines += ["Connection: Upgrade", f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 13", "", ""]
    sock.sendall("\r\n".join(lines).encode())
    return sock


async def page(address: str, opened: asyncio.Event) -> None:
    """A page that reads all it is sent."""
    from websockets.asyncio.client import connect

    host = urlsplit(address).netloc
    async with connect(f"ws://{host}/live", origin=f"http://{host}", compression=None) as socket_:  # type: ignore[arg-type]
        opened.set()
        async for _ in socket_:
            pass


async def drain(sock: socket.socket) -> None:
    """Read all that comes."""
    loop = asyncio.get_running_loop()
    sock.setblocking(False)
    while await loop.sock_recv(sock, 65536):
        pass


async def run(broker: str, address: str, n_reading: int, n_stuck: int) -> None:
    """Connect all, say so, and read for ever."""
    with contextlib.ExitStack() as stack:
        for k in range(n_stuck):
            stack.enter_context(subscriber(broker, small=True) if k % 2 else stuck_page(address))
        reading = [stack.enter_context(subscriber(broker)) for _ in range(n_reading // 2)]
        opened = [asyncio.Event() for _ in range(n_reading - n_reading // 2)]
        tasks = [asyncio.create_task(drain(sock)) for sock in reading]
        tasks += [asyncio.create_task(page(address, one)) for one in opened]
        await asyncio.gather(*(one.wait() for one in opened))
        print("ready", flush=True)
        await asyncio.gather(*tasks)


if __name__ == "__main__":
    asyncio.run(run(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
