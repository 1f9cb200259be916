"""Topics, payloads and stamps of every message, as the README lists them."""

from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import numpy as np
import pytest

from edge.messages import (
    Composer,
    Message,
    base_topic,
    iso,
    mark_late,
    safe_id,
    topic_id,
)
from edge.types import Alarm, Beat, Note, Origin, Rhythm, RPeak, Status, WaveChunk
from edge.waveform import decode_wave
from firmware_bridge.types import BadInput, DeviceBeat

T0 = 1784894400.0  # 2026-07-24T12:00:00Z
FS = 250.0


def stamp(index: int) -> float:
    return T0 + index / FS


def composer() -> Composer:
    return Composer("bed4", "b00t")


def body(message: Message) -> dict[str, Any]:
    decoded = json.loads(message.payload)
    assert isinstance(decoded, dict)
    return decoded


BEAT = Beat(7, RPeak(500, 1.25, 0.99), 0.8, "V", (0.01, 0.02, 0.95, 0.01, 0.01), 0.9, True, False, True, 560)
STATUS = Status(72.04, None, "sinus", 0.91, False, 832.9, 31.0, 0.0, 3, False, 1000)
ALARM = Alarm("vt", "active", "high", "patient", 250, True, False, "170 bpm over 6 beats", 500)


def test_beat_when_composed_then_carries_answer_and_time_of_its_r_peak() -> None:
    (message,) = composer().compose(BEAT, stamp)
    assert (message.topic, message.retain, message.qos) == ("heartwire/bed4/beat", False, 0)
    got = body(message)
    assert got["id"] == 7
    assert got["rr_ms"] == 800.0
    assert got["aami"] == "V"
    assert got["probs"] == {"N": 0.01, "S": 0.02, "V": 0.95, "F": 0.01, "Q": 0.01}
    assert (got["sqi"], got["final"], got["warming"]) == (0.9, True, False)
    assert got["t"] == "2026-07-24T12:00:02.000Z"
    assert (got["boot_id"], got["seq"]) == ("b00t", 0)
    assert "synced" not in got


def test_device_beat_when_composed_then_it_is_on_a_topic_of_its_own_with_the_time_of_its_r_peak() -> None:
    said = DeviceBeat(500, 250.0, "V", (0.01, 0.02, 0.95, 0.01, 0.01), -1.25, "II", True)
    message = composer().device_beat(said, stamp)
    assert (message.topic, message.retain, message.qos) == ("heartwire/bed4/device_beat", False, 0)
    assert body(message) == {
        "sample": 500,
        "aami": "V",
        "probs": {"N": 0.01, "S": 0.02, "V": 0.95, "F": 0.01, "Q": 0.01},
        "amp_mv": -1.25,
        "lead": "II",
        "final": True,
        "t": "2026-07-24T12:00:02.000Z",
        "boot_id": "b00t",
        "seq": 0,
    }


def test_beat_when_corrected_then_the_class_without_the_correction_stands_beside() -> None:
    plain = (0.9, 0.02, 0.06, 0.01, 0.01)
    got = body(composer().compose(replace(BEAT, plain=plain), stamp)[0])
    assert (got["aami"], got["plain_aami"]) == ("V", "N")
    assert "plain_aami" not in body(composer().compose(BEAT, stamp)[0])


def test_beat_when_a_pacing_pulse_was_marked_beside_it_then_it_says_so() -> None:
    assert body(composer().compose(replace(BEAT, paced=True), stamp)[0])["paced"] is True
    assert "paced" not in body(composer().compose(BEAT, stamp)[0])


def test_state_when_personal_mode_is_on_then_says_which_and_from_how_many_beats() -> None:
    got = body(composer().compose(replace(STATUS, personal="labels", personal_beats=12), stamp)[0])
    assert (got["personal"], got["personal_beats"]) == ("labels", 12)


def test_beat_when_rr_is_unknown_then_null() -> None:
    beat = Beat(1, RPeak(0, 1.0, 0.9), None, "N", (float("nan"), 0, 0, 0, 0), 1.0, False, True, True, 9)
    got = body(composer().compose(beat, stamp)[0])
    assert got["rr_ms"] is None
    assert got["probs"]["N"] is None


def test_state_when_composed_then_flat_retained_and_complete() -> None:
    (message,) = composer().compose(STATUS, stamp, fs_est=249.987, age_ms=12.4)
    assert (message.topic, message.retain, message.qos) == ("heartwire/bed4/state", True, 1)
    got = body(message)
    assert set(got) == {
        *("hr_bpm", "reason", "rhythm", "sqi", "lead_off", "rr_ms", "rmssd_ms", "pvc_per_min", "fs_est"),
        *("n_lost", "age_ms", "warming", "alarms", "t", "boot_id", "seq"),
    }
    assert not any(isinstance(value, dict | list) for value in got.values())
    assert (got["hr_bpm"], got["fs_est"], got["age_ms"], got["n_lost"]) == (72.0, 249.99, 12, 3)


