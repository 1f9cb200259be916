"""The monitor and its explainer: only in quiet moments, never twice wrong, never in anybody's way."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from edge.config import MqttConfig
from edge.messages import Composer, Message
from edge.monitor import Monitor
from edge.types import Beat, Command, Event, RPeak
from firmware_bridge.device import DecoderOptions, EncoderOptions
from firmware_bridge.devices import get
from firmware_bridge.types import SampleBlock

DEADLINE_S = 60.0
BEAT = Beat(7, RPeak(3, 1.0, 0.9), None, "N", (1.0, 0.0, 0.0, 0.0, 0.0), 1.0, False, False, True, 9)


_encoder = get("native").encoder(EncoderOptions(250.0, ("II",)))


def frame() -> bytes:
    """The next frame of a device: five samples."""
    return _encoder.encode(np.zeros((5, 1), np.float32))


class Pipe:
    """A source whose bytes the test writes."""

    name = "pipe"

    def __init__(self) -> None:
        self._out, self.into = os.pipe()
        os.set_blocking(self._out, False)
        self.most = 65536
        self.on_read: Callable[[], None] = lambda: None

    def open(self) -> None:
        return

    def explain(self, error: OSError) -> str:
        return str(error)

    def fileno(self) -> int:
        return self._out

    def read(self) -> bytes:
        self.on_read()
        return os.read(self._out, self.most)

    def tick(self, now_s: float) -> None:
        return

    def close(self) -> None:
        return


class OneBeat:
    """Stages that answer every block with the same beat."""

    n_missing = None

    def parts(self, item: Any) -> Iterator[list[Event]]:
        yield [BEAT] if isinstance(item, SampleBlock) else []

    def reset(self) -> list[Event]:
        return []

    def refuses(self, command: Command) -> str | None:
        return None


class Told:
    """An explainer that needs two steps, and can be told to fail."""

    def __init__(self, fails: bool = False) -> None:
        self.beats: list[Beat] = []
        self.n_steps = 0
        self._fails = fails

    def on_beat(self, beat: Beat, now_s: float) -> None:
        self.beats.append(beat)

    def waits(self, now_s: float) -> bool:
        return self.n_steps < 2 * len(self.beats)

    def step(self, now_s: float) -> tuple[Beat, dict[str, Any]] | None:
        self.n_steps += 1
        if self._fails:
            raise RuntimeError("it cannot be explained")
        return None if self.n_steps % 2 else (self.beats[-1], {"id": self.beats[-1].id})


class Bed:
    """A monitor on a pipe, stopped by a message that its test waits for."""

    def __init__(self, told: Told) -> None:
        self.pipe, self.published, self._last = Pipe(), list[Message](), ""
        self.monitor = Monitor(
            self.pipe,
            get("native").decoder(DecoderOptions("bed4")),
            OneBeat,
            Composer("bed4", "b00t"),
            MqttConfig(host=""),
            lambda line: None,
            self._hear,
            explainer=told,  # type: ignore[arg-type]
        )

    def _hear(self, message: Message) -> None:
        self.published.append(message)
        if self._last in message.topic + " " + repr(message.payload):
            self.monitor.stop()

    def run_until(self, last: str) -> list[str]:
        """Run until this is in a message; gives the topics of all of them."""
        self._last = last
        self.monitor.run(DEADLINE_S)
        assert [m for m in self.published if last in m.topic + " " + repr(m.payload)], last
        return [m.topic.removeprefix("heartwire/bed4/") for m in self.published]


@pytest.fixture
def make() -> Iterator[Callable[[Told], Bed]]:
    beds: list[Bed] = []

    def made(told: Told) -> Bed:
        beds.append(Bed(told))
        return beds[-1]

    yield made
    for bed in beds:
        os.close(bed.pipe.into)
        os.close(bed.pipe.fileno())


def test_beat_when_answered_then_explained_after_its_message_in_steps(make: Callable[[Told], Bed]) -> None:
    told = Told()
    bed = make(told)
    os.write(bed.pipe.into, frame())
    said = bed.run_until("bed4/explain")
    assert (told.beats, told.n_steps) == ([BEAT], 2)
    assert said.index("beat") < said.index("explain")


def test_samples_when_they_wait_to_be_read_then_they_come_first(make: Callable[[Told], Bed]) -> None:
    told, n_steps = Told(), list[int]()
    bed = make(told)
    bed.pipe.most = len(frame())
    bed.pipe.on_read = lambda: n_steps.append(told.n_steps)
    os.write(bed.pipe.into, b"".join(frame() for _ in range(50)))
    bed.run_until("bed4/explain")
    assert n_steps == [0] * 50  # while anything is unread, nothing is explained
    assert told.n_steps == 2


def test_explainer_when_it_raises_then_told_once_and_left_alone_and_beats_go_on(
    make: Callable[[Told], Bed],
) -> None:
    told = Told(fails=True)
    bed = make(told)
    os.write(bed.pipe.into, frame())
    told_at = "explain: RuntimeError: it cannot be explained (1 so far)"
    said = bed.run_until(told_at)
    assert (told.n_steps, bed.monitor.n_errors) == (1, 1)
    assert said.index("beat") < said.index("event")
    assert "explain" not in said


def test_explainer_when_it_raised_then_the_next_beat_is_answered(make: Callable[[Told], Bed]) -> None:
    told = Told(fails=True)
    bed = make(told)
    os.write(bed.pipe.into, frame())

    def write_on(message: Message) -> None:
        bed.published.append(message)
        if b"explain_error" in message.payload:
            os.write(bed.pipe.into, frame())
        if [m.topic for m in bed.published].count("heartwire/bed4/beat") == 2:
            bed.monitor.stop()

    bed.monitor._telling.tap = write_on
    bed.monitor.run(DEADLINE_S)
    assert [m.topic for m in bed.published].count("heartwire/bed4/beat") == 2
    assert (told.n_steps, len(told.beats)) == (1, 1)
