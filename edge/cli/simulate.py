"""``heartwire simulate``: the virtual patient as any device, on a pseudo-terminal, TCP, MQTT or stdout."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

from firmware_bridge import faults, simulator
from firmware_bridge.mqtt_payload import Message
from firmware_bridge.patient import VirtualPatient
from firmware_bridge.scenario import SCRIPTS
from firmware_bridge.simulator import Conversation, Port, Samples, Simulator, Sink
from firmware_bridge.types import BadInput

HELP = "play the virtual patient as a device, on a pseudo-terminal, TCP, MQTT or standard output"

#: What is handed over at once unless the user says otherwise [ms].
FRAME_MS, MQTT_FRAME_MS = 10.0, 200.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the patient's and the output's arguments."""
    parser.add_argument(
        "--script",
        default="demo",
        help="a named script or steps like 'sinus:60s rate=72; vt:10s; lead_off:5s'; named are: "
        + ", ".join(sorted(SCRIPTS)),
    )
    parser.add_argument("--seed", type=int, default=0, help="whose heart (default 0)")
    parser.add_argument("--fs", type=float, help="sampling rate in Hz (default: the device's own, or 250)")
    parser.add_argument(
        "--gain",
        type=float,
        default=1.0,
        help="how large the ECG is, where a device clips the usual; below 0 it is upside down (default 1)",
    )
    add_output_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Play until ``--seconds`` have passed or for ever."""
    fs = simulator.rate_of(args.format, args.fs)
    patient = VirtualPatient(fs, args.seed, args.script)
    return play(simulator.Scaled(patient, args.gain), args, "simulate", args.seconds)


def add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say where the samples go and how: the same for both verbs that play."""
    parser.add_argument(
        "--format",
        default="native",
        metavar="FORMAT",
        help=f"a profile's path.toml, or one of {', '.join(simulator.formats())}",
    )
    parser.add_argument(
        "--to",
        default="pty",
        metavar="WHERE",
        help="pty, pty:LINK (a symbolic link to it), tcp:PORT, mqtt://HOST:PORT/TOPIC, or - (stdout)",
    )
    parser.add_argument("--seconds", type=float, help="stop after so many seconds of signal")
    parser.add_argument("--speed", type=float, default=1.0, help="1 is true time, 0 as fast as it is read")
    parser.add_argument("--frame-ms", type=float, help="signal handed over at once (default 10, MQTT 200)")
    parser.add_argument(
        "--baud",
        type=int,
        help="pty: a reader at another speed gets garbage, as on a wire (default: any will do)",
    )
    parser.add_argument("--qos", type=int, default=0, choices=(0, 1), help="of MQTT messages (default 0)")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="FAULT",
        help="what goes wrong, KIND[=VALUE][@SECOND[+SECONDS]], several with ';' or repeated: "
        + "; ".join(f"{name} ({kind.help})" for name, kind in faults.KINDS.items()),
    )
    parser.add_argument("--fault-seed", type=int, default=0, help="whose bad luck (default 0)")
    parser.add_argument(
        "--wait", action="store_true", help="pty: begin when a reader opens it (always so with --speed 0)"
    )


def play(source: Samples, args: argparse.Namespace, verb: str, seconds: float | None) -> int:
    """Pump `source` to where `args` say, say so in one line first and what was dropped in one at the end."""
    if seconds is not None and not 0 <= seconds <= 1e8:
        raise BadInput(f"--seconds is {seconds:g}: expected 0 or more")
    # One of the two kinds: bytes to a byte sink, messages to a broker.
    kind: Any = _messages if args.to.startswith("mqtt:") else _bytes
    sim: Simulator[Any] = kind(source, args)
    sim.open()
    print(
        _banner(verb, source, args, sim.sink), file=sys.stderr if args.to == "-" else sys.stdout, flush=True
    )
    with _progress(source, seconds) as on_chunk:
        sim.run(seconds, on_chunk)
    if sim.sink.n_dropped:
        what = "messages" if args.to.startswith("mqtt:") else "bytes"
        print(f"heartwire {verb}: {sim.sink.n_dropped} {what} dropped: nobody read them", file=sys.stderr)
    return 0


