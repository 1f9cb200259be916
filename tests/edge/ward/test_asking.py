"""What a person who watches asked for, and what is said to have become of it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edge.bench.beds import PlayedBed
from edge.commands import read_command
from edge.types import Command
from edge.ward.asking import ANSWER_S, SHOWN_S, Asking, Sent
from edge.ward.beds import Bed, Change, Ward
from edge.ward.heard import Answer


class Watcher:
    """A person before a ward with a bed that is live and has two alarms."""

    def __init__(self, device: str = "bed4") -> None:
        self.ward, self.asking = Ward(), Asking("heartwire", "ana@ward", "t")
        self.played = PlayedBed(device, "sinus:60s", 1, 1.79e9)
        for message in [
            *self.played.status(),
            *self.played.alarm("vt"),
            *self.played.alarm("run", priority="medium"),
        ]:
            self.ward.push(message.topic, message.payload, False, 0.0)

    @property
    def bed(self) -> Bed:
        return self.ward.beds[1]

    def answer(self, sent: Sent, now_s: float = 0.1, **more: Any) -> None:
        """The monitor's answer, through the broker's topics as ever."""
        verb = sent[0].rpartition("/")[2]
        _, fields = read_command(*sent)
        message = self.played.composer.response(verb, {**fields, **more}, 1.79e9)
        self.asking.push(self.ward.push(message.topic, message.payload, False, now_s), now_s)

    def word(self, now_s: float = 0.2) -> str:
        return self.asking.word(now_s)


def test_acknowledge_when_alarms_stand_then_a_command_each_with_who_and_done_once_answered() -> None:
    watcher = Watcher()
    first, second = watcher.asking.acknowledge(watcher.bed, ["vt", "run"], True, 0.0)
    assert read_command(*first)[0] == Command("ack", "vt", "ana@ward")
    assert first[0] == "heartwire/bed4/command/ack"
    assert watcher.word() == "2 asked, no answer yet"
    watcher.answer(first, acked=["vt"])
    assert watcher.word() == "bed4: vt acknowledged; 1 asked, no answer yet"
    watcher.answer(second, acked=[])
    assert watcher.word() == "bed4: vt acknowledged; bed4: run was over or acknowledged already"
    assert watcher.word(SHOWN_S + 1.0) == ""


def test_acknowledge_when_refused_then_told_why() -> None:
    watcher = Watcher()
    (sent,) = watcher.asking.acknowledge(watcher.bed, ["vt"], True, 0.0)
    watcher.answer(sent, ok=False, error="not today")
    assert watcher.word() == "bed4: REFUSED: not today"


def test_acknowledge_when_nobody_answers_then_told_that_nothing_is_done() -> None:
    watcher = Watcher()
    (sent,) = watcher.asking.acknowledge(watcher.bed, ["vt"], True, 0.0)
    watcher.asking.push([], ANSWER_S)
    assert watcher.word(ANSWER_S) == "1 asked, no answer yet"
    watcher.asking.push([], ANSWER_S + 0.1)
    assert "bed4: NO ANSWER about vt: nothing is done as far as is known." in watcher.word(ANSWER_S + 0.1)
    watcher.answer(sent, ANSWER_S + 1.0, acked=["vt"])  # too late: the alarm itself will tell
    assert "NO ANSWER" in watcher.word(ANSWER_S + 1.0)


def test_acknowledge_when_it_cannot_be_sent_then_told_and_nothing_is_sent() -> None:
    watcher = Watcher()
    assert watcher.asking.acknowledge(watcher.bed, [], True, 0.0) == []
    assert watcher.word() == "bed4: no alarm that waits to be acknowledged"
    assert watcher.asking.acknowledge(watcher.bed, ["vt"], False, 0.0) == []
    assert watcher.word() == "NOT sent: the broker is away"
    watcher.ward.tick(10.0)
    assert watcher.asking.acknowledge(watcher.bed, ["vt"], True, 10.0) == []
    assert watcher.word(10.0) == "bed4: NOT sent: its monitor is silent"
    assert watcher.asking.acknowledge(None, [], True, 10.0) == []


@pytest.mark.parametrize(("device", "name"), [("bed 4", "vt"), ("bed4", "v/t"), ("+", "vt"), ("bed4", "")])
def test_acknowledge_when_a_stranger_named_the_topic_then_nothing_is_published(
    device: str, name: str
) -> None:
    asking, bed = Asking("heartwire", "ana@ward", "t"), Bed(1, device, device, stale=False)
    assert asking.acknowledge(bed, [name], True, 0.0) == []
    assert "is no name that a monitor gives" in asking.word(0.0)


def test_answer_when_it_is_anothers_then_not_taken_for_ours() -> None:
    watcher = Watcher()
    watcher.asking.acknowledge(watcher.bed, ["vt"], True, 0.0)
    other = Bed(2, "bed5", "bed5")
    for bed, verb, id in ((watcher.bed, "ack", "page"), (other, "ack", "t-1"), (watcher.bed, "pause", "t-1")):
        watcher.asking.push([Change(bed, Answer(verb, True, "vt", "", id, ("vt",)))], 0.1)
    assert watcher.word() == "1 asked, no answer yet"


def test_pause_when_it_sounds_or_is_paused_then_off_and_on() -> None:
    watcher = Watcher()
    (sent,) = watcher.asking.pause(watcher.bed, True, 0.0)
    assert read_command(*sent)[0] == Command("pause", "", "ana@ward", None)
    assert "seconds" not in json.loads(sent[1])  # for as long as the bed's own configuration says
    watcher.answer(sent, seconds=120)
    assert watcher.word() == "bed4: sound paused"
    message = watcher.played.composer.audio(None, 1.79e9 + 120.0, "ana@ward", 1.79e9)
    watcher.ward.push(message.topic, message.payload, False, 0.2)
    (sent,) = watcher.asking.pause(watcher.bed, True, 0.3)
    assert read_command(*sent)[0] == Command("pause", "", "ana@ward", 0.0)
    watcher.answer(sent, seconds=0)
    assert watcher.word() == "bed4: sound on"
