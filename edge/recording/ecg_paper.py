"""An ECG on paper as SVG: 25 mm/s and 10 mm/mV on a grid of 1 and 5 mm, true to scale when printed. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.shown import shown

MM_PER_S = 25.0
MM_PER_MV = 10.0
ROW_S = 10.0
ROW_MM = 45.0
LABELS_MM = 5.0
"""The upper part of a row, in which beats are named."""
MARGIN_MM = 5.0
LEFT_MM = 15.0
TITLE_MM = 8.0
FULL_MM = (ROW_MM - LABELS_MM) / 2

_STYLE = (
    ".fine{stroke:#f3c9c2;stroke-width:.1}.wide{stroke:#e39b90;stroke-width:.2}.ecg{stroke:#111;stroke-width:.3;"
    "fill:none;stroke-linejoin:round}.txt{font:3px sans-serif;fill:#111}.beat{text-anchor:middle}"
    ".ev{stroke:#00429d;stroke-width:.4;stroke-dasharray:1.5 1}.gap{fill:#999;opacity:.35}"
)


@dataclass(frozen=True, slots=True)
class Label:
    """A word above the trace at `t_s` seconds from the strip's first sample."""

    t_s: float
    text: str


def strip(
    mv: NDArray[np.floating[Any]],
    fs: float,
    title: str,
    labels: Sequence[Label] = (),
    event_s: float | None = None,
) -> str:
    """An SVG of one lead, in rows of ten seconds.

    Parameters
    ----------
    mv : ndarray of float, shape (n,)
        The signal [mV]; NaN where there is none. Its median is drawn in the middle of a row.
    fs : float
        Rate [Hz].
    title : str
        The line above it; may be anything, controls and markup are made harmless.
    labels : sequence of Label
        Beats.
    event_s : float, optional
        Seconds from the first sample to what the strip is about; drawn as a line.
    """
    n_rows = max(1, int(np.ceil(mv.size / (ROW_S * fs) - 1e-9)))
    width = LEFT_MM + ROW_S * MM_PER_S + MARGIN_MM
    height = TITLE_MM + n_rows * ROW_MM + MARGIN_MM
    good = mv[np.isfinite(mv)]
    rest = mv - (float(np.median(good)) if good.size else 0.0)
    body = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width:g}mm" height="{height:g}mm" '
        f'viewBox="0 0 {width:g} {height:g}"><title>{safe(title)}</title><style>{_STYLE}</style>',
        f'<rect width="{width:g}" height="{height:g}" fill="#fff"/>',
        _grid(n_rows),
        f'<text class="txt" x="{LEFT_MM:g}" y="5">{safe(title)}</text>',
        f'<text class="txt" x="{width - MARGIN_MM:g}" y="5" text-anchor="end">25 mm/s, 10 mm/mV</text>',
    ]
    for row in range(n_rows):
        body += _row(rest, fs, row, labels, event_s)
    return "".join([*body, "</svg>\n"])


def safe(text: str, most: int = 160) -> str:
    """Text of unknown origin as it may stand in SVG and HTML, in an attribute too."""
    return escape(shown(text, most), quote=True)


def _grid(n_rows: int) -> str:
    x0, y0 = LEFT_MM, TITLE_MM
    x1, y1 = x0 + ROW_S * MM_PER_S, y0 + n_rows * ROW_MM
    out = []
    for name, step in (("fine", 1.0), ("wide", 5.0)):
        across = "".join(f"M{x0 + k * step:g} {y0:g}V{y1:g}" for k in range(round((x1 - x0) / step) + 1))
        down = "".join(f"M{x0:g} {y0 + k * step:g}H{x1:g}" for k in range(round((y1 - y0) / step) + 1))
        out.append(f'<path class="{name}" d="{across}{down}"/>')
    return "".join(out)


def _row(
    mv: NDArray[np.floating[Any]], fs: float, row: int, labels: Sequence[Label], event_s: float | None
) -> Iterator[str]:
    first, last = round(row * ROW_S * fs), round((row + 1) * ROW_S * fs) + 1
    part = mv[first:last]
    top = TITLE_MM + row * ROW_MM
    middle = top + LABELS_MM + FULL_MM
    yield f'<path class="ecg" d="M4 {middle:g}h2v{-MM_PER_MV:g}h5v{MM_PER_MV:g}h2"/>'
    yield f'<text class="txt" x="1" y="{top + ROW_MM - 2:g}">{row * ROW_S:g} s</text>'
    x = LEFT_MM + np.arange(part.size) / fs * MM_PER_S
    y = middle - np.clip(part * MM_PER_MV, -FULL_MM, FULL_MM)
    for start, end in runs(np.isfinite(part)):
        points = " ".join(
            f"{a:.2f},{b:.2f}" for a, b in zip(x[start:end].tolist(), y[start:end].tolist(), strict=True)
        )
        yield f'<polyline class="ecg" points="{points}"/>'
    for start, end in runs(~np.isfinite(part)):
        wide = (end - start) / fs * MM_PER_S
        yield f'<rect class="gap" x="{x[start]:.2f}" y="{top:g}" width="{wide:.2f}" height="{ROW_MM:g}"/>'
    begin_s, end_s = row * ROW_S, (row + 1) * ROW_S
    for label in labels:
        if begin_s <= label.t_s < end_s:
            at = LEFT_MM + (label.t_s - begin_s) * MM_PER_S
            yield f'<text class="txt beat" x="{at:.2f}" y="{top + 3.5:g}">{safe(label.text, 12)}</text>'
    if event_s is not None and begin_s <= event_s < end_s:
        at = LEFT_MM + (event_s - begin_s) * MM_PER_S
        yield f'<path class="ev" d="M{at:.2f} {top:g}v{ROW_MM:g}"/>'


def runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Stretches (start, end) in which `mask` holds."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], mask, [False])).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
