"""``python -m train fit``: data to checkpoints, one network at a time."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from edge.artefact import shipped
from firmware_bridge.types import BadInput

KINDS = ("gru", "beat_cnn", "rhythm_cnn", "fusion")


def main(argv: list[str] | None = None) -> int:
    """``python -m train fit gru|beat_cnn|rhythm_cnn|fusion``: train one network, resuming where it was left.

    The order is gru, beat_cnn, rhythm_cnn; then ``quantise`` these; then fusion, which looks at what the real
    pipeline finds; then ``quantise fusion``.
    """
    parser = argparse.ArgumentParser(prog="python -m train fit", description=main.__doc__)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="checkpoints (default: runs)")
    parser.add_argument("--artefacts", type=Path, default=shipped(), help="models for fusion to listen to")
    args = parser.parse_args(argv)
    with one_thread():
        if args.kind == "gru":
            from train import fit_gru

            fit_gru.main(args.runs)
        elif args.kind == "fusion":
            from train import fit_fusion

            fit_fusion.main(args.runs, args.artefacts)
        else:
            from train import fit_af, fit_cnn

            fit_cnn.main(args.kind, args.runs)
            if args.kind == "rhythm_cnn":
                fit_af.main(args.runs)
    return 0


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
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(n_threads)
