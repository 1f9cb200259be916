"""``heartwire replay RECORD``: a recorded ECG as any device, on a pseudo-terminal, TCP, MQTT or stdout."""

from __future__ import annotations

import argparse

from edge.cli.simulate import add_output_arguments, play
from firmware_bridge import simulator
from firmware_bridge.records import RecordSource, open_record

HELP = "play a WFDB record as a device, on a pseudo-terminal, TCP, MQTT or standard output"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the record's and the output's arguments."""
    parser.add_argument(
        "record", help="path of a WFDB record, with or without .hea (also below HEARTWIRE_DATA)"
    )
    parser.add_argument("--lead", help="by name or number, or all (default MLII, else the first)")
    parser.add_argument("--start", type=float, default=0.0, metavar="SECONDS", help="where to begin")
    parser.add_argument("--loop", action="store_true", help="begin again at the record's end")
    parser.add_argument("--fs", type=float, help="resample to this rate in Hz (default: the record's own)")
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Play to the record's end, or until ``--seconds`` have passed."""
    record = open_record(args.record, args.lead)
    record = record.resampled(simulator.rate_of(args.format, args.fs, record.fs))
    source = RecordSource(record, args.start, args.loop)
    return play(source, args, "replay", args.seconds)
