"""``heartwire init``: writes a bed's configuration from what `doctor` finds, and the files of a service."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge import config as configuration
from edge import config_flags
from edge.config import SECRETS, Config, keys
from firmware_bridge.types import BadInput

if TYPE_CHECKING:
    from edge.doctor.findings import Finding
    from edge.service.catalogue import Site, Usb

HELP = "write a bed's configuration from what doctor finds at its port, and the files of a service"
OUT = "heartwire.toml"
ALWAYS = (("source",), ("format",), ("device",), ("mqtt", "host"), ("mqtt", "port"))
"""Keys that stand in every file, default or not."""

Path_ = tuple[str, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "port",
        nargs="?",
        help="serial port, tcp://HOST:PORT, or a file of `doctor --capture`: examined first; without it the flags "
        "alone say what is written",
    )
    parser.add_argument(
        "-o", "--out", metavar="FILE", help=f"file to write (default {OUT}), or - for standard output"
    )
    parser.add_argument(
        "--service",
        metavar="DIR",
        help="also write the files of a service below DIR: systemd unit, udev rules, mosquitto; / puts them in place, "
        "and the configuration into etc/heartwire",
    )
    parser.add_argument("--force", action="store_true", help="overwrite without asking")
    parser.add_argument("--seconds", type=float, default=10.0, help="how long to examine (default 10)")
    parser.add_argument("--no-ask", action="store_true", help="send nothing to the device")
    config_flags.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Write; 0 when all is written, 1 where nothing was understood or a person said no."""
    findings: list[Finding] = []
    if args.port:
        found = _examined(args)
        if found is None:
            return 1
        findings = found
    config = _wanted(args)
    if not config.source:
        raise BadInput(
            "init: got neither a port to examine nor --source; `heartwire ports` lists the ports, "
            "`heartwire init PORT` examines one"
        )
    text = _text(config, findings)
    if configuration.parse(text, {}, {}, "init") != config:
        raise BadInput(
            "init: the file would not say what was asked for: a mistake of heartwire's, please tell"
        )
    out = args.out or (_placed(args.service, f"etc/heartwire/{config.device}.toml") if args.service else OUT)
    if out == "-":
        print(text, end="")
        return 0
    added, files = _service(args.service, config)
    files = {path: one for path, one in {Path(out): text, **files}.items() if _read(path) != one}
    if not _may(list(files), args.force):
        print("heartwire init: nothing was written", file=sys.stderr)
        return 1
    for path, content in {**files, **added}.items():
        _write(path, content)
        print(f"wrote {path}")
    for line in _next(args.service, Path(out), config):
        print(line)
    return 0


# -- what is to be said ----------------------------------------------------------------------------------


def _examined(args: argparse.Namespace) -> list[Finding] | None:
    """Examine the port, and let what was found stand where no flag says otherwise; None: not understood."""
    from edge.cli import doctor
    from edge.doctor.examination import config_lines, examine

    given = vars(args)
    baud = given["config.baud"]
    if baud is not None and not baud.isdigit():
        raise BadInput(f"--baud: got {baud!r}, expected a whole number such as 115200")
    if not 1 <= args.seconds <= 3600:
        raise BadInput(f"--seconds is {args.seconds:g}: expected 1 to 3600")
    ask = argparse.Namespace(
        port=args.port,
        seconds=args.seconds,
        baud=None if baud is None else int(baud),
        format=given["config.format"],
        no_ask=args.no_ask,
    )
    if Path(args.port).is_file() and given["config.source"] is None:
        raise BadInput(
            f"init: {args.port!r} is a capture, expected --source as well: the port that run is to read"
        )
    heard, pieces = doctor.hear(ask)
    if heard is None:
        doctor.at_a_loss(pieces)
        return None
    findings = examine(heard, pieces)
    for finding in findings:
        print(finding.as_line())
    for line in config_lines(replace(heard, source=_stable(args.port)), findings):
        name, _, value = line.partition(" = ")
        value, guessed, _ = value.partition("  #")
        if given.get(f"config.{name}") is None and not guessed:
            setattr(args, f"config.{name}", value.strip('"'))
    return findings


def _stable(port: str) -> str:
    """The name of a serial port that stays the same; others as they are."""
    from edge.io.serial_source import list_ports

    return next(
        (one.path for one in list_ports() if os.path.realpath(port) == os.path.realpath(one.path)), port
    )


