"""What is true of all beds: fresh or stale, repeated or new, bounded whatever is sent."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from edge.ward import beds as wards
from edge.ward.beds import FORMER_S, STALE_S, Change, Found, Freshness, Gone, Lead, Ward
from edge.ward.heard import AlarmHeard, AlarmUnkept, AudioHeard, BeatHeard, Signal, Vitals, WaveHeard
from edge.waveform import encode_wave

META = {"fs": 250.0, "scale_mv": 0.001}


class Sender:
    """Publishes as a monitor would, with its own sequence numbers."""

    def __init__(self, ward: Ward, device: str = "bed4", boot_id: str = "aa") -> None:
        self.ward, self.device, self.boot_id, self.seq = ward, device, boot_id, 0

    def __call__(self, leaf: str, now_s: float = 0.0, retain: bool = False, **body: Any) -> list[Change]:
        self.seq += 1
        payload = json.dumps({"boot_id": self.boot_id, "seq": self.seq, **body}).encode()
        return self.ward.push(f"heartwire/{self.device}/{leaf}", payload, retain, now_s)


def kinds(changes: list[Change]) -> list[type]:
    return [type(change.what) for change in changes]


def test_ward_when_a_bed_speaks_then_found_fresh_and_its_vitals() -> None:
    send = Sender(Ward())
    changes = send("state", hr_bpm=72)
    assert kinds(changes) == [Found, Freshness, Vitals]
    assert changes[1].what == Freshness(False, None)
    assert kinds(send("state", hr_bpm=73)) == [Vitals]


def test_ward_when_the_monitor_falls_silent_then_stale_within_three_seconds_once() -> None:
    ward = Ward()
    send = Sender(ward)
    send("state", 10.0, hr_bpm=72)
    assert ward.tick(10.0 + STALE_S) == []
    (change,) = ward.tick(12.75)
    assert change.what == Freshness(True, 2.75)
    assert ward.tick(13.0) == []
    assert kinds(send("state", 14.0, hr_bpm=72)) == [Freshness, Vitals]


def test_ward_when_only_kept_or_late_messages_come_then_stale_from_the_first() -> None:
    ward = Ward()
    send = Sender(ward)
    assert kinds(send("state", retain=True, hr_bpm=72)) == [Found, Vitals]
    assert kinds(send("state", late=True, hr_bpm=73)) == [Vitals]
    assert ward.beds[1].stale


def test_ward_when_only_beats_come_then_still_stale_for_the_numbers_are_old() -> None:
    ward = Ward()
    assert kinds(Sender(ward)("beat", id=1, t="2026-01-01T00:00:00.000Z", aami="N")) == [Found, BeatHeard]
    assert ward.beds[1].stale


def test_ward_when_a_message_is_repeated_or_overtaken_then_not_shown_again() -> None:
    ward = Ward()
    send = Sender(ward)
    send("state", hr_bpm=72)
    send("state", hr_bpm=80)
    send.seq = 0
    assert send("state", hr_bpm=72) == []
    send.boot_id = "bb"
    send.seq = 0
    assert kinds(send("state", hr_bpm=60)) == [Vitals]


def test_ward_when_a_monitor_starts_anew_then_the_alarms_of_its_former_start_go() -> None:
    ward = Ward()
    old, new = Sender(ward), Sender(ward, boot_id="bb")
    assert kinds(old("alarm/af", retain=True, state="active", priority="medium")) == [Found, AlarmHeard]
    assert kinds(old("alarm/vf", retain=True, state="active", priority="high", acked=True)) == [AlarmHeard]
    gone = [change.what for change in new("state", hr_bpm=70)][:2]
    assert gone == [AlarmUnkept("af"), AlarmUnkept("vf")]
    assert old("alarm/vf", retain=True, state="latched", priority="high") == []
    assert kinds(new("alarm/vt", state="active", priority="high")) == [AlarmHeard]
    assert set(ward.beds[1].alarms) == {"vt"}


def test_ward_when_a_monitor_starts_anew_then_an_unseen_lethal_alarm_stays_until_adopted_or_not() -> None:
    ward = Ward()
    old, new = Sender(ward), Sender(ward, boot_id="bb")
    for name in ("vt", "vf"):
        old(f"alarm/{name}", 0.0, state="latched", priority="high")
    new("state", 5.0, hr_bpm=70)
    assert set(ward.beds[1].alarms) == {"vt", "vf"}
    new("alarm/vt", 8.0, state="latched", priority="high", value="adopted")
    new("state", 15.0, hr_bpm=70)
    assert ward.tick(5.0 + FORMER_S) == []
    assert [change.what for change in ward.tick(5.1 + FORMER_S)] == [AlarmUnkept("vf")]
    assert {name: alarm.value for name, alarm in ward.beds[1].alarms.items()} == {"vt": "adopted"}


def test_ward_when_two_monitors_have_one_name_then_the_lethal_alarm_of_either_stays() -> None:
    ward = Ward()
    one, other = Sender(ward), Sender(ward, boot_id="bb")
    one("alarm/vt", 0.0, state="active", priority="high")
    for second in range(60):
        one("state", second, hr_bpm=170)
        other("state", second + 0.5, hr_bpm=70)
        assert [change for change in ward.tick(second + 0.5) if isinstance(change.what, AlarmUnkept)] == []
    assert set(ward.beds[1].alarms) == {"vt"}
    for second in range(60, 75):
        other("state", second, hr_bpm=70)
        ward.tick(float(second))
    assert ward.beds[1].alarms == {}


def test_ward_when_a_kept_alarm_is_taken_away_then_it_goes() -> None:
    ward = Ward()
    Sender(ward)("alarm/vt", state="latched", priority="high")
    (change,) = ward.push("heartwire/bed4/alarm/vt", b"", True, 0.0)
    assert change.what == AlarmUnkept("vt")
    assert ward.push("heartwire/bed4/alarm/vt", b"", True, 0.0) == []


def test_ward_when_chunks_come_then_only_with_meta_and_each_once() -> None:
    ward = Ward()
    chunk = encode_wave(1, 10**15, np.zeros(2, np.float32))
    ward.push("heartwire/bed4/waveform/II", chunk, False, 0.0)
    (change,) = Sender(ward)("waveform/II/meta", retain=True, **META)
    assert isinstance(change.what, Lead)
    (wave,) = ward.push("heartwire/bed4/waveform/II", chunk, False, 0.0)
    assert isinstance(wave.what, WaveHeard)
    assert wave.lead is ward.beds[1].leads["II"]
    assert ward.push("heartwire/bed4/waveform/II", chunk, False, 0.0) == []


def test_ward_when_the_topic_is_not_a_beds_then_ignored() -> None:
    ward = Ward()
    for topic in ("heartwire", "heartwire/", "heartwire/bed4", "other/bed4/state", "heartwire/bed4/state/x"):
        assert ward.push(topic, b"{}", False, 0.0) == []
    assert ward.push("heartwire/bridge/state", b"{}", False, 0.0) == []
    assert ward.push("heartwire/" + "x" * 600 + "/state", b"{}", False, 0.0) == []
    assert (ward.beds, ward.n_ignored) == ({}, 7)


def test_ward_when_the_base_has_levels_then_they_are_taken_off() -> None:
    ward = Ward("icu/east")
    assert kinds(ward.push("icu/east/bed4/availability", b"online", True, 0.0)) == [Found, Signal]
    assert ("icu/east/+/alarm/+", 1) in ward.topics


def test_ward_when_flooded_with_devices_then_stale_ones_make_room_and_live_ones_stay() -> None:
    ward = Ward()
    Sender(ward, "alive")("state", 5.0, hr_bpm=72)
    for k in range(3 * wards.MAX_BEDS):
        ward.push(f"heartwire/{k}/availability", b"online", True, 6.0)
    assert len(ward.beds) == wards.MAX_BEDS
    assert 1 in ward.beds
    (gone, *_) = ward.push("heartwire/last/availability", b"online", True, 6.0)
    assert isinstance(gone.what, Gone)


def test_ward_when_all_beds_are_alive_then_another_is_refused_and_counted() -> None:
    ward = Ward()
    for k in range(wards.MAX_BEDS + 1):
        Sender(ward, f"bed{k}")("state", hr_bpm=72)
    assert (len(ward.beds), ward.n_refused) == (wards.MAX_BEDS, 1)


def test_ward_when_one_bed_floods_leads_alarms_and_topics_then_bounded() -> None:
    ward = Ward()
    send = Sender(ward)
    for k in range(1000):
        send(f"waveform/{k}/meta", **META)
        send(f"alarm/{k}", state="active", priority="low")
        send(f"response/{k}", ok=True)
    (bed,) = ward.beds.values()
    assert len(bed.leads) == wards.MAX_LEADS
    assert len(bed.alarms) == wards.MAX_ALARMS
    assert len(bed.seqs) < 100


def test_ward_when_a_name_is_hostile_then_fit_to_be_shown() -> None:
    ward = Ward()
    ward.push("heartwire/\x1b[2J<b>/availability", b"online", True, 0.0)
    assert ward.beds[1].name == "\\x1b[2J<b>"


def test_audio_when_the_monitor_starts_anew_then_a_pause_of_the_last_start_is_none() -> None:
    ward = Ward()
    old, new = Sender(ward), Sender(ward, boot_id="bb")
    pause = {"sounding": None, "paused": True, "until": "2030-01-01T00:00:00.000Z"}
    old("audio", retain=True, **pause)
    assert ward.beds[1].audio is not None
    assert kinds(old("state", hr_bpm=72)) == [Freshness, Vitals]
    assert ward.beds[1].audio is not None
    assert AudioHeard("", None, "") in [change.what for change in new("state", hr_bpm=72)]
    assert ward.beds[1].audio is None
    assert old("audio", retain=True, **pause) == []
    assert kinds(new("audio", sounding="high", paused=False)) == [AudioHeard]
