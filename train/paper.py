"""A strip of ECG on millimetre paper as a small SVG: labels above, answers below. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MM_PER_S, MM_PER_MV = 25, 10
PX_PER_MM = 4
HEAD_MM, FOOT_MM, SIDE_MM = 16, 12, 4
HALF_MM = 20
"""Paper above and below the middle line: 2 mV each way; what lies beyond is cut off at the edge."""

WRONG, RIGHT, INK = "#b00020", "#444", "#111"


@dataclass(frozen=True, slots=True)
class Mark:
    """A beat on the strip, `at_s` seconds from its start: what the label says and what was answered, '' for none."""

    at_s: float
    truth: str
    answer: str

    @property
    def wrong(self) -> bool:
        """Whether label and answer differ."""
        return self.truth != self.answer


def svg(mv: NDArray[np.float64], fs: float, marks: Sequence[Mark], title: str, note: str) -> str:
    """Draw a strip.

    Parameters
    ----------
    mv : ndarray, shape (n,)
        The lead in mV at `fs` Hz, drawn round its median.
    marks : sequence of Mark
        Beats; where label and answer differ both are red.
    title, note : str
        The line above the strip, and the one below it.
    """
    width_mm = round(len(mv) / fs * MM_PER_S)
    height_mm = 2 * HALF_MM
    wide = (width_mm + 2 * SIDE_MM) * PX_PER_MM
    tall = (height_mm + HEAD_MM + FOOT_MM) * PX_PER_MM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{wide}" height="{tall}" viewBox="0 0 {wide} {tall}" '
        'font-family="sans-serif">',
        f'<rect width="{wide}" height="{tall}" fill="#fff"/>',
        _text(SIDE_MM, 5, title, INK, 13, "start"),
        _text(SIDE_MM, height_mm + HEAD_MM + FOOT_MM - 2, note, RIGHT, 11, "start"),
        *_paper(width_mm, height_mm),
        f'<path d="{_trace(mv, fs)}" fill="none" stroke="{INK}" stroke-width="1.2"/>',
    ]
    for mark in marks:
        x = SIDE_MM + mark.at_s * MM_PER_S
        colour, weight = (WRONG, " font-weight='bold'") if mark.wrong else (RIGHT, "")
        parts.append(_text(x, HEAD_MM - 2, mark.truth or "–", colour, 12, "middle", weight))
        parts.append(_text(x, HEAD_MM + height_mm + 4, mark.answer or "–", colour, 12, "middle", weight))
    return "\n".join([*parts, "</svg>"]) + "\n"


def _paper(width_mm: int, height_mm: int) -> Iterable[str]:
    """Millimetres, and every fifth line stronger."""
    for step, colour, stroke in ((1, "#f6d5d5", 0.5), (5, "#e8a0a0", 0.8)):
        upright = "".join(
            f"M{(SIDE_MM + x) * PX_PER_MM} {HEAD_MM * PX_PER_MM}v{height_mm * PX_PER_MM}"
            for x in range(0, width_mm + 1, step)
        )
        level = "".join(
            f"M{SIDE_MM * PX_PER_MM} {(HEAD_MM + y) * PX_PER_MM}h{width_mm * PX_PER_MM}"
            for y in range(0, height_mm + 1, step)
        )
        yield f'<path d="{upright}{level}" fill="none" stroke="{colour}" stroke-width="{stroke}"/>'


def _trace(mv: NDArray[np.float64], fs: float) -> str:
    """The lead as a path in steps of a fifth of a pixel, thinned to at most 180 points a second."""
    every = max(1, int(np.ceil(fs / 180.0)))
    y_mm = np.clip(-(mv - np.nanmedian(mv)) * MM_PER_MV, -HALF_MM, HALF_MM) + HEAD_MM + HALF_MM
    x_mm = SIDE_MM + np.arange(len(mv)) / fs * MM_PER_S
    points = np.rint(5 * PX_PER_MM * np.stack([x_mm, np.nan_to_num(y_mm, nan=float(HEAD_MM))], 1)[::every])
    steps = np.diff(points.astype(int), axis=0)
    first = f"M{points[0, 0] / 5:g} {points[0, 1] / 5:g}l"
    return first + " ".join(f"{dx / 5:g} {dy / 5:g}" for dx, dy in steps)


def _text(x_mm: float, y_mm: float, text: str, colour: str, size: int, anchor: str, more: str = "") -> str:
    safe = text.replace("&", "&amp;").replace("<", "&lt;")
    return (
        f'<text x="{x_mm * PX_PER_MM:.0f}" y="{y_mm * PX_PER_MM:.0f}" fill="{colour}" font-size="{size}" '
        f'text-anchor="{anchor}"{more}>{safe}</text>'
    )
