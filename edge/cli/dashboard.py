"""``heartwire dashboard``: the live page of all beds, for browsers."""

from __future__ import annotations

import argparse
import asyncio
import os
import secrets
import signal
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from edge import config as configuration
from edge.address import host_port
from edge.cli.run import seconds
from edge.config_flags import add_reader_arguments
from edge.io.log import Log
from edge.log_lines import Line
from firmware_bridge.types import BadInput

if TYPE_CHECKING:
    from edge.io.dashboard.server import PageServer

HELP = "serve a live page: every bed's ECG, beats, numbers and alarms, read from the broker"
LISTEN, PORT = "127.0.0.1:8765", 8765
TOKEN_NAME = "HEARTWIRE_DASHBOARD_TOKEN"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    add_reader_arguments(parser)
    parser.add_argument(
        "--listen",
        metavar="HOST:PORT",
        default=LISTEN,
        help="where to serve it (default %(default)s); any other address than the loopback shows all beds to "
        "that network",
    )
    parser.add_argument(
        "--name",
        action="append",
        default=[],
        metavar="HOST",
        help="a host name by which browsers reach it, beside localhost and addresses; may be repeated",
    )
    parser.add_argument("--seconds", type=seconds, metavar="N", help="stop after N seconds")


def run(args: argparse.Namespace) -> int:
    """Serve until interrupted or for `--seconds`."""
    config = configuration.load(args, os.environ)
    if not config.mqtt.host:
        raise BadInput("--mqtt none: the page shows what a broker brings; expected HOST:PORT")
    host, port = host_port(args.listen, "--listen", LISTEN)
    port = PORT if port is None else port
    if port > 65535:
        raise BadInput(f"--listen: got port {port}, expected 0 to 65535 (0: any that is free)")
    token = token_of(os.environ)
    try:
        from edge.io.dashboard.access import Access, is_loopback
        from edge.io.dashboard.server import PageServer
    except ModuleNotFoundError as error:
        raise BadInput(
            f"dashboard: {error.name} is not installed; pip install 'heartwire[dashboard]'"
        ) from None
    log = Log(config.log_json, (config.mqtt.password, token))
    server = PageServer(config.mqtt, Access(host, args.name, token), log)

    def announce(port: int) -> None:
        if log.for_people:  # the key is theirs, and nobody else reads along
            print(f"heartwire dashboard: {address(host, port, token)}    (Ctrl-C ends it)", file=sys.stderr)
            sys.stderr.flush()
        else:
            log(Line("dashboard", f"{address(host, port, '')} (the key behind it is {TOKEN_NAME})"))
        if not is_loopback(host):
            text = f"{host} is no loopback address: who reaches it sees all beds, and nothing is encrypted"
            log(Line("dashboard", text, "warning"))

    try:
        asyncio.run(_serve(server, host, port, announce, args.seconds))
    finally:
        log.close()
    return 0


def address(host: str, port: int, token: str) -> str:
    """What to open in a browser; the key stands behind ``#``, where no browser sends it anywhere."""
    name = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{name}:{port}/" + (f"#key={token}" if token else "")


def token_of(environ: Mapping[str, str]) -> str:
    """The key for acknowledgements: the environment's, else a new one."""
    from edge.io.dashboard.access import TOKEN

    given = environ.get(TOKEN_NAME, "")
    if given and not TOKEN.match(given):
        raise BadInput(f"{TOKEN_NAME}: got {len(given)} characters, expected 16 to 128 of a-z A-Z 0-9 _ -")
    return given or secrets.token_urlsafe(18)


async def _serve(
    server: PageServer, host: str, port: int, announce: Callable[[int], None], seconds: float | None
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if seconds is not None:
        loop.call_later(seconds, stop.set)
    await server.run(host, port, announce, stop)
