"""Where something listens, in one word: host and port. Pure."""

from __future__ import annotations

from firmware_bridge.types import BadInput


def host_port(text: str, where: str, example: str) -> tuple[str, int | None]:
    """Host, without brackets, and port of ``host``, ``host:port``, ``[v6]`` or ``[v6]:port``; else `BadInput`."""
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, ""
    bare = host.strip("[]")
    bad_port = port and not (port.isascii() and port.isdigit() and len(port) <= 5)
    if not bare or bad_port or (":" in bare and host[0] != "["):
        raise BadInput(f"{where}: got {text[:80]!r}, expected HOST or HOST:PORT, such as {example}")
    return bare, int(port) if port else None
