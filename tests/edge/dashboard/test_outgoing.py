"""A viewer's queue: what is true replaces what was, what passes is dropped oldest first."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from edge.io.dashboard.outgoing import MAX_STATES, Outgoing


def test_outgoing_when_taken_then_states_first_then_what_passes_and_empty_after() -> None:
    queue = Outgoing()
    assert not queue
    queue.push("", b"1")
    queue.push("hr", b"72")
    queue.push("", b"2")
    assert queue
    assert json.loads(queue.take()) == [72, 1, 2]
    assert json.loads(queue.take()) == []
    assert not queue


def test_outgoing_when_a_state_changes_then_only_its_newest_waits_at_the_end() -> None:
    queue = Outgoing()
    for key, item in (("hr", b"72"), ("alarm", b"1"), ("hr", b"73")):
        queue.push(key, item)
    assert json.loads(queue.take()) == [1, 73]


def test_outgoing_when_nobody_reads_then_the_oldest_go_and_states_stay() -> None:
    queue = Outgoing(max_bytes=10)
    queue.push("alarm", b"99")
    for k in range(100):
        queue.push("", b"%02d" % k)
    assert queue.n_dropped == 95
    assert queue.take() == b"[99,95,96,97,98,99]"


def test_outgoing_when_states_have_no_end_then_lost_and_empty() -> None:
    queue = Outgoing()
    for k in range(MAX_STATES + 1):
        assert not queue.lost
        queue.push(f"bed {k}", b"0")
    assert queue.lost
    assert queue.take() == b"[]"


@given(st.lists(st.tuples(st.sampled_from(["", "a", "b"]), st.integers(0, 10**6)), max_size=80))
def test_outgoing_when_used_anyhow_then_bounded_and_the_newest_state_survives(
    pushed: list[tuple[str, int]],
) -> None:
    queue = Outgoing(max_bytes=30)
    for key, item in pushed:
        queue.push(key, str(item).encode())
    text = queue.take()
    assert len(text) < 30 + 30 + 20
    states = {key: item for key, item in pushed if key}
    assert set(json.loads(text)) >= set(states.values())