def _banner(verb: str, source: Samples, args: argparse.Namespace, sink: Sink[Any]) -> str:
    return (
        f"heartwire {verb}: {args.format}, {source.fs:g} Hz, lead {', '.join(source.leads)}, on {sink.name}"
    )


def _bytes(source: Samples, args: argparse.Namespace) -> Simulator[bytes]:
    if simulator.is_mqtt(args.format):
        raise BadInput(
            f"--format {args.format} goes to a broker: use --to mqtt://HOST:PORT/TOPIC, or another format"
        )
    wrong = faults.parse(";".join(args.fault))
    alone = args.to == "-"
    if args.speed == 0 and not alone and simulator.has_session(args.format):
        raise BadInput(f"--speed is 0, and {args.format} waits to be asked, which takes time: use 1 or more")
    wire = simulator.byte_wire(args.format, source.fs, source.leads, wrong, args.fault_seed, alone)
    frame_ms = FRAME_MS if args.frame_ms is None else args.frame_ms
    sink = Conversation(wire, _byte_sink(args))
    return Simulator(source, wire, sink, frame_ms, args.speed, pace=faults.pace_of(wrong))


def _byte_sink(args: argparse.Namespace) -> Port:
    from firmware_bridge.sinks import SPEEDS, PtySink, StreamSink, TcpSink

    kind, _, rest = args.to.partition(":")
    if args.to == "-":
        if sys.stdout.isatty():
            raise BadInput("--to - writes binary frames: send standard output to a file or a pipe")
        return StreamSink(sys.stdout.buffer)
    if kind == "pty":
        if args.baud is not None and args.baud not in SPEEDS.values():
            raise BadInput(f"--baud is {args.baud}: expected a serial speed, such as 9600 or 115200")
        return PtySink(rest or None, await_reader=args.wait or args.speed == 0, baud=args.baud)
    if kind == "tcp" and rest.isdigit() and int(rest) < 65536:
        return TcpSink(int(rest))
    raise BadInput(f"--to is {args.to!r}: expected pty, pty:LINK, tcp:PORT, mqtt://HOST:PORT/TOPIC or -")


def _messages(source: Samples, args: argparse.Namespace) -> Simulator[list[Message]]:
    from firmware_bridge.mqtt_sink import MqttSink

    user, password = (os.environ.get(f"HEARTWIRE_MQTT_{name}", "") for name in ("USERNAME", "PASSWORD"))
    name = "mqtt-native" if args.format == "native" else args.format
    wire = simulator.message_wire(name, source.fs, source.leads)
    wrong = faults.parse(";".join(args.fault))
    if strange := [fault.kind for fault in wrong if fault.kind not in faults.PACE]:
        raise BadInput(f"--fault {strange[0]} happens to bytes: over MQTT use {' or '.join(faults.PACE)}")
    frame_ms = MQTT_FRAME_MS if args.frame_ms is None else args.frame_ms
    sink = MqttSink(args.to, args.qos, user, password)
    return Simulator(source, wire, sink, frame_ms, args.speed, pace=faults.pace_of(wrong))


@contextlib.contextmanager
def _progress(source: Samples, seconds: float | None) -> Iterator[Callable[[int], object] | None]:
    """A progress bar in seconds of signal, where the end is known and someone watches."""
    total = getattr(source, "total", None) if seconds is None else seconds * source.fs
    if total is None or not sys.stderr.isatty():
        yield None
        return
    try:
        from tqdm import tqdm
    except ImportError:
        yield None
        return
    bar = tqdm(total=round(total / source.fs), unit="s", bar_format="{l_bar}{bar}| {n:.0f}/{total:.0f} s")
    try:
        yield lambda n: bar.update(n / source.fs)
    finally:
        bar.close()
