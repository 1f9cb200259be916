"""``heartwire doctor PORT``: what is at the other end, what is wrong with it, and the configuration that mends it."""

from __future__ import annotations

import argparse
import json
import select
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from firmware_bridge.types import BadInput

if TYPE_CHECKING:
    from edge.doctor.examination import Heard
    from edge.doctor.findings import Finding
    from edge.doctor.formats import Guess, Piece
    from edge.io.source import Source
    from firmware_bridge.device import Decoder

HELP = "look at a port: which device, at which speed, what is wrong, and how to mend it"

BAUDS = (115200, 57600, 9600, 230400, 921600)
"""Speeds of the devices that speak by themselves, the usual first."""
LISTEN_S = 2.5
"""How long each speed is listened to: an Arduino that was reset by opening its port is silent for nearly 2 s."""
ASK_S = 2.5
ENOUGH_BYTES = 6000
SURE = 0.9
"""A format that explains so much of the bytes ends the search."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument("port", help="serial port, tcp://HOST:PORT, or a file that --capture has written")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to examine (default 10)")
    parser.add_argument("--baud", type=int, help="the serial speed, if it is known")
    parser.add_argument("--format", help="the wire format, if it is known (see `heartwire devices`)")
    parser.add_argument(
        "--calibration-mv",
        type=float,
        metavar="MV",
        help="a calibrator's square wave of this height is connected",
    )
    parser.add_argument("--no-ask", action="store_true", help="send nothing to the device")
    parser.add_argument("--capture", metavar="FILE", help="write what came to FILE")
    parser.add_argument("--json", action="store_true", help="print findings as JSON lines")


def run(args: argparse.Namespace) -> int:
    """Examine; 0 when all is well, 1 when something is wrong or nothing was understood."""
    if not 1 <= args.seconds <= 3600:
        raise BadInput(f"--seconds is {args.seconds:g}: expected 1 to 3600")
    if args.calibration_mv is not None and not 0.01 <= args.calibration_mv <= 1000:
        raise BadInput(f"--calibration-mv is {args.calibration_mv:g}: expected 0.01 to 1000")
    from edge.doctor.examination import config_lines, examine, wrong

    heard, pieces = hear(args)
    if args.capture:
        from firmware_bridge import capture

        capture.write(Path(args.capture), pieces)
    if heard is None:
        return at_a_loss(pieces, args.json)
    findings = examine(heard, pieces, args.calibration_mv)
    _print(findings, config_lines(heard, findings), args)
    if args.capture and not args.json:
        print(f"captured: heartwire doctor {args.capture}")
    return int(wrong(findings))


# -- listening -------------------------------------------------------------------------------------------


def hear(args: argparse.Namespace) -> tuple[Heard | None, list[Piece]]:
    """What `args.port` says, a port or a capture: which device in which format (None: not understood), and all bytes.

    `args` is what `add_arguments` makes; read are port, seconds, baud, format and no_ask.
    """
    path = Path(args.port)
    return _from_file(path, args) if path.is_file() else _from_port(args)


def _from_port(args: argparse.Namespace) -> tuple[Heard | None, list[Piece]]:
    heard, pieces = _find(args)
    if heard is None:
        return None, pieces
    source, asker = _open(args.port, heard.baud, heard.guess.name if heard.asked else None, heard.guess.name)
    try:
        return heard, _listen(source, args.seconds, asker=asker)
    finally:
        source.close()


def _find(args: argparse.Namespace) -> tuple[Heard | None, list[Piece]]:
    """Which speed and format; listening first, then, where it is silent, asking."""
    from edge.doctor.examination import Heard
    from edge.doctor.formats import other_version

    best: Heard | None = None
    pieces: list[Piece] = []
    for baud in _bauds(args):
        source, _ = _open(args.port, baud, None)
        try:
            pieces = _listen(source, LISTEN_S, ENOUGH_BYTES)
        finally:
            source.close()
        if not pieces:
            break  # silence is silence at any speed
        if other_version(pieces):
            return None, pieces
        fitting = _fitting(pieces, args, baud)
        if fitting and (best is None or fitting[0].share > best.guess.share):
            best = Heard(args.port, baud, fitting[0], _equals(fitting))
        if best is not None and best.guess.share >= SURE:
            break
    if best is None and not args.no_ask:
        return _ask(args), pieces
    return best, pieces


def _ask(args: argparse.Namespace) -> Heard | None:
    """Ask as each device that must be asked would be, at its own speed."""
    from edge.doctor.examination import Heard
    from firmware_bridge import devices

    for name in [args.format] if args.format else devices.names():
        try:
            device = devices.get(name)
        except BadInput:
            continue
        if not device.start:
            continue
        baud = None if _is_network(args.port) else args.baud or device.baud
        source, asker = _open(args.port, baud, name)
        try:
            pieces = _listen(source, ASK_S, ENOUGH_BYTES, asker)
        finally:
            source.close()
        fitting = [guess for guess in _fitting(pieces, args) if devices.get(guess.name).start]
        if fitting:
            return Heard(args.port, baud, fitting[0], _equals(fitting), asked=True)
    return None


def _bauds(args: argparse.Namespace) -> Sequence[int | None]:
    if _is_network(args.port):
        return [None]
    if args.baud:
        return [args.baud]
    if args.format:
        from firmware_bridge import devices

        own = devices.get(args.format).baud
        return [own, *(baud for baud in BAUDS if baud != own)]
    return BAUDS


def _fitting(pieces: Sequence[Piece], args: argparse.Namespace, baud: int | None = None) -> list[Guess]:
    from edge.doctor.formats import guesses

    found = guesses(pieces, None if args.format or args.baud else baud) if pieces else []
    return [guess for guess in found if guess.name == args.format] if args.format else found


def _equals(fitting: Sequence[Guess]) -> tuple[str, ...]:
    """Formats that nothing tells from the best."""
    first = fitting[0]
    return tuple(
        guess.name for guess in fitting[1:] if round(guess.share, 1) == round(first.share, 1)
        and round(guess.fs_off, 1) == round(first.fs_off, 1) and guess.name != first.name
    )  # fmt: skip


def _open(
    port: str, baud: int | None, ask_as: str | None, name: str | None = None
) -> tuple[Source, Decoder | None]:
    """The open port, and the decoder of the device `ask_as`, which tells it what it must be told, if one is named.

    Parity is that of `ask_as`, or of the device `name`.
    """
    from edge.io.asking import AskingSource
    from edge.io.source import SourceLost, make_source
    from firmware_bridge import devices
    from firmware_bridge.device import Asker, DecoderOptions

    known = ask_as or name
    source = make_source(port, baud or BAUDS[0], devices.get(known).parity if known else "N")
    decoder = None if ask_as is None else devices.get(ask_as).decoder(DecoderOptions())
    if isinstance(decoder, Asker):
        source = AskingSource(source, decoder)
    try:
        source.open()
    except SourceLost as error:
        raise BadInput(source.explain(error)) from None
    return source, decoder


def _listen(
    source: Source, seconds: float, n_bytes: int | None = None, asker: Decoder | None = None
) -> list[Piece]:
    """What comes in `seconds`, or until there is enough; `asker` hears it too, and is silent once it understands."""
    from edge.io.source import SourceEnded, SourceLost

    pieces: list[Piece] = []
    n, now_s = 0, time.monotonic()
    end_s = now_s + seconds
    while now_s < end_s and (n_bytes is None or n < n_bytes):
        source.tick(now_s)
        ready = select.select([source.fileno()], [], [], min(0.1, end_s - now_s))[0]
        now_s = time.monotonic()
        if not ready:
            continue
        try:
            data = source.read()
        except (SourceLost, SourceEnded):
            break
        if data:
            pieces.append((now_s, data))
            n += len(data)
            if asker is not None:
                asker.feed(data, now_s)
    return pieces


# -- captures --------------------------------------------------------------------------------------------


def _from_file(path: Path, args: argparse.Namespace) -> tuple[Heard | None, list[Piece]]:
    from edge.doctor.examination import Heard
    from firmware_bridge import capture

    pieces = capture.read(path).pieces
    fitting = _fitting(pieces, args)
    return (Heard(str(path), args.baud, fitting[0], _equals(fitting)) if fitting else None), pieces


# -- what is said ----------------------------------------------------------------------------------------


def _print(findings: Sequence[Finding], config: Sequence[str], args: argparse.Namespace) -> None:
    if args.json:
        for finding in findings:
            print(json.dumps(finding.as_json()))
        print(json.dumps({"what": "config", "toml": "\n".join(config)}))
        return
    for finding in findings:
        print(finding.as_line())
    print("\nconfiguration (heartwire run -c FILE):\n")
    print("\n".join(config))


def at_a_loss(pieces: Sequence[Piece], as_json: bool = False) -> int:
    """Say why nothing was understood; gives the exit status."""
    from edge.doctor.formats import other_version

    n = sum(len(data) for _, data in pieces)
    if line := other_version(pieces):
        text = line
    elif n:
        some = b"".join(data for _, data in pieces)[:32].hex(" ")
        text = (
            f"{n} bytes came and no known format fits them; they begin with {some}: try --baud, or a profile"
        )
    else:
        text = "nothing came: is the device on, is it this port, is its transmit line connected?"
    if as_json:
        print(json.dumps({"what": "format", "level": "wrong", "text": text, "value": None, "config": None}))
    else:
        print(f"wrong  format      {text}", file=sys.stderr)
    return 1


def _is_network(port: str) -> bool:
    return port.startswith("tcp://")
