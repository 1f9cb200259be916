"""Curves out of braille characters, two dots wide and four high each. Pure."""

from __future__ import annotations

from collections.abc import Sequence

BLANK = 0x2800
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bit of a dot by row and column (Unicode, block Braille Patterns)."""


def plot(columns: Sequence[tuple[float, float] | None], low: float, high: float, n_rows: int) -> list[str]:
    """Draw a curve.

    Parameters
    ----------
    columns : sequence of (lowest, highest) or None
        The curve's extent in each column of dots; None where there is none. What lies outside is drawn at the edge.
    low, high : float
        Values of the lowest and the highest dot.
    n_rows : int
        Rows of characters.

    Returns
    -------
    list of str
        From the top; each up to ``ceil(len(columns) / 2)`` characters, without blanks at its end.
    """
    last = 4 * n_rows - 1
    cells = [[0] * ((len(columns) + 1) // 2) for _ in range(n_rows)]
    before: tuple[int, int] | None = None
    for x, column in enumerate(columns):
        if column is None:
            before = None
            continue
        top, bottom = (round((high - min(high, max(low, v))) / (high - low) * last) for v in column[::-1])
        first, end = top, bottom
        if before is not None:  # no hole between neighbours
            first, end = min(top, before[1] + 1), max(bottom, before[0] - 1)
        for y in range(first, end + 1):
            cells[y // 4][x // 2] |= DOTS[y % 4][x % 2]
        before = top, bottom
    return ["".join(chr(BLANK + bits) if bits else " " for bits in row).rstrip() for row in cells]
