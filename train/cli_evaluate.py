"""``heartwire evaluate``: play labelled records through the monitor and score it as EC57 says."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from edge.types import PERSONAL_MODES
from firmware_bridge.types import BadInput
from train import splits

HELP = "play labelled records through the monitor and score it beat by beat as EC57 says"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb's flags."""
    parser.add_argument(
        "folder", metavar="DIR", type=Path, help="folder of WFDB records with labels, such as mitdb"
    )
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--records", metavar="A,B", help="these records only")
    chosen.add_argument("--split", choices=("ds1", "ds2", "all"), help="a fixed list of mitdb records")
    parser.add_argument(
        "--annotations", metavar="OUT", type=Path, help="write OUT/RECORD.hw (final) and .hwe (early)"
    )
    parser.add_argument(
        "--lead", metavar="NAME", help="lead by name or index (default: MLII, else the first)"
    )
    parser.add_argument(
        "--reference", metavar="EXT", default="atr", help="extension of the labels (default: atr)"
    )
    parser.add_argument(
        "--start", metavar="S", type=float, default=300.0, help="seconds not scored (default: 300)"
    )
    parser.add_argument(
        "--models", metavar="DIR", type=Path, help="folder of artefacts (default: the shipped ones)"
    )
    parser.add_argument(
        "--jobs", metavar="N", type=int, default=os.cpu_count() or 1, help="records at a time"
    )
    parser.add_argument(
        "--personal",
        choices=PERSONAL_MODES,
        default="off",
        help="adapt to each patient's first 5 minutes, with their labels or without; not to be called the "
        "monitor's accuracy on strangers (default: off)",
    )
    parser.add_argument("--json", action="store_true", help="a JSON line a record, the summary last")


def run(args: argparse.Namespace) -> int:
    """Evaluate; rows and summary go to stdout, a progress bar to stderr. Raises BadInput."""
    from edge.personal import FIRST_S
    from train.evaluate import Job, evaluate
    from train.evaluate_report import row, summary, table

    records = records_of(args.folder, args.records, args.split, args.reference)
    if args.start < 0:
        raise BadInput(f"--start: got {args.start:g}, expected seconds from 0 up")
    if args.personal != "off" and args.start < FIRST_S:
        raise BadInput(
            f"--start: got {args.start:g} with --personal {args.personal}, expected {FIRST_S:g} or more: what was "
            "learned from is not scored"
        )
    job = Job(
        args.folder, args.reference, args.lead, args.start, args.annotations, args.models, args.personal
    )
    scores = []
    for score in _with_progress(evaluate(job, records, args.jobs), len(records)):
        scores.append(score)
        if args.json:
            print(json.dumps(row(score)), flush=True)
    print(json.dumps(summary(scores)) if args.json else table(scores))
    return 0


def records_of(folder: Path, named: str | None, split: str | None, reference: str = "atr") -> list[str]:
    """Names of the records to evaluate: those named, those of a split, or all in the folder with labels.

    Raises
    ------
    BadInput
        When the folder is missing or holds no labelled record, or no name is given.
    """
    if not folder.is_dir():
        raise BadInput(f"{folder} is not a folder: expected one of WFDB records, such as mitdb")
    if named is not None:
        names = [name.strip() for name in named.split(",") if name.strip()]
        if not names:
            raise BadInput(f"--records: got {named!r}, expected names with commas between, such as 100,103")
        return names
    if split is not None:
        return list(splits.mitdb(split))
    found = sorted(path.stem for path in folder.glob("*.hea") if path.with_suffix(f".{reference}").is_file())
    if not found:
        raise BadInput(
            f"no labelled record in {folder}: expected .hea files with .{reference} files beside them"
        )
    return found


def _with_progress(scores: Iterable, total: int) -> Iterator:  # type: ignore[type-arg]
    """A bar on stderr where that is a terminal; the library is an extra, so none without it."""
    try:
        from tqdm import tqdm
    except ImportError:
        return iter(scores)
    return iter(tqdm(scores, total=total, unit="record", file=sys.stderr, disable=None))


def main(argv: list[str] | None = None) -> int:
    """The same verb as ``python -m train evaluate``; with ``--all``, every row of the table of accuracy."""
    if "--all" in (sys.argv[1:] if argv is None else argv):
        from train import evaluate_all

        return evaluate_all.main(argv)
    parser = argparse.ArgumentParser(prog="python -m train evaluate", description=HELP)
    add_arguments(parser)
    return run(parser.parse_args(argv))
