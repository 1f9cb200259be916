"""Figures of gradients: by layer and depth, and by lag."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from train.front import FS_MODEL
from train.study.arms import SLOW
from train.study.plot import COLOURS, WORDS, figure
from train.study.slope_runs import MONITOR
from train.study.slopes import Slope, mean_curve

CELLS = ("rnn", "lstm", "gru")
COLUMNS = (("initial", False), ("initial", True), ("trained", False), ("trained", True))
DEPTHS = {1: "#56b4e9", 2: "#0072b2", 3: "#009e73", 4: "#e69f00", 6: "#d55e00", 8: "#cc79a7"}


def _columns(slopes: Sequence[Slope]) -> list[tuple[str, bool]]:
    there = {(s.stage, s.residual) for s in slopes if s.family in CELLS}
    return [column for column in COLUMNS if column in there]


def _title(stage: str, residual: bool) -> str:
    words = {"initial": "before training", "trained": "after training"}[stage]
    return f"{words}, {'residual + LayerNorm' if residual else 'plain stack'}"


def draw_layers(slopes: Sequence[Slope], path: Path) -> None:
    """Root mean square slope of the loss on each layer's weights, a line a depth, mean of the seeds."""

    def line(axis: Any, own: list[Slope], depth: int, colour: str) -> None:
        if own:
            mean = np.mean([s.layer_log10 for s in own], 0)
            axis.plot(range(1, depth + 1), mean, color=colour, marker="o", markersize=3, label=str(depth))

    words = "layer (1 is next to the samples)", "log10 of root mean square d loss / d weight"
    _draw(slopes, path, line, lambda axis: None, *words)


def draw_lags(slopes: Sequence[Slope], path: Path) -> None:
    """Root mean square of d loss / d x[t - k] by the lag k, a line a depth, mean of the seeds."""

    def line(axis: Any, own: list[Slope], depth: int, colour: str) -> None:
        if any(s.lags for s in own):
            lags, curve = mean_curve(own)
            axis.plot(lags, np.maximum(curve, -20.0), color=colour, label=str(depth))

    def finish(axis: Any) -> None:
        axis.set_xscale("log")
        axis.axvline(SLOW.fs, color="#888888", linewidth=0.8, linestyle="--")

    words = "lag k, samples (dashed: 1 s)", "log10 of root mean square d loss / d x[t−k], 1/mV"
    _draw(slopes, path, line, finish, *words, (-20.5, 1.5))


def _draw(
    slopes: Sequence[Slope],
    path: Path,
    line: Callable[[Any, list[Slope], int, str], None],
    finish: Callable[[Any], None],
    along: str,
    up: str,
    limits: tuple[float, float] | None = None,
) -> None:
    """A row a cell, a column a stage, and in each `line` of every depth's slopes."""
    columns = _columns(slopes)
    with figure(
        path, 3.0 * len(columns) + 0.6, 6.6, nrows=3, ncols=len(columns), sharex=True, sharey=True
    ) as (drawn, axes):
        for row, cell in enumerate(CELLS):
            for column, (stage, residual) in enumerate(columns):
                axis = axes[row, column]
                for depth, colour in DEPTHS.items():
                    which = cell, depth, stage, residual
                    own = [s for s in slopes if (s.family, s.layers, s.stage, s.residual) == which]
                    line(axis, own, depth, colour)
                finish(axis)
                if row == 0:
                    axis.set_title(_title(stage, residual))
                if row == 2:
                    axis.set_xlabel(along)
            axes[row, 0].set_ylabel(WORDS[cell])
        drawn.supylabel(up, fontsize=9)
        if limits is not None:
            axes[0, 0].set_ylim(*limits)
        handles, labels = axes[0, 0].get_legend_handles_labels()
        drawn.legend(handles, labels, title="layers in the stack", loc="outside lower center", ncols=6)


def draw_reach(slopes: Sequence[Slope], path: Path) -> None:
    """How far back a hundredth of the largest slope is felt, by depth: open symbols have residuals."""
    columns = list(dict.fromkeys(s.stage for s in slopes if s.family in CELLS))
    with figure(path, 3.6 * len(columns) + 0.4, 3.2, ncols=len(columns), sharey=True) as (_, axes):
        for column, stage in enumerate(columns):
            axis = axes[0, column]
            for cell in CELLS:
                for residual in (False, True):
                    own = [
                        s
                        for s in slopes
                        if s.lags and (s.family, s.stage, s.residual) == (cell, stage, residual)
                    ]
                    depths = sorted({s.layers for s in own})
                    mean = [np.exp(np.mean([np.log(s.reach) for s in own if s.layers == d])) for d in depths]
                    label = f"{WORDS[cell]}{', residual + LN' if residual else ''}"
                    axis.plot(
                        depths, np.array(mean) / SLOW.fs, color=COLOURS[cell], linestyle=":" if residual else "-",
                        marker="o", markersize=4, markerfacecolor="white" if residual else COLOURS[cell], label=label,
                    )  # fmt: skip
            axis.set_yscale("log")
            axis.set_title("before training" if stage == "initial" else "after training")
            axis.set_xlabel("layers")
            axis.set_xticks(sorted({s.layers for s in slopes if s.family in CELLS}))
        axes[0, 0].set_ylabel("slope falls to 1 % after, s")
        axes[0, -1].legend(fontsize=7)


def draw_monitor(slopes: Sequence[Slope], path: Path) -> None:
    """The monitor's own GRU: how far back the loss is felt, trained and as it begins, a line a fold."""
    with figure(path, 6.4, 3.4) as (_, axes):
        axis = axes[0, 0]
        for stage, style, colour in (("trained", "-", COLOURS["gru"]), ("initial", ":", COLOURS["nn1"])):
            for k, s in enumerate(s for s in slopes if (s.family, s.stage) == (MONITOR, stage)):
                label = {"trained": "trained (folds)", "initial": "as it begins"}[stage] if k == 0 else None
                x, y = np.array(s.lags) / FS_MODEL, np.maximum(s.lag_log10, -20.0)
                axis.plot(x, y, color=colour, linestyle=style, label=label)
        axis.set_xscale("log")
        axis.set_xlabel("lag, s")
        axis.set_ylabel("log10 of rms d loss / d x[t−k], 1/mV")
        axis.legend()
