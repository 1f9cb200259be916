"""A source kept open: what happens when it will not open, is lost, comes back, and is heard again."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from edge.io.plug import Plug
from edge.io.poller import Poller
from edge.io.source import SourceLost
from firmware_bridge.types import BadInput


class Pipe:
    """A source that is a pipe, and opens only while it is there."""

    name = "pipe"

    def __init__(self) -> None:
        self.there = True
        self.ends: tuple[int, int] | None = None
        self.ticks: list[float] = []

    def open(self) -> None:
        if not self.there:
            raise SourceLost(2, "No such file or directory")
        self.ends = os.pipe()

    def fileno(self) -> int:
        assert self.ends is not None
        return self.ends[0]

    def read(self) -> bytes:
        return os.read(self.fileno(), 100)

    def tick(self, now_s: float) -> None:
        self.ticks.append(now_s)

    def explain(self, error: SourceLost) -> str:
        return f"got no {self.name}: {error.strerror}"

    def close(self) -> None:
        if self.ends is not None:
            for fd in self.ends:
                os.close(fd)
            self.ends = None


class Bed:
    """A plug, what it read and what it said."""

    def __init__(self) -> None:
        self.pipe, self.poller = Pipe(), Poller()
        self.read: list[bytes] = []
        self.notes: list[tuple[str, str]] = []
        self.plug = Plug(
            self.pipe,  # type: ignore[arg-type]
            self.poller,
            lambda mask: self.read.append(self.pipe.read()),
            lambda *note: self.notes.append(note),
        )


@pytest.fixture
def bed() -> Iterator[Bed]:
    bed = Bed()
    yield bed
    bed.plug.close()
    bed.poller.close()


def test_plug_when_it_cannot_be_opened_at_the_start_then_the_sources_own_words(bed: Bed) -> None:
    bed.pipe.there = False
    with pytest.raises(BadInput, match="got no pipe: No such file"):
        bed.plug.open()


def test_plug_when_bytes_come_then_read(bed: Bed) -> None:
    bed.plug.open()
    assert not bed.plug.fresh
    os.write(bed.pipe.ends[1], b"ecg")
    bed.poller.turn(10.0)
    assert bed.read == [b"ecg"]
    bed.plug.tick(1.0)
    assert bed.pipe.ticks == [1.0]


def test_plug_when_lost_then_told_once_tried_again_and_back_when_it_is_heard(bed: Bed) -> None:
    bed.plug.open()
    bed.plug.hear(0.0)
    assert bed.plug.fresh
    bed.pipe.there = False
    bed.plug.lose(SourceLost(5, "Input/output error"), 10.0)
    assert bed.notes == [("source_lost", "pipe: Input/output error")]
    assert bed.poller.calls == {}
    for now_s in range(10, 40):
        bed.plug.tick(float(now_s))
    assert bed.pipe.ticks == []
    bed.pipe.there = True
    for now_s in range(40, 80):
        bed.plug.tick(float(now_s))
    assert bed.pipe.ticks
    assert not bed.plug.fresh
    assert len(bed.notes) == 1
    bed.plug.hear(80.0)
    assert bed.notes[1:] == [("source_back", "pipe: bytes again after 70.0 s")]


def test_plug_when_it_opens_and_is_lost_before_it_was_heard_then_it_is_one_loss(bed: Bed) -> None:
    bed.plug.open()
    bed.plug.lose(SourceLost(5, "gone"), 1.0)
    for now_s in range(2, 60):
        bed.plug.tick(float(now_s))
    bed.plug.lose(SourceLost(5, "gone again"), 60.0)
    assert [kind for kind, _ in bed.notes] == ["source_lost"]
