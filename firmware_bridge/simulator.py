"""[io] A device that is not there: any source of samples, as any device's bytes or messages, in true time.

The pump is pure: clock, sleep and sink are arguments. The sinks that touch the world are in
:mod:`firmware_bridge.sinks`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Generic, Protocol, TypeVar

import numpy as np

from firmware_bridge.device import Encoder, EncoderOptions, Hearer
from firmware_bridge.devices import get, names
from firmware_bridge.faults import PACE, Fault, FaultyWire
from firmware_bridge.mqtt_payload import ENCODERS, PayloadEncoder
from firmware_bridge.patient import PatientSamples
from firmware_bridge.types import F32, BadInput

Data = TypeVar("Data")  #: bytes, or a list of messages
Made = TypeVar("Made", covariant=True)
Taken = TypeVar("Taken", contravariant=True)

#: Rate of the virtual patient where neither the user nor the device names one [Hz].
DEFAULT_FS = 250.0


class Samples(Protocol):
    """A source: the virtual patient or a record."""

    fs: float
    leads: tuple[str, ...]

    def read(self, n: int) -> PatientSamples:
        """The next `n` samples, fewer only at the end."""
        ...


class Scaled:
    """A source whose signal is `gain` times as large: a heart further off, other electrodes. A `Samples`.

    Parameters
    ----------
    source : Samples
        The true one.
    gain : float
        0.01 to 1000; below 0 it is upside down.

    Raises
    ------
    BadInput
        For another gain.
    """

    def __init__(self, source: Samples, gain: float) -> None:
        if not 0.01 <= abs(gain) <= 1000:
            raise BadInput(
                f"gain is {gain:g}: expected 0.01 to 1000, 1 leaves the signal as it is, -1 inverts it"
            )
        self.fs, self.leads = source.fs, source.leads
        self._source, self._gain = source, np.float32(gain)

    def read(self, n: int) -> PatientSamples:
        """The next `n` samples, fewer only at the end."""
        samples = self._source.read(n)
        return PatientSamples(samples.mv * self._gain, samples.lead_off)


class Wire(Protocol[Made]):
    """What turns samples into what a sink takes."""

    def hello(self) -> Made:
        """What a device sends when it starts."""
        ...

    def encode(self, mv: F32, lead_off: int = 0) -> Made:
        """What it sends for `mv`, float32 (n, n_leads) in mV."""
        ...


class Sink(Protocol[Taken]):
    """Where it goes."""

    @property
    def n_dropped(self) -> int:
        """Bytes or messages that nobody took."""
        ...

    @property
    def name(self) -> str:
        """What a reader must open."""
        ...

    def open(self, hello: Taken) -> None:
        """Get ready and say `hello`. Raises BadInput when that is impossible."""
        ...

    def send(self, data: Taken, keep_waiting: Callable[[], bool] | None = None) -> None:
        """Hand over `data` at once, dropping what finds no room; or wait for it while `keep_waiting()`."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


class Talk(Protocol):
    """The other way: a wire that a host can speak to, and unplug."""

    @property
    def plugged(self) -> bool:
        """False while the device is not there."""
        ...

    def hear(self, data: bytes) -> bytes:
        """What the device answers to `data`."""
        ...


class Port(Sink[bytes], Protocol):
    """A sink of bytes that a reader can write to as well."""

    def heard(self) -> bytes:
        """What the reader has written since the last call."""
        ...

    def unplug(self) -> None:
        """Vanish."""
        ...

    def plug(self) -> None:
        """Come back."""
        ...


class ByteWire:
    """A device's encoder as a wire of bytes."""

    plugged = True

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder

    def hello(self) -> bytes:
        """The device's preamble."""
        return self._encoder.preamble()

    def encode(self, mv: F32, lead_off: int = 0) -> bytes:
        """The device's bytes."""
        return self._encoder.encode(mv, lead_off)

    def hear(self, data: bytes) -> bytes:
        """The device's answer."""
        return self._encoder.hear(data) if isinstance(self._encoder, Hearer) else b""


class Conversation:
    """A port with a device behind it that hears what the reader writes, answers, and may be unplugged. A `Sink`.

    Parameters
    ----------
    wire, port
        Both ends.
    """

    def __init__(self, wire: Talk, port: Port) -> None:
        self._wire, self._port = wire, port
        self._plugged = True

    @property
    def name(self) -> str:
        """The port's."""
        return self._port.name

    @property
    def n_dropped(self) -> int:
        """The port's."""
        return self._port.n_dropped

    def open(self, hello: bytes) -> None:
        """Open the port."""
        self._port.open(hello)

    def send(self, data: bytes, keep_waiting: Callable[[], bool] | None = None) -> None:
        """Plug in where the device is back, send, pull the plug where it is gone, and let it hear and answer."""
        if self._wire.plugged and not self._plugged:
            self._port.plug()
            self._plugged = True
        if self._plugged:
            self._port.send(data, keep_waiting)
            if heard := self._port.heard():
                self._port.send(self._wire.hear(heard), keep_waiting)
        if self._plugged and not self._wire.plugged:
            self._port.unplug()
            self._plugged = False

    def close(self) -> None:
        """Close the port."""
        self._port.close()


class Pacer:
    """Sleeps until a sample is due. The schedule is absolute: a late wake-up is made up for, never added.

    Parameters
    ----------
    fs : float
        Samples per second of stream.
    speed : float
        Stream seconds per second; 0 never sleeps.
    clock, sleep : callable
        Monotonic seconds, and waiting some seconds.
    """

    def __init__(
        self, fs: float, speed: float, clock: Callable[[], float], sleep: Callable[[float], object]
    ) -> None:
        self._rate = fs * speed
        self._clock, self._sleep = clock, sleep
        self._start_s: float | None = None

    def wait_for(self, sample: int) -> None:
        """Return when `sample` samples have passed since the first call."""
        if self._rate == 0:
            return
        if self._start_s is None:
            self._start_s = self._clock()
        left_s = self._start_s + sample / self._rate - self._clock()
        if left_s > 0:
            self._sleep(left_s)


