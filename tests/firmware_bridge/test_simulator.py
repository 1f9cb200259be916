"""The pump: every sample once, in its time, whatever the clock does."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_bridge.device import DecoderOptions
from firmware_bridge.devices import get
from firmware_bridge.faults import Fault
from firmware_bridge.mqtt_payload import ENCODERS
from firmware_bridge.patient import PatientSamples, VirtualPatient
from firmware_bridge.records import Record, RecordSource
from firmware_bridge.simulator import (
    Conversation,
    Scaled,
    Simulator,
    byte_wire,
    formats,
    is_mqtt,
    message_wire,
    rate_of,
    runs,
)
from firmware_bridge.types import BadInput, SampleBlock


class Clock:
    """Time that passes only by sleeping, and `lag_s` more at every sleep."""

    def __init__(self, lag_s: float = 0.0) -> None:
        self.now_s, self.lag_s = 100.0, lag_s
        self.n_sleeps = 0

    def __call__(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.n_sleeps += 1
        self.now_s += seconds + self.lag_s


class Shelf:
    """A sink that keeps what it is given, and when."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or Clock()
        self.hello = b""
        self.parts: list[bytes] = []
        self.times_s: list[float] = []
        self.waited: list[bool] = []
        self.n_dropped = 0
        self.n_closed = 0

    @property
    def name(self) -> str:
        return "shelf"

    def open(self, hello: bytes) -> None:
        self.hello = hello

    def send(self, data: bytes, keep_waiting: object = None) -> None:
        self.parts.append(data)
        self.times_s.append(self.clock.now_s)
        self.waited.append(keep_waiting is not None)

    def close(self) -> None:
        self.n_closed += 1


def simulator(
    source: VirtualPatient | RecordSource,
    clock: Clock,
    shelf: Shelf,
    speed: float = 1.0,
    frame_ms: float = 10.0,
) -> Simulator[bytes]:
    wire = byte_wire("native", source.fs, source.leads)
    return Simulator(source, wire, shelf, frame_ms, speed, clock, clock.sleep)


def decoded(shelf: Shelf, name: str = "native", fs: float | None = None) -> list[SampleBlock]:
    items = get(name).decoder(DecoderOptions(fs=fs)).feed(shelf.hello + b"".join(shelf.parts), 0.0)
    assert all(isinstance(item, SampleBlock) for item in items)
    return [item for item in items if isinstance(item, SampleBlock)]


def test_run_when_played_then_the_decoder_gives_the_patient_back_to_the_microvolt() -> None:
    shelf = Shelf()
    sim = simulator(VirtualPatient(250, 0, "sinus:3s; lead_off:2s; sinus:3s"), Clock(), shelf)
    sim.open()
    assert sim.run(8) == 2000
    expected = VirtualPatient(250, 0, "sinus:3s; lead_off:2s; sinus:3s").read(2000)
    blocks = decoded(shelf)
    assert np.abs(np.concatenate([b.mv for b in blocks]) - expected.mv).max() <= 0.00051
    off = np.concatenate([np.full(b.mv.shape[0], b.lead_off) for b in blocks])
    assert off.tolist() == expected.lead_off.tolist()
    assert shelf.n_closed == 1


@pytest.mark.parametrize(("speed", "lag_s"), [(1.0, 0.0), (1.0, 0.004), (1.0, 0.3), (8.0, 0.001)])
def test_run_when_sleeps_are_late_then_the_schedule_does_not_drift(speed: float, lag_s: float) -> None:
    clock = Clock(lag_s)
    shelf = Shelf(clock)
    simulator(VirtualPatient(333, 0), clock, shelf, speed).run(60)
    due_s = 60 / speed
    assert due_s <= shelf.times_s[-1] - 100.0 <= due_s + lag_s + 1e-6
    chunk = 3
    for k, time_s in enumerate(shelf.times_s):
        late_s = time_s - 100.0 - (k + 1) * chunk / 333 / speed
        assert -0.001 / speed <= late_s <= lag_s + 0.02


