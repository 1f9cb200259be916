"""The report's charts. Pure."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edge.io.recordings import Recording
from edge.recording.ecg_paper import runs, safe
from edge.report.hrv import usable
from edge.report.measures import BINS, SHORTEST_BIN_S, Measures
from edge.report.strips import STRIP_S
from edge.report.svg import Frame, band, box, chart, dots, line

Clock = Callable[[float], str]
F64 = NDArray[np.float64]

RHYTHM_CSS = {"sinus": "r0", "af": "r1", "vt": "r2", "vf": "r3", "noise": "r4", "unknown": "r5"}


def rate(recording: Recording, found: Measures, clock: Clock) -> str:
    """Heart rate over time: mean as a line, lowest to highest as a field."""
    trend = found.trend
    low, high = 40.0, 120.0
    if np.isfinite(trend.mean).any():
        low = min(low, 10 * np.floor(np.nanmin(trend.low) / 10))
        high = max(high, 10 * np.ceil(np.nanmax(trend.high) / 10))
    frame = Frame(0.0, recording.seconds, float(low), float(min(high, 350.0)), 220.0)
    body = [
        *_grey(frame, recording, found),
        band(frame, trend.t_s, trend.low, trend.high, "span"),
        line(frame, trend.t_s, trend.mean, "rate"),
    ]
    caption = '<p class="small">bpm over 8 beats: mean (line), lowest to highest (field).</p>'
    return chart(frame, body, "heart rate over time", clock) + caption


def rhythm(recording: Recording, found: Measures, clock: Clock) -> str:
    """A row for each rhythm, filled while it lasted."""
    names = list(found.rhythm_seconds())[:8]
    if not names:
        return ""
    frame = Frame(0.0, recording.seconds, 0.0, float(len(names)), 40.0 + 24.0 * len(names))
    rows = {name: len(names) - 1 - k for k, name in enumerate(names)}
    body = []
    for span in found.rhythms:
        if span.label in rows:
            y, css = rows[span.label], RHYTHM_CSS.get(span.label, "r6")
            words = f"{span.label} {clock(span.start_s)} to {clock(span.end_s)}"
            body.append(box(frame, span.start_s, span.end_s, y + 0.12, y + 0.88, css, words))
    ticks = [(y + 0.5, name[:8]) for name, y in rows.items()]
    return chart(frame, body, "rhythm over time", clock, ticks)


def ectopy(recording: Recording, found: Measures, clock: Clock) -> str:
    """Ventricular and supraventricular beats over time, counted in bins."""
    n = max(1, min(BINS // 2, int(recording.seconds / SHORTEST_BIN_S)))
    width = recording.seconds / n
    beats = found.beats
    counts = {
        name: np.bincount(np.minimum((beats.t_s[beats.aami == name] / width).astype(int), n - 1), minlength=n)
        for name in "VS"
    }
    most = float(max(int((counts["V"] + counts["S"]).max()), 4))
    frame = Frame(0.0, recording.seconds, 0.0, most, 150.0)
    body = []
    for k in range(n):
        v, s = int(counts["V"][k]), int(counts["S"][k])
        if v:
            body.append(box(frame, k * width, (k + 0.9) * width, 0, v, "v", f"{v} V at {clock(k * width)}"))
        if s:
            body.append(
                box(frame, k * width, (k + 0.9) * width, v, v + s, "s", f"{s} S at {clock(k * width)}")
            )
    each = f"{width / 60:.1f} min" if width >= 60 else f"{width:.0f} s"
    caption = (
        f'<p class="small">Beats in {each}: ventricular (red, below), supraventricular (orange, above).</p>'
    )
    return chart(frame, body, "ectopic beats over time", clock) + caption


def poincare(found: Measures) -> str:
    """Each NN interval against the one before it [ms], without strays."""
    beats = found.beats
    good = usable(beats)
    pairs = good[1:] & good[:-1]
    before, after = beats.rr_s[:-1][pairs] * 1000.0, beats.rr_s[1:][pairs] * 1000.0
    if not len(before):
        return "<p>There are no two NN intervals in a row.</p>"
    low = 100 * np.floor(min(before.min(), after.min()) / 100)
    high = 100 * np.ceil(max(before.max(), after.max()) / 100)
    frame = Frame(float(low), float(high), float(low), float(high), 420.0, 460.0)
    same = np.array([low, high])
    body = [line(frame, same, same, "same"), dots(frame, before, after, "poincare")]
    sd1 = float(np.std((after - before) / np.sqrt(2)))
    sd2 = float(np.std((after + before) / np.sqrt(2)))
    words = f"{len(before)} pairs; SD1 {sd1:.0f} ms across the diagonal, SD2 {sd2:.0f} ms along it."
    drawn = chart(frame, body, "RR against the RR before")
    return f'<div class="square">{drawn}</div><p class="small">{words}</p>'


def quality(recording: Recording, found: Measures, clock: Clock) -> str:
    """Recorded signal quality over time where there is one, and in grey what is missing or was not readable."""
    seen = found.windows
    frame = Frame(0.0, recording.seconds, 0.0, 1.0, 130.0)
    body = _grey(frame, recording, found)
    if np.isfinite(seen.quality).any():
        x, y = _thinned(seen.start_s + STRIP_S / 2, seen.quality)
        body.append(line(frame, x, y, "quality"))
        words = "Quality of the beats, 0 to 1, over ten seconds and more."
    else:
        words = "The annotations hold no quality; only what could not be read is shown."
    return chart(frame, body, "signal quality over time", clock) + f'<p class="small">{safe(words)}</p>'


def _grey(frame: Frame, recording: Recording, found: Measures) -> list[str]:
    """Fields where there are no samples, to ten seconds, and where they could not be read."""
    out = []
    start = found.windows.start_s
    for first, last in runs(found.windows.missing > 0.5):
        end = start[last - 1] + STRIP_S
        out.append(box(frame, float(start[first]), float(end), frame.y0, frame.y1, "none", "no samples"))
    for span in found.unreadable[:2000]:
        out.append(box(frame, span.start_s, span.end_s, frame.y0, frame.y1, "none", "not readable"))
    return out


def _thinned(x: F64, y: F64, most: int = 900) -> tuple[F64, F64]:
    """Means of neighbours, so that at most `most` points are left."""
    size = -(-len(x) // most)
    if size < 2:
        return x, y
    n = len(x) // size
    cut = y[: n * size].reshape(n, size)
    good = np.isfinite(cut)
    total = np.where(good, cut, 0.0).sum(axis=1)
    means = np.where(good.any(axis=1), total / np.maximum(good.sum(axis=1), 1), np.nan)
    return x[: n * size].reshape(n, size).mean(axis=1), means
