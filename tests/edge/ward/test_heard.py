"""Everything that the monitor publishes is read back; everything else is nothing, and never an exception."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.messages import Composer, Message
from edge.types import Alarm, Beat, Event, Note, Rhythm, RPeak, Status, WaveChunk
from edge.ward import heard
from edge.ward.heard import (
    AlarmHeard,
    AlarmUnkept,
    Answer,
    AudioHeard,
    BeatHeard,
    Heard,
    MetaHeard,
    NoteHeard,
    RhythmHeard,
    Signal,
    Vitals,
    WaveHeard,
    read,
)
from edge.waveform import encode_wave

T_S = 1_790_000_000.25


def said(message: Message) -> Heard | None:
    return read(message.topic.split("/")[2:], message.payload)


def facts(event: Event) -> list[Any]:
    found = [said(message) for message in Composer("bed4", "b007").compose(event, lambda index: T_S)]
    return [None if one is None else one.fact for one in found]


def json_bytes(**body: Any) -> bytes:
    return json.dumps(body).encode()


def test_read_when_a_status_was_composed_then_its_vitals_and_the_envelope() -> None:
    status = Status(72.04, None, "sinus", 0.98, False, 833.0, 41.26, 2.5, 0, False, 100)
    (message,) = Composer("bed4", "b007").compose(status, lambda index: T_S, 250.0, 12.0)
    expected = Vitals(72.0, "", "sinus", 0.98, False, 41.3, 2.5, 12.0, False)
    assert said(message) == Heard(expected, "b007", 0, False)


def test_read_when_a_beat_was_composed_then_its_class_time_and_answer() -> None:
    beat = Beat(7, RPeak(500, 1.0, 0.99), 0.8, "V", (0.0, 0.0, 1.0, 0.0, 0.0), 0.9, True, False, True, 600)
    assert facts(beat) == [BeatHeard(7, T_S * 1000.0, "V", 800.0, True, False, True)]


def test_read_when_an_alarm_was_composed_then_the_kept_one_and_its_event_is_no_note() -> None:
    alarm = Alarm("vt", "active", "high", "patient", 10, False, False, "172 bpm", 20)
    assert facts(alarm) == [AlarmHeard("vt", "active", "high", T_S * 1000.0, False, "172 bpm"), None]


def test_read_when_what_should_be_heard_was_composed_then_priority_and_pause() -> None:
    composer = Composer("bed4", "b007")
    for message, expected in (
        (composer.audio("high", None, "", T_S), AudioHeard("high", None, "")),
        (composer.audio(None, T_S + 60.0, "Ana", T_S), AudioHeard("", 1000.0 * (T_S + 60.0), "Ana")),
    ):
        heard = said(message)
        assert heard is not None
        assert heard.fact == expected
    assert read(["audio"], json_bytes(sounding="everything", paused=1, until="soon")) == Heard(
        AudioHeard("", None, "")
    )


def test_read_when_rhythm_note_and_words_were_composed_then_they_are_read() -> None:
    composer = Composer("bed4", "b007")
    assert facts(Rhythm("af", 0.9, 5, 6)) == [RhythmHeard("af", 0.9, T_S * 1000.0)]
    assert facts(Note("gap", 1, 2, "3 lost", 3)) == [NoteHeard("gap", "3 lost")]
    assert said(composer.availability(True)) == Heard(Signal(True))
    assert said(composer.availability(False)) == Heard(Signal(False))
    answer = said(composer.response("ack", {"verb": "ack", "ok": True, "name": "vt"}, T_S))
    assert answer is not None
    assert answer.fact == Answer("ack", True, "vt", "")
    fields = {"verb": "ack", "ok": True, "name": "vt", "id": "x-1", "acked": ["vt", "\x1b[2J"]}
    answer = said(composer.response("ack", fields, T_S))
    assert answer is not None
    assert answer.fact == Answer("ack", True, "vt", "", "x-1", ("vt", "\\x1b[2J"))


def test_read_when_a_waveform_was_composed_then_meta_and_counts_with_holes() -> None:
    chunk = WaveChunk(0, 250.0, np.array([[0.5], [np.nan]], np.float32), ("II",), 1)
    assert facts(chunk) == [MetaHeard("II", 250.0, 0.001), WaveHeard("II", 0, T_S * 1000.0, (500, None))]


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"\xff",
        b"[" * 15000,
        b'{"hr_bpm": NaN}',
        b'{"hr_bpm": 1e999}',
        b'{"hr_bpm": ' + b"9" * 5000 + b"}",
        b'{"a": "\\ud800"}',
        b'{"pad": "' + b"x" * heard.MAX_BYTES + b'"}',
    ],
)
@pytest.mark.parametrize("topic", ["state", "beat", "rhythm", "event", "response/ack", "waveform/II/meta"])
def test_read_when_the_payload_is_no_message_then_nothing(topic: str, payload: bytes) -> None:
    assert read(topic.split("/"), payload) is None


def test_read_when_fields_have_wrong_types_then_they_are_unknown() -> None:
    body = json_bytes(
        hr_bpm="72", rhythm=7, sqi=True, lead_off="yes", rmssd_ms=[1], pvc_per_min=-1e9, age_ms={}, seq="x"
    )
    found = read(["state"], body)
    assert found is not None
    assert found.fact == Vitals(None, "", "", None, False, None, None, None, False)
    assert found.seq == -1


def test_read_when_texts_are_long_or_have_controls_then_cut_and_escaped() -> None:
    found = read(["alarm", "\x1b" * 100], json_bytes(state="active", priority="high", value="\u202e" * 500))
    assert found is not None
    assert isinstance(found.fact, AlarmHeard)
    assert len(found.fact.name) == 64
    assert len(found.fact.value) == 120
    assert (found.fact.name + found.fact.value).isprintable()


@pytest.mark.parametrize(
    ("topic", "body"),
    [
        ("beat", {"id": 1, "t": "yesterday", "aami": "N"}),
        ("beat", {"id": 1, "t": "9999-99-99T00:00:00.000Z", "aami": "N"}),
        ("beat", {"id": 1, "t": "2026-01-01T00:00:00.000Z", "aami": "<b>"}),
        ("beat", {"id": 2.0**60, "t": "2026-01-01T00:00:00.000Z", "aami": "N"}),
        ("alarm/vt", {"state": "on", "priority": "high"}),
        ("alarm/vt", {"state": "active", "priority": "<script>"}),
        ("waveform/II/meta", {"fs": 0, "scale_mv": 0.001}),
        ("waveform/II/meta", {"fs": 1e9, "scale_mv": 0.001}),
        ("waveform/II/meta", {"fs": 250, "scale_mv": -1}),
        ("waveform/II/else", {"fs": 250, "scale_mv": 0.001}),
        ("nothing", {}),
    ],
)
def test_read_when_what_must_be_there_is_not_then_nothing(topic: str, body: dict[str, Any]) -> None:
    assert read(topic.split("/"), json_bytes(**body)) is None


def test_read_when_a_chunk_is_empty_huge_or_from_no_year_then_nothing() -> None:
    good = encode_wave(1, 5_000_000, np.zeros(3, np.float32))
    assert read(["waveform", "II"], good) == Heard(WaveHeard("II", 1, 5000.0, (0, 0, 0)))
    assert read(["waveform", "II"], good[:16]) is None
    assert read(["waveform", "II"], good[:-1]) is None
    assert read(["waveform", "II"], encode_wave(1, 5, np.zeros(heard.MAX_SAMPLES + 1, np.float32))) is None
    assert read(["waveform", "II"], encode_wave(1, 2**63, np.zeros(3, np.float32))) is None


def test_read_when_an_alarm_is_taken_from_the_broker_then_said() -> None:
    assert read(["alarm", "vt"], b"") == Heard(AlarmUnkept("vt"))


@given(
    st.sampled_from(["state", "beat", "rhythm", "event", "availability", "alarm/x", "response/x"]),
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["id", "t", "aami", "hr_bpm", "seq", "boot_id", "state", "priority", "what"]),
                inner,
            )
        ),
    ),
)
def test_read_when_any_json_then_a_fact_or_nothing(topic: str, body: Any) -> None:
    read(topic.split("/"), json.dumps(body).encode())


@given(st.lists(st.text(max_size=20), max_size=4), st.binary(max_size=200))
def test_read_when_any_bytes_then_a_fact_or_nothing(levels: list[str], payload: bytes) -> None:
    read(levels, payload)
    read(["waveform", "II"], b"HWV\x01" + payload)
