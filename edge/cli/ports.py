"""``heartwire ports``: the serial ports of this machine."""

from __future__ import annotations

import argparse
import json
import os
import sys

HELP = "list the serial ports, with the names that stay the same and what may be behind them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--json", action="store_true", help="print one JSON line a port")


def run(args: argparse.Namespace) -> int:
    """Print all ports; a readable word on stderr when there is none."""
    from edge.doctor.usb import guesses
    from edge.io.serial_source import list_ports

    ports = list_ports()
    for port in ports:
        usable = os.access(port.path, os.R_OK | os.W_OK)
        perhaps = guesses(port.vid)
        if args.json:
            row = {"port": port.path, "title": port.title, "permission": usable, "perhaps": perhaps}
            print(json.dumps(row))
            continue
        print(f"{port.path}  {port.title}{'' if usable else '  (no permission: join its group)'}")
        if perhaps:
            print(f"    perhaps {', '.join(perhaps)}; heartwire doctor {port.path} tells")
    if not ports:
        print("no serial port found; plug the device in, or try `heartwire demo`", file=sys.stderr)
    return 0
