"""``python -m train fit``: data to checkpoints, one network at a time."""

from __future__ import annotations

import argparse
from pathlib import Path

from edge.artefact import shipped

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
    import torch

    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    args.runs.mkdir(parents=True, exist_ok=True)
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
