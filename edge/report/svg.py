"""Charts as inline SVG: axes of time and value, lines, bars, points. Pure; all text is made harmless."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.recording.ecg_paper import runs, safe

F64 = NDArray[np.float64]

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 940.0, 64.0, 32.0, 10.0, 26.0


@dataclass(frozen=True, slots=True)
class Frame:
    """A field of a chart: what its edges are in the units of the axes."""

    x0: float
    x1: float
    y0: float
    y1: float
    height: float
    width: float = WIDTH

    def x(self, value: F64) -> F64:
        """Horizontal places of `value`."""
        span = self.width - LEFT - RIGHT
        return LEFT + (np.asarray(value, np.float64) - self.x0) / max(self.x1 - self.x0, 1e-9) * span

    def y(self, value: F64) -> F64:
        """Vertical places of `value`."""
        span = self.height - TOP - BOTTOM
        return (
            self.height
            - BOTTOM
            - (np.asarray(value, np.float64) - self.y0) / max(self.y1 - self.y0, 1e-9) * span
        )


def chart(
    frame: Frame,
    body: Iterable[str],
    title: str,
    clock: Callable[[float], str] | None = None,
    y_ticks: Sequence[tuple[float, str]] | None = None,
) -> str:
    """An SVG with axes; `clock` names places of the x axis, numbers without it."""
    ticks_y = [(v, f"{v:g}") for v in steps(frame.y0, frame.y1, 5)] if y_ticks is None else y_ticks
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {frame.width:g} {frame.height:g}" '
        f'class="chart"><title>{safe(title)}</title>'
    ]
    for value, text in ticks_y:
        at = float(frame.y(np.array(value)))
        out.append(f'<path class="grid" d="M{LEFT:g} {at:.1f}H{frame.width - RIGHT:g}"/>')
        out.append(f'<text x="{LEFT - 6:g}" y="{at + 4:.1f}" text-anchor="end">{safe(text)}</text>')
    times = steps(frame.x0, frame.x1, 8) if clock is None else time_steps(frame.x0, frame.x1)
    for value in times:
        at = float(frame.x(np.array(value)))
        out.append(f'<path class="grid" d="M{at:.1f} {TOP:g}V{frame.height - BOTTOM:g}"/>')
        text = f"{value:g}" if clock is None else clock(value)
        out.append(f'<text x="{at:.1f}" y="{frame.height - 8:g}" text-anchor="middle">{safe(text)}</text>')
    return "".join([*out, *body, "</svg>"])


def line(frame: Frame, x: F64, y: F64, css: str) -> str:
    """A line through the points; it breaks where `y` is NaN, and a lone point is a dot."""
    px, py = frame.x(x), frame.y(y)
    out = []
    for start, end in runs(np.isfinite(py)):
        if end - start == 1:
            out.append(f'<circle class="{css}" r="1.5" cx="{px[start]:.1f}" cy="{py[start]:.1f}"/>')
        else:
            out.append(
                f'<polyline class="{css}" points="{" ".join(_points(px[start:end], py[start:end]))}"/>'
            )
    return "".join(out)


def band(frame: Frame, x: F64, low: F64, high: F64, css: str) -> str:
    """The field between two lines; nothing where either is NaN."""
    out = []
    px, py0, py1 = frame.x(x), frame.y(low), frame.y(high)
    for start, end in runs(np.isfinite(py0) & np.isfinite(py1)):
        there, back = _points(px[start:end], py1[start:end]), _points(px[start:end], py0[start:end])
        out.append(f'<polygon class="{css}" points="{" ".join(there + back[::-1])}"/>')
    return "".join(out)


def _points(x: F64, y: F64) -> list[str]:
    return [f"{a:.1f},{b:.1f}" for a, b in zip(x.tolist(), y.tolist(), strict=True)]


def box(frame: Frame, x0: float, x1: float, y0: float, y1: float, css: str, title: str = "") -> str:
    """A filled field, at least half a pixel wide, with a word for who points at it."""
    left, right = float(frame.x(np.array(x0))), float(frame.x(np.array(x1)))
    top, low = float(frame.y(np.array(y1))), float(frame.y(np.array(y0)))
    inner = f"<title>{safe(title)}</title>" if title else ""
    size = f'width="{max(0.5, right - left):.1f}" height="{max(0.5, low - top):.1f}"'
    return f'<rect class="{css}" x="{left:.1f}" y="{top:.1f}" {size}>{inner}</rect>'


def dots(frame: Frame, x: F64, y: F64, css: str, most: int = 4000) -> str:
    """Points, thinned to `most` evenly; places that coincide are drawn once."""
    keep = slice(None, None, max(1, -(-len(x) // most)))
    places = set(
        zip(np.round(frame.x(x[keep]), 1).tolist(), np.round(frame.y(y[keep]), 1).tolist(), strict=True)
    )
    path = "".join(f"M{a:g} {b:g}h0" for a, b in sorted(places) if np.isfinite(a) and np.isfinite(b))
    return f'<path class="{css}" d="{path}"/>' if path else ""


def steps(low: float, high: float, about: int) -> list[float]:
    """Round values between `low` and `high`, about so many."""
    span = max(high - low, 1e-9)
    raw = span / about
    size = 10.0 ** np.floor(np.log10(raw))
    step = float(next(m * size for m in (1, 2, 5, 10) if m * size >= raw))
    first = np.ceil(low / step - 1e-9) * step
    return [float(round(first + k * step, 10)) for k in range(int((high - first) / step + 1e-9) + 1)]


def time_steps(low_s: float, high_s: float) -> list[float]:
    """Round times, eight at most."""
    sizes = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
    step = next(
        (s for s in sizes if (high_s - low_s) / s <= 8), 86400 * max(1, int((high_s - low_s) / 86400 / 8) + 1)
    )
    first = np.ceil(low_s / step) * step
    return [float(v) for v in np.arange(first, high_s + 1e-6, step)]
