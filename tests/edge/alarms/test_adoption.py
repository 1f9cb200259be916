"""What is gathered of killed monitors: the newest word of three places, and nothing of a monitor that lives."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.alarms.adoption import (
    ALONE_S,
    LATEST_S,
    LISTEN_S,
    OTHER_S,
    WAR_S,
    Adoption,
    Left,
    read_left,
    read_logged,
)
from edge.messages import Composer, Message, iso

T0_S = 1_790_000_000.0
BED = "heartwire/bed4/"


def body(name: str = "vt", told_s: float = T0_S, state: str = "active", **more: Any) -> dict[str, Any]:
    """An alarm as an earlier start published it; it began 5 s before it was told."""
    said = {"name": name, "state": state, "priority": "high", "kind": "patient", "latched": False}
    said |= {"acked": False, "value": "172 bpm", "limit": "above 100", "by": "", "occurrence": "old-7"}
    return {**said, "since": iso(told_s - 5.0), "t": iso(told_s), "boot_id": "old", "seq": 9} | more


def payload(name: str = "vt", told_s: float = T0_S, state: str = "active", **more: Any) -> bytes:
    return json.dumps(body(name, told_s, state, **more), separators=(",", ":")).encode()


def record(what: str, name: str = "vt", told_s: float = T0_S, state: str = "active", **more: Any) -> Any:
    said = body(name, told_s, state, what=what, **{"device": "bed4", **more})
    return {key: said[key] for key in said if key not in ("acked", "seq", "latched")}


@pytest.fixture
def adoption() -> Adoption:
    return Adoption(Composer("bed4", "new"), 100.0)


def hear(adoption: Adoption, name: str, data: bytes, now_s: float = 101.0) -> None:
    assert adoption.hear(f"{BED}alarm/{name}", data, True, now_s)


def given_at(adoption: Adoption, now_s: float, connected: bool = True) -> dict[str, tuple[str, bool, bool]]:
    return {left.name: (left.state, left.acked, left.stands) for left in adoption.due(now_s, connected)[0]}


def test_left_when_read_then_it_has_its_time_and_its_identity() -> None:
    left = read_left("vt", payload())
    assert left == Left(
        "vt", "active", False, "172 bpm", "above 100", "", "old-7", T0_S - 5.0, T0_S, stands=True
    )
    assert read_logged(record("raised")) == left


@pytest.mark.parametrize(
    ("what", "state", "acked", "stands"),
    [("raised", "active", False, True), ("latched", "latched", False, True), ("adopted", "latched", False, True),
     ("acknowledged", "active", True, True), ("acknowledged", "cleared", True, False),
     ("returned", "active", True, True), ("cleared", "cleared", False, False)],
)  # fmt: skip
def test_logged_when_read_then_seen_or_not_and_over_or_not(
    what: str, state: str, acked: bool, stands: bool
) -> None:
    left = read_logged(record(what, state=state))
    assert left is not None
    assert (left.acked, left.stands) == (acked, stands)


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"null", b"[1]", b'{"name":"vt"}', b"\xff\xfe", b"[" * 3000, payload("vf"), payload("dance"),
     payload(since="yesterday"), payload(t=5), payload(state="dancing"), payload(acked="no"),
     payload(occurrence="a/b"), payload(value="x" * 401), payload(value="x" * 5000)],
)  # fmt: skip
def test_left_when_it_is_no_alarm_of_ours_then_none(data: bytes) -> None:
    assert read_left("vt", data) is None


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.binary(max_size=200), st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists))
def test_left_when_anything_comes_then_nothing_is_raised(data: bytes, value: Any) -> None:
    assert read_left("vt", data) is None
    assert read_logged({"name": value, "state": value}) is None
    left = read_left("vt", json.dumps({**body(), "value": value}).encode())
    assert left is None or left.value.isprintable()


def test_value_when_it_holds_what_a_terminal_obeys_then_escaped() -> None:
    left = read_left("vt", payload(value="\x1b]0;x\x07"))
    assert left is not None
    assert left.value == "\\x1b]0;x\\x07"


def test_kept_when_the_broker_was_listened_to_then_given_once_the_oldest_first(adoption: Adoption) -> None:
    adoption.connected(101.0, steady=True)
    hear(adoption, "vt", payload())
    hear(adoption, "vf", payload("vf", T0_S - 60.0, "latched"))
    hear(adoption, "af", payload("af", T0_S, "cleared"))
    assert adoption.due(101.0 + LISTEN_S - 0.01, True) == ([], [])
    found, topics = adoption.due(101.0 + LISTEN_S, True)
    assert [left.name for left in found] == ["vf", "vt", "af"]
    assert topics == []
    assert adoption.due(200.0, True) == ([], [])


def test_disk_when_there_is_no_broker_then_it_is_believed_after_a_moment(adoption: Adoption) -> None:
    adoption.logged([record("raised"), record("raised", "vf", device="bed5"), {"what": "started"}])
    adoption.found(
        [Message(f"{BED}alarm/asystole", payload("asystole"), True, 1), Message("x", b"", False, 1)]
    )
    assert given_at(adoption, 100.0 + ALONE_S - 0.01, connected=False) == {}
    assert set(given_at(adoption, 100.0 + ALONE_S, connected=False)) == {"vt", "asystole"}


def test_disk_when_no_connection_lasts_then_it_is_believed_all_the_same(adoption: Adoption) -> None:
    adoption.logged([record("raised")])
    for now_s in (100.0, 105.0, 110.0, 115.0, 119.0):
        adoption.connected(now_s, steady=False)
        hear(adoption, "vf", payload("vf"), now_s)
        assert given_at(adoption, now_s + 0.9) == {}
    assert set(given_at(adoption, 100.0 + LATEST_S)) == {"vt"}
    assert given_at(adoption, 119.0 + WAR_S, connected=False) == {}  # the other has the connection now
    assert set(given_at(adoption, 119.0 + WAR_S)) == {"vf"}


@pytest.mark.parametrize("log_first", [True, False])
def test_places_when_they_differ_then_the_newest_word_counts_and_what_stands_is_known(
    adoption: Adoption, log_first: bool
) -> None:
    adoption.connected(100.0, steady=True)
    logged = [
        record("acknowledged", "vt", T0_S + 2.0),
        record("raised", "vf"),
        record("cleared", "af", T0_S + 9.0, "cleared"),
    ]
    kept = {"vt": payload("vt"), "vf": payload("vf", T0_S + 3.0, "cleared", acked=True), "af": payload("af")}
    if log_first:
        adoption.logged(logged)
    for name, data in kept.items():
        hear(adoption, name, data)
    if not log_first:
        adoption.logged(logged)
    assert given_at(adoption, 110.0) == {
        "vt": ("active", True, True), "vf": ("cleared", True, True), "af": ("cleared", False, True),
    }  # fmt: skip


def test_own_words_when_they_come_back_then_they_are_nobodys_heritage(adoption: Adoption) -> None:
    adoption.connected(101.0, steady=True)
    hear(adoption, "vt", payload(boot_id="new"))
    assert adoption.hear(f"{BED}alarm/vf", payload("vf"), False, 101.0)
    assert adoption.hear(f"{BED}state", payload(boot_id="new"), False, 101.0)
    assert adoption.due(200.0, True) == ([], [])
    assert adoption.notes() == []


@pytest.mark.parametrize(
    "topic", ["heartwire/bed5/state", f"{BED}command/ack", f"{BED}state/x", f"{BED}alarm", "x"]
)
def test_topic_when_it_is_another_then_left_to_others(adoption: Adoption, topic: str) -> None:
    assert not adoption.hear(topic, payload(), True, 101.0)


def test_rubbish_when_it_is_kept_then_its_topics_are_emptied_counted_and_told(adoption: Adoption) -> None:
    adoption.connected(101.0, steady=True)
    hear(adoption, "dance", payload("dance"))
    hear(adoption, "vt", b"{\x1b")
    found, topics = adoption.due(110.0, True)
    assert (found, topics) == ([], [f"{BED}alarm/dance", f"{BED}alarm/vt"])
    ((kind, detail),) = adoption.notes()
    assert (kind, adoption.n_unknown) == ("alarm_unknown", 2)
    assert "2 kept topics that are no alarms of ours were emptied (alarm/dance, alarm/vt)" in detail


def test_rubbish_when_there_is_a_flood_of_it_then_memory_is_bounded(adoption: Adoption) -> None:
    adoption.connected(101.0, steady=True)
    for k in range(10_000):
        hear(adoption, f"a{k}", b"x")
    assert len(adoption.due(110.0, True)[1]) == 100


def test_other_monitor_when_it_lives_then_nothing_of_its_is_touched_and_it_is_named(
    adoption: Adoption,
) -> None:
    adoption.connected(101.0, steady=True)
    hear(adoption, "vt", payload(boot_id="other"))
    hear(adoption, "dance", b"x")
    for k in range(5):
        assert adoption.hear(f"{BED}state", payload(boot_id="other"), False, 101.0 + k)
    adoption.logged([record("raised", "vf")])
    found, topics = adoption.due(106.0, True)
    assert ([left.name for left in found], topics) == (["vf"], [])
    assert "another monitor (boot_id other) speaks for bed4 too" in adoption.clash(106.0)
    assert adoption.clash(105.0 + OTHER_S) == ""
    adoption.hear(f"{BED}state", payload(boot_id="other"), False, 170.0)
    assert adoption.clash(170.0) == ""  # once may be a last word
    adoption.hear(f"{BED}state", payload(boot_id="other"), False, 171.0)
    assert adoption.clash(171.0)


def test_rival_when_connections_are_taken_then_named_for_a_while(adoption: Adoption) -> None:
    assert adoption.clash(101.0) == ""
    adoption.rival(102.0)
    assert "another monitor of this name" in adoption.clash(103.0)
    assert adoption.clash(102.0 + OTHER_S) == ""


def test_other_monitor_when_it_is_dead_then_what_it_left_is_given(adoption: Adoption) -> None:
    adoption.connected(101.0, steady=True)
    assert adoption.hear(f"{BED}state", payload(boot_id="old"), True, 101.0)  # kept: no sign of life
    adoption.hear(f"{BED}state", b"rubbish", False, 101.0)
    hear(adoption, "vt", payload())
    assert set(given_at(adoption, 110.0)) == {"vt"}
    adoption.hear(f"{BED}state", payload(boot_id="other"), False, 120.0)
    adoption.connected(120.0 + OTHER_S, steady=True)
    hear(adoption, "vf", payload("vf"), 120.0 + OTHER_S)
    assert set(given_at(adoption, 120.0 + OTHER_S + LISTEN_S)) == {"vf"}