def test_run_when_speed_is_zero_then_it_never_sleeps_and_waits_for_the_reader() -> None:
    clock = Clock()
    shelf = Shelf(clock)
    simulator(VirtualPatient(250, 0), clock, shelf, speed=0).run(5)
    assert clock.n_sleeps == 0
    assert all(shelf.waited)
    paced = Shelf(clock)
    simulator(VirtualPatient(250, 0), clock, paced).run(5)
    assert not any(paced.waited)


def test_run_when_frames_are_short_or_long_then_the_bytes_decode_to_the_same() -> None:
    shelves = []
    for frame_ms in (0.0, 4.0, 100.0, 1000.0):
        shelf = Shelf()
        simulator(VirtualPatient(250, 1), Clock(), shelf, frame_ms=frame_ms).run(3)
        shelves.append(np.concatenate([b.mv for b in decoded(shelf)]).tobytes())
    assert len(set(shelves)) == 1


def test_run_when_the_record_ends_then_so_does_the_run() -> None:
    record = Record("x", 360.0, ("MLII",), np.arange(1000, dtype=np.float32).reshape(-1, 1) / 1000)
    shelf = Shelf()
    assert simulator(RecordSource(record), Clock(), shelf).run() == 1000
    assert np.abs(np.concatenate([b.mv for b in decoded(shelf)]) - record.mv).max() < 1e-6
    assert shelf.n_closed == 1


def test_run_when_stopped_then_it_ends_after_the_chunk() -> None:
    shelf = Shelf()
    sim = simulator(VirtualPatient(250), Clock(), shelf)
    sim.run(on_chunk=lambda n: sim.stop() if sim.n_sent >= 500 else None)
    assert 500 <= sim.n_sent <= 503
    assert shelf.n_closed == 1


def test_run_when_the_sink_fails_then_it_is_closed_all_the_same() -> None:
    shelf = Shelf()

    def fail(data: bytes, keep_waiting: object = None) -> None:
        raise BrokenPipeError

    shelf.send = fail  # type: ignore[method-assign]
    with pytest.raises(BrokenPipeError):
        simulator(VirtualPatient(250), Clock(), shelf).run(1)
    assert shelf.n_closed == 1


@pytest.mark.parametrize("name", [name for name in formats() if not is_mqtt(name)])
def test_wire_when_any_device_is_simulated_then_its_decoder_sees_the_beats(name: str) -> None:
    fs = rate_of(name, None)
    patient = VirtualPatient(fs, 0, "sinus:60s rate=70 wander=0")
    shelf = Shelf()
    sim = Simulator(patient, byte_wire(name, fs, patient.leads, asked=True), shelf, 20, 0)
    sim.open()
    sim.run(10)
    mv = np.concatenate([b.mv for b in decoded(shelf, name, fs)])[:, 0]
    assert 10 * fs - 150 < mv.shape[0] <= 10 * fs  # a frame of many samples may not be full yet
    true = VirtualPatient(fs, 0, "sinus:60s rate=70 wander=0").read(mv.shape[0]).mv[:, 0]
    within = np.clip(true, mv.min(), mv.max())  # amplifiers made for less than a tall QRS clip it
    assert np.corrcoef(mv, within)[0, 1] > 0.99


def test_patient_when_scaled_then_all_of_the_signal_is_and_nothing_else() -> None:
    script = "sinus:1s; lead_off:1s"
    small, plain = Scaled(VirtualPatient(250, 1, script), 0.25), VirtualPatient(250, 1, script)
    assert (small.fs, small.leads) == (plain.fs, plain.leads)
    got, whole = small.read(500), plain.read(500)
    assert np.array_equal(got.mv, whole.mv * np.float32(0.25))
    assert np.array_equal(got.lead_off, whole.lead_off)


