"""The outbox as a loop sees it: written first, handed on in order, never waited for when the disk does not answer."""

from __future__ import annotations

import os
import resource
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from edge.io.outbox import OPENING_S, PATIENCE_S, RETRY_S, Outbox
from edge.io.outbox_file import OutboxFile
from edge.io.poller import Poller
from edge.messages import Message

BIG = 10_000_000
DEADLINE_S = 60.0


def event(n: int, boot_id: str = "b00t", size: int = 0) -> Message:
    return Message("heartwire/bed4/event", f"{n} ".encode() + bytes(size), False, 1, False, (boot_id, n))


def alarm(n: int, boot_id: str = "b00t") -> Message:
    return Message("heartwire/bed4/alarm/vt", str(n).encode(), True, 1, True, (boot_id, n))


class Loop:
    """A loop with an outbox and nothing else; its clock can be put forward."""

    def __init__(self, file: OutboxFile) -> None:
        self.ahead_s = 0.0
        self.ready: list[int] = []
        self.since: list[float] = []
        self.found: list[Message] = []
        self.notes: list[tuple[str, str]] = []
        self.poller = Poller()
        self.outbox = Outbox(
            file,
            self.poller,
            self._ready,
            self.found.extend,
            lambda *note: self.notes.append(note),
            self.clock,
        )

    def _ready(self, message: Message, since_s: float) -> None:
        assert message.key is not None
        self.ready.append(message.key[1])
        self.since.append(since_s)

    def clock(self) -> float:
        return time.monotonic() + self.ahead_s

    def add(self, *messages: Message) -> None:
        for message in messages:
            self.outbox.add(message, self.clock())

    def until(self, condition: Callable[[], Any], what: str) -> None:
        end = time.monotonic() + DEADLINE_S
        while not condition():
            assert time.monotonic() < end, f"{what} did not happen; notes: {self.notes}"
            self.poller.turn(0.01)

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.notes]

    def close(self) -> None:
        self.outbox.close()
        self.poller.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bed4.outbox"


@pytest.fixture
def make_loop(path: Path) -> Iterator[Callable[..., Loop]]:
    made: list[Loop] = []

    def make(max_bytes: int = BIG, where: Path = path) -> Loop:
        made.append(Loop(OutboxFile(where, max_bytes)))
        return made[-1]

    yield make
    for loop in made:
        if loop.outbox.wake.fileno() >= 0:
            loop.close()


def on_disk(path: Path) -> list[int]:
    file = OutboxFile(path, BIG)
    try:
        return [message.key[1] for message in file.load() if message.key is not None]
    finally:
        file.close()


def test_outbox_when_messages_come_then_each_is_written_before_it_is_handed_on(
    make_loop: Any, path: Path
) -> None:
    loop = make_loop()
    loop.add(*map(event, range(20)))
    assert loop.ready == []
    loop.until(lambda: len(loop.ready) == 20, "handing on")
    assert loop.ready == list(range(20))
    assert path.with_name(path.name + "-wal").stat().st_size > 0
    loop.close()
    assert on_disk(path) == list(range(20))
    assert loop.notes == []


def test_outbox_when_acknowledged_then_forgotten_and_the_rest_found_by_the_next_start(
    make_loop: Any, path: Path
) -> None:
    first = make_loop()
    first.add(*map(event, range(4)), alarm(4))
    first.until(lambda: len(first.ready) == 5, "handing on")
    for n in (0, 2):
        first.outbox.done(event(n))
    first.close()
    second = make_loop()
    second.add(event(1, "2nd"))
    second.until(lambda: second.ready, "handing on")
    assert second.found == [event(1), event(3), alarm(4)]
    for message in second.found:
        second.outbox.done(message)
    second.outbox.done(event(77))  # never heard of
    second.close()
    assert on_disk(path) == [1]


