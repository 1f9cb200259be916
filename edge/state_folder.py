"""Where lies what must outlive a power cut: the events that wait, and the alarm log. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from edge.config import Config

NONE = "none"
"""The word that keeps a file from being written."""


def state_folder(environ: Mapping[str, str]) -> Path:
    """The state folder of the service or the user.

    That is ``$STATE_DIRECTORY`` (systemd), else ``$XDG_STATE_HOME/heartwire``, else ``~/.local/state/heartwire``.
    """
    service = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    home = environ.get("XDG_STATE_HOME") or Path(environ.get("HOME") or "/var/lib", ".local/state")
    return Path(service) if service else Path(home, "heartwire")


def outbox_place(config: Config, environ: Mapping[str, str]) -> str:
    """The path of the outbox's file: as configured, else in the state folder; empty for none."""
    if config.mqtt.outbox_path:
        return config.mqtt.outbox_path if config.mqtt.outbox_path != NONE else ""
    return str(state_folder(environ) / f"{config.device}.outbox")


def alarm_log_place(config: Config, environ: Mapping[str, str]) -> Path | None:
    """The alarm log's file: as configured, else in the state folder; None for none."""
    if config.alarms.log:
        return Path(config.alarms.log).expanduser() if config.alarms.log != NONE else None
    return state_folder(environ) / f"{config.device}-alarms.jsonl"