def _wanted(args: argparse.Namespace) -> Config:
    """What the flags, and the file that is carried on, come to; a password's file need not be there yet."""
    file = getattr(args, "config.mqtt.password_file")
    setattr(args, "config.mqtt.password_file", None)
    config = configuration.load(args, {})
    return replace(
        config, mqtt=replace(config.mqtt, password="", password_file=file or config.mqtt.password_file)
    )


def _values(config: Config) -> dict[Path_, Any]:
    """Keys that are not as they are by default, and those that are always said."""
    out: dict[Path_, Any] = {}
    for path, key in keys():
        value = getattr(config if len(path) == 1 else getattr(config, path[0]), path[-1])
        if path[-1] not in SECRETS and (path in ALWAYS or value != key.default):
            out[path] = value
    return out


def _text(config: Config, findings: list[Finding]) -> str:
    from edge.config_text import text

    head = [
        f"heartwire: the configuration of {config.device}. `heartwire run -c FILE` reads it.",
        "A line behind a # is not in force: it shows the default or, where there is none, an example.",
        "The broker's password does not belong here: HEARTWIRE_MQTT_PASSWORD, or password_file.",
    ]
    if findings:
        head += ["", "What was found at the port:", *(f"  {finding.as_line()}" for finding in findings)]
    values = _values(config)
    notes = _notes(findings, values)
    return text(values, head, notes)


def _notes(findings: list[Finding], values: Mapping[Path_, Any]) -> dict[Path_, str]:
    """What was found, behind the key that it set; behind one that a guess did not set, the guess."""
    out: dict[Path_, str] = {}
    for finding in findings:
        line, guessed, _ = finding.config.partition("  #")
        path = (line.partition(" = ")[0],)
        if guessed and path not in values:
            out[path] = f"perhaps {line}: {finding.text}"
        elif line and path in values:
            out[path] = finding.text
    return out


# -- files -----------------------------------------------------------------------------------------------


def _service(folder: str | None, config: Config) -> tuple[dict[Path, str], dict[Path, str]]:
    """Files that only get this bed beside others, and files whose whole text is made: by path, what they will say."""
    from edge.service.catalogue import SERVICE_FILES

    if folder is None:
        return {}, {}
    site = _site(config)
    added, whole = {}, {}
    for one in SERVICE_FILES:
        path = Path(_placed(folder, one.place))
        there = _read(path)
        if there is None or one.join is None:
            whole[path] = one.text(site)
        elif (text := one.join(there, site)) != there:
            added[path] = text
    return added, whole


def _read(path: Path) -> str | None:
    """The text of a file, None where there is none."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"init: cannot read {str(path)!r}: {getattr(error, 'strerror', '') or error}"
        ) from None


def _site(config: Config) -> Site:
    from edge.service.catalogue import Site

    beside = Path(sys.executable).with_name("heartwire")
    command = str(beside) if beside.is_file() else f"{sys.executable} -m edge.cli"
    host = config.mqtt.host if config.mqtt.host and not config.mqtt.host.startswith("/") else "127.0.0.1"
    return Site(config.device, command, host, config.mqtt.base, _usb(config.source))


def _usb(source: str) -> Usb | None:
    from edge.io.serial_source import list_ports
    from edge.service.catalogue import Usb

    for port in list_ports():
        same = os.path.realpath(port.path) == os.path.realpath(source)
        if same and port.vid is not None and port.pid is not None:
            return Usb(port.vid, port.pid, port.serial)
    return None


def _placed(folder: str, place: str) -> str:
    return str(Path(folder) / place)


def _may(paths: list[Path], force: bool) -> bool:
    """Whether all may be written: a person is asked about those that are there.

    Raises
    ------
    BadInput
        Something is there already and there is nobody to ask.
    """
    there = [str(path) for path in paths if path.exists()]
    if not there or force:
        return True
    names = ", ".join(there)
    if not sys.stdin.isatty():
        raise BadInput(
            f"init: {names} is there already and says something else; --force overwrites it, --out "
            "names another configuration"
        )
    print(f"{names}: there already. Overwrite? [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _write(path: Path, text: str) -> None:
    """Write the whole file or none of it."""
    beside = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise BadInput(f"init: cannot write {str(path)!r}: {error.strerror or error}") from None


def _next(folder: str | None, out: Path, config: Config) -> list[str]:
    """What to do with it."""
    if folder is None:
        return [f"now: heartwire run -c {shlex.quote(str(out))}"]
    from edge.service.catalogue import SERVICE_FILES

    hints = [(one.place, one.hint.format(device=config.device)) for one in SERVICE_FILES]
    return ["now, as root, with the files in place:", *(f"  {place}: {hint}" for place, hint in hints)]
