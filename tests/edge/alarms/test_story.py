"""What the alarm log tells, from lines as the monitor's own parts write them."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.alarms.desk import AlarmDesk
from edge.alarms.keeper import AlarmKeeper
from edge.alarms.log import read_log
from edge.alarms.story import Story, as_dict, lines, since_utc_s, tell
from edge.messages import Composer
from edge.types import Alarm, Command, Origin, Status
from firmware_bridge.types import BadInput

BEGUN_S = 1.8e9
STATUS = Status(171.2, None, "vt", 0.934, False, 350.5, None, 12.0, 0, False, 1200)


class Writer:
    """A monitor's keeper of alarms, one start of it; what it writes is collected."""

    def __init__(self, boot_id: str, begun_s: float = BEGUN_S, device: str = "bed4") -> None:
        self.lines: list[bytes] = []
        composer = Composer(device, boot_id)
        self.keeper = AlarmKeeper(AlarmDesk(), composer, self, lambda *_: None, lambda _: None)
        self.begun_s = begun_s
        self._numbers = count(1)
        self.keeper.begin("/dev/ttyACM0", begun_s)

    def write(self, line: bytes) -> None:
        self.lines.append(line)

    def notes(self) -> list[tuple[str, str]]:
        return []

    def alarm(
        self, at: int, number: int, state: str = "active", acked: bool = False, by: str = "", **more: Any
    ) -> None:
        made = {
            "name": "vt",
            "priority": "high",
            "kind": "patient",
            "value": "5 in a row",
            "limit": "5 or more",
            **more,
        }
        alarm = Alarm(
            made["name"], state, made["priority"], made["kind"], 250, state == "latched", acked,
            made["value"], at, number, made["limit"], by, made.get("origin"),
        )  # fmt: skip
        self.keeper.on_alarm(alarm, STATUS, lambda sample: self.begun_s + sample / 250.0, self.begun_s)

    def pause(self, by: str) -> None:
        self.keeper.obey(Command("pause", "", by, 60.0), 0.0, self.begun_s, 0)


def _story(*writers: Writer) -> Story:
    return tell(*read_log(b"".join(line for writer in writers for line in writer.lines)))


@pytest.fixture
def writer() -> Writer:
    return Writer("b00t")


def test_story_when_an_alarm_comes_is_seen_and_goes_then_one_entry_with_its_course(writer: Writer) -> None:
    writer.alarm(1500, 1)
    writer.alarm(2500, 1, acked=True, by="Ana")
    writer.alarm(5000, 1, "cleared", acked=True, by="Ana")
    started, alarm = _story(writer).entries
    assert lines(started) == ["2027-01-15 08:00:00  bed4  monitor started (start b00t): /dev/ttyACM0"]
    assert lines(alarm) == [
        "2027-01-15 08:00:01  bed4  !!! vt: 5 in a row",
        "    patient, high priority; rule: 5 or more; last values: HR 171 bpm, rhythm vt, RR 350 ms, PVC 12/min, "
        "signal quality 93 %; start b00t",
        "    08:00:06  raised",
        "    08:00:10  acknowledged by Ana",
        "    08:00:20  over",
    ]
    told = as_dict(alarm)
    assert (told["began"], told["ended"]) == ("2027-01-15T08:00:01.000Z", "2027-01-15T08:00:20.000Z")
    assert told["acknowledged"] == [{"t": "2027-01-15T08:00:10.000Z", "by": "Ana"}]
    assert [change["what"] for change in told["changes"]] == ["raised", "acknowledged", "cleared"]
    assert (told["open"], told["hr_bpm"], told["occurrence"]) == (False, 171.2, "b00t-1")


def test_story_when_a_latched_alarm_is_acknowledged_then_over_in_the_same_line(writer: Writer) -> None:
    writer.alarm(1500, 1)
    writer.alarm(2500, 1, "latched")
    (_, alarm) = _story(writer).entries
    assert lines(alarm)[-2:] == [
        "    08:00:10  its cause is over; it waits to be acknowledged",
        "    at the end of this log it still stands",
    ]
    assert as_dict(alarm)["ended"] is None
    writer.alarm(5000, 1, "cleared", acked=True, by="Ana")
    (_, alarm) = _story(writer).entries
    assert lines(alarm)[-1] == "    08:00:20  acknowledged by Ana, and over"
    assert not alarm.open


def test_story_when_the_monitor_was_killed_then_the_alarm_has_no_end_and_it_says_why(writer: Writer) -> None:
    writer.alarm(1500, 1)
    later = Writer("b2", BEGUN_S + 60.0)
    alarm = _story(writer, Writer("x", BEGUN_S + 30.0, "bed5"), later).entries[1]
    assert lines(alarm)[-1] == "    08:01:00  the monitor was started again; this alarm's end was not logged"
    told = as_dict(alarm)
    assert (told["ended"], told["open"], told["cut"]) == (None, False, "2027-01-15T08:01:00.000Z")
    alone = _story(writer, Writer("x", BEGUN_S + 30.0, "bed5")).entries[1]
    assert alone.cut_utc_s is None  # another bed's start is no end of this one's alarm


