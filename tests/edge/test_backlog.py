"""What waits, what goes first, what is given up, and what is called late."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from edge.backlog import LATE_S, Backlog
from edge.messages import Message


def state(n: int, topic: str = "s") -> Message:
    return Message(topic, json.dumps({"n": n}).encode(), True, 1)


def event(n: int, keep: bool = False) -> Message:
    return Message("e", json.dumps({"n": n}).encode(), False, 1, keep)


def beat(n: int) -> Message:
    return Message("b", json.dumps({"n": n}).encode(), False, 0)


def drain(backlog: Backlog, now_s: float = 0.0) -> list[tuple[str, int]]:
    out = []
    while (waited := backlog.pop(now_s)) is not None:
        out.append((waited[1].topic, json.loads(waited[1].payload)["n"]))
    return out


def test_backlog_when_retained_repeat_then_only_the_newest_leaves() -> None:
    backlog = Backlog(10, 10)
    for n in range(5):
        backlog.push(state(n), 0.0)
        backlog.push(state(n, "t"), 0.0)
    assert len(backlog) == 2
    assert drain(backlog) == [("s", 4), ("t", 4)]


def test_backlog_when_ring_is_full_then_oldest_goes_and_is_counted() -> None:
    backlog = Backlog(3, 10)
    for n in range(10):
        backlog.push(beat(n), 0.0)
    assert drain(backlog) == [("b", 7), ("b", 8), ("b", 9)]
    assert (backlog.n_dropped, backlog.n_dropped_events) == (7, 0)


def test_backlog_when_outbox_is_full_then_no_lethal_alarm_goes() -> None:
    backlog = Backlog(3, 5)
    for n in range(100):
        backlog.push(event(n, keep=n % 10 == 0), 0.0)
    left = [n for _, n in drain(backlog)]
    assert [n for n in left if n % 10 == 0] == list(range(0, 100, 10))
    assert [n for n in left if n % 10] == [95, 96, 97, 98, 99]
    assert backlog.n_dropped_events == 85


def test_backlog_when_drained_then_state_then_events_then_the_rest() -> None:
    backlog = Backlog(10, 10)
    for message in (beat(1), event(2), state(3), event(4)):
        backlog.push(message, 0.0)
    assert drain(backlog) == [("s", 3), ("e", 2), ("e", 4), ("b", 1)]


def test_backlog_when_acknowledgements_are_awaited_then_only_the_rest_leaves() -> None:
    backlog = Backlog(10, 10)
    for message in (event(1), state(2), beat(3)):
        backlog.push(message, 0.0)
    waited = backlog.pop(0.0, qos1=False)
    assert waited is not None
    assert waited[1] == beat(3)
    assert backlog.pop(0.0, qos1=False) is None
    assert len(backlog) == 2


def test_backlog_when_pushed_back_then_first_again_and_newer_truth_stays() -> None:
    backlog = Backlog(10, 10)
    backlog.push(event(3), 0.0)
    backlog.push(state(9), 0.0)
    for message in (event(2), event(1), state(0)):
        backlog.push_back(0.0, message)
    assert drain(backlog) == [("s", 9), ("e", 1), ("e", 2), ("e", 3)]


def test_backlog_when_waited_long_then_marked_late_once_and_otherwise_not() -> None:
    backlog = Backlog(10, 10)
    backlog.push(event(1), 0.0)
    backlog.push(Message("w", b"HWV\x01", False, 0), 0.0)
    first = backlog.pop(LATE_S + 0.1)
    assert first is not None
    backlog.push_back(*first)
    again = backlog.pop(LATE_S + 0.1)
    assert again is not None
    assert again[1].payload == b'{"n": 1,"late":true}'
    binary = backlog.pop(LATE_S + 0.1)
    assert binary is not None
    assert binary[1].payload == b"HWV\x01"
    backlog.push(event(2), 5.0)
    prompt = backlog.pop(5.0 + LATE_S)
    assert prompt is not None
    assert prompt[1] == event(2)


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("serk"), st.integers(0, 3)), max_size=60))
def test_backlog_when_anything_is_pushed_then_bounded_and_events_stay_in_order(
    script: list[tuple[str, int]],
) -> None:
    backlog = Backlog(4, 4)
    for n, (kind, _) in enumerate(script):
        backlog.push({"s": state(n), "e": event(n), "r": beat(n), "k": event(n, True)}[kind], 0.0)
    n_keep = sum(kind == "k" for kind, _ in script)
    assert len(backlog) <= 1 + 4 + 4 + n_keep
    events = [n for topic, n in drain(backlog) if topic == "e"]
    assert events == sorted(events)
    assert set(events) >= {n for n, (kind, _) in enumerate(script) if kind == "k"}


def alarm(n: int, topic: str) -> Message:
    return Message(topic, json.dumps({"n": n}).encode(), True, 1, True, ("b00t", n))


def test_backlog_when_alarms_wait_among_retained_then_the_newest_alarm_leaves_first() -> None:
    backlog = Backlog(10, 10)
    for message in (state(1), alarm(2, "vt"), alarm(3, "vf"), state(4, "t"), alarm(5, "vt"), event(6)):
        backlog.push(message, 0.0)
    assert drain(backlog) == [("vt", 5), ("vf", 3), ("s", 1), ("t", 4), ("e", 6)]


def test_backlog_when_renewed_then_sent_again_and_as_late_as_it_was() -> None:
    backlog = Backlog(10, 10)
    backlog.push(alarm(1, "vt"), 0.0)
    backlog.push(alarm(2, "vf"), 0.0)
    backlog.renew(alarm(1, "vt"), 100.0)
    backlog.renew(state(3), 100.0)
    out = [backlog.pop(100.5) for _ in range(3)]
    assert [waited[1].topic for waited in out if waited is not None] == ["vt", "vf", "s"]
    assert [b"late" in waited[1].payload for waited in out if waited is not None] == [True, True, False]


def test_backlog_when_an_event_is_given_up_then_it_is_named() -> None:
    backlog = Backlog(10, 2)
    assert [backlog.push(event(n), 0.0) for n in range(4)] == [None, None, event(0), event(1)]
    assert (backlog.n_events, backlog.n_dropped_events) == (2, 2)
