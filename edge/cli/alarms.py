"""``heartwire alarms``: what the alarm log of a bed tells, for people and for programs."""

from __future__ import annotations

import argparse
import heapq
import json
import os
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from edge import config as configuration
from edge.alarms.story import Entry, Story, as_dict, lines, since_utc_s, tell
from edge.io.alarm_log import OLDER, read_files
from edge.shown import shown
from edge.state_folder import alarm_log_place, state_folder
from firmware_bridge.types import BadInput

HELP = "print the alarm log: which alarm, when, with which values, who acknowledged it, when it was over"
SUFFIX = ".jsonl"
"""How the logs in a folder end."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags."""
    parser.add_argument(
        "log",
        nargs="*",
        type=Path,
        metavar="LOG",
        help="alarm log, or a folder of logs (*.jsonl); default is where `run` with this -c writes it, without -c all "
        "logs in the state folder",
    )
    parser.add_argument(
        "-c", "--config", metavar="FILE", help="TOML file of a monitor; its alarm log is read"
    )
    parser.add_argument(
        "--since",
        metavar="WHEN",
        help="from then on: 90m, 12h, 7d ago, or a time in UTC such as 2026-11-25T21:40; what stands is always shown",
    )
    parser.add_argument("--device", metavar="ID", help="of this bed alone")
    parser.add_argument("--json", action="store_true", help="an alarm, or another entry, a JSON line")


def run(args: argparse.Namespace) -> int:
    """Print; 0 when the log was read, an empty one too."""
    from_utc_s = None if args.since is None else since_utc_s(args.since, time.time())
    paths = list(_logs(args.log or [_configured(args, os.environ)]))
    stories = [_read(path) for path in paths]
    found = heapq.merge(*(story.entries for story in stories), key=lambda entry: entry.began_utc_s)
    entries = [entry for entry in found if args.device in (None, entry.device)]
    if args.device is not None and not entries and (devices := _devices(stories)):
        raise BadInput(
            f"--device: got {args.device[:64]!r}, expected one that is in the log: {', '.join(devices)}"
        )
    for path, story in zip(paths, stories, strict=True):
        if story.n_torn:
            n = "1 line" if story.n_torn == 1 else f"{story.n_torn} lines"
            _tell(f"{path}: {n} could not be read (torn by a loss of power?); all others were")
    chosen = [entry for entry in entries if from_utc_s is None or entry.touches(from_utc_s)]
    for entry in chosen:
        print(json.dumps(as_dict(entry)) if args.json else "\n".join(lines(entry)))
    _tell(_sum(chosen, len(entries)))
    return 0


def _configured(args: argparse.Namespace, environ: Mapping[str, str]) -> Path:
    """The log that a monitor with this file and environment writes, or the folder where any does."""
    args.mqtt = None
    config = configuration.load(args, environ)
    if args.config is None and not config.alarms.log and state_folder(environ).is_dir():
        return state_folder(environ)
    place = alarm_log_place(config, environ)
    if place is None:
        raise BadInput(
            f"alarms.log: got 'none' in {args.config or 'HEARTWIRE_ALARMS_LOG'}: no log is written"
        )
    return place


def _logs(given: list[Path]) -> Iterator[Path]:
    """The files that were named, and for a folder those in it."""
    for path in given:
        if not path.is_dir():
            yield path.with_name(path.name.removesuffix(OLDER))
            continue
        inside = sorted({p.with_name(p.name.removesuffix(OLDER)) for p in path.glob(f"*{SUFFIX}*")})
        inside = [p for p in inside if p.suffix == SUFFIX]
        if not inside:
            raise BadInput(f"{path}: no alarm log in this folder; expected files *{SUFFIX}")
        yield from inside


def _read(path: Path) -> Story:
    return tell(*read_files(path))


def _devices(stories: list[Story]) -> list[str]:
    return sorted({shown(entry.device) for story in stories for entry in story.entries})


def _sum(chosen: list[Entry], n_all: int) -> str:
    """The last line: how many alarms, how many that nobody has acknowledged; an empty log says so."""
    alarms = [entry for entry in chosen if entry.is_alarm]
    if not chosen:
        return "no entry in that time" if n_all else "no entry: no monitor has written into it yet"
    if not alarms:
        return "no alarm"
    unseen = sum(not entry.acknowledged and entry.first.get("priority") == "high" for entry in alarms)
    n = "1 alarm" if len(alarms) == 1 else f"{len(alarms)} alarms"
    return f"{n}; times are UTC" + (f"; {unseen} lethal that nobody has acknowledged" if unseen else "")


def _tell(text: str) -> None:
    print(f"heartwire alarms: {shown(text, 400)}", file=sys.stderr)