class Simulator(Generic[Data]):
    """Pumps samples from a source through a wire into a sink.

    Parameters
    ----------
    source, wire, sink
        See the protocols above.
    frame_ms : float
        Length of what is handed over at once; at least one sample.
    speed : float
        1 is true time; 0 is as fast as the reader takes it, and then nothing is dropped.
    clock, sleep : callable
        Monotonic seconds, and waiting some seconds.
    pace : float
        How fast the device's clock runs: a device of 250 Hz and pace 1.0002 gives 250.05 samples a second.
    """

    def __init__(
        self,
        source: Samples,
        wire: Wire[Data],
        sink: Sink[Data],
        frame_ms: float = 10.0,
        speed: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
        pace: float = 1.0,
    ) -> None:
        if not 0 <= speed <= 10_000:
            raise BadInput(f"speed is {speed:g}: expected 0 (as fast as it is read) to 10000, 1 is true time")
        if not 0 <= frame_ms <= 2000:
            raise BadInput(f"frame length is {frame_ms:g} ms: expected 0 (one sample) to 2000 ms")
        self.source, self.sink = source, sink
        self._wire = wire
        self._chunk = max(1, round(source.fs * frame_ms / 1000))
        self._pacer = Pacer(source.fs * pace, speed, clock, sleep)
        self._stopped = False
        self._keep_waiting = self._goes_on if speed == 0 else None
        self.n_sent = 0

    def open(self) -> None:
        """Open the sink and say hello. Raises BadInput."""
        self.sink.open(self._wire.hello())

    def run(self, seconds: float | None = None, on_chunk: Callable[[int], object] | None = None) -> int:
        """Pump `seconds` of stream, or to the source's end, or until :meth:`stop`; then close the sink.

        `on_chunk` is called with the number of samples just sent. Returns the number of samples sent.
        """
        total = None if seconds is None else round(seconds * self.source.fs)
        try:
            while not self._stopped and (total is None or self.n_sent < total):
                size = self._chunk if total is None else min(self._chunk, total - self.n_sent)
                samples = self.source.read(size)
                n = samples.lead_off.shape[0]
                if n == 0:
                    break
                self._pacer.wait_for(self.n_sent + n)
                for mv, lead_off in runs(samples):
                    self.sink.send(self._wire.encode(mv, lead_off), self._keep_waiting)
                self.n_sent += n
                if on_chunk is not None:
                    on_chunk(n)
        finally:
            self.sink.close()
        return self.n_sent

    def stop(self) -> None:
        """From another thread: end :meth:`run` after the chunk in hand."""
        self._stopped = True

    def _goes_on(self) -> bool:
        return not self._stopped


def runs(samples: PatientSamples) -> Iterator[tuple[F32, int]]:
    """Cut `samples` where the lead-off bits change: (mv, lead_off) of each stretch."""
    off = samples.lead_off
    edges = [0, *(np.flatnonzero(np.diff(off)) + 1).tolist(), off.shape[0]]
    for start, end in pairwise(edges):
        if end > start:
            yield samples.mv[start:end], int(off[start])


def formats() -> list[str]:
    """All formats that can be simulated: every device's, and those of MQTT."""
    return names() + sorted(ENCODERS)


def is_mqtt(name: str) -> bool:
    """Whether format `name` is one of messages and not of bytes."""
    return name in ENCODERS


def has_session(name: str) -> bool:
    """Whether the device `name` says nothing until it is asked (see `firmware_bridge.device.Device`)."""
    return get(name).has_session


def rate_of(name: str, asked: float | None, otherwise: float = DEFAULT_FS) -> float:
    """Rate of format `name` [Hz]: as `asked`, else the device's, else `otherwise`. Raises BadInput."""
    own = None if is_mqtt(name) else _device_fs(name)
    fs = asked or own or otherwise
    return EncoderOptions(fs=fs).fs or otherwise


def byte_wire(
    name: str,
    fs: float,
    leads: tuple[str, ...],
    faults: Sequence[Fault] = (),
    seed: int = 0,
    asked: bool = False,
) -> ByteWire | FaultyWire:
    """The wire of the device `name`, with what goes wrong on it. Raises BadInput when there is none.

    Where nobody can ask (`asked`), a device that must be asked is as if it had been.
    """
    device = get(name)

    def make(first_seq: int = 0) -> Encoder:
        return device.encoder(
            EncoderOptions(fs, leads, first_seq=first_seq, asked=asked or not device.has_session)
        )

    if not any(fault.kind not in PACE for fault in faults):
        return ByteWire(make())
    return FaultyWire(make, faults, fs, len(leads), seed, device.start, device.parity != "N")


def message_wire(name: str, fs: float, leads: tuple[str, ...]) -> PayloadEncoder:
    """The wire of the MQTT format `name`. Raises BadInput when there is none."""
    if name not in ENCODERS:
        raise BadInput(f"format {name!r} does not go over MQTT: use one of {', '.join(sorted(ENCODERS))}")
    return ENCODERS[name](EncoderOptions(fs=fs, leads=leads))


def _device_fs(name: str) -> float | None:
    if not name.endswith(".toml") and name not in names():
        raise BadInput(f"format {name!r} is unknown: use one of {', '.join(formats())}")
    return get(name).fs
