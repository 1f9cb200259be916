"""``heartwire export``: a recording in another format."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from firmware_bridge.types import BadInput

if TYPE_CHECKING:
    from edge.io.recordings import Recording

HELP = "write a recording as EDF+, CSV or FHIR Observation"
FORMATS = ("edf", "csv", "fhir-r4", "fhir-r5")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "recording", metavar="RECORDING", help="a WFDB record, or the folder of a bed that was recorded"
    )
    parser.add_argument("out", metavar="OUT", type=Path, help="the file to write")
    parser.add_argument("--to", choices=FORMATS, required=True, help="format")
    parser.add_argument(
        "--annotations", metavar="EXT", default="hw", help="extension of the annotations (default: hw)"
    )
    parser.add_argument("--force", action="store_true", help="write over a file that is there")


def run(args: argparse.Namespace) -> int:
    """Export; the file is there as a whole or not at all."""
    from edge.io.recordings import open_recording

    if args.out.exists() and not args.force:
        raise BadInput(f"{args.out} is there already: choose another name, or say --force")
    recording = open_recording(args.recording, args.annotations)
    beside = args.out.with_name(f".{args.out.name}.new")
    try:
        _write(recording, args.to, beside)
        os.replace(beside, args.out)
    except OSError as error:
        raise BadInput(f"cannot write {args.out}: {error.strerror or error}; choose another place") from None
    finally:
        beside.unlink(missing_ok=True)
    return 0


def _write(recording: Recording, to: str, path: Path) -> None:
    if to == "edf":
        from edge.io.edf_export import write_edf

        path.touch(0o600)
        write_edf(recording, path)
    elif to == "csv":
        from edge.recording.csv import csv_blocks

        _write_text(path, csv_blocks(recording))
    else:
        from edge.recording.fhir import observation

        resource = observation(recording, to.removeprefix("fhir-"))
        _write_text(path, [json.dumps(resource, allow_nan=False), "\n"])


def _write_text(path: Path, parts: Iterable[str]) -> None:
    """Write a file for its owner alone: it holds a patient's data."""
    path.touch(0o600)
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(parts)
