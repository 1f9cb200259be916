"""[io] From a byte on a serial port to a subscriber: this monitor, the plain build and a bare wire, in turn.

Each is a process of its own, gets the same ECG at the same rate, one sample a frame, and publishes the same
through the same real Mosquitto, by turns over its Unix socket and over TCP. For the path every sample is published
by itself, and its latency is the time from writing its frame to its arrival; what a monitor costs is measured beside
it with the waveform chunks it publishes by default.
"""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import IO

import numpy as np
from numpy.typing import NDArray

from edge.bench.broker import Running
from edge.bench.feed import I16, Line, Passage, play
from edge.bench.listener import Listener
from edge.bench.process import cpu_s, end, rss_mb
from edge.bench.tap import Tap
from firmware_bridge.device import EncoderOptions
from firmware_bridge.devices.native import NativeEncoder
from firmware_bridge.patient import VirtualPatient
from firmware_bridge.types import BadInput

FS = 360.0
CHUNK_MS = 100.0
SAMPLE_MS = 1000.0 / FS
WARM_S = 2.0
START_S = 30.0
SETTLE_S = 0.7
SCRIPT = "sinus:20s rate=75 pvc=0.1"
DEVICE = "bench"
STATE = "heartwire/bridge/state"
WAVES = f"heartwire/{DEVICE}/waveform/"


@dataclass(frozen=True, slots=True, eq=False)
class Stretch:
    """One run of one build: latency of each chunk [us], seconds of CPU and of time, resident memory in MB."""

    latency_us: NDArray[np.float64]
    cpu_s: float | None
    wall_s: float
    rss_mb: float | None


@dataclass(frozen=True, slots=True)
class PathCost:
    """Latency in microseconds (median, 99th percentile), CPU in percent of a core, resident memory in MB."""

    p50_us: float
    p99_us: float
    n_chunks: int
    cpu_pct: float | None
    rss_mb: float | None


@dataclass(frozen=True, slots=True)
class PathCosts:
    """This monitor's, the plain build's, and what a wire without a monitor takes on this machine."""

    ours: PathCost
    plain: PathCost
    bare: PathCost


@dataclass(frozen=True, slots=True)
class Wires:
    """Over the broker's Unix socket (None where it has none) and over TCP; and what the usual chunks cost."""

    local: PathCosts | None
    tcp: PathCosts
    usual: PathCost
    usual_plain: PathCost


def path_costs(broker: Running, seconds: float, n_rounds: int = 2) -> Wires:
    """All by turns, so that each sees the same of what else runs here; each build is fed for `seconds` in all.

    The latency comes from runs that publish every sample, CPU and memory from runs with the usual chunks.
    """
    wires = [broker.tcp] if broker.socket_path is None else [broker.socket_path, broker.tcp]
    part_s = seconds / n_rounds / len(wires)
    runs: dict[str, list[tuple[Stretch, Stretch, Stretch]]] = {wire: [] for wire in wires}
    for _ in range(n_rounds):
        for wire in wires:
            ours, plain = monitor_stretch(wire, part_s, SAMPLE_MS), plain_stretch(wire, part_s, SAMPLE_MS)
            runs[wire].append((ours, plain, bare_stretch(wire, part_s)))
    costs = [PathCosts(*(cost_of(list(one)) for one in zip(*runs[wire], strict=True))) for wire in wires]
    usual = cost_of([monitor_stretch(broker.tcp, seconds / 2, CHUNK_MS)])
    usual_plain = cost_of([plain_stretch(broker.tcp, seconds / 2, CHUNK_MS)])
    return Wires(costs[0] if len(costs) > 1 else None, costs[-1], usual, usual_plain)


def cost_of(stretches: list[Stretch]) -> PathCost:
    """All stretches of one build as one. Raises BadInput when no chunk arrived."""
    latency = np.concatenate([one.latency_us for one in stretches])
    if not len(latency):
        raise BadInput("bench: no chunk arrived; is the measurement shorter than one chunk?")
    p50, p99 = np.percentile(latency, [50.0, 99.0]).tolist()
    used = [one.cpu_s for one in stretches if one.cpu_s is not None]
    held = [one.rss_mb for one in stretches if one.rss_mb is not None]
    whole = len(used) == len(stretches)
    cpu_pct = 100.0 * sum(used) / sum(one.wall_s for one in stretches) if whole else None
    return PathCost(p50, p99, len(latency), cpu_pct, max(held, default=None))