def test_outbox_when_an_alarm_is_renewed_then_only_its_newest_state_is_found(make_loop: Any) -> None:
    first = make_loop()
    first.add(alarm(1), event(2), alarm(3), event(4))
    first.until(lambda: len(first.ready) == 4, "handing on")
    first.close()
    second = make_loop()
    second.until(lambda: second.found, "what was left")
    assert second.found == [event(2), alarm(3), event(4)]


def test_outbox_when_the_disk_hangs_then_not_waited_for_and_waited_for_again_when_it_answers(
    path: Path,
) -> None:
    gate = threading.Event()

    class Hanging(OutboxFile):
        def sync(self, *args: Any) -> None:
            gate.wait(DEADLINE_S)
            super().sync(*args)

    loop = Loop(Hanging(path, BIG))
    loop.until(lambda: loop.outbox._ready_s == 0.0, "the opening")
    loop.add(event(1))
    loop.outbox.tick(loop.clock())
    assert loop.ready == []
    loop.ahead_s += PATIENCE_S
    loop.outbox.tick(loop.clock())
    loop.add(event(2), event(3))
    assert loop.ready == [1, 2, 3]
    assert loop.kinds() == ["outbox_memory"]
    gate.set()
    loop.until(lambda: not loop.outbox._stalled, "an answer")
    loop.add(event(4))
    assert loop.ready == [1, 2, 3]
    loop.until(lambda: loop.ready == [1, 2, 3, 4], "handing on")
    loop.close()
    assert on_disk(path) == [1, 2, 3, 4]


@pytest.mark.parametrize("n", [1, 3])
def test_outbox_when_the_word_about_a_hanging_disk_is_an_event_itself_then_all_go_on_in_order(
    path: Path, n: int
) -> None:
    gate = threading.Event()

    class Hanging(OutboxFile):
        def sync(self, *args: Any) -> None:
            gate.wait(DEADLINE_S)
            super().sync(*args)

    loop = Loop(Hanging(path, BIG))
    loop.outbox._on_note = lambda kind, detail: loop.add(event(99))  # as the monitor does it
    loop.until(lambda: loop.outbox._ready_s == 0.0, "the opening")
    loop.add(*map(event, range(n)))
    loop.ahead_s += PATIENCE_S
    loop.outbox.tick(loop.clock())
    assert loop.ready == [*range(n), 99]
    assert loop.outbox.n_held == 0
    gate.set()
    loop.close()
    assert on_disk(path) == [*range(n), 99]


def test_outbox_when_the_start_hangs_then_its_alarms_wait_no_longer_than_the_opening_may_take(
    path: Path,
) -> None:
    gate = threading.Event()

    class Hanging(OutboxFile):
        def load(self) -> list[Message]:
            gate.wait(DEADLINE_S)
            return super().load()

    loop = Loop(Hanging(path, BIG))
    loop.add(event(1))
    loop.ahead_s += PATIENCE_S
    loop.outbox.tick(loop.clock())
    assert loop.ready == []
    loop.ahead_s += OPENING_S
    loop.outbox.tick(loop.clock())
    assert loop.ready == [1]
    gate.set()
    loop.close()


def test_outbox_when_the_place_cannot_be_written_then_it_goes_on_in_memory_and_says_so_once(
    make_loop: Any,
) -> None:
    loop = make_loop(where=Path("/proc/heartwire/outbox"))
    for n in range(5):
        loop.add(event(n))
        loop.until(lambda n=n: len(loop.ready) == n + 1, "handing on")
    assert loop.ready == [0, 1, 2, 3, 4]
    assert loop.kinds() == ["outbox_memory"]
    assert "/proc/heartwire" in loop.notes[0][1]


def test_outbox_when_the_place_comes_late_then_what_a_former_start_left_is_found_all_the_same(
    make_loop: Any, path: Path
) -> None:
    first = make_loop()
    first.add(event(1))
    first.until(lambda: first.ready, "handing on")
    first.close()
    elsewhere = path.rename(path.with_name("away"))
    path.mkdir()  # as a place that is not mounted yet
    second = make_loop()
    second.until(lambda: second.kinds() == ["outbox_memory"], "a word about it")
    path.rmdir()
    elsewhere.rename(path)
    second.until(lambda: second.found == [event(1)], "what was left")
    second.until(lambda: second.kinds() == ["outbox_memory", "outbox_disk"], "a word about that too")


