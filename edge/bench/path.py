"""[io] From a byte on a serial port to a subscriber: this monitor, the plain build and a bare wire, in turn.

Each is a process of its own, gets the same ECG at the same rate, one sample a frame, and publishes the same
through the same real Mosquitto. For the path every sample is published by itself, and its latency is the time
from writing its frame to its arrival; what a monitor costs is measured beside it with the waveform chunks it
publishes by default.
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
from dataclasses import dataclass, replace
from functools import cache
from typing import IO

import numpy as np
from numpy.typing import NDArray

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


def path_costs(broker_port: int, seconds: float, n_rounds: int = 4) -> PathCosts:
    """All three by turns, so that each sees the same of what else runs here.

    The latency comes from runs that publish every sample, CPU and memory from runs with the usual chunks.
    """
    ours: list[Stretch] = []
    plain: list[Stretch] = []
    bare: list[Stretch] = []
    part_s = seconds / n_rounds
    for _ in range(n_rounds):
        ours.append(monitor_stretch(broker_port, part_s, SAMPLE_MS))
        plain.append(plain_stretch(broker_port, part_s, SAMPLE_MS))
        bare.append(bare_stretch(broker_port, part_s))
    usual = cost_of([monitor_stretch(broker_port, seconds / 2, CHUNK_MS)])
    usual_plain = cost_of([plain_stretch(broker_port, seconds / 2, CHUNK_MS)])
    return PathCosts(
        replace(cost_of(ours), cpu_pct=usual.cpu_pct, rss_mb=usual.rss_mb),
        replace(cost_of(plain), cpu_pct=usual_plain.cpu_pct, rss_mb=usual_plain.rss_mb),
        cost_of(bare),
    )


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


def monitor_stretch(
    broker_port: int, seconds: float, chunk_ms: float = CHUNK_MS, tapped: bool = False
) -> Stretch:
    """The real monitor, waveforms on in chunks of `chunk_ms`, fed native frames for `seconds`.

    `tapped`: a chunk has arrived when the monitor hands it to the broker, not when a subscriber has it.
    """
    samples = _samples(seconds)
    encoder = NativeEncoder(EncoderOptions(FS, ("ECG",)))
    mv = (samples / np.float32(1000.0))[:, None]
    frames = [encoder.encode(mv[k : k + 1]) for k in range(len(mv))]

    def ready(process: subprocess.Popen[bytes], listener: Listener | Tap) -> bool:
        return (STATE, b"online") in listener.read(0.1)

    ear = Tap(broker_port) if tapped else _subscriber(broker_port)
    port = ear.port if isinstance(ear, Tap) else broker_port
    return _measure(lambda line: monitor_command(line.port, port, chunk_ms), samples, frames, ear, ready)


def plain_stretch(broker_port: int, seconds: float, chunk_ms: float = CHUNK_MS) -> Stretch:
    """The plain build, publishing chunks of `chunk_ms`, fed text lines for `seconds`."""
    chunk = round(chunk_ms * FS / 1000.0)
    return _text_stretch("edge.bench.plain", [str(chunk)], broker_port, seconds)


def bare_stretch(broker_port: int, seconds: float) -> Stretch:
    """The bare wire, publishing each sample, fed text lines for `seconds`."""
    return _text_stretch("edge.bench.bare", [], broker_port, seconds)


def _text_stretch(module: str, more: list[str], broker_port: int, seconds: float) -> Stretch:
    """A program that reads text lines and says when it is ready."""
    samples = _samples(seconds)
    frames = [b"%.3f\n" % (uv / 1000.0) for uv in samples.tolist()]

    def command(line: Line) -> list[str]:
        return [sys.executable, "-m", module, line.port, str(broker_port), WAVES + "ECG", *more]

    def ready(process: subprocess.Popen[bytes], listener: Listener | Tap) -> bool:
        assert process.stdout is not None
        return process.stdout.readline() == b"ready\n"

    return _measure(command, samples, frames, _subscriber(broker_port), ready)


def monitor_command(port: str, broker_port: int, chunk_ms: float = CHUNK_MS) -> list[str]:
    """The command line of the real monitor on a native device at `port`."""
    source = ["--source", port, "--format", "native", "--device", DEVICE, "--wave-ms", f"{chunk_ms:.9g}"]
    return [sys.executable, "-m", "edge.cli", "run", *source, "--mqtt", f"127.0.0.1:{broker_port}"]


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


def _subscriber(broker_port: int) -> Listener:
    return Listener(broker_port, [STATE, WAVES + "+"])


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
