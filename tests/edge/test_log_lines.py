"""Lines for those who run heartwire: safe to read, no secret in them, none too often, a lethal alarm always."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.log_lines import (
    ANY,
    LEVELS,
    MAX_CHARS,
    PER_S,
    SAME,
    Line,
    Lines,
    about_alarm,
    about_event,
    clean,
    mistake,
    without_secrets,
    written,
)
from edge.types import Alarm

T = 1_790_000_000.25


def alarm(priority: str, state: str = "active", acked: bool = False) -> Alarm:
    return Alarm("vt", state, priority, "patient", 0, False, acked, "5 V beats at 140 bpm", 9)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mqtt://me:canary@broker.ward:1883/in", "mqtt://***@broker.ward:1883/in"),
        ("tcp://me:can/a@ry@10.0.0.7:5000: gone", "tcp://***@10.0.0.7:5000: gone"),
        ("see http://127.0.0.1:8765/#key=canary-1_2 now", "see http://127.0.0.1:8765/#key=*** now"),
        ("HEARTWIRE_MQTT_PASSWORD=canary", "HEARTWIRE_MQTT_PASSWORD=***"),
        ('{"password": "cana ry", "x": 1}', '{"password": ***, "x": 1}'),
        ("mqtt.password: 'canary'", "mqtt.password: ***"),
        ("token = canary; next", "token = ***; next"),
        ("Authorization: Bearer canary.x", "Authorization: Bearer ***"),
        ("user@host and a password_file: /etc/x", "user@host and a password_file: /etc/x"),
        (
            "check mqtt.username and HEARTWIRE_MQTT_PASSWORD",
            "check mqtt.username and HEARTWIRE_MQTT_PASSWORD",
        ),
    ],
)
def test_text_when_a_secret_stands_in_it_then_not_shown(text: str, shown: str) -> None:
    assert without_secrets(text) == shown


def test_text_when_the_password_is_known_then_it_is_shown_nowhere() -> None:
    assert clean("the broker said: s3cr3t? no", ("s3cr3t", "")) == "the broker said: ***? no"


def test_text_when_hostile_then_escaped() -> None:
    assert clean("lead \x1b]0;owned\x07 \u202e") == "lead \\x1b]0;owned\\x07 \\u202e"


@given(st.text(), st.text())
def test_line_when_anything_then_one_line_of_printable_text(what: str, text: str) -> None:
    (line,) = Lines().push(Line(what, text), 0.0)
    for as_json in (False, True):
        shown = written(line, T, as_json)
        assert shown.isprintable()
        assert len(shown) < 12 * MAX_CHARS
    said = json.loads(written(line, T, True))
    assert said == {"t": "2026-09-21T14:13:20.250Z", "level": "info", "what": line.what, "text": line.text}


def test_line_when_written_for_a_person_then_time_level_what() -> None:
    assert written(about_event("no_signal", "no new sample for 1.5 s"), T, False) == (
        "2026-09-21T14:13:20.250Z WARNING  no_signal: no new sample for 1.5 s"
    )
    assert written(about_event("signal", "samples arrive again"), T, False) == (
        "2026-09-21T14:13:20.250Z info     signal: samples arrive again"
    )
    assert about_event("pipeline_error", "").level == "error"


@pytest.mark.parametrize(
    ("one", "level"),
    [
        (alarm("high"), "critical"),
        (alarm("high", acked=True), "info"),
        (alarm("high", "latched"), "warning"),
        (alarm("medium"), "warning"),
        (alarm("technical"), "warning"),
        (alarm("low"), "info"),
    ],
)
def test_alarm_when_it_changes_then_its_level_is_that_of_its_priority(one: Alarm, level: str) -> None:
    line = about_alarm(one)
    assert line.level == level
    assert str(line) == f"alarm: {one.priority} vt {one.state}: 5 V beats at 140 bpm"
    assert set(LEVELS) >= {level}


def test_lines_when_the_same_repeats_then_a_few_a_minute_and_the_count_of_the_rest() -> None:
    lines = Lines()
    shown = [line for k in range(100) for line in lines.push(Line("gap", f"lost {k} samples"), 0.1 * k)]
    assert [str(line) for line in shown] == [f"gap: lost {k} samples" for k in range(SAME)]
    after = lines.push(Line("signal", "samples again"), PER_S + 10.0)
    assert [str(line) for line in after] == [
        f"log: {100 - SAME} more like this were held back: gap: lost # samples",
        "signal: samples again",
    ]
    assert lines.close(PER_S + 11.0) == []


def test_lines_when_the_same_goes_on_then_its_count_comes_with_the_next() -> None:
    lines = Lines()
    shown = [str(line) for k in range(700) for line in lines.push(Line("gap", "lost"), 0.1 * k)]
    assert shown[SAME : SAME + 2] == [
        f"log: {600 - SAME} more like this were held back: gap: lost",
        "gap: lost",
    ]


def test_lines_when_closed_then_what_was_held_back_is_still_counted() -> None:
    lines = Lines()
    for k in range(SAME + 3):
        lines.push(Line("gap", "lost"), 0.001 * k)
    assert [str(line) for line in lines.close(1.0)] == ["log: 3 more like this were held back: gap: lost"]


def test_lines_when_lethal_alarms_come_then_none_is_held_back() -> None:
    lines = Lines()
    for k in range(2 * ANY):
        lines.push(Line("noise", "abcdefghij"[k % 10] * (k // 10 + 1)), 0.001 * k)
    shown = [line for k in range(50) for line in lines.push(about_alarm(alarm("high")), 1.0 + 0.001 * k)]
    assert len(shown) == 50


def test_lines_when_all_are_different_then_bounded_all_the_same() -> None:
    lines = Lines()
    shown = [
        line
        for k in range(5000)
        for line in lines.push(Line("x", "".join("abcdefghij"[int(c)] for c in str(k))), 0.001 * k)
    ]
    assert len(shown) == ANY
    after = lines.push(Line("y", "calm"), 2 * PER_S)
    assert f"{5000 - ANY} lines were held back" in str(after[-2])
    assert len(lines._same._passed) <= 2


def test_mistake_when_shown_then_one_line_without_its_secret() -> None:
    assert mistake("got mqtt://a:canary@h\n", False, T) == "heartwire: got mqtt://***@h\\n"
    assert json.loads(mistake("got x", True, T))["what"] == "mistake"
