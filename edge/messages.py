"""Events become MQTT messages: topics, payloads, sequence numbers and UTC join here. Pure.

Topics and payloads are listed in the README. Every JSON payload carries `boot_id` (this start of the
monitor), `seq` (one counter for all of its messages), `t` (ISO-8601, UTC, milliseconds) and, while the wall
clock cannot be trusted yet, ``synced: false``. Readers de-duplicate by (boot_id, seq): MQTT's QoS 1 may
deliver twice.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Any

import msgspec

from edge.integrations.scalars import scalars_of
from edge.types import AAMI, Alarm, Beat, Event, Rhythm, Status, WaveChunk
from edge.waveform import HEADER, NONE, SCALE_MV, encode_wave
from firmware_bridge.types import BadInput, DeviceBeat

ONLINE, OFFLINE = b"online", b"offline"
LATE = b',"late":true}'
TRUSTED_FROM_S = 1704067200.0  # 2024-01-01T00:00:00Z: a clock before this was never set

NO_COUNTS: Mapping[str, int] = {}

Stamp = Callable[[int], float]
"""Device sample index -> UTC seconds."""

ID = re.compile(r"[a-zA-Z0-9_-]{1,64}\Z")
_NOT_ID = re.compile(r"[^a-zA-Z0-9_-]+")
_encode = msgspec.json.Encoder().encode


Key = tuple[str, int]
"""What makes a message one of its kind: (boot_id, seq)."""


class Message(msgspec.Struct, frozen=True, gc=False):
    """One publish: `payload` on `topic`.

    `keep`: never dropped while the broker is away (lethal alarms). `key`: what it is kept under on disk until the
    broker has it (alarms and events); None for all that need not outlive the monitor.
    """

    topic: str
    payload: bytes
    retain: bool
    qos: int
    keep: bool = False
    key: Key | None = None


def topic_id(text: str, what: str) -> str:
    """Return `text` if it may stand as one topic level, else raise `BadInput` naming `what`."""
    if not ID.match(text):
        raise BadInput(
            f"{what}: got {text[:80]!r}, expected 1 to 64 of a-z A-Z 0-9 _ - "
            f"(it becomes a topic level); write it as {safe_id(text)!r}"
        )
    return text


def base_topic(text: str, what: str = "mqtt.base") -> str:
    """Return `text` if it is one or more topic levels joined by '/', else raise `BadInput`."""
    for level in text.split("/"):
        topic_id(level, what)
    return text


def safe_id(text: str, otherwise: str = "unnamed") -> str:
    """Map a name that came over a wire to a topic level: never raises, never a wildcard, path or control."""
    return _NOT_ID.sub("_", text[:64]).strip("_") or otherwise


def iso(utc_s: float) -> str:
    """ISO-8601 in UTC with milliseconds and Z. Times outside the years 1970 to 9999 become 1970."""
    ms = int(utc_s * 1000.0 + 0.5) if 0.0 <= utc_s < 253402300799.0 else 0
    days, ms = divmod(ms, 86_400_000)
    minute, second = ms // 60_000, ms // 1000
    return f"{_date(days)}T{minute // 60:02d}:{minute % 60:02d}:{second % 60:02d}.{ms % 1000:03d}Z"


def utc_ms(value: object) -> float | None:
    """Milliseconds since 1970 of an ISO-8601 text in UTC, else None."""
    if not isinstance(value, str) or len(value) > 40 or not value.endswith("Z"):
        return None
    try:
        return datetime.fromisoformat(value[:-1] + "+00:00").timestamp() * 1000.0
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=4)
def _date(days: int) -> str:
    """Date of so many days after 1970-01-01."""
    return (date(1970, 1, 1) + timedelta(days)).isoformat()


def occurrence_id(boot_id: str, alarm: Alarm) -> str:
    """Names one occurrence of an alarm for ever: the start of the monitor that raised it, and its number there."""
    told = "" if alarm.origin is None else alarm.origin.occurrence
    return told or f"{boot_id}-{alarm.occurrence}"


def since_s(alarm: Alarm, stamp: Stamp) -> float:
    """UTC seconds of an alarm's beginning."""
    return stamp(alarm.since) if alarm.origin is None else alarm.origin.since_s


def mark_late(payload: bytes) -> bytes:
    """Add ``late: true`` to a JSON object that is sent long after it was made; others stay as they are."""
    if payload[:1] != b"{" or payload[-1:] != b"}" or len(payload) < 3 or payload.endswith(LATE):
        return payload
    return payload[:-1] + LATE


def _number(value: float | None, digits: int) -> float | None:
    """Round for JSON; what is not finite becomes null."""
    if value is None or not math.isfinite(value):
        return None
    return round(float(value), digits)


@dataclass(slots=True)
class _WaveTopic:
    """One lead's chunks: their topic, the rate that its meta told last, and how many were sent."""

    lead: str
    name: str
    fs: float | None = None
    seq: int = 0


