"""The whole pipeline, without any I/O: microseconds a sample on the virtual patient."""

from __future__ import annotations

import statistics
from time import perf_counter_ns

from edge.artefact import Models
from edge.pipeline import Pipeline
from firmware_bridge.patient import VirtualPatient
from firmware_bridge.types import SampleBlock

SCRIPT = "sinus:20s rate=75 pvc=0.1; af:10s rate=95"


def pipeline_us(models: Models, chunk: int, fs: float = 360.0, seconds: float = 20.0) -> float:
    """Microseconds a device sample, waveform chunks on, in blocks of `chunk` samples.

    The median over stretches of one second of stream, each of which holds about one beat, one look at the
    rhythm and one status; the first five (a cold state) are left out.
    """
    samples = VirtualPatient(fs, 0, SCRIPT).read(int(seconds * fs)).mv
    blocks = [
        SampleBlock("bench", k, fs, samples[k : k + chunk], ("MLII",)) for k in range(0, len(samples), chunk)
    ]
    pipeline = Pipeline(models, device_id="bench")
    push = pipeline.push
    per_second = max(1, round(fs / chunk))
    took = []
    for first in range(0, len(blocks) - per_second + 1, per_second):
        begun = perf_counter_ns()
        for block in blocks[first : first + per_second]:
            push(block)
        took.append((perf_counter_ns() - begun) / (per_second * chunk) / 1000.0)
    return statistics.median(took[5:] or took)
