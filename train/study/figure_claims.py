"""Figures of single claims: depth by window, resets, equal budgets, depth of recurrent stacks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from train.study.plot import COLOURS, MARKERS, WORDS, figure
from train.study.points import Point
from train.study.verdicts import NEAR_BEST

KINDS = ("plain", "dilated", "strided", "gap")


def needed(points: Sequence[Point]) -> int:
    """The smallest depth whose macro F1 is within 0.01 of the best one's, of points that differ in depth."""
    best = max(p.macro_f1 for p in points)
    return min(int(p.net["layers"]) for p in points if p.macro_f1 >= best - NEAR_BEST)


def draw_depth(points: Sequence[Point], path: Path) -> None:
    """Claim 2: macro F1 by window and depth, a panel a kind of CNN; a frame is round the depth that is needed."""
    kinds = [kind for kind in KINDS if any(p.net["kind"] == kind for p in points)]
    windows = sorted({float(p.task["window_s"]) for p in points})
    depths = sorted({int(p.net["layers"]) for p in points})
    low, high = (float(np.quantile([p.macro_f1 for p in points], q)) for q in (0.02, 1.0))
    with figure(path, 1.6 + 2.6 * len(kinds), 3.9, ncols=len(kinds), sharey=True) as (drawn, axes):
        for axis, kind in zip(axes[0], kinds, strict=True):
            own = [p for p in points if p.net["kind"] == kind]
            table = np.full((len(depths), len(windows)), np.nan)
            for p in own:
                table[depths.index(int(p.net["layers"])), windows.index(float(p.task["window_s"]))] = (
                    p.macro_f1
                )
            shown = axis.imshow(
                table,
                origin="lower",
                aspect="auto",
                cmap="cividis",
                vmin=low,
                vmax=high,
                interpolation="none",
            )
            _numbers(axis, table, (low + high) / 2.0)
            for column, window in enumerate(windows):
                here = [p for p in own if float(p.task["window_s"]) == window]
                if here:
                    row = depths.index(needed(here))
                    axis.add_patch(_frame(column - 0.46, row - 0.46))
            axis.set_xticks(range(len(windows)), [f"{w:g}" for w in windows])
            axis.set_yticks(range(len(depths)), [str(d) for d in depths])
            axis.set_title(kind)
            axis.set_xlabel("window, s")
            axis.grid(False)
        axes[0, 0].set_ylabel("convolution layers")
        drawn.colorbar(shown, ax=axes[0, -1], label="macro F1 (N S V)")


def _numbers(axis: Any, table: Any, middle: float) -> None:
    for (row, column), value in np.ndenumerate(table):
        if np.isfinite(value):
            colour = "white" if value < middle else "#111111"
            axis.text(column, row, f"{100 * value:.0f}", ha="center", va="center", fontsize=7, color=colour)


def _frame(x: float, y: float) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle((x, y), 0.92, 0.92, fill=False, edgecolor="#d55e00", linewidth=1.8)


def draw_reset(points: Sequence[Point], path: Path) -> None:
    """Claim 3: macro F1 where the state is set back every k seconds, a line a network."""
    lines: dict[tuple[str, int, int], list[Point]] = defaultdict(list)
    for p in points:
        lines[p.family, int(p.net["layers"]), int(p.net["width"])].append(p)
    finite = sorted({float(p.task["reset_s"]) for p in points if float(p.task["reset_s"]) > 0.0})
    ticks = [*finite, 0.0]
    with figure(path, 5.6, 3.4) as (_, axes):
        axis = axes[0, 0]
        for k, ((family, layers, width), own) in enumerate(lines.items()):
            own.sort(key=lambda p: ticks.index(float(p.task["reset_s"])))
            x = [ticks.index(float(p.task["reset_s"])) + 0.06 * k for p in own]
            y = [p.macro_f1 for p in own]
            reach = np.clip(
                [[p.macro_f1 - p.low for p in own], [p.high - p.macro_f1 for p in own]], 0.0, None
            )
            axis.errorbar(
                x, y, reach, color=COLOURS[family], marker=MARKERS[family], markersize=5, capsize=2, elinewidth=0.8,
                linestyle="-" if k == 0 else "--", label=f"{WORDS[family]}, {layers} × {width}",
            )  # fmt: skip
        axis.set_xticks(range(len(ticks)), [f"{t:g}" for t in finite] + ["never"])
        axis.set_xlabel("state set back every ... seconds")
        axis.set_ylabel("macro F1 (N S V)")
        axis.legend(fontsize=8)


def draw_budgets(points: Sequence[Point], budgets: Sequence[float], path: Path) -> None:
    """Claim 4: the families at equal MAC a second, with intervals; trees and the nearest neighbour beside them."""
    with figure(path, 3.1 * len(budgets) + 1.0, 3.6, ncols=len(budgets), sharey=True) as (_, axes):
        for axis, budget in zip(axes[0], budgets, strict=True):
            own = [p for p in points if p.family in ("trees", "nn1") or _near(p, budget, budgets)]
            own.sort(key=lambda p: p.macro_f1)
            for row, p in enumerate(own):
                reach = [[max(0.0, p.macro_f1 - p.low)], [max(0.0, p.high - p.macro_f1)]]
                axis.errorbar(
                    [p.macro_f1], [row], xerr=reach, color=COLOURS[p.family], marker=MARKERS[p.family], markersize=6,
                    capsize=2, elinewidth=1.0,
                )  # fmt: skip
                word = f"{WORDS[p.family]} {p.macro_f1:.3f}"
                axis.text(p.macro_f1, row + 0.18, word, fontsize=7, ha="center").set_in_layout(False)
            axis.margins(x=0.16)
            axis.set_yticks([])
            axis.set_ylim(-0.6, max(1, len(own)) - 0.2)
            axis.set_title(f"{budget / 1000:g} k MAC a second")
            axis.set_xlabel("macro F1 (N S V)")


def _near(point: Point, budget: float, budgets: Sequence[float]) -> bool:
    """Whether a point was made for this budget: it is the nearest one to what it costs."""
    if point.cost.macs_s <= 0.0:
        return False
    return min(budgets, key=lambda b: abs(np.log(point.cost.macs_s / b))) == budget


def draw_stacks(points: Sequence[Point], path: Path) -> None:
    """Claim 6: macro F1 by depth of the stack, plain and with residual + LayerNorm."""
    with figure(path, 7.4, 3.4, ncols=2, sharey=True) as (_, axes):
        for axis, residual in zip(axes[0], (False, True), strict=True):
            for k, cell in enumerate(("rnn", "lstm", "gru")):
                own = [p for p in points if p.family == cell and bool(p.net["residual"]) == residual]
                own.sort(key=lambda p: int(p.net["layers"]))
                if own:
                    x = [int(p.net["layers"]) + 0.08 * (k - 1) for p in own]
                    reach = np.clip(
                        [[p.macro_f1 - p.low for p in own], [p.high - p.macro_f1 for p in own]], 0.0, None
                    )
                    axis.errorbar(
                        x, [p.macro_f1 for p in own], reach, color=COLOURS[cell], marker=MARKERS[cell], markersize=5,
                        capsize=2, elinewidth=0.8, label=WORDS[cell],
                    )  # fmt: skip
            axis.set_title("residual + LayerNorm" if residual else "plain stack")
            axis.set_xlabel("layers")
            if axis.get_legend_handles_labels()[0]:
                axis.legend(fontsize=8)
        axes[0, 0].set_ylabel("macro F1 (N S V)")
