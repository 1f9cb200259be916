"""Numbers as C writes them."""

from __future__ import annotations

import numpy as np


def single(value: float | np.float32) -> str:
    """A float32 that comes back bit for bit."""
    text = f"{float(value):.9g}"
    return text + ("f" if "." in text or "e" in text else ".0f")


def braced(words: list[str]) -> str:
    """Words in braces, eight to twenty a line."""
    per_line = 8 if any("." in word or "e" in word for word in words) else 20
    lines = [", ".join(words[k : k + per_line]) for k in range(0, len(words), per_line)]
    return "{" + ",\n    ".join(lines) + "}"
