"""From the databases to the shipped artefacts in one command, resumed where it was left.

Every step is a ``python -m train`` of its own in a process of its own, as many at a time as there are cores.
Trainings go on from their checkpoints, and one that has ended ends at once.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from edge.artefact import shipped
from firmware_bridge.types import BadInput
from train.dataset import Fold
from train.evaluate_all import FOLDS, fold_models

OF_BEATS, OF_RHYTHM = ("gru", "beat_cnn"), ("rhythm_cnn", "af")
"""Networks that the fusion listens to, and those about rhythm: `af` is fitted once for all, the others a fold too."""


TEACHERS = 3
"""Seeds of the GRU whose mean opinion teaches the one that is shipped, and as many in each fold."""

Words = tuple[str, ...]
"""A step: what stands behind ``python -m train``."""


def stages(runs: Path, out: Path, folds: Path) -> list[list[Words]]:
    """The steps, stage by stage: those of one stage may run beside each other.

    Parameters
    ----------
    runs, out, folds : Path
        Where checkpoints, shipped artefacts and those of the folds go.
    """
    each = [Fold(k, FOLDS) for k in range(FOLDS)]
    schools = [runs / "teachers" / f"seed-{seed}" for seed in range(1, TEACHERS + 1)]
    teach = [
        ("fit", "gru", "--runs", str(school), "--fold", f"{fold.k}/{fold.n}", "--seed", str(seed))
        for seed, school in enumerate(schools, 1)
        for fold in [*each, Fold()]
    ]
    heard = {"gru": ("--teachers", *map(str, schools)), "beat_cnn": ()}
    fit = [
        ("fit", kind, "--runs", str(runs), "--fold", f"{fold.k}/{fold.n}", *heard[kind])
        for kind in OF_BEATS
        for fold in [*each, Fold()]
    ]
    fit += [("fit", kind, "--runs", str(runs)) for kind in OF_RHYTHM]
    fit += [("fit", "rhythm_cnn", "--runs", str(runs), "--fold", f"{fold.k}/{fold.n}") for fold in each]
    places = [(fold, runs / fold.folder / "artefacts") for fold in each]
    places += [(fold, folds / fold.folder) for fold in each]
    networks = [_export(runs, Fold(), out, (*OF_BEATS, *OF_RHYTHM))]
    networks += [_export(runs, fold, place, (*OF_BEATS, "rhythm_cnn")) for fold, place in places]
    networks += [_export(runs, Fold(), place, ("af",)) for _, place in places]
    fusion = [_export(runs, Fold(), out, ("fusion",))]
    fusion += [_export(runs, fold, folds / fold.folder, ("fusion",)) for fold in each]
    fit_fusion = ("fit", "fusion", "--runs", str(runs), "--folds", str(FOLDS))
    judges = ("fit", "recordings", "--folds", str(FOLDS), "--networks", str(folds))
    return [[("cache",)], teach, fit, networks, [fit_fusion], [*fusion, judges]]


def _export(runs: Path, fold: Fold, out: Path, kinds: Words) -> Words:
    return ("quantise", *kinds, "--runs", str(runs / fold.folder), "--out", str(out))


def ship(plan: Sequence[Sequence[Words]], n_at_once: int, run: Callable[[Words], int]) -> None:
    """Do every step. Raises BadInput for the first that fails, after those beside it have ended."""
    for stage in plan:
        with ThreadPoolExecutor(n_at_once) as pool:
            for words, status in zip(stage, pool.map(run, stage), strict=True):
                if status:
                    raise BadInput(f"python -m train {' '.join(words)} ended with status {status}; see above")


def in_process(words: Words) -> int:
    """Run one step; its output is ours."""
    print(f"-- python -m train {' '.join(words)}", flush=True)
    return subprocess.run([sys.executable, "-m", "train", *words], check=False).returncode


def main(argv: list[str] | None = None) -> int:
    """``python -m train ship``: everything, from HEARTWIRE_DATA to ``edge/artefacts`` and ``train/folds``."""
    parser = argparse.ArgumentParser(prog="python -m train ship", description=main.__doc__)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="checkpoints (default: runs)")
    parser.add_argument("--out", type=Path, default=shipped())
    parser.add_argument("--folds-out", type=Path, default=fold_models())
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="steps at a time")
    args = parser.parse_args(argv)
    ship(stages(args.runs, args.out, args.folds_out), args.jobs, in_process)
    return 0
