"""``heartwire demo``: everything at once on this machine, without any hardware or set-up.

A virtual patient (or a record) plays the device on a pseudo-terminal, an embedded broker listens on the loopback,
the real monitor runs between them, a subscriber prints what it hears, and the live page shows it.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge.address import host_port
from edge.cli import dashboard
from edge.cli.run import as_json, make_monitor, seconds
from edge.config import Config
from edge.io import child
from edge.io.log import Log
from edge.log_lines import Line
from edge.messages import topic_id
from edge.ward.beds import Ward
from edge.ward.lines import WardLines
from firmware_bridge.types import BadInput

if TYPE_CHECKING:
    from edge.monitor import Monitor

HELP = "see it work: a virtual patient, a broker, the monitor, live lines and the live page, in one command"
START_S = 30.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "--record", metavar="PATH", help="play this WFDB record instead of the virtual patient"
    )
    parser.add_argument(
        "--script", default="demo", help="what the virtual patient does (see simulate --help)"
    )
    parser.add_argument("--seed", type=int, default=0, help="which virtual patient")
    parser.add_argument("--device", default="demo", help="id of the bed")
    parser.add_argument("--seconds", type=seconds, metavar="N", help="stop after N seconds")
    parser.add_argument("--json", action="store_true", help="print every published message as a JSON line")
    parser.add_argument(
        "--log-json", action="store_true", help="what is said on stderr is one JSON object a line"
    )
    parser.add_argument(
        "--explain",
        action="store_true",
        help="show on the page what the networks see of each beat and what they remember",
    )
    parser.add_argument(
        "--listen", metavar="HOST:PORT", help="where to serve the live page (default: this machine alone)"
    )


def run(args: argparse.Namespace) -> int:
    """Run the demo until interrupted or for `--seconds`."""
    topic_id(args.device, "--device")
    children: list[subprocess.Popen[str]] = []
    listener, log = None, Log(args.log_json)
    with tempfile.TemporaryDirectory(prefix="heartwire-") as folder:
        link = Path(folder, "patient")
        try:
            port = _free_port()
            children.append(child.spawn("broker", str(port)))
            children.append(child.spawn(*_player(args, link)))
            config = replace(Config(), source=str(link), device=args.device, explain=args.explain)
            mqtt = replace(config.mqtt, port=port, outbox_path=str(Path(folder, "outbox")))
            config = replace(config, mqtt=mqtt, alarms=replace(config.alarms, log="none"))
            monitor = make_monitor(config, lambda line: None)
            _await(lambda: _answers(port), children, "the broker")
            _await(link.exists, children, "the patient")
            page = _serve_page(port, args.listen, children)
            page += f"&explain={args.device}" if args.explain else ""
            listener = _listen(port, monitor, args.json, log)
            _announce(port, args, page, log)
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, lambda *_: monitor.stop())
            monitor.run(args.seconds)
            time.sleep(0.2)  # the last words are still on their way through the broker
        finally:
            if listener is not None:
                listener.disconnect()
                listener.loop_stop()
            for process in reversed(children):
                child.end(process)
    return 0


def _player(args: argparse.Namespace, link: Path) -> list[str]:
    to = ["--format", "native", "--to", f"pty:{link}", "--wait"]
    if args.record:
        return ["replay", args.record, "--loop", *to]
    return ["simulate", "--script", args.script, "--seed", str(args.seed), *to]


def _serve_page(broker_port: int, listen: str | None, children: list[subprocess.Popen[str]]) -> str:
    """Start the page's server; gives the page's address."""
    host, port = "127.0.0.1", _free_port(dashboard.PORT)
    if listen is not None:
        host, given = host_port(listen, "--listen", dashboard.LISTEN)
        port = dashboard.PORT if given is None else given or _free_port()
    token = dashboard.token_of(os.environ)
    words = [
        "--mqtt",
        f"127.0.0.1:{broker_port}",
        "--listen",
        f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
    ]
    children.append(child.spawn("dashboard", *words, **{dashboard.TOKEN_NAME: token}))
    name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    _await(lambda: _answers(port, name), children, "the page")
    return dashboard.address(host, port, token)


def _free_port(wanted: int = 0) -> int:
    """`wanted`, if nobody has it, else any free one."""
    try:
        with socket.create_server(("127.0.0.1", wanted)) as probe:
            return int(probe.getsockname()[1])
    except OSError:
        return _free_port()


def _answers(port: int, host: str = "127.0.0.1") -> bool:
    try:
        socket.create_connection((host, port), timeout=1.0).close()
    except OSError:
        return False
    return True


def _await(ready: Any, children: list[subprocess.Popen[str]], what: str) -> None:
    """Wait until `ready()`; a child that died instead says why, in its own last line."""
    end_s = time.monotonic() + START_S
    while not ready():
        for process in children:
            if process.poll() is not None and process.stderr is not None:
                lines = process.stderr.read().strip().splitlines() or [f"exit status {process.returncode}"]
                raise BadInput(lines[-1].removeprefix("heartwire: "))
        if time.monotonic() > end_s:
            raise BadInput(f"demo: {what} did not start within {START_S:g} s; is the machine overloaded?")
        time.sleep(0.02)


def _announce(port: int, args: argparse.Namespace, page: str, log: Log) -> None:
    who = f"record {args.record}" if args.record else "a virtual patient"
    live = f"{who} as bed {args.device!r}, live on mqtt://127.0.0.1:{port}"
    if not log.for_people:
        log(Line("demo", f"{live}, page {page}"))
        return
    print(f"heartwire demo: {live}", file=sys.stderr)
    listen = f"mosquitto_sub -h 127.0.0.1 -p {port} -v -t 'heartwire/{args.device}/+'"
    print(f"See it: {page}", file=sys.stderr)
    print(f"Listen along: {listen}    (Ctrl-C ends it)", file=sys.stderr, flush=True)


def _listen(port: int, monitor: Monitor, as_lines: bool, log: Log) -> Any:
    """A subscriber of everything, in a thread of its own, that prints what it hears."""
    import paho.mqtt.client as mqtt
    from paho.mqtt.enums import CallbackAPIVersion

    ward, lines_of = Ward(), WardLines()
    latest = {} if monitor.publisher is None else monitor.publisher.latest

    def show(client: Any, userdata: Any, message: mqtt.MQTTMessage) -> None:
        try:
            retain = message.topic in latest
            if as_lines:
                lines = [as_json(message.topic, bytes(message.payload), retain)]
            else:
                changes = ward.push(message.topic, bytes(message.payload), message.retain, time.monotonic())
                lines = lines_of.push(changes, time.time())
            for line in lines:
                print(line, flush=True)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            monitor.stop()
        except Exception as error:
            log(Line("demo", f"cannot show a message on {message.topic}: {error}", "error"))

    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.on_connect = lambda client, *_: client.subscribe("heartwire/#", 1)
    client.on_message = show
    client.connect("127.0.0.1", port)
    client.loop_start()
    return client
