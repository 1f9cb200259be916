"""A monitor in a thread, stages that only count, and a device on a pty that the test plays by hand."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.config import MqttConfig
from edge.io.serial_source import SerialSource
from edge.io.source import Source
from edge.log_lines import Line
from edge.messages import Composer, Message
from edge.monitor import Monitor
from edge.stages import Stages
from edge.types import Alarm, Command, Event, LinkState, Note, Status
from firmware_bridge.device import Decoder, DecoderOptions, EncoderOptions
from firmware_bridge.devices import get
from firmware_bridge.types import Gap, SampleBlock

FS = 250.0
CHUNK = 25
EVENT, AVAILABLE = "heartwire/bed4/event", "heartwire/bed4/availability"


class Counting:
    """Stages that count samples and can be told to raise: the shell is on trial here, not the heart."""

    def __init__(self) -> None:
        self.n_samples, self.n_resets, self.n_missing = 0, 0, None
        self.raise_next: Exception | None = None
        self.raise_on_reset = self.raise_always = False
        self.slow_s = 0.0
        self.say_next: Alarm | None = None
        self.commands: list[Command] = []
        self._at = 0

    def parts(self, item: SampleBlock | Gap | LinkState | Command) -> Iterator[list[Event]]:
        yield self._answer(item)

    def _answer(self, item: SampleBlock | Gap | LinkState | Command) -> list[Event]:
        if self.raise_always and isinstance(item, SampleBlock):
            raise RuntimeError("a stage is broken")
        if self.raise_next is not None:
            error, self.raise_next = self.raise_next, None
            raise error
        time.sleep(self.slow_s)
        if isinstance(item, SampleBlock):
            before, self.n_samples = self.n_samples, self.n_samples + item.mv.shape[0]
            self._at = item.end - 1
            if self.say_next is not None:
                alarm, self.say_next = self.say_next, None
                return [alarm]
            return [self._status(None)] if before // 25 != self.n_samples // 25 else []
        if isinstance(item, Gap):
            return [Note("gap", item.start, item.start + item.n_lost, item.reason, self._at)]
        if isinstance(item, Command):
            self.commands.append(item)
            return []
        state = "active" if item.kind == "no_signal" else "cleared"
        alarm = Alarm(
            "no_signal", state, "technical", "technical", self._at, False, False, item.detail, self._at
        )
        return [alarm, self._status(item.kind)]

    def reset(self) -> list[Event]:
        self.n_resets += 1
        if self.raise_on_reset:
            raise RuntimeError("no reset either")
        return []

    def _status(self, reason: str | None) -> Status:
        return Status(70.0, reason, "sinus", 1.0, False, 850.0, 20.0, 0.0, 0, False, self._at)


class Bed:
    """A monitor in a thread, with a device on a pty that the test plays by hand."""

    def __init__(self, source: Source, decoder: Decoder, mqtt: MqttConfig) -> None:
        self.stages: list[Counting] = []
        self.lines: list[str] = []
        self.published: list[Message] = []
        composer = Composer("bed4", "b00t")
        self.monitor = Monitor(source, decoder, self._make, composer, mqtt, self._hear, self.published.append)
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _hear(self, line: Line) -> None:
        self.lines.append(str(line))

    def _make(self) -> Stages:
        self.stages.append(Counting())
        return self.stages[-1]

    def _run(self) -> None:
        try:
            self.monitor.run(60.0)
        except BaseException as error:
            self.error = error

    @property
    def n_samples(self) -> int:
        return sum(stages.n_samples for stages in self.stages)

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def bodies(self, topic: str) -> list[dict[str, Any]]:
        return [json.loads(m.payload) for m in list(self.published) if m.topic == topic]

    def kinds(self) -> list[str]:
        return [body["event_type"] for body in self.bodies(EVENT)]

    def words(self) -> list[bytes]:
        return [m.payload for m in list(self.published) if m.topic == AVAILABLE]

    def end(self) -> None:
        self.monitor.stop()
        self._thread.join(10.0)
        assert not self._thread.is_alive()


class Wearer:
    """Plays a native device on a pty in true time, from a thread, while plugged in."""

    def __init__(self, link: Path) -> None:
        self.link = link
        self._encoder = get("native").encoder(EncoderOptions(FS, ("II",)))
        self._master = -1
        self._playing = threading.Event()
        self._done = False
        self._lock = threading.Lock()
        self.plug()
        self._thread = threading.Thread(target=self._play)
        self._thread.start()

    def plug(self) -> None:
        with self._lock:
            self._master, slave = os.openpty()
            os.set_blocking(self._master, False)
            self.link.unlink(missing_ok=True)
            self.link.symlink_to(os.ttyname(slave))
            os.close(slave)

    def unplug(self) -> None:
        with self._lock:
            if self._master >= 0:
                os.close(self._master)
                self._master = -1

    def play(self, on: bool = True) -> None:
        self._playing.set() if on else self._playing.clear()

    def write(self, data: bytes) -> None:
        with self._lock:
            if self._master >= 0:
                try:
                    os.write(self._master, data)
                except OSError:
                    return

    def _play(self) -> None:
        due_s = time.monotonic()
        while not self._done:
            due_s += CHUNK / FS
            time.sleep(max(0.0, due_s - time.monotonic()))
            if self._playing.is_set():
                self.write(self._encoder.encode(np.zeros((CHUNK, 1), dtype=np.float32)))

    def close(self) -> None:
        self._done = True
        self._thread.join(5.0)
        self.unplug()


@pytest.fixture
def wearer(tmp_path: Path) -> Iterator[Wearer]:
    made = Wearer(tmp_path / "ttyECG")
    yield made
    made.close()


@pytest.fixture
def make_bed(wearer: Wearer) -> Iterator[Callable[..., Bed]]:
    made: list[Bed] = []

    def make(port: int = 0, **more: Any) -> Bed:
        mqtt = MqttConfig(host="127.0.0.1" if port else "", port=port or 1, **more)
        source = SerialSource(str(wearer.link), 115200)
        made.append(Bed(source, get("native").decoder(DecoderOptions("bed4")), mqtt))
        return made[-1]

    yield make
    for bed in made:
        bed.end()


@pytest.fixture
def bed_on() -> Iterator[Callable[..., Bed]]:
    """Beds on any source."""
    made: list[Bed] = []

    def make(source: Source, decoder: Decoder, mqtt: MqttConfig) -> Bed:
        made.append(Bed(source, decoder, mqtt))
        return made[-1]

    yield make
    for bed in made:
        bed.end()