def monitor_stretch(broker: str, seconds: float, chunk_ms: float = CHUNK_MS, tapped: bool = False) -> Stretch:
    """The real monitor, waveforms on in chunks of `chunk_ms`, fed native frames for `seconds`.

    `tapped`: a chunk has arrived when the monitor hands it to the broker, not when a subscriber has it.
    """
    samples = _samples(seconds)
    encoder = NativeEncoder(EncoderOptions(FS, ("ECG",)))
    mv = (samples / np.float32(1000.0))[:, None]
    frames = [encoder.encode(mv[k : k + 1]) for k in range(len(mv))]

    def ready(process: subprocess.Popen[bytes], listener: Listener | Tap) -> bool:
        return (STATE, b"online") in listener.read(0.1)

    ear = Tap(broker) if tapped else _subscriber(broker)
    where = ear.address if isinstance(ear, Tap) else broker
    return _measure(lambda line: monitor_command(line.port, where, chunk_ms), samples, frames, ear, ready)


def plain_stretch(broker: str, seconds: float, chunk_ms: float = CHUNK_MS) -> Stretch:
    """The plain build, publishing chunks of `chunk_ms`, fed text lines for `seconds`."""
    chunk = round(chunk_ms * FS / 1000.0)
    return _text_stretch("edge.bench.plain", [str(chunk)], broker, seconds)


def bare_stretch(broker: str, seconds: float) -> Stretch:
    """The bare wire, publishing each sample, fed text lines for `seconds`."""
    return _text_stretch("edge.bench.bare", [], broker, seconds)


def _text_stretch(module: str, more: list[str], broker: str, seconds: float) -> Stretch:
    """A program that reads text lines and says when it is ready."""
    samples = _samples(seconds)
    frames = [b"%.3f\n" % (uv / 1000.0) for uv in samples.tolist()]

    def command(line: Line) -> list[str]:
        return [sys.executable, "-m", module, line.port, broker, WAVES + "ECG", *more]

    def ready(process: subprocess.Popen[bytes], listener: Listener | Tap) -> bool:
        assert process.stdout is not None
        return process.stdout.readline() == b"ready\n"

    return _measure(command, samples, frames, _subscriber(broker), ready)


def monitor_command(port: str, broker: str, chunk_ms: float = CHUNK_MS) -> list[str]:
    """The command line of the real monitor on a native device at `port`."""
    source = ["--source", port, "--format", "native", "--device", DEVICE, "--wave-ms", f"{chunk_ms:.9g}"]
    return [sys.executable, "-m", "edge.cli", "run", *source, "--mqtt", broker]


def environment() -> dict[str, str]:
    """This process's environment without the user's own settings of heartwire, nor what a monitor has left."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HEARTWIRE_")}
    path = os.pathsep.join(p for p in sys.path if p)
    return {**kept, "PYTHONPATH": path, "XDG_STATE_HOME": _state_folder(), "STATE_DIRECTORY": ""}


@cache
def _state_folder() -> str:
    """A folder for the monitors' outboxes, gone when this process is."""
    folder = tempfile.mkdtemp(prefix="heartwire-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def _samples(seconds: float) -> I16:
    mv = VirtualPatient(FS, 0, SCRIPT).read(int((WARM_S + seconds) * FS)).mv[:, 0]
    samples: I16 = np.rint(mv * 1000.0).astype(np.int16)
    return samples


def _subscriber(broker: str) -> Listener:
    return Listener(broker, [STATE, WAVES + "+"])


def _measure(
    command: Callable[[Line], list[str]],
    samples: I16,
    frames: list[bytes],
    listener: Listener | Tap,
    ready: Callable[[subprocess.Popen[bytes], Listener | Tap], bool],
) -> Stretch:
    line = Line()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(command(line), stdout=subprocess.PIPE, stderr=errors, env=environment())
        try:
            _await(process, listener, ready, errors)
            time.sleep(
                SETTLE_S
            )  # the port is open before the broker answers, but thrown away is what came before
            return _run(process.pid, Passage(samples, FS), frames, line, listener)
        finally:
            end(process)
            if process.stdout is not None:
                process.stdout.close()
            listener.close()
            line.close()


def _await(
    process: subprocess.Popen[bytes],
    listener: Listener | Tap,
    ready: Callable[[subprocess.Popen[bytes], Listener | Tap], bool],
    errors: IO[bytes],
) -> None:
    until_s = time.monotonic() + START_S
    while not ready(process, listener):
        if process.poll() is not None or time.monotonic() > until_s:
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip().splitlines() or ["nothing"]
            raise BadInput(f"bench: {process.args!r} did not start; it said: {said[-1]}")


def _run(pid: int, passage: Passage, frames: list[bytes], line: Line, listener: Listener | Tap) -> Stretch:
    n_warm = round(WARM_S * FS)
    play(passage, frames[:n_warm], line, listener, WAVES)
    begun_s, before_s = time.monotonic(), cpu_s(pid)
    play(passage, frames[n_warm:], line, listener, WAVES)
    wall_s, after_s = time.monotonic() - begun_s, cpu_s(pid)
    used_s = None if before_s is None or after_s is None else after_s - before_s
    return Stretch(passage.latency_us(WARM_S), used_s, wall_s, rss_mb(pid))
