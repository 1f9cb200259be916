"""Commands as bytes, friendly and hostile."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.commands import judged, read_command, write_command
from edge.types import Command

ACK = "heartwire/bed4/command/ack"


@pytest.mark.parametrize(
    ("payload", "name", "id_"),
    [
        (b"", "", None),
        (b" vt\n", "vt", None),
        (b'{"name":"asystole","id":17}', "asystole", 17),
        (b'{"id":"x-1"}', "", "x-1"),
        (b'{"name":"vt","colour":"red"}', "vt", None),
    ],
)
def test_command_when_readable_then_obeyed_and_its_id_comes_back(
    payload: bytes, name: str, id_: str | int | None
) -> None:
    command, answer = read_command(ACK, payload)
    assert command == Command("ack", name)
    assert (answer["ok"], answer["name"], answer.get("id")) == (True, name, id_)


@pytest.mark.parametrize(
    ("verb", "more", "expected"),
    [
        ("ack", {"name": "vt"}, Command("ack", "vt", "ana@ward")),
        ("pause", {"seconds": 60}, Command("pause", "", "ana@ward", 60.0)),
        ("label", {"beat": 17, "aami": "V"}, Command("label", "V", "ana@ward", beat=17)),
        ("reset", {}, Command("reset", "", "ana@ward")),
    ],
)
def test_command_when_written_then_read_back_as_meant(
    verb: str, more: dict[str, object], expected: Command
) -> None:
    made = write_command("heartwire", "bed4", verb, "ana@ward", "x-1", **more)
    assert made is not None
    assert made[0] == f"heartwire/bed4/command/{verb}"
    command, answer = read_command(*made)
    assert (command, answer["id"]) == (expected, "x-1")


@pytest.mark.parametrize(("device", "name"), [("bed 4", "vt"), ("#", "vt"), ("a/b", "vt"), ("bed4", "<b>")])
def test_command_when_a_name_is_no_monitors_then_none_is_written(device: str, name: str) -> None:
    assert write_command("heartwire", device, "ack", "ana", "x", name=name) is None


PAUSE = "heartwire/bed4/command/pause"


@pytest.mark.parametrize(
    ("payload", "seconds", "by"),
    [
        (b"", None, ""),
        (b"60", 60.0, ""),
        (b" 0\n", 0.0, ""),
        (b'{"seconds":90,"by":"Ana \\u001b[2J"}', 90.0, "Ana \\x1b[2J"),
        (b'{"by":"Bo"}', None, "Bo"),
    ],
)
def test_pause_when_readable_then_seconds_and_who(payload: bytes, seconds: float | None, by: str) -> None:
    command, answer = read_command(PAUSE, payload)
    assert command == Command("pause", "", by, seconds)
    assert (answer["ok"], answer["verb"]) == (True, "pause")


@pytest.mark.parametrize(
    "payload", [b"nan", b"inf", b"-1", b"601", b"true", b"for ever", b'{"seconds":1e9}', b'{"seconds":"60"}']
)
def test_pause_when_its_time_is_none_then_refused_in_an_answer(payload: bytes) -> None:
    command, answer = read_command(PAUSE, payload)
    assert command is None
    assert answer["error"].startswith("expected nothing, seconds from 0 to 600")


@pytest.mark.parametrize(
    "payload",
    [
        b"{",
        b"[1]",
        b'"vt"',
        b'{"name":5}',
        b'{"name":"../#"}',
        b'{"id":1e999}',
        b'{"id":18446744073709551616}',
        b'{"id":"' + b"x" * 65 + b'"}',
        b"\xff\xfe",
        b"vt\x1b]0;x",
        b'{"name":' + b"[" * 4000,
        b'{"id":' + b"9" * 4000 + b"}",
    ],
)
def test_command_when_unreadable_then_refused_in_an_answer(payload: bytes) -> None:
    command, answer = read_command(ACK, payload)
    assert command is None
    assert answer["ok"] is False
    assert "expected" in answer["error"]


def test_command_when_verb_is_unknown_then_the_known_are_named() -> None:
    command, answer = read_command("heartwire/bed4/command/defibrillate", b"")
    assert command is None
    assert answer == {
        "verb": "defibrillate",
        "ok": False,
        "error": "unknown verb; known are ack, label, pause, reset",
    }


@settings(max_examples=300, derandomize=True, deadline=None)
@given(st.text(max_size=30), st.binary(max_size=200))
def test_command_when_anything_comes_then_never_raised_and_the_answer_is_json(
    verb: str, payload: bytes
) -> None:
    for topic in (ACK, PAUSE, f"heartwire/bed4/command/{verb}"):
        _, answer = read_command(topic, payload)
        assert json.loads(msgspec.json.encode(answer)) == answer


LABEL = "heartwire/bed4/command/label"


def test_label_when_readable_then_beat_class_and_who_go_on_and_come_back() -> None:
    command, answer = read_command(LABEL, b'{"beat":17,"aami":"V","by":"Ana\\u001b[2J","id":3}')
    assert command == Command("label", "V", "Ana\\x1b[2J", beat=17)
    assert answer == {"verb": "label", "ok": True, "beat": 17, "aami": "V", "id": 3}


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"V",
        b"{}",
        b'{"aami":"V"}',
        b'{"beat":"17","aami":"V"}',
        b'{"beat":1.5,"aami":"V"}',
        b'{"beat":1e999}',
    ],
)
def test_label_when_no_beat_is_named_then_refused_with_an_example(payload: bytes) -> None:
    command, answer = read_command(LABEL, payload)
    assert command is None
    assert (answer["ok"], answer["error"][:40]) == (False, 'expected {"beat": 17, "aami": "V"}; "by"')


class Strict:
    """Refuses every label but those of beat 1."""

    def refuses(self, command: Command) -> str | None:
        return None if command.beat == 1 else f"got beat {command.beat}"


def test_judged_when_refused_then_no_command_and_the_answer_says_why() -> None:
    for beat, ok in ((1, True), (2, False)):
        command, answer = judged(*read_command(LABEL, b'{"beat":%d,"aami":"V","id":9}' % beat), Strict())
        assert (command is not None) is ok
        assert (answer["ok"], answer.get("error"), answer["id"]) == (ok, None if ok else "got beat 2", 9)
    assert judged(*read_command(ACK, b"vt"), Strict())[0] == Command("ack", "vt")
    assert judged(*read_command(ACK, b"{"), Strict())[1]["ok"] is False
