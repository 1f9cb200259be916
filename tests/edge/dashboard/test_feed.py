"""What the page is told and what it may ask for."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from edge.alarms.guide import MEANING
from edge.io.dashboard import feed
from edge.ward.beds import Ward
from edge.waveform import encode_wave


def publish(ward: Ward, leaf: str, device: str = "bed4", **body: Any) -> list[dict[str, Any]]:
    changes = ward.push(f"heartwire/{device}/{leaf}", json.dumps(body).encode(), False, 0.0)
    return [json.loads(one.text) for change in changes if (one := feed.item(change))]


@pytest.fixture
def ward() -> Ward:
    made = Ward()
    publish(made, "state", hr_bpm=72.0, rhythm="sinus")
    publish(made, "alarm/vt", state="active", priority="high", value="172 bpm")
    publish(made, "waveform/II/meta", fs=250.0, scale_mv=0.001)
    return made


def test_item_when_a_bed_speaks_then_its_name_freshness_and_vitals() -> None:
    found = publish(Ward(), "state", hr_bpm=72.0)
    assert [(one["is"], one["bed"]) for one in found] == [("bed", 1), ("fresh", 1), ("vitals", 1)]
    assert found[0]["it"] == {"name": "bed4", "can_ack": True}
    assert found[2]["it"]["hr_bpm"] == 72.0


def test_item_when_a_chunk_comes_then_counts_of_a_numbered_lead(ward: Ward) -> None:
    chunk = encode_wave(0, 1_000_000, np.array([0.5, np.nan], np.float32))
    (change,) = ward.push("heartwire/bed4/waveform/II", chunk, False, 0.0)
    one = feed.item(change)
    assert one is not None
    assert one.key == ""
    assert json.loads(one.text) == {"is": "wave", "bed": 1, "lead": 0, "t_ms": 1000.0, "x": [500, None]}


def test_snapshot_when_taken_then_everything_that_is_true_each_with_its_key(ward: Ward) -> None:
    items = list(feed.snapshot(ward))
    assert [json.loads(one.text)["is"] for one in items] == ["bed", "fresh", "lead", "vitals", "alarm"]
    assert all(one.key for one in items)
    assert len({one.key for one in items}) == len(items)


def test_item_when_an_alarm_is_told_then_what_it_means_and_a_strangers_means_nothing(ward: Ward) -> None:
    for name, (meaning, wrong) in (*MEANING.items(), ("x", ("", ""))):
        (change,) = ward.push(
            f"heartwire/bed4/alarm/{name}", b'{"state":"active","priority":"low"}', False, 0.0
        )
        one = feed.item(change)
        assert one is not None
        it = json.loads(one.text)["it"]
        assert (it["meaning"], it["wrong"]) == (meaning.replace("`", ""), wrong.replace("`", ""))
        assert (it["name"], it["state"]) == (name, "active")


def test_item_when_an_alarm_is_taken_away_then_cleared_under_the_same_key(ward: Ward) -> None:
    (change,) = ward.push("heartwire/bed4/alarm/vt", b"", True, 0.0)
    one = feed.item(change)
    assert one is not None
    assert one.key == "alarm 1 vt"
    assert json.loads(one.text)["it"]["state"] == "cleared"


def test_read_asked_when_well_formed_then_read() -> None:
    assert feed.read_asked(b'{"ack": 1, "alarm": "vt", "token": "k"}') == feed.Ack(1, "vt", "k")
    named = feed.read_asked(b'{"ack": 1, "alarm": "vt", "token": "k", "by": "Ana"}')
    assert named == feed.Ack(1, "vt", "k", "Ana")


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"{}",
        b'{"ack": "1", "alarm": "vt"}',
        b'{"ack": -1, "alarm": "vt"}',
        b'{"ack": 1e999, "alarm": "vt"}',
        b'{"ack": 1, "alarm": "vt", "more": 1}',
        b'{"pause": 1}',
        b'{"pause": 1, "seconds": -1}',
        b'{"pause": 1, "seconds": 601}',
        b'{"pause": 1, "seconds": 1e999}',
        b'{"pause": 1, "seconds": "60"}',
        b'{"pause": 1, "seconds": 60, "ack": 1, "alarm": "vt"}',
        b'{"ack": 1, "alarm": "' + b"v" * 65 + b'"}',
        b'{"ack": 1, "alarm": "' + b"v" * 2000 + b'"}',
        b'{"ack": 1, "alarm": "\xff"}',
        b"[" * 900,
    ],
)
def test_read_asked_when_anything_else_then_nothing(text: bytes) -> None:
    assert feed.read_asked(text) is None


def test_command_of_when_the_alarm_is_there_then_the_monitors_topic(ward: Ward) -> None:
    command = feed.command_of(ward, feed.Ack(1, "vt"))
    assert command is not None
    assert command[0] == "heartwire/bed4/command/ack"
    assert json.loads(command[1]) == {"name": "vt", "id": "page", "by": "page"}


def test_command_of_when_the_sound_is_to_pause_then_the_monitors_topic(ward: Ward) -> None:
    asked = feed.read_asked(b'{"pause": 1, "seconds": 120, "token": "k"}')
    assert asked == feed.Pause(1, 120.0, "k")
    command = feed.command_of(ward, asked)
    assert command is not None
    assert command[0] == "heartwire/bed4/command/pause"
    assert json.loads(command[1]) == {"seconds": 120.0, "id": "page", "by": "page"}


def test_command_of_when_bed_or_alarm_is_not_there_or_no_id_then_none(ward: Ward) -> None:
    publish(ward, "alarm/vt", device="<b>", state="active", priority="high")
    publish(ward, "alarm/v t", state="active", priority="high")
    for ack in (feed.Ack(7, "vt"), feed.Ack(1, "vf"), feed.Ack(2, "vt"), feed.Ack(1, "v t")):
        assert feed.command_of(ward, ack) is None


def test_tick_when_the_broker_is_away_then_said_why() -> None:
    body = json.loads(feed.tick(1000.4, False, "Connection refused", 0, "heartwire").text)
    assert body == {
        "is": "tick", "t_ms": 1000, "up": False, "why": "Connection refused", "n_refused": 0, "base": "heartwire",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("", "page"),
        ("Ana  Souza", "Ana Souza"),
        ("\x1b]0;x\x07\n\u202eJo\u00e3o\0", "]0;x Jo\u00e3o"),
        ("\n\t ", "page"),
        ("<b>Ana</b>", "<b>Ana</b>"),
    ],
)
def test_command_of_when_a_person_is_named_then_without_what_a_log_or_terminal_obeys(
    ward: Ward, name: str, told: str
) -> None:
    command = feed.command_of(ward, feed.Ack(1, "vt", by=name))
    assert command is not None
    assert json.loads(command[1])["by"] == told


def test_read_asked_when_the_name_is_too_long_then_nothing() -> None:
    assert feed.read_asked(b'{"ack": 1, "alarm": "vt", "by": "' + b"a" * 41 + b'"}') is None
