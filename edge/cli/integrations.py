"""``heartwire integrations``: the files that other programs need, on standard output."""

from __future__ import annotations

import argparse
import json
import sys
from difflib import get_close_matches

from edge.address import host_port
from edge.integrations.catalogue import BASE, INTEGRATIONS, Site
from edge.messages import base_topic, topic_id
from firmware_bridge.types import BadInput

HELP = "print the files that Home Assistant, Node-RED, Grafana and Telegraf need"
BROKER = "127.0.0.1:1883"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("name", nargs="?", help="which one; without it they are listed")
    parser.add_argument("--mqtt", metavar="HOST[:PORT]", default=BROKER, help="broker to name in it")
    parser.add_argument("--base", default=BASE, help="base topic to name in it")
    parser.add_argument("--device", default="demo", help="bed to name where the file speaks of one")
    parser.add_argument("--json", action="store_true", help="list as JSON lines")


def run(args: argparse.Namespace) -> int:
    """List them, or print one."""
    if args.mqtt.startswith("/"):
        raise BadInput(
            f"--mqtt: got {args.mqtt[:80]!r}, a Unix socket; these programs need HOST:PORT, such as {BROKER}"
        )
    host, port = host_port(args.mqtt.removeprefix("mqtt://"), "--mqtt", BROKER)
    base, device = base_topic(args.base, "--base"), topic_id(args.device, "--device")
    site = Site(host, 1883 if port is None else port, base, device)
    if args.name is None:
        for one in INTEGRATIONS:
            line = {"name": one.name, "hint": one.hint}
            print(json.dumps(line) if args.json else f"{one.name:20} {one.hint}")
        return 0
    known = {one.name: one for one in INTEGRATIONS}
    if args.name not in known:
        near = get_close_matches(args.name, known, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
        raise BadInput(f"integrations: got {args.name[:80]!r}; {hint}")
    print(known[args.name].text(site), end="")
    print(f"heartwire integrations: {known[args.name].hint}", file=sys.stderr)
    return 0
