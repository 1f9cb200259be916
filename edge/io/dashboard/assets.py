"""The page's own files, read once when the server starts."""

from __future__ import annotations

from importlib.resources import files

TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


def load() -> dict[str, tuple[str, bytes]]:
    """Path of every file -> content type and bytes; ``/`` is the page itself."""
    found = {}
    for entry in files("edge.io.dashboard").joinpath("static").iterdir():
        ending = entry.name.rpartition(".")[2]
        if ending in TYPES:
            found["/" + entry.name] = TYPES[ending], entry.read_bytes()
    found["/"] = found.pop("/index.html")
    return found
