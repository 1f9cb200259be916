"""[io] Several virtual patients published as their monitors would: real messages, but no models behind them.

What is published is known beforehand (the patient's own beats are the answers), costs next to nothing, and can be
stopped and altered: for those who measure or test who reads it.
"""

from __future__ import annotations

import secrets
import threading
import time
from collections import deque
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from edge.messages import Composer, Message
from edge.types import AAMI, Alarm, Beat, Rhythm, RPeak, Status, WaveChunk
from firmware_bridge.patient import TrueBeat, VirtualPatient

FS = 250.0
CHUNK = 25
EARLY = 60
"""Samples from an R-peak to its first answer."""


class PlayedBed:
    """One bed: samples of a virtual patient and, later, what a monitor would say about them. Pure.

    Parameters
    ----------
    device : str
        Id of the bed.
    script, seed : str, int
        The patient's.
    utc_s : float
        UTC of sample 0.
    """

    def __init__(self, device: str, script: str, seed: int, utc_s: float) -> None:
        self.composer = Composer(device, secrets.token_hex(4))
        self._patient = VirtualPatient(FS, seed, script)
        self._utc_s = utc_s
        self._beats: deque[TrueBeat] = deque()
        self._n_beats = 0
        self._last: TrueBeat | None = None
        self._rr: deque[float] = deque(maxlen=16)
        self.at = 0
        self.rhythm = ""
        self._since: dict[str, int] = {}

    def stamp(self, sample: int) -> float:
        """UTC of a sample."""
        return self._utc_s + sample / FS

    def hello(self) -> list[Message]:
        """What a monitor says first."""
        return [self.composer.availability(True), *self._rhythm_told()]

    def _rhythm_told(self) -> list[Message]:
        """The script's rhythm, when it is another than before."""
        name = self._patient.rhythms[-1][1] if self._patient.rhythms else "sinus"
        label = name if name in ("vt", "vf", "af") else "sinus"
        if label == self.rhythm:
            return []
        self.rhythm = label
        return self.composer.compose(Rhythm(label, 0.97, self.at, self.at), self.stamp)

    def step(self) -> list[Message]:
        """The next chunk, and the answers that are due by its end."""
        samples = self._patient.read(CHUNK)
        chunk = WaveChunk(self.at, FS, samples.mv, ("II",), self.at + CHUNK - 1)
        out = self.composer.compose(chunk, self.stamp)
        self.at += CHUNK
        beats = self._patient.beats
        for beat in beats[self._n_beats :]:
            self._beats.append(beat)
        self._n_beats = len(beats)
        while self._beats and self._beats[0].sample + EARLY <= self.at:
            out += self._answers(self._beats.popleft())
        if self.at % (CHUNK * 10) == 0:
            out += self._rhythm_told() + self.status()
        return out

    def _answers(self, beat: TrueBeat) -> list[Message]:
        """The first answer for `beat`, the final one for the beat before it."""
        out = []
        rr_s = None if self._last is None else (beat.sample - self._last.sample) / FS
        if self._last is not None and rr_s is not None:
            self._rr.append(rr_s)
            out += self.composer.compose(self._beat(self._last, True, rr_s), self.stamp)
        self._last = beat
        return out + self.composer.compose(self._beat(beat, False, rr_s), self.stamp)

    def _beat(self, beat: TrueBeat, final: bool, rr_s: float | None) -> Beat:
        p = [float(beat.aami == name) for name in AAMI]
        peak = RPeak(beat.sample, 1.0, 0.99)
        return Beat(
            beat.sample,
            peak,
            rr_s,
            beat.aami,
            (p[0], p[1], p[2], p[3], p[4]),
            0.97,
            final,
            False,
            True,
            self.at,
        )

    def status(self) -> list[Message]:
        """The state of the patient, as it would come once a second."""
        hr_bpm = None if not self._rr else 60.0 * len(self._rr) / sum(self._rr)
        reason = "no_beats" if hr_bpm is None else None
        status = Status(hr_bpm, reason, self.rhythm, 0.97, False, None, 41.0, 2.0, 0, False, self.at)
        return self.composer.compose(status, self.stamp, FS, 10.0)

    def alarm(
        self, name: str, state: str = "active", priority: str = "high", acked: bool = False
    ) -> list[Message]:
        """An alarm that changes now."""
        kind = "technical" if priority == "technical" else "patient"
        since = self._since.get(name, self.at) if acked or state != "active" else self.at
        self._since[name] = since
        value = "" if kind == "technical" else "172 bpm"
        alarm = Alarm(name, state, priority, kind, since, state == "latched", acked, value, self.at)
        return self.composer.compose(alarm, self.stamp)


class Beds:
    """Plays beds to a broker in true time, in a thread of its own, and obeys ``command/ack`` and ``command/pause``.

    Parameters
    ----------
    port : int
        The broker's, on the loopback.
    scripts : dict of str to str
        Id of each bed and its patient's script.
    """

    def __init__(self, port: int, scripts: dict[str, str]) -> None:
        utc_s = time.time()
        self.beds = {
            device: PlayedBed(device, script, seed, utc_s)
            for seed, (device, script) in enumerate(scripts.items())
        }
        self._stop = threading.Event()
        self._alarms: dict[tuple[str, str], str] = {}
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2)
        self.client.on_message = self._on_command
        self.client.connect("127.0.0.1", port)
        self.client.subscribe("heartwire/+/command/+", 1)
        self.client.loop_start()
        self._thread = threading.Thread(target=self._run, name="heartwire-beds", daemon=True)
        self._thread.start()

    def alarm(self, device: str, name: str, state: str = "active", priority: str = "high") -> None:
        """Raise, latch or clear an alarm."""
        self._alarms[device, name] = priority
        self._publish(self.beds[device].alarm(name, state, priority))

    def stop(self) -> None:
        """Fall silent, as a machine whose power went: nothing is said."""
        self._stop.set()
        self._thread.join()

    def close(self) -> None:
        """Stop and disconnect."""
        self.stop()
        self.client.disconnect()
        self.client.loop_stop()

    def _run(self) -> None:
        due_s = time.monotonic()
        for bed in self.beds.values():
            self._publish(bed.hello() + bed.status())
        while not self._stop.is_set():
            for bed in self.beds.values():
                self._publish(bed.step())
            due_s += CHUNK / FS
            self._stop.wait(max(0.0, due_s - time.monotonic()))

    def _publish(self, messages: list[Message]) -> None:
        for message in messages:
            self.client.publish(message.topic, message.payload, message.qos, message.retain)

    def _on_command(self, client: Any, userdata: Any, message: mqtt.MQTTMessage) -> None:
        from edge.commands import read_command

        device = message.topic.split("/")[1]
        command, answer = read_command(message.topic, bytes(message.payload))
        bed = self.beds.get(device)
        if command is None or bed is None:
            return
        priority = self._alarms.get((device, command.name))
        if command.verb == "pause":
            until_s = time.time() + command.seconds if command.seconds else None
            self._publish([bed.composer.audio(None, until_s, command.by, time.time())])
        elif priority is not None:
            self._publish(bed.alarm(command.name, "active", priority, acked=True))
        self._publish([bed.composer.response(command.verb, answer, time.time())])
