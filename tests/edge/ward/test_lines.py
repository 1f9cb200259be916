"""Lines for a pipe: who, when, what."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edge.ward.beds import Ward
from edge.ward.lines import WardLines

T = "2026-07-24T12:00:02.345Z"
NOW_S = 1784894405.0  # 12:00:05


@pytest.fixture
def ward() -> Ward:
    return Ward()


def lines(ward: Ward, leaf: str, retain: bool = False, device: str = "bed4", **body: Any) -> list[str]:
    changes = ward.push(f"heartwire/{device}/{leaf}", json.dumps({"t": T, **body}).encode(), retain, 0.0)
    return WardLines().push(changes, NOW_S)


def test_lines_when_a_final_beat_comes_then_its_time_bed_class_rate_and_rhythm(ward: Ward) -> None:
    assert lines(ward, "state", hr_bpm=71.6, rhythm="sinus") == ["12:00:05.0 bed4       live"]
    assert lines(ward, "beat", id=1, aami="V", rr_ms=602.0, final=False) == []
    (shown,) = lines(ward, "beat", id=1, aami="V", rr_ms=602.0, final=True)
    assert shown.split() == [
        "12:00:02.3",
        "bed4",
        "beat",
        "V",
        "RR",
        "602",
        "ms",
        "HR",
        "72",
        "sinus",
        "VENTRICULAR",
    ]
    assert lines(ward, "beat", id=2, aami="N", final=True, warming=True)[0].endswith("(warming up)")
    assert lines(ward, "beat", id=3, aami="N", final=True, readable=False)[0].endswith("(unreadable)")


def test_lines_when_numbers_are_stale_then_not_shown_with_a_beat(ward: Ward) -> None:
    lines(ward, "state", retain=True, hr_bpm=71.6, rhythm="sinus")
    (shown,) = lines(ward, "beat", id=1, aami="N", final=True)
    assert "HR  -- ?" in shown


def test_lines_when_alarms_rhythm_signal_notes_and_answers_come_then_each_one(ward: Ward) -> None:
    (shown,) = lines(ward, "alarm/vt", state="active", priority="high", value="170 bpm")
    assert shown == "12:00:05.0 bed4       *** ALARM vt active, priority high: 170 bpm"
    assert (
        "    ALARM vt active, acknowledged"
        in lines(ward, "alarm/vt", state="active", priority="high", acked=True)[0]
    )
    assert lines(ward, "rhythm", label="af") == ["12:00:05.0 bed4       rhythm af"]
    assert lines(ward, "event", what="note", event_type="gap", detail="3 lost") == [
        "12:00:05.0 bed4       gap: 3 lost"
    ]
    assert lines(ward, "response/ack", ok=True) == ["12:00:05.0 bed4       answer to ack: ok"]
    assert lines(ward, "response/ack", ok=False, error="no") == ["12:00:05.0 bed4       answer to ack: no"]
    changes = ward.push("heartwire/bed4/availability", b"offline", True, 0.0)
    assert WardLines().push(changes, NOW_S) == ["12:00:05.0 bed4       signal offline"]


def test_lines_when_a_monitor_falls_silent_then_stale(ward: Ward) -> None:
    lines(ward, "state", hr_bpm=70)
    assert WardLines().push(ward.tick(2.75), NOW_S) == ["12:00:05.0 bed4       STALE: nothing for 2.8 s"]


def test_lines_when_names_are_hostile_then_nothing_that_a_terminal_obeys(ward: Ward) -> None:
    shown = lines(
        ward, "alarm/\x1b[2J", device="\x1b]0;x\x07", state="active", priority="high", value="\x9b\u202e\r\n"
    )
    assert len(shown) == 1
    assert shown[0].isprintable()


def test_lines_when_the_sound_is_paused_and_alarms_are_acknowledged_then_until_when_and_by_whom(
    ward: Ward,
) -> None:
    found = lines(ward, "audio", sounding=None, paused=True, until="2026-07-24T12:02:00.000Z", by="Ana")
    assert found == ["12:00:05.0 bed4       sound of alarms paused until 12:02:00 UTC by Ana"]
    assert lines(ward, "audio", sounding="high", paused=False) == []
    (shown,) = lines(ward, "alarm/vt", state="active", priority="high", acked=True, by="Ana")
    assert "ALARM vt active, acknowledged by Ana, priority high" in shown
