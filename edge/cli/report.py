"""``heartwire report``: a Holter-style page of a recording."""

from __future__ import annotations

import argparse
import os
import subprocess
import tempfile
from pathlib import Path

from firmware_bridge.types import BadInput

HELP = "a page about a recording: heart rate, rhythm, beats, variability, alarms, strips"
PDF_S = 120.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "recording", metavar="RECORDING", help="a WFDB record, or the folder of a bed that was recorded"
    )
    parser.add_argument(
        "--out", metavar="FILE", type=Path, help="the page (default: RECORDING's name, .html, here)"
    )
    parser.add_argument("--pdf", action="store_true", help="a PDF beside it, printed by Chromium")
    parser.add_argument(
        "--annotations", metavar="EXT", default="hw", help="extension of the annotations (default: hw)"
    )


def run(args: argparse.Namespace) -> int:
    """Write the page, and print the names of the files."""
    from edge.io.recordings import open_recording
    from edge.report.measures import measure
    from edge.report.page import page

    recording = open_recording(args.recording, args.annotations)
    if not recording.annotated:
        raise BadInput(
            f"{args.recording} has no annotations .{args.annotations}: make them with "
            "`heartwire evaluate --annotations`, or name those there are with --annotations EXT"
        )
    out = args.out or Path(f"{recording.name}.html")
    text = page(recording, measure(recording))
    try:
        out.touch(0o600)
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise BadInput(f"cannot write {out}: {error.strerror or error}; choose another place") from None
    print(out)
    if args.pdf:
        print(print_pdf(out))
    return 0


def print_pdf(page: Path) -> Path:
    """Print a page to a PDF beside it. Raises BadInput without a Chromium, and when it fails."""
    from edge.bench.browser import find_chromium

    program = find_chromium()
    if program is None:
        raise BadInput(f"no Chromium to print {page}: install chromium, or print the page from any browser")
    out = page.with_suffix(".pdf")
    flags = [
        "--headless=new",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-pdf-header-footer",
        "--no-first-run",
    ]
    if os.geteuid() == 0:
        flags.append("--no-sandbox")  # Chromium refuses to run as root with it
    with tempfile.TemporaryDirectory(prefix="heartwire-", ignore_cleanup_errors=True) as folder:
        made = Path(folder, "page.pdf")
        words = [
            program,
            *flags,
            f"--user-data-dir={folder}",
            f"--print-to-pdf={made}",
            page.resolve().as_uri(),
        ]
        try:
            subprocess.run(words, capture_output=True, timeout=PDF_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BadInput(f"{program} could not print {page}: {type(error).__name__}") from None
        if not made.is_file():
            raise BadInput(
                f"{program} printed nothing of {page}; does it by hand, with --headless --print-to-pdf?"
            )
        out.touch(0o600)
        out.write_bytes(made.read_bytes())
    return out
