"""Who is called when descriptors are ready, by epoll and, where the system has none, by poll."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator

import pytest

from edge.io.poller import READ, WRITE, Poller


@pytest.fixture(params=["epoll", "poll"])
def poller(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Poller]:
    if request.param == "poll":
        monkeypatch.delattr(select, "epoll", raising=False)
    made = Poller()
    yield made
    made.close()


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    ends = os.pipe()
    yield ends
    for fd in ends:
        try:
            os.close(fd)
        except OSError:
            continue


def test_turn_when_bytes_came_then_called_with_what_happened(poller: Poller, pipe: tuple[int, int]) -> None:
    there, here = pipe
    masks: list[int] = []
    poller.register(there, READ, masks.append)
    poller.turn(0.0)
    assert masks == []
    os.write(here, b"x")
    poller.turn(60.0)
    assert masks == [READ]


def test_turn_when_one_takes_another_out_then_that_one_is_not_called(poller: Poller) -> None:
    pipes = [os.pipe(), os.pipe()]
    called: list[int] = []

    def call(mine: int, other: int) -> None:
        called.append(mine)
        poller.unregister(other)

    (a, to_a), (b, to_b) = pipes
    poller.register(a, READ, lambda mask: call(a, b))
    poller.register(b, READ, lambda mask: call(b, a))
    os.write(to_a, b"x")
    os.write(to_b, b"x")
    poller.turn(60.0)
    poller.turn(60.0)
    assert len(called) == 2
    assert called[0] == called[1]
    for fd in (a, b, to_a, to_b):
        os.close(fd)


def test_turn_when_the_other_end_is_gone_then_told_though_nobody_asked(
    poller: Poller, pipe: tuple[int, int]
) -> None:
    there, here = pipe
    masks: list[int] = []
    poller.register(there, READ, masks.append)
    os.close(here)
    poller.turn(60.0)
    assert masks
    assert masks[0] & ~(READ | WRITE)


def test_modify_when_other_events_are_wanted_then_those_are_told(
    poller: Poller, pipe: tuple[int, int]
) -> None:
    _, here = pipe
    masks: list[int] = []
    poller.register(here, READ, masks.append)
    poller.turn(0.0)
    assert masks == []
    poller.modify(here, WRITE)
    poller.turn(60.0)
    assert masks == [WRITE]


def test_unregister_when_it_was_closed_or_never_there_then_nothing_happens(
    poller: Poller, pipe: tuple[int, int]
) -> None:
    there, _ = pipe
    poller.register(there, READ, lambda mask: None)
    os.close(there)
    poller.unregister(there)
    poller.unregister(there)
    poller.unregister(10_000)
    assert poller.calls == {}
