"""Figures of overfitting: curves of training and unseen patients, and the gap by patients and by parameters."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from train.study.plot import COLOURS, MARKERS, WORDS, figure
from train.study.points import Point


def patients_of(point: Point) -> int:
    """Patients trained on, as they were counted (the mean over folds)."""
    return round(float(np.mean([r.train_patients for r in point.runs])))


def mean_curve(point: Point, name: str) -> NDArray[np.float64]:
    """Mean over the runs of a curve, as long as the shortest."""
    found = [r.curves[name] for r in point.runs if r.curves.get(name)]
    n = min((len(c) for c in found), default=0)
    return np.mean([c[:n] for c in found], 0) if n else np.zeros(0)


def draw_curves(points: Sequence[Point], path: Path) -> None:
    """A panel a number of patients: macro F1 by epoch on training beats (dashed) and on unseen patients' (solid)."""
    shown = [p for p in points if p.family not in ("trees", "nn1") and len(mean_curve(p, "test_f1"))]
    counts = sorted({patients_of(p) for p in shown})
    with figure(path, max(7.5, 2.5 * len(counts) + 0.8), 3.8, ncols=max(1, len(counts)), sharey=True) as (
        drawn,
        axes,
    ):
        for axis, count in zip(axes[0], counts, strict=False):
            for p in _largest(shown, count):
                for name, style in (("train_f1", "--"), ("test_f1", "-")):
                    y = mean_curve(p, name)
                    word = f"{WORDS[p.family]}, {'training beats' if style == '--' else 'unseen patients'}"
                    axis.plot(range(1, len(y) + 1), y, color=COLOURS[p.family], linestyle=style, label=word)
            for p in points:
                if p.family == "nn1" and patients_of(p) == count:
                    axis.axhline(p.macro_f1, color=COLOURS["nn1"], linestyle=":", label=WORDS["nn1"])
                if p.family == "trees" and patients_of(p) == count:
                    axis.axhline(
                        p.macro_f1,
                        color=COLOURS["trees"],
                        linestyle="-.",
                        linewidth=0.9,
                        label=WORDS["trees"],
                    )
            axis.set_title(f"{count} patients")
            axis.set_xlabel("epoch")
            axis.xaxis.get_major_locator().set_params(integer=True)
        axes[0, 0].set_ylabel("macro F1 (N S V)")
        handles: dict[str, Any] = {}
        for axis in axes[0]:
            for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
                handles.setdefault(label, handle)
        drawn.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=3)


def _largest(points: Sequence[Point], count: int) -> list[Point]:
    """Of each family the point with the most parameters at this number of patients."""
    best: dict[str, Point] = {}
    for p in points:
        if patients_of(p) == count and (p.family not in best or p.cost.params > best[p.family].cost.params):
            best[p.family] = p
    return list(best.values())


def draw_gaps(points: Sequence[Point], path: Path) -> None:
    """The gap (training beats less unseen patients) by patients and by parameters, and the memorisation gauge."""
    shown = [p for p in points if p.family not in ("trees", "nn1") and np.isfinite(p.gap)]
    with figure(path, 10.0, 3.5, ncols=3) as (_, axes):
        _lines(
            axes[0, 0], shown, patients_of, lambda p: p.cost.params, "patients trained on", lambda p: p.gap
        )
        _lines(axes[0, 1], shown, lambda p: p.cost.params, patients_of, "parameters", lambda p: p.gap)
        _lines(
            axes[0, 2],
            shown,
            patients_of,
            lambda p: p.cost.params,
            "patients trained on",
            lambda p: p.gauge("same_errors"),
        )
        axes[0, 0].set_ylabel("gap in macro F1 at the end")
        axes[0, 1].set_ylabel("gap in macro F1 at the end")
        axes[0, 2].set_ylabel("share of errors that the\nnearest training beat makes too")
        axes[0, 0].legend(fontsize=8)


def _lines(axis: Any, points: Sequence[Point], x_of: Any, line_of: Any, word: str, y_of: Any) -> None:
    lines: dict[tuple[str, int], list[Point]] = defaultdict(list)
    for p in points:
        lines[p.family, int(line_of(p))].append(p)
    seen: set[str] = set()
    for (family, _), own in lines.items():
        own.sort(key=x_of)
        label = WORDS[family] if family not in seen else None
        seen.add(family)
        axis.plot(
            [x_of(p) for p in own], [y_of(p) for p in own], color=COLOURS[family], marker=MARKERS[family], markersize=5,
            linewidth=1.1, label=label,
        )  # fmt: skip
    axis.set_xscale("log")
    axis.minorticks_off()
    ticks = sorted({x_of(p) for p in points})
    if x_of is patients_of:
        axis.set_xticks(ticks, [str(t) for t in ticks])
    axis.set_xlabel(word)
