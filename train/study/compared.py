"""What stands beside every comparison: boosted trees, the nearest neighbour, and how much is memorised."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from train.study import words
from train.study.bootstrap import Arms, statistic
from train.study.plot import WORDS
from train.study.points import Point

SIMPLE = ("trees", "nn1")

LEAST_EPOCHS = 4


def table(points: Sequence[Point]) -> Iterator[str]:
    """A row a family: its best arm of the claim, and how many of its errors the nearest training beat makes too."""
    if not points:
        return
    yield from ("", "The best arm of each family, with trees and the memorisation gauge beside them:", "")
    yield (
        "| family | best arm | macro F1 (N S V) | seeds | its errors that the nearest training beat makes too | "
        "gained in the last quarter of its training: unseen patients, training beats |"
    )
    yield "|---|---|---|---|---|---|"
    for family in WORDS:
        own = [p for p in points if p.family == family]
        if own:
            best = max(own, key=lambda p: p.macro_f1)
            f1 = words.span(best.macro_f1, best.low, best.high)
            same = "–" if family == "nn1" else f"{best.gauge('same_errors'):.2f}"
            yield f"| {WORDS[family]} | {best.name} | {f1} | {best.seeds} | {same} | {_rising(best)} |"
    yield from _gauge([p for p in points if p.family == "nn1"])


def _rising(point: Point) -> str:
    """What macro F1 rose by over the last quarter of the epochs, mean over the runs: was it trained to the end?"""
    gained = []
    for name in ("test_f1", "train_f1"):
        curves = [r.curves[name] for r in point.runs if len(r.curves.get(name, ())) >= LEAST_EPOCHS]
        if curves:
            gained.append(f"{np.mean([c[-1] - c[-1 - len(c) // 4] for c in curves]):+.3f}")
    return ", ".join(gained) or "–"


def _gauge(nearest: Sequence[Point]) -> Iterator[str]:
    """What remembering alone comes to: the nearest neighbour on training beats and on unseen patients."""
    if not nearest:
        return
    there, unseen = (np.mean([p.gauge(name) for p in nearest]) for name in ("nn1_train_f1", "nn1_f1"))
    if np.isfinite(there) and np.isfinite(unseen):
        yield ""
        yield (
            f"Remembering alone, the nearest training beat has macro F1 {there:.3f} on other beats of patients whom it "
            f"knows, and {unseen:.3f} on patients whom it does not (means over folds)."
        )


def shipped(arms: dict[int, Arms]) -> Iterator[str]:
    """What it changed in the shipped models, said from the numbers of the arms that are theirs in small."""
    yield from ("", "## What it changed in the shipped models", "")
    yield (
        "**Nothing was trained anew for it: the shipped GRU (two small convolutions and one recurrent layer of 64 "
        "units), the beat CNN of four convolutions and their fusion are as they were.** What the numbers say of these "
        "choices:"
    )
    yield ""
    yield from _said(
        arms.get(3), "gru 2x32", "gru 1x32", "One recurrent layer, not two",
        "a second layer of the same width", "three seeds of `gru 2x32`",
    )  # fmt: skip
    yield from _said(
        arms.get(3), "gru 1x32", "gru 1x32, reset every 8 s", "A state carried through the record",
        "carrying it on instead of setting it back every 8 s", "three seeds of `gru 1x32` with resets",
    )  # fmt: skip
    yield from _said(
        arms.get(4), "conv_gru 1000k", "gru 1000k", "Convolutions in front of the GRU",
        "having them, at 1M MAC a second,", "three seeds of claim 4's largest budget",
    )  # fmt: skip
    yield from _said(
        arms.get(4), "late 1000k", "conv_gru 1000k", "A CNN beside the GRU, answers joined",
        "joining GRU and CNN late instead of convolutions in front, at 1M MAC a second,",
        "three seeds of claim 4's largest budget",
    )  # fmt: skip
    yield (
        "- After a gap the monitor marks its answers as `warming` until the state has heard enough again: the table of "
        "claim 3 says how much is missing until then."
    )


def _said(arms: Arms | None, one: str, other: str, choice: str, what: str, wanted: str) -> Iterator[str]:
    """A line on a choice: what it is worth in paired macro F1, and whether that speaks for it, against it, or not."""
    if arms is None or not {one, other} <= set(arms.names):
        yield f"- {choice}: not measured yet; it needs {wanted}."
        return
    value, low, high = statistic(arms, [one, other], lambda f: f[0] - f[1])
    seeds = min(arms.seeds(one), arms.seeds(other))
    span = words.span(-value, -high, -low) if high < 0.0 else words.span(value, low, high)
    worth = "gains" if low > 0.0 else "loses" if high < 0.0 else "changes nothing that can be told:"
    yield f"- {choice}: {what} {worth} {span} of macro F1 ({words.seeds(seeds)})."