def test_runs_when_lead_off_changes_then_it_is_cut_there() -> None:
    mv = np.arange(6, dtype=np.float32).reshape(-1, 1)
    parts = list(runs(PatientSamples(mv, np.array([0, 0, 1, 1, 1, 0], np.uint8))))
    assert [(part[:, 0].tolist(), off) for part, off in parts] == [([0, 1], 0), ([2, 3, 4], 1), ([5], 0)]
    assert list(runs(PatientSamples(mv[:0], np.zeros(0, np.uint8)))) == []


def test_rate_when_asked_or_not_then_the_right_one_wins() -> None:
    assert rate_of("native", 360) == 360
    assert rate_of("native", None) == 250
    assert rate_of("native", None, 128) == 128
    assert rate_of("openview", None, 360) == get("openview").fs
    assert rate_of("mqtt-json", None, 360) == 360


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: rate_of("morse", None), "format 'morse' is unknown: use one of"),
        (lambda: rate_of("native", 1e9), "expected 1 to 20000 Hz"),
        (lambda: message_wire("native", 250, ("I",)), "does not go over MQTT: use one of mqtt-int16"),
        (lambda: Scaled(VirtualPatient(), 0.0), "gain is 0: expected 0.01 to 1000"),
        (lambda: Scaled(VirtualPatient(), float("nan")), "gain is nan: expected 0.01 to 1000"),
        (lambda: simulator(VirtualPatient(), Clock(), Shelf(), speed=-1), "speed is -1: expected 0"),
        (lambda: simulator(VirtualPatient(), Clock(), Shelf(), frame_ms=9999), "frame length is 9999 ms"),
    ],
)
def test_settings_when_they_are_wrong_then_one_line_says_so(call: object, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        call()  # type: ignore[operator]
    assert said in str(caught.value)


def test_formats_when_listed_then_devices_and_mqtt_are_among_them() -> None:
    assert {"native", "text", "openview"} | set(ENCODERS) <= set(formats())


class Plug(Shelf):
    """A shelf with a reader that says something, and a plug."""

    def __init__(self, said: list[bytes]) -> None:
        super().__init__()
        self.said = said
        self.log: list[str] = []

    def heard(self) -> bytes:
        return self.said.pop(0) if self.said else b""

    def unplug(self) -> None:
        self.log.append(f"out after {len(b''.join(self.parts))}")

    def plug(self) -> None:
        self.log.append(f"in after {len(b''.join(self.parts))}")


def test_conversation_when_the_reader_asks_then_the_device_answers_after_its_frame() -> None:
    plug = Plug([b"", b"v"])
    wire = byte_wire("cyton", 250.0, ("ECG",))
    sim = Simulator(VirtualPatient(250.0), wire, Conversation(wire, plug), 4, 0)
    sim.open()
    assert plug.hello.endswith(b"$$$")
    sim.run(0.012)
    assert [len(part) for part in plug.parts] == [33, 33, len(plug.hello), 33]
    assert plug.n_closed == 1


def test_conversation_when_unplugged_then_after_half_a_frame_and_plugged_before_the_next() -> None:
    plug = Plug([])
    wire = byte_wire("cyton", 250.0, ("ECG",), [Fault("unplug", 0.0, 0.04, 0.08)])
    talk = Conversation(wire, plug)
    sim = Simulator(VirtualPatient(250.0), wire, talk, 4, 0)
    sim.open()
    sim.run(0.1)
    assert plug.log == [f"out after {10 * 33 + 16}", f"in after {10 * 33 + 16}"]
    assert talk.name == "shelf"
    assert talk.n_dropped == 0


def test_pace_when_the_devices_clock_is_fast_then_samples_come_sooner() -> None:
    for pace, last_s in ((1.0, 10.0), (1.25, 8.0)):
        clock = Clock()
        shelf = Shelf(clock)
        wire = byte_wire("native", 250.0, ("ECG",))
        sim = Simulator(VirtualPatient(250.0), wire, shelf, 10, 1, clock, clock.sleep, pace)
        sim.open()
        sim.run(10)
        assert shelf.times_s[-1] - shelf.times_s[0] == pytest.approx(last_s, abs=0.1)
