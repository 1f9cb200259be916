"""What a person sees of each message."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edge.live import LiveLines

T = "2026-07-24T12:00:02.345Z"


def line(live: LiveLines, leaf: str, **body: Any) -> list[str]:
    return live.push(f"heartwire/bed4/{leaf}", json.dumps({"t": T, **body}).encode())


def test_live_when_a_final_beat_comes_then_its_class_interval_rate_and_rhythm() -> None:
    live = LiveLines()
    assert line(live, "state", hr_bpm=71.6) == []
    assert line(live, "rhythm", label="sinus", prob=0.9) == ["12:00:02.3 rhythm sinus  (0.9)"]
    (shown,) = line(live, "beat", aami="V", rr_ms=602.0, final=True, warming=False, readable=True)
    assert shown.split() == ["12:00:02.3", "beat", "V", "RR", "602", "ms", "HR", "72", "sinus", "VENTRICULAR"]


def test_live_when_a_beat_is_early_then_not_shown_twice() -> None:
    assert line(LiveLines(), "beat", aami="N", rr_ms=None, final=False) == []


def test_live_when_an_alarm_changes_then_name_state_and_priority() -> None:
    (shown,) = line(LiveLines(), "alarm/vt", name="vt", state="active", priority="high", value="170 bpm")
    assert shown == "12:00:02.3 *** ALARM vt active, priority high: 170 bpm"


def test_live_when_the_signal_goes_then_said() -> None:
    assert LiveLines().push("heartwire/bed4/availability", b"offline") == ["           signal offline"]


def test_live_when_a_note_comes_then_shown_and_an_alarm_event_not_again() -> None:
    live = LiveLines()
    assert line(live, "event", what="note", event_type="gap", detail="3 samples lost") == [
        "12:00:02.3 gap: 3 samples lost"
    ]
    assert line(live, "event", what="alarm", event_type="vt") == []


@pytest.mark.parametrize(
    ("leaf", "payload"),
    [
        ("beat", b"\xff"),
        ("beat", b"[]"),
        ("state", b"{"),
        ("waveform/II", b"HWV\x01"),
        ("rhythm", b"[" * 5000),
        ("", b""),
    ],
)
def test_live_when_payload_is_no_message_then_nothing(leaf: str, payload: bytes) -> None:
    assert LiveLines().push(f"heartwire/bed4/{leaf}", payload) == []


def test_live_when_text_is_hostile_then_no_terminal_control_gets_through() -> None:
    (shown,) = line(LiveLines(), "event", what="note", event_type="\x1b]0;x\x07", detail="\x1b[2J\u202e")
    assert shown.isprintable()