def test_story_when_a_later_start_takes_it_over_then_one_entry_and_told_from_which(writer: Writer) -> None:
    writer.alarm(1500, 1)
    later, origin = Writer("b2", BEGUN_S + 60.0), Origin("b00t-1", BEGUN_S + 1.0)
    later.alarm(500, 7, "latched", origin=origin)
    alarm = _story(writer, later).entries[1]
    assert lines(alarm)[-2:] == [
        "    08:01:02  taken over by the next start of the monitor; it waits to be acknowledged (start b2)",
        "    at the end of this log it still stands",
    ]
    later.alarm(2500, 7, "cleared", acked=True, by="Ana", origin=origin)
    alarm = _story(writer, later).entries[1]
    assert lines(alarm)[-1] == "    08:01:10  acknowledged by Ana, and over (start b2)"
    assert (alarm.boot_id, alarm.cut_utc_s, alarm.open) == ("b00t", None, False)


def test_story_when_the_sound_is_paused_then_by_whom_once(writer: Writer) -> None:
    writer.pause("Ana")
    assert lines(_story(writer).entries[1])[0].endswith("bed4  sound paused: for 60 s by Ana")


def test_story_when_no_clock_was_set_then_it_says_so_and_no_time_hides_it() -> None:
    writer = Writer("b00t", 5.0)
    writer.alarm(1500, 1)
    alarm = _story(writer).entries[1]
    assert lines(alarm)[0] == "clock not set        bed4  !!! vt: 5 in a row"
    assert lines(alarm)[2] == "    --:--:--  raised"
    assert as_dict(alarm)["synced"] is False
    assert alarm.touches(BEGUN_S)


def test_touches_when_a_time_is_given_then_what_changed_since_and_what_still_stands(writer: Writer) -> None:
    writer.alarm(1500, 1)
    assert _story(writer).entries[1].touches(BEGUN_S + 3600.0)
    writer.alarm(2500, 1, "cleared", acked=True, by="Ana")
    alarm = _story(writer).entries[1]
    assert alarm.touches(BEGUN_S + 9.0)
    assert not alarm.touches(BEGUN_S + 11.0)


def test_lines_when_a_log_holds_what_a_terminal_obeys_then_it_is_shown(writer: Writer) -> None:
    writer.alarm(1500, 1, value="\x1b[2J\r\nhello", acked=True, by="\u202eanA")
    text = "\n".join(lines(_story(writer).entries[1]))
    assert "\\x1b[2J\\r\\nhello" in text
    assert all(line.isprintable() for line in text.split("\n"))


_JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
_KEYS = st.sampled_from(
    [
        "t",
        "device",
        "boot_id",
        "what",
        "occurrence",
        "name",
        "state",
        "priority",
        "kind",
        "since",
        "by",
        "hr_bpm",
    ]
    + ["sqi", "lead_off", "synced", "detail", "value", "limit"]
)


@settings(max_examples=80, derandomize=True, deadline=None)
@given(st.lists(st.dictionaries(_KEYS, _JSON, max_size=12), max_size=8))
def test_story_when_the_records_are_anything_then_every_one_is_told_or_counted(
    records: list[dict[str, Any]],
) -> None:
    story = tell(records)
    assert sum(len(entry.records) for entry in story.entries) + story.n_torn == len(records)
    for entry in story.entries:
        assert lines(entry)
        assert as_dict(entry)["what"]
        assert all(line.isprintable() for line in lines(entry))


@pytest.mark.parametrize(
    ("text", "expected_s"),
    [
        ("90m", BEGUN_S - 5400.0),
        ("12h", BEGUN_S - 43200.0),
        ("0.5d", BEGUN_S - 43200.0),
        ("30s", BEGUN_S - 30.0),
        ("2027-01-15", 1799971200.0),
        ("2027-01-15T08:00", BEGUN_S),
        ("2027-01-15 08:00", BEGUN_S),
        ("2027-01-15T08:00:00Z", BEGUN_S),
        ("2027-01-15T08:00:00.000Z", BEGUN_S),
    ],
)
def test_since_when_a_time_or_a_time_ago_then_that_time(text: str, expected_s: float) -> None:
    assert since_utc_s(text, BEGUN_S) == expected_s


@pytest.mark.parametrize(
    "text", ["", "yesterday", "-5m", "5", "5w", "2027-13-01", "2027-01-15T08", "nan", "1e9h"]
)
def test_since_when_it_names_no_time_then_one_line(text: str) -> None:
    with pytest.raises(BadInput, match="expected a time ago such as 90m"):
        since_utc_s(text, BEGUN_S)
