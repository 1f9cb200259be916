"""The report's table of the last stage: what the folds chose, on DS2 (once) and on svdb."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from train.study import words
from train.study.bootstrap import DRAWS, Arms
from train.study.plot import WORDS
from train.study.points import Point, points
from train.study.record import Run
from train.study.scores import f1

MARK = ", all of DS1"
"""After the name of an arm that was trained on all of DS1."""


def lines(runs: Sequence[Run]) -> Iterator[str]:
    """A row a family: the arm that was best by folds, and what it comes to on DS2 and svdb; nothing without them."""
    of_split = {
        split: {
            p.name: p
            for p in points(Arms([r for r in runs if r.preset == "full" and r.split == split], DRAWS))
        }
        for split in ("ds2", "svdb")
    }
    if not all(of_split.values()):
        return
    folds = Arms(
        [r for r in runs if r.preset == "full" and r.split == "fold" and set(r.claims) & {4, 5}], DRAWS
    )
    ds2 = sorted(of_split["ds2"].values(), key=lambda p: -p.macro_f1)
    n = {
        split: len({name for p in of.values() for r in p.runs for name in r.counts})
        for split, of in of_split.items()
    }
    yield from ("", "## On DS2, once, and on svdb", "")
    yield (
        "Of claims 4 and 5 the arm of each family that had the highest macro F1 by folds of DS1 was trained again, on "
        f"all of DS1 without 201 ({words.seeds(min(p.seeds for p in ds2))}), and scored on DS2 ({n['ds2']} records), "
        f"which nothing was chosen on, and on svdb ({n['svdb']} records), whose labels and leads are others' "
        "(`python -m train study --preset full --final`). Beats are asked at annotated R-peaks, as everywhere on this "
        "page."
    )
    yield ""
    yield "| family | arm | DS1, by folds | DS2 | F1 on DS2 of N | S | V | svdb |"
    yield "|---|---|---|---|---|---|---|---|"
    for p in ds2:
        svdb, name = of_split["svdb"].get(p.name), p.name.removesuffix(MARK)
        chosen = f"{folds.f1(name):.3f}" if name in folds.names else "–"
        elsewhere = words.span(svdb.macro_f1, svdb.low, svdb.high) if svdb else "–"
        classes = " | ".join(f"{v:.3f}" for v in _classes(p)[:3])
        here = words.span(p.macro_f1, p.low, p.high)
        yield f"| {WORDS[p.family]} | {name} | {chosen} | {here} | {classes} | {elsewhere} |"


def _classes(point: Point) -> np.ndarray:
    """F1 (4,) of N S V F over all records, mean over the seeds."""
    pooled = [
        np.sum([np.reshape(flat, (4, 4)) for flat in run.counts.values()], axis=0) for run in point.runs
    ]
    out: np.ndarray = np.mean([f1(matrix.astype(np.float64)) for matrix in pooled], axis=0)
    return out
