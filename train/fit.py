"""``python -m train fit``: data to checkpoints, one network at a time."""

from __future__ import annotations

import argparse
import ctypes
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from firmware_bridge.types import BadInput
from train.dataset import Fold

KINDS = ("gru", "beat_cnn", "rhythm_cnn", "af", "fusion", "recordings", "gate")


def main(argv: list[str] | None = None) -> int:
    """``python -m train fit gru|beat_cnn|rhythm_cnn|af|fusion|recordings|gate``: train one, resuming where it was left.

    Several of the GRU are trained at once where there is a GPU, else one after another: ``gru --fold all --seeds 3``.
    The fusion comes last: it listens to what the real pipeline finds with the quantised networks of the folds.
    The judge of whole recordings is for the report alone; it listens to the rhythm CNNs of the folds, and is written
    beside them. ``python -m train ship`` does all of it in its order. What a trained quality gate would be worth beside
    the rule set by hand, ``gate`` prints; nothing is kept of it.
    """
    parser = _parser()
    args = parser.parse_args(argv)
    if args.fold is None and args.kind != "gru":
        parser.error("argument --fold: all is for the gru; expected K/N such as 0/3")
    runs = args.runs / args.fold.folder if args.fold else args.runs
    with one_thread():
        if args.kind == "gru":
            folds = [args.fold] if args.fold else [Fold(k, args.folds) for k in range(args.folds)]
            fit_grus(args.runs, folds, range(args.seed, args.seed + args.seeds), args.together, args.teachers)
        elif args.kind == "af":
            from train import fit_af

            fit_af.main(runs, seed=args.seed)
        elif args.kind == "fusion":
            from train import fit_fusion

            n_processes = os.cpu_count() or 1
            fit_fusion.main(
                args.runs,
                args.folds,
                n_processes,
                args.networks,
                args.also,
                args.seeds,
                args.in_place,
                seed=args.seed,
                taught_by=args.taught_by,
                factors=None if args.factors is None else tuple(args.factors),
            )
        elif args.kind == "recordings":
            from train import fit_recordings
            from train.evaluate_all import fold_models

            fit_recordings.main(args.networks or fold_models(), args.folds, seed=args.seed)
        elif args.kind == "gate":
            from train import fit_gate

            fit_gate.main(args.folds, seed=args.seed)
        else:
            from train import fit_cnn

            fit_cnn.main(args.kind, runs, args.fold, seed=args.seed)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m train fit", description=main.__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="checkpoints (default: runs)")
    parser.add_argument(
        "--folds",
        type=int,
        default=3,
        help="how many folds' networks the fusion listens to, or are all; of how many the gate is",
    )
    parser.add_argument(
        "--networks", type=Path, help="networks: one folder for the fusion; the folds' for recordings"
    )
    parser.add_argument(
        "--fold",
        type=fold,
        default=Fold(),
        metavar="K/N",
        help="hold part K of N of the patients out; gru: 'all' for a network of every fold",
    )
    parser.add_argument("--seed", type=int, default=1)
    _of_fusion(parser)
    parser.add_argument(
        "--seeds",
        type=seeds,
        default=1,
        help="so many seeds from --seed on; fusion: mean and spread, gru: a folder each (default: 1)",
    )
    parser.add_argument(
        "--teachers",
        type=Path,
        nargs="+",
        default=[],
        metavar="RUNS",
        help="gru: runs whose networks of the same fold teach it, such as those of other seeds",
    )
    parser.add_argument(
        "--together", action="store_true", help="gru: as on a GPU, all networks at once, also without one"
    )
    return parser


def _of_fusion(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--also",
        type=Path,
        nargs="+",
        default=[],
        metavar="RUNS",
        help="fusion: more networks of the same folds to learn from",
    )
    parser.add_argument(
        "--in-place",
        type=Path,
        metavar="FOLDS",
        help="fusion: folds' artefacts whose fusions answer while rows are recorded, those of --also or, where it is"
        " not given, of --runs (default: the networks' mean)",
    )
    parser.add_argument(
        "--taught-by",
        type=int,
        default=0,
        metavar="N",
        help="fusion: fitted N times on the rows of --runs, and once more on all rows, taught by the mean of these",
    )
    parser.add_argument(
        "--factors",
        type=float,
        nargs=2,
        metavar=("S", "V"),
        help="fusion: factors on the probabilities of S and V (default: each fold's by the other folds)",
    )


def fit_grus(
    runs: Path, folds: Sequence[Fold], seeds: Sequence[int], together: bool, teachers: Sequence[Path] = ()
) -> None:
    """The GRU of every fold with every seed: at once on a GPU or where `together` says so, else one by one.

    With more than one seed the checkpoints of each have a folder ``seed-N``.

    Raises
    ------
    BadInput
        On a GPU without the compiler of its kernel; where records cannot be read.
    """
    import torch

    from train import fit_gru, fit_gru_together, recurrence

    places = [
        (seed, fold, runs / (f"seed-{seed}" if len(seeds) > 1 else "") / fold.folder)
        for seed in seeds
        for fold in folds
    ]
    gpu = torch.cuda.is_available()
    if gpu:
        recurrence.compiler()  # before hours are spent on what cannot begin
    if together or gpu:
        fit_gru_together.main(places, torch.device("cuda" if gpu else "cpu"), teachers)
        return
    for seed, fold, place in places:
        fit_gru.main(place, fold, teachers, seed=seed)


def fold(text: str) -> Fold | None:
    """The fold that ``K/N`` names, none for ``all``. Raises `argparse.ArgumentTypeError` for anything else."""
    if text == "all":
        return None
    k, slash, n = text.partition("/")
    if not (slash and k.isdigit() and n.isdigit()):
        raise argparse.ArgumentTypeError(f"got {text!r}, expected K/N such as 0/3")
    try:
        return Fold(int(k), int(n))
    except BadInput as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def seeds(text: str) -> int:
    """How many seeds: 1 or more. Raises `argparse.ArgumentTypeError` for anything else."""
    if not (text.isdigit() and int(text) >= 1):
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a number of seeds, 1 or more")
    return int(text)


@contextmanager
def one_thread() -> Iterator[None]:
    """Torch as these small networks want it: one thread, and denormal numbers (slow, and worth nothing) as zero.

    Raises
    ------
    BadInput
        When torch is not installed.
    """
    try:
        import torch
    except ImportError:
        raise BadInput("training needs torch: pip install 'heartwire[train]'") from None
    for kind in (np.float32, np.float64):
        np.finfo(kind).smallest_subnormal  # noqa: B018 (worked out now, while denormals are what they are)
    keep_memory()
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(n_threads)


def keep_memory() -> None:
    """Have glibc keep what was freed: fetching every large tensor anew from the system is a third of a training."""
    most_mapped, trim_threshold = -4, -1  # M_MMAP_MAX, M_TRIM_THRESHOLD of malloc.h
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        mallopt(most_mapped, 0)
        mallopt(trim_threshold, 2**31 - 1)
