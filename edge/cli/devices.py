"""``heartwire devices``: the wire formats it understands."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from firmware_bridge import devices
from firmware_bridge.types import BadInput

HELP = "list the wire formats that `run --format` takes"

_PARITY = {"N": "", "E": " with even parity", "O": " with odd parity"}
_TELLS = ("has_counter", "has_checksum", "has_lead_off", "has_clock")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("--json", action="store_true", help="print one JSON line a device")


def run(args: argparse.Namespace) -> int:
    """Print all devices."""
    for name in devices.names():
        try:
            facts = _facts(name)
        except BadInput as error:
            facts = {"name": name, "error": str(error)}
        print(json.dumps(facts) if args.json else _line(facts))
    for path in devices.shadowed():
        print(f"heartwire devices: {path} is not used: its name is taken; rename it", file=sys.stderr)
    return 0


def _facts(name: str) -> dict[str, Any]:
    device = devices.get(name)
    keys = ("name", "title", "fs", "baud", "parity", "leads", *_TELLS)
    return {**{key: getattr(device, key) for key in keys}, "must_be_asked": device.start != b""}


def _line(facts: dict[str, Any]) -> str:
    if "error" in facts:
        return f"{facts['name']:16} cannot be used: {facts['error']}"
    rate = "rate in the stream" if facts["fs"] is None else f"{facts['fs']:g} Hz"
    tells = ", ".join(key[4:].replace("_", "-") for key in _TELLS if facts[key]) or "samples only"
    leads = " ".join(facts["leads"])
    asked = "; asked to start" if facts["must_be_asked"] else ""
    baud = f"{facts['baud']} baud{_PARITY[facts['parity']]}"
    return f"{facts['name']:16} {facts['title']}; {rate}, {baud}, leads {leads}; tells {tells}{asked}"