def test_state_when_rate_is_unknown_then_null_and_reason() -> None:
    status = Status(None, "no_signal", "unknown", 0.0, False, None, None, None, 0, True, 0)
    got = body(composer().compose(status, stamp)[0])
    assert (got["hr_bpm"], got["reason"], got["fs_est"]) == (None, "no_signal", None)


def test_rhythm_when_composed_then_retained_with_since() -> None:
    (message,) = composer().compose(Rhythm("af", 0.87654, 250, 500), stamp)
    assert (message.topic, message.retain, message.qos) == ("heartwire/bed4/rhythm", True, 1)
    got = body(message)
    assert (got["label"], got["prob"], got["since"]) == ("af", 0.8765, "2026-07-24T12:00:01.000Z")


def test_alarm_when_composed_then_retained_state_and_an_event_that_is_never_retained() -> None:
    state, event = composer().compose(ALARM, stamp)
    assert (state.topic, state.retain, state.qos, state.keep) == ("heartwire/bed4/alarm/vt", True, 1, True)
    assert (event.topic, event.retain, event.qos, event.keep) == ("heartwire/bed4/event", False, 1, True)
    got = body(state)
    assert (got["state"], got["priority"], got["kind"]) == ("active", "high", "patient")
    assert (got["latched"], got["acked"], got["since"]) == (True, False, "2026-07-24T12:00:01.000Z")
    assert body(event)["event_type"] == "vt"
    assert body(event)["seq"] == got["seq"] + 1


def test_alarm_when_composed_then_its_occurrence_rule_and_who_saw_it_are_in_it() -> None:
    alarm = Alarm("vt", "active", "high", "patient", 0, False, True, "170 bpm", 0, 17, "above 100 bpm", "Ana")
    for message in composer().compose(alarm, stamp):
        body = json.loads(message.payload)
        assert body["occurrence"] == f"{body['boot_id']}-17"
        assert (body["limit"], body["by"]) == ("above 100 bpm", "Ana")


def test_alarm_when_an_earlier_start_raised_it_then_its_time_and_identity_are_of_then_and_it_says_so() -> (
    None
):
    alarm = replace(ALARM, state="latched", origin=Origin("old-7", 1.7e9))
    for message in composer().compose(alarm, stamp):
        got = body(message)
        assert (got["adopted"], got["occurrence"], got["since"]) == (
            True,
            "old-7",
            "2023-11-14T22:13:20.000Z",
        )
        assert got["boot_id"] != "old"
    assert "adopted" not in body(composer().compose(ALARM, stamp)[0])


def test_alarm_when_technical_then_may_be_dropped_before_a_lethal_one() -> None:
    alarm = Alarm("lead_off", "active", "technical", "technical", 0, False, False, "", 0)
    assert not any(message.keep for message in composer().compose(alarm, stamp))


def test_note_when_composed_then_an_event() -> None:
    (message,) = composer().compose(Note("gap", 10, 20, "10 samples lost", 21), stamp)
    assert (message.topic, message.retain, message.qos) == ("heartwire/bed4/event", False, 1)
    got = body(message)
    assert (got["event_type"], got["start"], got["end"], got["detail"]) == ("gap", 10, 20, "10 samples lost")


def test_wave_when_composed_then_meta_once_and_samples_come_back() -> None:
    made = composer()
    mv = np.array([[0.0], [1.0], [-0.0126], [np.nan], [99.0], [-99.0]], dtype=np.float32)
    meta, first = made.compose(WaveChunk(0, FS, mv, ("MLII",), 6), stamp)
    (second,) = made.compose(WaveChunk(6, FS, mv, ("MLII",), 12), stamp)
    assert (meta.topic, meta.retain, meta.qos) == ("heartwire/bed4/waveform/MLII/meta", True, 1)
    assert body(meta)["fs"] == FS
    assert (first.topic, first.retain, first.qos) == ("heartwire/bed4/waveform/MLII", False, 0)
    assert first.payload[:4] == b"HWV\x01"
    seq, t_us, counts = decode_wave(first.payload)
    assert (seq, t_us) == (0, int(T0 * 1e6))
    assert counts.tolist() == [0, 1000, -13, -32768, 32767, -32767]
    assert decode_wave(second.payload)[:2] == (1, int(T0 * 1e6) + 24000)


def test_wave_when_rate_changes_then_meta_again() -> None:
    made = composer()
    mv = np.zeros((4, 1), dtype=np.float32)
    made.compose(WaveChunk(0, FS, mv, ("I",), 4), stamp)
    topics = [m.topic for m in made.compose(WaveChunk(4, 500.0, mv, ("I",), 8), stamp)]
    assert topics == ["heartwire/bed4/waveform/I/meta", "heartwire/bed4/waveform/I"]


