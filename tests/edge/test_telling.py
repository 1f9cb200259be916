"""What goes out, and what is held back."""

from __future__ import annotations

import json
from typing import Any

from edge.log_lines import Line
from edge.messages import Composer, Message
from edge.stamps import Stamps
from edge.telling import Telling


class Wire:
    """Stands where a publisher stands; it has no broker to talk to."""

    def __init__(self) -> None:
        self.published: list[Message] = []
        self.offered: list[Message] = []
        self.publish, self.offer = self.published.append, self.offered.append


def make() -> tuple[Telling, Any, list[Message], list[Line]]:
    tapped: list[Message] = []
    lines: list[Line] = []
    telling, wire = Telling(Composer("bed4", "b00t"), Stamps(0.0, 1.8e9), lines.append, tapped.append), Wire()
    telling.publisher = wire  # type: ignore[assignment]
    return telling, wire, tapped, lines


def test_telling_when_something_is_said_then_broker_and_tap_have_it() -> None:
    telling, wire, tapped, lines = make()
    word = Message("t", b"x", True, 1)
    telling.publish(word)
    telling.offer(word)
    assert (wire.published, wire.offered, tapped, lines) == ([word], [word], [word, word], [])


def test_telling_when_nobody_is_there_then_nothing_is_missed() -> None:
    telling = Telling(Composer("bed4", "b00t"), Stamps(0.0, 1.8e9), lambda line: None)
    telling.publish(Message("t", b"x", True, 1))
    telling.offer(Message("t", b"x", False, 0))
    telling.note("gap", "one")


def test_telling_when_a_thing_happens_too_often_then_ten_are_told_and_others_go_on() -> None:
    telling, wire, _, lines = make()
    for n in range(30):
        telling.note("gap", f"number {n}")
    telling.note("clock_step", "by 1 s")
    details = [json.loads(message.payload)["detail"] for message in wire.published]
    assert details == [*(f"number {n}" for n in range(10)), "by 1 s"]
    assert len(lines) == 11
    assert telling.is_worth("label")
    assert not telling.is_worth("gap")