class Composer:
    """Turns the events of one device into messages.

    The only state: sequence numbers, what meta was sent, and which alarms stand.

    Parameters
    ----------
    device : str
        Id of the bed, one topic level.
    boot_id : str
        Names this start of the monitor.
    base : str
        Base topic, one or more levels.
    scalars : bool
        Whether each status is published as bare numbers too; see `edge.integrations.scalars`.
    """

    def __init__(self, device: str, boot_id: str, base: str = "heartwire", scalars: bool = False) -> None:
        self.device = topic_id(device, "device")
        self.base = base_topic(base)
        self.boot_id = topic_id(boot_id, "boot_id")
        self.seq = 0
        self._prefix = f"{self.base}/{self.device}/"
        self._topics: dict[tuple[str, int], _WaveTopic] = {}
        self._scalars = scalars
        self._standing: dict[str, str] = {}

    # -- events --------------------------------------------------------------------------------------

    def compose(
        self,
        event: Event,
        stamp: Stamp,
        fs_est: float | None = None,
        age_ms: float | None = None,
        counts: Mapping[str, int] = NO_COUNTS,
    ) -> list[Message]:
        """Messages of one event, in the order to publish them.

        Parameters
        ----------
        event : Event
            What the pipeline said.
        stamp : callable
            Device sample index -> UTC seconds.
        fs_est, age_ms : float, optional
            Measured rate [Hz] and age of the newest sample [ms], for `Status` only.
        counts : mapping of str to int
            What else a `Status` tells: of messages that wait, or were given up.
        """
        if isinstance(event, WaveChunk):
            return self._wave(event, stamp)
        if isinstance(event, Beat):
            return [self._beat(event, stamp)]
        if isinstance(event, Status):
            return self._status(event, stamp, fs_est, age_ms, counts)
        if isinstance(event, Rhythm):
            return [self._rhythm(event, stamp)]
        if isinstance(event, Alarm):
            return self._alarm(event, stamp)
        return [self.note(event.kind, event.detail, stamp(event.at), start=event.start, end=event.end)]

    def _beat(self, beat: Beat, stamp: Stamp) -> Message:
        fields = {
            "id": beat.id,
            "sample": beat.r_peak.sample,
            "rr_ms": None if beat.rr_s is None else _number(beat.rr_s * 1000.0, 1),
            "aami": beat.aami,
            "probs": dict(zip(AAMI, [_number(p, 4) for p in beat.probs], strict=True)),
            "amp_mv": _number(beat.r_peak.amp_mv, 3),
            "sqi": _number(beat.sqi, 3),
            "final": beat.final,
            "warming": beat.warming,
            "readable": beat.readable,
        }
        if beat.paced:
            fields["paced"] = True
        if beat.plain is not None:
            fields["plain_aami"] = beat.plain_aami
        return self._json("beat", fields, stamp(beat.r_peak.sample))

    def _rhythm(self, rhythm: Rhythm, stamp: Stamp) -> Message:
        fields = {
            "label": rhythm.label,
            "prob": _number(rhythm.prob, 4),
            "since": iso(stamp(rhythm.since)),
        }
        return self._json("rhythm", fields, stamp(rhythm.at), retain=True, qos=1)

    def _status(
        self,
        status: Status,
        stamp: Stamp,
        fs_est: float | None,
        age_ms: float | None,
        counts: Mapping[str, int],
    ) -> list[Message]:
        fields = {
            "hr_bpm": _number(status.hr_bpm, 1),
            "reason": status.reason,
            "rhythm": status.rhythm,
            "sqi": _number(status.sqi, 3),
            "lead_off": status.lead_off,
            "rr_ms": _number(status.rr_ms, 1),
            "rmssd_ms": _number(status.rmssd_ms, 1),
            "pvc_per_min": _number(status.pvc_per_min, 2),
            "fs_est": _number(fs_est, 2),
            "n_lost": status.n_lost,
            "age_ms": _number(age_ms, 0),
            "warming": status.warming,
            "alarms": ",".join(self._standing),
            **counts,
        }
        if status.personal != "off":
            fields.update(personal=status.personal, personal_beats=status.personal_beats)
        messages = [self._json("state", fields, stamp(status.at), retain=True, qos=1)]
        if self._scalars:
            topic = f"{self._prefix}scalars"
            messages.append(Message(topic, _encode(scalars_of(fields, self._standing)), False, 0))
        return messages

    def _alarm(self, alarm: Alarm, stamp: Stamp) -> list[Message]:
        utc_s, name = stamp(alarm.at), safe_id(alarm.name)
        fields = {
            "name": name,
            "state": alarm.state,
            "priority": alarm.priority,
            "kind": alarm.kind,
            "since": iso(since_s(alarm, stamp)),
            "latched": alarm.latched,
            "acked": alarm.acked,
            "value": alarm.value,
            "limit": alarm.limit,
            "by": alarm.by,
            "occurrence": occurrence_id(self.boot_id, alarm),
        }
        if alarm.origin is not None:
            fields["adopted"] = True
        self._standing.pop(name, None)
        if alarm.state != "cleared":
            self._standing[name] = alarm.priority
        keep = alarm.priority == "high"
        transition = {"event_type": name, "what": "alarm", **fields}
        return [
            self._json(f"alarm/{name}", fields, utc_s, retain=True, qos=1, keep=keep, stored=True),
            self._json("event", transition, utc_s, qos=1, keep=keep, stored=True),
        ]

    def _wave(self, chunk: WaveChunk, stamp: Stamp) -> list[Message]:
        messages = []
        utc_s = stamp(chunk.start)
        t_us = int(utc_s * 1e6)
        for k, name in enumerate(chunk.leads):
            topic = self._topics.get((name, k)) or self._wave_topic(name, k)
            if topic.fs != chunk.fs:
                topic.fs = chunk.fs
                messages.append(self._wave_meta(topic.lead, chunk.fs, utc_s))
            payload = encode_wave(topic.seq, t_us, chunk.mv[:, k])
            topic.seq += 1
            messages.append(Message(topic.name, payload, False, 0))
        return messages

    def _wave_topic(self, name: str, k: int) -> _WaveTopic:
        """Where the chunks of the lead `name` in column `k` go: one topic for each id a lead can have."""
        lead = safe_id(name, f"lead{k + 1}")
        same = [topic for topic in self._topics.values() if topic.lead == lead]
        topic = same[0] if same else _WaveTopic(lead, f"{self._prefix}waveform/{lead}")
        self._topics[name, k] = topic
        return topic

    def _wave_meta(self, lead: str, fs: float, utc_s: float) -> Message:
        fields = {
            "lead": lead,
            "fs": fs,
            "unit": "mV",
            "scale_mv": SCALE_MV,
            "dtype": "int16",
            "byte_order": "little",
            "header_bytes": HEADER.size,
            "none": NONE,
        }
        return self._json(f"waveform/{lead}/meta", fields, utc_s, retain=True, qos=1)

    # -- what is not an event of the pipeline ----------------------------------------------------------

    def note(self, kind: str, detail: str, utc_s: float, **more: Any) -> Message:
        """Something worth a log line, on the device's ``event`` topic."""
        fields = {"event_type": kind, "what": "note", "detail": detail, **more}
        return self._json("event", fields, utc_s, qos=1, stored=True)

    def device_beat(self, beat: DeviceBeat, stamp: Stamp) -> Message:
        """A beat that the device itself found, on a topic of its own: it is not the monitor's answer."""
        fields = {
            "sample": beat.sample,
            "aami": beat.aami,
            "probs": dict(zip(AAMI, [_number(p, 4) for p in beat.probs], strict=True)),
            "amp_mv": _number(beat.amp_mv, 3),
            "lead": beat.lead,
            "final": beat.final,
        }
        return self._json("device_beat", fields, stamp(beat.sample))

    def explain(self, beat: Beat, body: dict[str, Any], stamp: Stamp) -> Message:
        """What the networks saw of a beat (:mod:`edge.explain.beat`). It takes no number of `seq`: with or without
        it all other messages are the same.
        """
        utc_s = stamp(beat.r_peak.sample)
        delay_ms = _number(1000.0 * (stamp(beat.at) - utc_s), 1)
        fields = {**body, "delay_ms": delay_ms, "t": iso(utc_s), "boot_id": self.boot_id}
        if not utc_s >= TRUSTED_FROM_S:
            fields["synced"] = False
        return Message(f"{self._prefix}explain", _encode(fields), False, 0)

    def response(self, verb: str, fields: dict[str, Any], utc_s: float) -> Message:
        """The answer to a command."""
        return self._json(f"response/{safe_id(verb)}", fields, utc_s, qos=1)

    def audio(self, sounding: str | None, until_s: float | None, by: str, utc_s: float) -> Message:
        """What should be heard: the priority, or None; until when (UTC) the sound is paused, by whom."""
        until = None if until_s is None else iso(until_s)
        fields = {"sounding": sounding, "paused": until is not None, "until": until, "by": by}
        return self._json("audio", fields, utc_s, retain=True, qos=1)

    def availability(self, online: bool) -> Message:
        """Whether this device's signal arrives, as a plain word."""
        return Message(f"{self._prefix}availability", ONLINE if online else OFFLINE, True, 1)

    def bridge(self, online: bool) -> Message:
        """Whether this monitor runs, as a plain word; ``offline`` is also the last will."""
        return Message(f"{self.base}/bridge/state", ONLINE if online else OFFLINE, True, 1)

    @property
    def command_filter(self) -> str:
        """The subscription that brings this device's commands."""
        return f"{self._prefix}command/+"

    @property
    def ping_topic(self) -> str:
        """The topic of the monitor's own messages that must come back through the broker."""
        return f"{self.base}/bridge/ping/{self.boot_id}"

    def _json(
        self,
        topic: str,
        fields: dict[str, Any],
        utc_s: float,
        retain: bool = False,
        qos: int = 0,
        keep: bool = False,
        stored: bool = False,
    ) -> Message:
        fields["t"] = iso(utc_s)
        if not utc_s >= TRUSTED_FROM_S:
            fields["synced"] = False
        fields["boot_id"] = self.boot_id
        fields["seq"] = seq = self.seq
        self.seq += 1
        key = (self.boot_id, seq) if stored else None
        return Message(self._prefix + topic, _encode(fields), retain, qos, keep, key)
