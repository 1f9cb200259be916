"""``heartwire ports``: the serial ports of this machine."""

from __future__ import annotations

import argparse
import json
import os
import sys

HELP = "list the serial ports, with the names that stay the same"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--json", action="store_true", help="print one JSON line a port")


def run(args: argparse.Namespace) -> int:
    """Print all ports; a readable word on stderr when there is none."""
    from edge.io.serial_source import list_ports

    ports = list_ports()
    for path, title in ports:
        usable = os.access(path, os.R_OK | os.W_OK)
        if args.json:
            print(json.dumps({"port": path, "title": title, "permission": usable}))
        else:
            print(f"{path}  {title}{'' if usable else '  (no permission: join its group)'}")
    if not ports:
        print("no serial port found; plug the device in, or try `heartwire demo`", file=sys.stderr)
    return 0
