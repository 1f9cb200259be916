"""The alarm log, the pause of the sound, commands and the monitor's own health, in one hand."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edge.alarms.adoption import LISTEN_S, Adoption
from edge.alarms.desk import AlarmDesk
from edge.alarms.keeper import AlarmKeeper
from edge.messages import Composer, Message
from edge.types import Alarm, Command
from firmware_bridge.types import BadInput


class Log:
    """The hand's alarm log."""

    def __init__(self, hand: Hand) -> None:
        self.hand = hand

    def write(self, line: bytes) -> None:
        self.hand.write(line)

    def notes(self) -> list[tuple[str, str]]:
        return self.hand.notes_of_log()

    def left(self) -> list[dict[str, Any]]:
        said, self.hand.left = self.hand.left, []
        return said


class Hand:
    """A keeper and everything that it does."""

    def __init__(self) -> None:
        self.notes: list[tuple[str, str]] = []
        self.messages: list[Message] = []
        self.lines: list[dict[str, Any]] = []
        self.troubles: list[tuple[str, str]] = []
        self.n_unpinned = 0
        self.left: list[dict[str, Any]] = []
        composer = Composer("bed4", "b00t")
        self.adoption = Adoption(composer, 0.0)
        self.keeper = AlarmKeeper(
            AlarmDesk(),
            composer,
            Log(self),
            lambda *note: self.notes.append(note),  # type: ignore[arg-type]
            self.messages.append,
            self._unpin,
            self.adoption,
        )

    def write(self, line: bytes) -> None:
        self.lines.append(json.loads(line))

    def _unpin(self) -> bool:
        self.n_unpinned += 1
        return self.n_unpinned == 2  # as where it was not kept to one core at first

    def notes_of_log(self) -> list[tuple[str, str]]:
        said, self.troubles = self.troubles, []
        return said

    def audio(self) -> list[dict[str, Any]]:
        return [json.loads(m.payload) for m in self.messages if m.topic == "heartwire/bed4/audio"]

    def whats(self) -> list[str]:
        return [line["what"] for line in self.lines]

    def raise_(self, name: str, priority: str, now_s: float, n: int = 1) -> None:
        alarm = Alarm(name, "active", priority, "patient", 0, False, False, "seen", 0, n)
        self.keeper.on_alarm(alarm, None, lambda sample: 1.8e9, 1.8e9 + now_s)
        self.keeper.tell(now_s, 1.8e9 + now_s)


def test_audio_when_alarms_come_then_told_once_when_it_changes() -> None:
    hand = Hand()
    hand.keeper.tell(0.0, 1.8e9)
    hand.raise_("couplet", "low", 1.0)
    hand.keeper.tell(1.25, 1.8e9)
    hand.raise_("vt", "high", 2.0, 2)
    assert [a["sounding"] for a in hand.audio()] == [None, "low", "high"]
    assert all(m.retain and m.qos == 1 for m in hand.messages)


def test_pause_when_asked_for_then_written_told_and_over_by_itself() -> None:
    hand = Hand()
    hand.raise_("couplet", "low", 0.0)
    _, answer = hand.keeper.obey(Command("pause", "", "Ana", 60.0), 10.0, 1.8e9 + 10.0, 0)
    hand.keeper.tell(10.0, 1.8e9 + 10.0)
    hand.keeper.tell(69.9, 1.8e9 + 69.9)
    hand.keeper.tell(70.0, 1.8e9 + 70.0)
    assert answer == {"seconds": 60}
    told = [(a["sounding"], a["paused"], a["by"]) for a in hand.audio()]
    assert told == [("low", False, ""), (None, True, "Ana"), ("low", False, "")]
    assert hand.audio()[1]["until"] == "2027-01-15T08:01:10.000Z"
    assert hand.whats() == ["raised", "paused", "pause_ended"]
    assert [kind for kind, _ in hand.notes] == ["audio_paused", "audio_pause_ended"]


def test_pause_when_a_lethal_alarm_comes_then_over_at_once_and_written_why() -> None:
    hand = Hand()
    hand.keeper.obey(Command("pause"), 0.0, 1.8e9, 0)
    hand.raise_("couplet", "low", 1.0)
    hand.raise_("vt", "high", 2.0, 2)
    assert [(a["sounding"], a["paused"]) for a in hand.audio()] == [(None, True), ("high", False)]
    assert hand.lines[-1]["detail"] == "a new alarm: vt"


def test_pause_when_ended_by_command_then_written_and_when_there_was_none_then_nothing() -> None:
    hand = Hand()
    hand.keeper.obey(Command("pause", "", "", 0.0), 0.0, 1.8e9, 0)
    assert hand.whats() == []
    hand.keeper.obey(Command("pause"), 1.0, 1.8e9, 0)
    _, answer = hand.keeper.obey(Command("pause", "", "Bo", 0.0), 2.0, 1.8e9, 0)
    assert answer == {"seconds": 0}
    assert (hand.lines[-1]["what"], hand.lines[-1]["by"]) == ("pause_ended", "Bo")


