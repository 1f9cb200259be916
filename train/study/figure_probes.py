"""Figures of probes: what layers hold by depth, what single units of the state hold, and what memory is worth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from train.study.memory import MemoryScore
from train.study.plot import BEATS, COLOURS, figure
from train.study.probes import ProbeScore

CHANCE = {"balanced accuracy": 1.0 / 3.0, "area under ROC": 0.5, "rank correlation": 0.0}
NETWORKS = (("beat CNN", COLOURS["cnn"]), ("GRU", COLOURS["gru"]))


def draw_layers(scores: Sequence[ProbeScore], path: Path) -> None:
    """A panel a question: the probe's score from layer to layer, trained (filled) and never trained (open)."""
    layers = [s for s in scores if s.unit < 0 and s.depth >= 0]
    questions = list(dict.fromkeys(s.question for s in layers))
    rows = -(-len(questions) // 4)
    with figure(path, 11.0, 2.9 * rows, nrows=rows, ncols=4) as (drawn, axes):
        flat = axes.reshape(-1)
        for axis, question in zip(flat, questions, strict=False):
            own = [s for s in layers if s.question == question]
            for network, colour in NETWORKS:
                for kind, style, fill in (("folds", "-", colour), ("untrained", ":", "white")):
                    found = [s for s in own if s.network == f"{network}, {kind}"]
                    if found:
                        _line(
                            axis,
                            found,
                            colour,
                            style,
                            fill,
                            f"{network}, {'trained' if fill == colour else kind}",
                        )
            axis.axhline(CHANCE[own[0].measure], color="#888888", linewidth=0.8, linestyle="--")
            axis.set_title(question)
            axis.set_ylabel(own[0].measure)
            axis.set_xticks(range(5))
            axis.set_xlabel("layer")
        for axis in flat[len(questions) :]:
            axis.axis("off")
        handles, labels = flat[0].get_legend_handles_labels()
        drawn.legend(handles, labels, loc="outside lower center", ncols=4)


def _line(axis: Any, found: Sequence[ProbeScore], colour: str, style: str, fill: str, label: str) -> None:
    depth = [s.depth for s in found]
    value = np.array([s.score for s in found])
    reach = np.array([[s.score - s.low, s.high - s.score] for s in found]).T
    axis.errorbar(
        depth, value, np.clip(reach, 0.0, None), color=colour, linestyle=style, marker="o", markersize=4,
        markerfacecolor=fill, capsize=2, elinewidth=0.8, label=label,
    )  # fmt: skip


def draw_units(scores: Sequence[ProbeScore], path: Path) -> None:
    """Every unit of the state against every question: orange rises with it, violet falls."""
    units = [s for s in scores if s.unit >= 0]
    questions = list(dict.fromkeys(s.question for s in units))
    n = 1 + max(s.unit for s in units)
    table = np.zeros((len(questions), n))
    for s in units:
        table[questions.index(s.question), s.unit] = s.score
    order = np.lexsort((-np.abs(table).max(0), np.abs(table).argmax(0)))
    with figure(path, 9.6, 3.4) as (drawn, axes):
        axis = axes[0, 0]
        shown = axis.imshow(
            table[:, order], aspect="auto", interpolation="none", cmap="PuOr_r", vmin=-1, vmax=1
        )
        axis.set_yticks(range(len(questions)), questions)
        axis.set_xticks(range(n), [str(k) if i % 3 == 0 else "" for i, k in enumerate(order)], fontsize=6)
        axis.set_xlabel("unit of the state (numbered as in the artefact), by the question it answers best")
        axis.grid(False)
        drawn.colorbar(shown, ax=axis, label="rank correlation or 2 × area − 1", fraction=0.03)


def draw_memory(scores: Sequence[MemoryScore], path: Path) -> None:
    """Macro F1, and F1 of N, S and V, of answers that have heard only the last seconds."""
    ends = [s for s in scores if s.heard_s > 0]
    whole = next(s for s in scores if s.heard_s == 0)
    x = np.array([s.heard_s for s in ends])
    with figure(path, 7.6, 3.2, ncols=2) as (_, axes):
        macro = axes[0, 0]
        value = np.array([s.macro_f1 for s in ends])
        reach = np.array([[s.macro_f1 - s.low, s.high - s.macro_f1] for s in ends]).T
        macro.errorbar(
            x, value, reach, color=COLOURS["gru"], marker="s", markersize=4, capsize=2, elinewidth=0.8
        )
        macro.axhline(whole.macro_f1, color="#222222", linestyle=":", label="whole record heard")
        macro.set_ylabel("macro F1 (N S V)")
        macro.legend(fontsize=8, loc="lower right")
        for k, letter in enumerate("NSV"):
            axes[0, 1].plot(
                x, [s.f1[k] for s in ends], color=BEATS[letter], marker="o", markersize=4, label=letter
            )
            axes[0, 1].axhline(whole.f1[k], color=BEATS[letter], linestyle=":", linewidth=0.9)
        axes[0, 1].set_ylabel("F1 of a class")
        axes[0, 1].legend(fontsize=8)
        for axis in axes[0]:
            axis.set_xscale("log", base=2)
            axis.set_xticks(x, [f"{v:g}" for v in x])
            axis.set_xlabel("seconds heard before the answer")
