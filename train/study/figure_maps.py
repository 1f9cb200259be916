"""Figures of feature maps: the beat CNN level by level, the GRU step by step, on one beat of each class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.types import AAMI
from train.beat_images import BEFORE, WINDOW
from train.front import FS_MODEL
from train.models import GruConfig
from train.study.maps import Grid, Look
from train.study.plot import BEATS, figure

COLOUR_MAP = "cividis"
"""Even in lightness, and the same to colour-blind readers."""

SIGNED_MAP = "PuOr_r"

DUE_S = (GruConfig().class_delay - 1) / FS_MODEL
"""The class is asked for so long after the R-peak on the filtered lead; what the head says elsewhere counts nowhere."""


def order(looks: Sequence[Look], name: str) -> NDArray[np.int64]:
    """Units of a layer by when they are farthest from their mean on the first beat, so that what goes together stands
    together; the same order for every class."""
    first = _grid(looks[0], name).real
    away = np.abs(first - first.mean(1, keepdims=True))
    return np.lexsort((np.arange(len(first)), away.argmax(1)))


def draw_cnn(looks: Sequence[Look], path: Path) -> None:
    """Columns are beats, rows are layers: the image that goes in, then every convolution, units from top to bottom."""
    names = [g.name for g in looks[0].grids]
    heights = [1.5] + [0.5 + len(_grid(looks[0], n).values) / 36.0 for n in names[1:]]
    with figure(
        path,
        9.4,
        8.6,
        nrows=len(names),
        ncols=len(looks),
        sharex=True,
        gridspec_kw={"height_ratios": heights},
    ) as (drawn, axes):
        for column, look in enumerate(looks):
            _image(axes[0, column], look)
            for row, name in enumerate(names[1:], 1):
                _heat(
                    axes[row, column],
                    _grid(look, name),
                    order(looks, name),
                    COLOUR_MAP,
                    0.0,
                    _most(looks, name),
                )
                if column == 0:
                    n_units, n_steps = _grid(look, name).values.shape
                    axes[row, 0].set_ylabel(f"{name}\n{n_units} × {n_steps}")
            axes[-1, column].set_xlabel("s from the R-peak")
        axes[0, 0].set_ylabel("image\n(template = 1)")
        axes[0, 0].set_xlim(-BEFORE / FS_MODEL, (WINDOW - BEFORE) / FS_MODEL)
        drawn.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)


def draw_gru(looks: Sequence[Look], path: Path) -> None:
    """Columns are beats, rows the lead, the two convolutions, the 64 units of the state, and what the heads say."""
    names = ("lead", "conv 1", "conv 2", "state", "heads")
    heights = (1.1, 0.7, 1.1, 2.4, 1.2)
    with figure(
        path,
        9.4,
        8.6,
        nrows=len(names),
        ncols=len(looks),
        sharex=True,
        gridspec_kw={"height_ratios": heights},
    ) as (drawn, axes):
        for column, look in enumerate(looks):
            lead, heads = _grid(look, "lead"), _grid(look, "heads")
            axes[0, column].plot(lead.times_s, lead.real[0], color="#222222", linewidth=1.0)
            axes[0, column].set_title(_title(look))
            for row, name in enumerate(names[1:4], 1):
                most = _most(looks, name)
                signed = name == "state"
                _heat(
                    axes[row, column], _grid(look, name), order(looks, name), SIGNED_MAP if signed else COLOUR_MAP,
                    -most if signed else 0.0, most,
                )  # fmt: skip
            axes[4, column].plot(heads.times_s, heads.real[0], color="#bbbbbb", linewidth=1.0, label="QRS")
            for k, letter in enumerate(AAMI[:4]):
                axes[4, column].plot(heads.times_s, heads.real[k + 1], color=BEATS[letter], label=letter)
            axes[4, column].axvline(
                DUE_S, color="#222222", linestyle=":", linewidth=1.0, label="class is due"
            )
            axes[4, column].set_ylim(-0.03, 1.03)
            axes[4, column].set_xlim(lead.times_s[0], lead.times_s[-1])
            axes[4, column].set_xlabel("s from the R-peak")
        for row, word in enumerate(
            ("lead, mV", "conv 1\n16 units", "conv 2\n32 units", "state\n64 units", "probability")
        ):
            axes[row, 0].set_ylabel(word)
        drawn.legend(*axes[4, 0].get_legend_handles_labels(), loc="outside lower center", ncols=6)


def _title(look: Look) -> str:
    told = dict(zip(AAMI, look.probs, strict=True))
    said = max(told, key=lambda letter: told[letter])
    return f"{look.aami}: {look.record}, {look.at_s:.1f} s\ncalled {said} ({told[said]:.2f})"


def _image(axis: Any, look: Look) -> None:
    grid = _grid(look, "image")
    for values, colour, word in zip(
        grid.real, ("#222222", "#0072b2", "#d55e00"), ("beat", "template", "difference"), strict=True
    ):
        axis.plot(grid.times_s, values, color=colour, linewidth=1.0, label=word)
    axis.set_title(_title(look))


def _heat(axis: Any, grid: Grid, rows: NDArray[np.int64], colour_map: str, low: float, high: float) -> None:
    times = grid.times_s
    extent = (times[0] - grid.step_s / 2, times[-1] + grid.step_s / 2, len(rows), 0)
    axis.imshow(
        grid.real[rows],
        aspect="auto",
        interpolation="none",
        extent=extent,
        cmap=colour_map,
        vmin=low,
        vmax=high,
    )
    axis.set_yticks([])
    axis.grid(False)


def _most(looks: Sequence[Look], name: str) -> float:
    return float(np.quantile(np.abs(np.concatenate([_grid(k, name).real.reshape(-1) for k in looks])), 0.995))


def _grid(look: Look, name: str) -> Grid:
    return next(g for g in look.grids if g.name == name)