def test_broker_when_gone_for_long_then_an_alarm_and_when_none_is_wanted_then_never() -> None:
    hand = Hand()
    said = [a for k in range(80) for a in hand.keeper.tick(0.25 * k, 0, "refused" if k < 60 else "")]
    assert [(a.name, a.state, a.value) for a in said] == [
        ("broker_lost", "active", "refused"), ("broker_lost", "cleared", "refused"),
    ]  # fmt: skip
    assert [a for k in range(80) for a in Hand().keeper.tick(0.25 * k, 0, None)] == []


def test_overload_when_the_loop_never_rests_then_an_alarm() -> None:
    hand = Hand()
    said = []
    for k in range(60):
        hand.keeper.load.push(0.25 * k, 0.001 * k, 0.1 * k, 0.0)
        said += hand.keeper.tick(0.25 * k, 0, None)
        hand.keeper.tell(0.25 * k, 1.8e9)
    assert [(a.name, a.state) for a in said] == [("overload", "active")]
    assert hand.n_unpinned == 2
    assert "core_left" in [kind for kind, _ in hand.notes]


def test_log_when_it_has_troubles_then_events() -> None:
    hand = Hand()
    hand.troubles = [("alarm_log_failed", "full")]
    hand.keeper.tell(0.0, 1.8e9)
    assert ("alarm_log_failed", "full") in hand.notes


def test_label_when_given_then_written_by_whom_and_no_alarm_is_forgotten() -> None:
    hand = Hand()
    hand.raise_("vt", "high", 0.0)
    assert hand.keeper.obey(Command("label", "N", "Ana", beat=17), 1.0, 1.8e9, 0) == ([], {})
    assert hand.keeper.desk.sounding(1.0) == "high"
    assert [(line["what"], line["by"]) for line in hand.lines] == [("raised", ""), ("label", "Ana")]
    assert hand.lines[-1]["detail"] == "beat 17 is N"


def test_reset_when_asked_for_then_written_by_whom() -> None:
    hand = Hand()
    hand.keeper.begin("/dev/ttyUSB0", 1.8e9)
    hand.keeper.obey(Command("reset", "", "Ana"), 0.0, 1.8e9, 0)
    assert [(line["what"], line["by"]) for line in hand.lines] == [("started", ""), ("reset", "Ana")]


def test_command_when_its_verb_is_unknown_then_it_is_not_taken_for_a_reset() -> None:
    hand = Hand()
    with pytest.raises(BadInput, match="got 'dance', expected ack, label, pause or reset"):
        hand.keeper.obey(Command("dance", ""), 1.0, 1.8e9, 10)
    assert hand.lines == []


KEPT = {
    "since": "2026-11-25T03:00:00.000Z",
    "t": "2026-11-25T03:00:04.000Z",
    "value": "seen",
    "boot_id": "old",
}


def test_heritage_when_a_monitor_was_killed_then_lethal_ones_adopted_others_over_and_rubbish_emptied() -> (
    None
):
    hand = Hand()
    said = {**KEPT, "state": "active", "occurrence": "old-3", "what": "raised", "device": "bed4"}
    hand.left = [{**said, "name": "asystole"}, {"what": "started", "device": "bed4"}]
    hand.adoption.connected(0.0, steady=True)
    for name in ("couplet", "dance"):
        data = json.dumps({**said, "name": name}).encode()
        hand.adoption.hear(f"heartwire/bed4/alarm/{name}", data, True, 1.0)
    assert hand.keeper.tick(LISTEN_S - 0.1, 5, "") == []
    found = hand.keeper.tick(LISTEN_S, 5, "")
    assert [(a.name, a.state) for a in found] == [("asystole", "latched"), ("couplet", "cleared")]
    for alarm in found:
        hand.keeper.on_alarm(alarm, None, lambda sample: 1.8e9, 1.8e9)
    assert [(m.topic, m.payload, m.retain) for m in hand.messages] == [
        ("heartwire/bed4/alarm/dance", b"", True)
    ]
    assert [kind for kind, _ in hand.notes] == ["alarm_unknown"]
    lines = [(line["what"], line["name"], line["occurrence"], line["since"]) for line in hand.lines]
    since = KEPT["since"]
    assert lines == [("adopted", "asystole", "old-3", since), ("cleared", "couplet", "old-3", since)]
    hand.keeper.tell(LISTEN_S, 1.8e9)
    assert hand.audio()[-1]["sounding"] == "high"
    ((over,), _) = hand.keeper.obey(Command("ack", "asystole", "Ana"), 9.0, 1.8e9, 9)
    hand.keeper.on_alarm(over, None, lambda sample: 1.8e9, 1.8e9)
    last = hand.lines[-1]
    assert (last["what"], last["by"], last["occurrence"]) == ("acknowledged", "Ana", "old-3")
    assert hand.keeper.tick(100.0, 10, "") == []
