"""``python -m train download``: fetch the databases from PhysioNet into one folder."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from train.databases import PHYSIONET, download


def main(argv: list[str] | None = None) -> int:
    """Fetch the databases named, or all that heartwire trains on. Raises BadInput."""
    parser = argparse.ArgumentParser(
        prog="python -m train download",
        description="Fetch ECG databases from PhysioNet (Open Data Commons Attribution 1.0).",
    )
    parser.add_argument("folder", metavar="DIR", type=Path, help="where to put them, a sub-folder each")
    parser.add_argument("names", metavar="NAME", nargs="*", help=f"which (default: {' '.join(PHYSIONET)})")
    args = parser.parse_args(argv)
    for name in args.names or PHYSIONET:
        print(f"{name}: {download(name, args.folder)}", file=sys.stderr)
    print(f"export HEARTWIRE_DATA={args.folder.resolve()}")
    return 0
