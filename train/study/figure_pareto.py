"""The figure on top: what macro F1 costs, in multiplications, in weights, and in microseconds that were measured."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from train.study.plot import COLOURS, MARKERS, WORDS, figure
from train.study.points import Point, front

AXES = (
    ("macs_s", "MAC a second, 75 beats a minute"),
    ("params", "parameters (trees: nodes)"),
    ("us_s", "µs of one core a second of ECG, measured"),
)


def draw(points: Sequence[Point], path: Path) -> None:
    """A panel a cost; the line is what no other point beats. What costs nothing of a kind stands at the left edge."""
    with figure(path, 11.0, 4.4, ncols=3, sharey=True) as (drawn, axes):
        for axis, (name, word) in zip(axes[0], AXES, strict=True):
            _panel(axis, points, name)
            axis.set_xlabel(word)
        axes[0, 0].set_ylabel("macro F1 (N S V), held-out patients of DS1")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        drawn.legend(handles, labels, loc="outside lower center", ncols=5)


def _panel(axis: Any, points: Sequence[Point], name: str) -> None:
    costs = [float(getattr(p.cost, name)) for p in points]
    least = min((c for c in costs if c > 0.0), default=1.0)
    shown = [c if c > 0.0 else least / 4.0 for c in costs]
    for family in COLOURS:
        own = [k for k, p in enumerate(points) if p.family == family]
        if not own:
            continue
        x, y = [shown[k] for k in own], [points[k].macro_f1 for k in own]
        reach = [
            [max(0.0, y[i] - points[k].low) for i, k in enumerate(own)],
            [max(0.0, points[k].high - y[i]) for i, k in enumerate(own)],
        ]
        axis.errorbar(
            x, y, reach, linestyle="none", marker=MARKERS[family], color=COLOURS[family], markersize=5, elinewidth=0.35,
            alpha=0.9, label=WORDS[family],
        )  # fmt: skip
    best = front(shown, [p.macro_f1 for p in points])
    axis.plot(
        [shown[k] for k in best], [points[k].macro_f1 for k in best], color="#222222", linewidth=0.9, zorder=0
    )
    axis.set_xscale("log")