def test_wave_when_lead_name_is_hostile_then_topic_is_not() -> None:
    mv = np.zeros((1, 3), dtype=np.float32)
    leads = ("../#", "<img onerror>", "\x1b]0;x")
    for message in composer().compose(WaveChunk(0, FS, mv, leads, 1), stamp):
        assert re.fullmatch(r"heartwire/bed4/waveform/[a-zA-Z0-9_-]+(/meta)?", message.topic)


def test_clock_when_never_set_then_synced_false() -> None:
    got = body(composer().compose(BEAT, lambda index: index / FS)[0])
    assert got["synced"] is False
    assert got["t"] == "1970-01-01T00:00:02.000Z"


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), -5.0, 1e300])
def test_iso_when_time_is_absurd_then_still_text(odd: float) -> None:
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", iso(odd))


def test_seq_when_messages_follow_then_counts_on() -> None:
    made = composer()
    seqs = [body(m)["seq"] for e in (BEAT, STATUS, ALARM) for m in made.compose(e, stamp)]
    assert seqs == [0, 1, 2, 3]


def test_plain_words_when_composed_then_retained_words() -> None:
    made = composer()
    assert made.bridge(True) == Message("heartwire/bridge/state", b"online", True, 1)
    assert made.availability(False) == Message("heartwire/bed4/availability", b"offline", True, 1)


def test_late_when_marked_then_everything_else_is_untouched() -> None:
    (message,) = composer().compose(BEAT, stamp)
    late = json.loads(mark_late(message.payload))
    assert late.pop("late") is True
    assert late == body(message)
    assert mark_late(mark_late(message.payload)) == mark_late(message.payload)
    assert mark_late(b"online") == b"online"


@pytest.mark.parametrize(
    "bad", ["", "a/b", "+", "#", "bed 4", "../x", "\x1b[2J", "é", "$SYS", "x" * 65, "a\n"]
)
def test_topic_id_when_not_a_level_then_refused_in_one_line(bad: str) -> None:
    with pytest.raises(BadInput, match="device: got") as caught:
        topic_id(bad, "device")
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert topic_id(safe_id(bad), "device")


def test_base_when_several_levels_then_each_is_checked() -> None:
    assert base_topic("ward7/heartwire") == "ward7/heartwire"
    with pytest.raises(BadInput, match=r"mqtt\.base: got ''"):
        base_topic("ward7//x")


def test_iso_when_compared_with_datetime_then_the_same() -> None:
    for utc_s in (0.0, 951782400.0, 1709164799.9994, 1709164799.9996, 1784894400.123, 4102444800.5):
        expected = datetime.fromtimestamp(round(utc_s * 1000) / 1000, timezone.utc)
        assert iso(utc_s) == expected.strftime("%Y-%m-%dT%H:%M:%S.") + f"{expected.microsecond // 1000:03d}Z"


def test_compose_when_it_must_outlive_the_monitor_then_it_has_the_key_that_it_says() -> None:
    made = composer()
    kept = [*made.compose(ALARM, stamp), made.note("gap", "why", 1.8e9)]
    assert [message.key for message in kept] == [(made.boot_id, body(m)["seq"]) for m in kept]
    others = [*made.compose(BEAT, stamp), *made.compose(STATUS, stamp), made.availability(True)]
    assert {message.key for message in others} == {None}


def test_compose_when_a_status_has_counts_then_they_stand_in_it() -> None:
    (message,) = composer().compose(STATUS, stamp, 250.0, 1.0, {"n_waiting": 3, "n_dropped": 0})
    assert (body(message)["n_waiting"], body(message)["n_dropped"]) == (3, 0)


def test_state_when_alarms_stand_then_it_names_them_until_they_are_cleared() -> None:
    made = composer()

    def standing(name: str, state: str) -> str:
        made.compose(dataclasses.replace(ALARM, name=name, state=state), stamp)
        return str(body(made.compose(STATUS, stamp)[0])["alarms"])

    changes = (
        ("vt", "active"),
        ("lead_off", "active"),
        ("vt", "latched"),
        ("vt", "cleared"),
        ("vf", "cleared"),
    )
    assert [standing(*change) for change in changes] == [
        "vt",
        "vt,lead_off",
        "lead_off,vt",
        "lead_off",
        "lead_off",
    ]


def test_state_when_scalars_are_wanted_then_numbers_follow_it_and_nothing_unknown() -> None:
    made = Composer("bed4", "b00t", scalars=True)
    made.compose(ALARM, stamp)
    state, scalars = made.compose(
        dataclasses.replace(STATUS, hr_bpm=None, reason="no_beats"), stamp, 250.0, 3.0
    )
    assert (scalars.topic, scalars.retain, scalars.qos) == ("heartwire/bed4/scalars", False, 0)
    numbers = body(scalars)
    assert "hr_bpm" not in numbers
    assert all(type(value) in (int, float) for value in numbers.values())
    assert numbers == {**{key: body(state)[key] for key in numbers if key in body(state)}, **numbers}
    assert (numbers["n_alarms"], numbers["n_high"], numbers["lead_off"]) == (1, 1, 0)
