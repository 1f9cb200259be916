"""The outbox's file: what is in it after a restart, a kill, damage, and on a disk that is full or not writable."""

from __future__ import annotations

import resource
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.io.outbox_file import MAX_ASIDE, OutboxDamaged, OutboxFile, OutboxTrouble
from edge.messages import Message

BIG = 10_000_000


def event(n: int, keep: bool = False, size: int = 10) -> Message:
    return Message("heartwire/bed4/event", f"{n} ".encode() + bytes(size), False, 1, keep, ("b00t", n))


def alarm(n: int, name: str = "vt") -> Message:
    return Message(f"heartwire/bed4/alarm/{name}", str(n).encode(), True, 1, True, ("b00t", n))


def keys(messages: list[Message]) -> list[int]:
    return [message.key[1] for message in messages if message.key is not None]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "heartwire" / "bed4.outbox"


@pytest.fixture
def file(path: Path) -> Iterator[OutboxFile]:
    made = OutboxFile(path, BIG)
    yield made
    made.close()


def test_file_when_opened_again_then_the_same_messages_in_their_order(file: OutboxFile, path: Path) -> None:
    messages = [
        event(3),
        alarm(4),
        event(5, keep=True),
        Message("t", b"\x00\xff", False, 1, False, ("old", 1)),
    ]
    file.sync(messages[:2], [])
    file.sync(messages[2:], [])
    file.close()
    assert file.load() == messages


def test_file_when_messages_are_acknowledged_then_they_are_gone(file: OutboxFile) -> None:
    file.sync([event(n) for n in range(5)], [])
    file.sync([event(5)], [("b00t", 0), ("b00t", 3), ("other", 1)])
    assert keys(file.load()) == [1, 2, 4, 5]


def test_file_when_a_retained_message_is_renewed_then_only_the_newest_of_its_topic_waits(
    file: OutboxFile,
) -> None:
    file.sync([alarm(1), alarm(2, "vf"), event(3)], [])
    file.sync([alarm(4)], [])
    assert keys(file.load()) == [2, 3, 4]


def test_file_when_made_then_nobody_else_may_read_it(file: OutboxFile, path: Path) -> None:
    file.sync([event(1)], [])
    for made in path.parent.iterdir():
        assert stat.S_IMODE(made.stat().st_mode) == 0o600, made
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_file_when_its_process_is_killed_then_all_that_sync_has_taken_is_there(path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from edge.io.outbox_file import OutboxFile; from edge.messages import Message\n"
        "file = OutboxFile(Path(sys.argv[1]), 10**7)\n"
        "for n in range(10**6):\n"
        "    file.sync([Message('t', b'x' * 300, False, 1, False, ('b00t', n))], [('b00t', n - 50)])\n"
        "    print(n, flush=True)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    last = 0
    while last < 200:
        last = int(child.stdout.readline())
    child.kill()
    last = max([last, *map(int, child.stdout.read().split())])
    child.wait()
    child.stdout.close()
    file = OutboxFile(path, BIG)
    found = keys(file.load())
    file.close()
    assert found[-1] in (last, last + 1)  # one more may have been taken and not yet been printed
    assert found == list(range(found[-1] - 49, found[-1] + 1))


def test_file_when_the_tail_of_its_log_is_lost_then_what_stood_before_is_there(
    tmp_path: Path, path: Path, file: OutboxFile
) -> None:
    for n in range(12):
        file.sync([event(n, size=500)], [])
    database, log = path.read_bytes(), path.with_name(path.name + "-wal").read_bytes()
    lengths = set()
    for cut in range(0, len(log) + 1, 1700):
        copy = tmp_path / f"cut-{cut}"
        copy.write_bytes(database)
        copy.with_name(copy.name + "-wal").write_bytes(log[:cut] + bytes(300))
        again = OutboxFile(copy, BIG)
        found = keys(again.load())
        again.sync([event(99)], [])
        again.close()
        assert found == list(range(len(found)))
        lengths.add(len(found))
    assert {0, 11} <= lengths


def test_file_when_full_then_the_oldest_that_is_no_lethal_alarm_leaves_it(path: Path) -> None:
    file = OutboxFile(path, 200_000)
    for n in range(0, 600, 6):
        file.sync([event(k, keep=k % 10 == 0, size=1000) for k in range(n, n + 6)], [])
    found = keys(file.load())
    assert path.stat().st_size <= 200_000
    assert [n for n in found if n % 10 == 0] == list(range(0, 600, 10))
    rest = [n for n in found if n % 10]
    assert rest == [n for n in range(rest[0], 600) if n % 10]
    assert file.n_pushed_out == 540 - len(rest)
    file.close()


def test_file_when_full_of_lethal_alarms_then_none_leaves_and_trouble_is_named(path: Path) -> None:
    file = OutboxFile(path, 100_000)
    with pytest.raises(OutboxTrouble, match="full"):
        file.sync([event(n, keep=True, size=1000) for n in range(600)], [])
    found = keys(file.load())
    assert found == list(range(len(found)))
    assert len(found) > 20
    file.close()


@pytest.mark.parametrize("n_bytes", [1, 100, 4096, 5000, 20_000])
def test_file_when_overwritten_with_rubbish_then_damaged_and_set_aside_whole(
    path: Path, n_bytes: int
) -> None:
    file = OutboxFile(path, BIG)
    file.sync([event(n, size=1000) for n in range(50)], [])
    file.close()
    rubbish = bytes(k * 37 % 256 for k in range(n_bytes)) + path.read_bytes()[n_bytes:]
    path.write_bytes(rubbish)
    with pytest.raises(OutboxDamaged, match=r"bed4\.outbox"):
        file.load()
    aside = file.set_aside()
    assert (aside.name, aside.read_bytes()) == ("bed4.outbox.corrupt-1", rubbish)
    file.sync([event(7)], [])
    assert keys(file.load()) == [7]
    file.close()


def test_file_when_damaged_again_and_again_then_the_names_are_bounded(file: OutboxFile, path: Path) -> None:
    path.parent.mkdir(parents=True)
    for _ in range(MAX_ASIDE + 3):
        path.write_bytes(b"no database at all, " * 50)
        with pytest.raises(OutboxDamaged):
            file.load()
        file.set_aside()
    assert len(list(path.parent.iterdir())) == MAX_ASIDE


@settings(max_examples=25, derandomize=True, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 40_000), st.binary(min_size=1, max_size=200)), max_size=8))
def test_file_when_any_bytes_change_then_it_loads_or_says_trouble_and_never_else(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[int, bytes]]
) -> None:
    path = tmp_path_factory.mktemp("any") / "outbox"
    file = OutboxFile(path, BIG)
    file.sync([event(n, size=800) for n in range(30)], [])
    file.close()
    data = bytearray(path.read_bytes())
    for at, what in changes:
        data[at : at + len(what)] = what
    path.write_bytes(data)
    try:
        messages = file.load()
        file.sync([event(99)], [])
        assert all(isinstance(message.topic, str) for message in messages)
    except OutboxTrouble:
        return
    finally:
        file.close()