def test_outbox_when_the_disk_is_full_then_in_memory_and_on_disk_again_when_there_is_room(
    make_loop: Any, path: Path
) -> None:
    loop = make_loop()
    loop.add(event(1))
    loop.until(lambda: loop.ready, "handing on")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        loop.add(event(2, size=50_000), event(3))
        loop.until(lambda: loop.ready == [1, 2, 3], "handing on")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    loop.outbox.done(event(1))
    loop.until(lambda: "outbox_disk" in loop.kinds(), f"another attempt, every {RETRY_S:g} s")
    assert loop.kinds() == ["outbox_memory", "outbox_disk"]
    loop.close()
    assert on_disk(path) == [2, 3]


def test_outbox_when_the_file_is_damaged_then_set_aside_named_and_replaced(
    make_loop: Any, path: Path
) -> None:
    path.write_bytes(b"rubbish " * 1000)
    loop = make_loop()
    loop.add(event(1))
    loop.until(lambda: loop.ready == [1], "handing on")
    ((kind, detail),) = loop.notes
    assert (kind, "bed4.outbox.corrupt-1" in detail) == ("outbox_corrupt", True)
    assert path.with_name("bed4.outbox.corrupt-1").read_bytes() == b"rubbish " * 1000
    loop.close()
    assert on_disk(path) == [1]


def test_outbox_when_the_file_is_damaged_while_it_is_open_then_all_that_waits_is_in_the_new_one(
    make_loop: Any, path: Path
) -> None:
    first = make_loop()
    first.add(*(event(n, size=2000) for n in range(400)))
    first.until(lambda: len(first.ready) == 400, "handing on")
    first.close()
    loop = make_loop()
    loop.until(lambda: loop.found, "what was left")
    with path.open("r+b") as handle:
        for page in range(1, os.path.getsize(path) // 4096):
            handle.seek(page * 4096)
            handle.write(bytes(range(256)) * 8)
    for n in range(10):
        loop.outbox.done(event(n))
    loop.add(event(1000))
    loop.until(lambda: "outbox_corrupt" in loop.kinds() and loop.outbox.n_held == 0, "finding the damage")
    assert loop.kinds() == ["outbox_corrupt"]
    loop.close()
    assert on_disk(path) == [*range(10, 400), 1000]


def test_outbox_when_it_is_full_then_the_oldest_leave_the_file_and_that_is_said(
    make_loop: Any, path: Path
) -> None:
    loop = make_loop(max_bytes=100_000)
    loop.add(*(event(n, size=1000) for n in range(300)))
    loop.until(lambda: len(loop.ready) == 300, "handing on")
    assert set(loop.kinds()) == {"outbox_full"}
    loop.close()
    left = on_disk(path)
    assert left == list(range(left[0], 300))
    assert len(left) > 50


def test_outbox_when_another_monitor_has_the_file_then_the_second_says_so_and_takes_over_when_it_ends(
    make_loop: Any, path: Path
) -> None:
    first, second = make_loop(), make_loop()
    first.add(event(1, "1st"))
    first.until(lambda: first.ready, "handing on")
    second.add(event(2, "2nd"))
    second.until(lambda: second.ready, "handing on")
    if "outbox_memory" in first.kinds():  # whichever came first has it
        first, second = second, first
    assert second.kinds() == ["outbox_memory"]
    assert "another monitor" in second.notes[0][1]
    assert first.kinds() == []
    first.close()
    second.until(lambda: "outbox_disk" in second.kinds(), "the take-over")
    second.close()
    assert sorted(on_disk(path)) == [1, 2]
    assert len(second.found) == 1
