"""Where what must outlive a power cut lies."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.config import parse
from edge.state_folder import alarm_log_place, outbox_place, state_folder


@pytest.mark.parametrize(
    ("path", "environ", "place"),
    [
        ("", {"HOME": "/home/me"}, "/home/me/.local/state/heartwire/bed4.outbox"),
        ("", {"HOME": "/h", "XDG_STATE_HOME": "/state"}, "/state/heartwire/bed4.outbox"),
        ("", {"HOME": "/h", "STATE_DIRECTORY": "/var/lib/hw:/b"}, "/var/lib/hw/bed4.outbox"),
        ("", {}, "/var/lib/.local/state/heartwire/bed4.outbox"),
        ("/card/box", {"HOME": "/h"}, "/card/box"),
        ("none", {"HOME": "/h"}, ""),
    ],
)
def test_outbox_place_when_given_or_not_then_configured_else_of_the_service_else_of_the_user(
    path: str, environ: dict[str, str], place: str
) -> None:
    config = parse("device = 'bed4'", {}, {"mqtt.outbox_path": path} if path else {})
    assert outbox_place(config, environ) == place


@pytest.mark.parametrize(
    ("text", "environ", "place"),
    [
        ("", {"HOME": "/home/ana"}, "/home/ana/.local/state/heartwire/bed4-alarms.jsonl"),
        ("", {"HOME": "/x", "XDG_STATE_HOME": "/s"}, "/s/heartwire/bed4-alarms.jsonl"),
        ("", {"STATE_DIRECTORY": "/var/lib/heartwire:/b"}, "/var/lib/heartwire/bed4-alarms.jsonl"),
        ("log = '/l/a.jsonl'", {"STATE_DIRECTORY": "/var/lib/heartwire"}, "/l/a.jsonl"),
        ("log = 'none'", {"HOME": "/home/ana"}, None),
    ],
)
def test_alarm_log_place_when_given_or_not_then_configured_else_beside_the_outbox(
    text: str, environ: dict[str, str], place: str | None
) -> None:
    config = parse(f"device = 'bed4'\n[alarms]\n{text}", {}, {})
    found = alarm_log_place(config, environ)
    assert found == (None if place is None else Path(place))
    if not text:
        assert found is not None
        assert found.parent == Path(outbox_place(config, environ)).parent == state_folder(environ)