def test_file_when_another_has_it_open_then_trouble_until_it_is_closed(file: OutboxFile, path: Path) -> None:
    file.sync([event(1)], [])
    second = OutboxFile(path, BIG)
    with pytest.raises(OutboxTrouble, match="another monitor"):
        second.load()
    file.close()
    assert keys(second.load()) == [1]
    second.close()


def test_file_when_it_is_the_database_of_another_program_then_refused_and_left_as_it_is(path: Path) -> None:
    path.parent.mkdir(parents=True)
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE photographs (name TEXT)")
    db.close()
    before = path.read_bytes()
    with pytest.raises(OutboxTrouble, match="another program"):
        OutboxFile(path, BIG).sync([event(1)], [])
    assert path.read_bytes() == before


@pytest.mark.parametrize("place", ["/proc/heartwire/outbox", "/dev/full", "/dev/null/outbox", "/"])
def test_file_when_the_place_cannot_hold_one_then_trouble_names_it(place: str) -> None:
    file = OutboxFile(Path(place), BIG)
    with pytest.raises(OutboxTrouble, match=place):
        file.load()
    with pytest.raises(OutboxTrouble, match=place):
        file.sync([event(1)], [])


def test_file_when_the_disk_is_full_then_trouble_and_what_was_there_stays(file: OutboxFile) -> None:
    file.sync([event(n) for n in range(5)], [])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(OutboxTrouble, match=r"bed4\.outbox"):
            file.sync([event(9, size=50_000)], [])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert keys(file.load()) == [0, 1, 2, 3, 4]
    file.sync([event(9, size=50_000)], [])
    assert keys(file.load()) == [0, 1, 2, 3, 4, 9]


def test_file_when_somebody_stored_other_things_then_they_are_left_out(file: OutboxFile, path: Path) -> None:
    file.sync([event(1)], [])
    file.close()
    db = sqlite3.connect(path)
    db.execute(
        "INSERT INTO plain (id, boot_id, seq, topic, payload, retain) VALUES (99, 'b', 'x', 'y', 'z', 0)"
    )
    db.commit()
    db.close()
    assert keys(file.load()) == [1]
