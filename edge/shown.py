"""Text that came over a wire, made fit to be shown: short, and nothing in it that a terminal or a page obeys. Pure."""

from __future__ import annotations

MOST = 64


def shown(text: object, most: int = MOST) -> str:
    """`text` without controls, escapes or marks that turn the writing round, at most `most` characters.

    What is not printable is written as its escape (``\\x1b``); what is longer is cut and ends in ``…``.
    """
    raw = str(text)
    clean = "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in raw[: most + 1])
    return clean if len(clean) <= most else clean[: most - 1] + "…"
