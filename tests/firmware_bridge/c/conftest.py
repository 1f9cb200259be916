"""The exported C as a shared library, driven by ctypes; beside it the same chain out of edge's stages."""

from __future__ import annotations

import ctypes
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.artefact import Models, load_networks, shipped
from edge.beats import LEAST_DISTANCE
from edge.filters import Cascade
from edge.p_wave import BEFORE, SPAN, QrsSizes
from edge.resample import Resampler
from edge.rpeaks import RPeakDetector, refine
from edge.windows import Ring
from firmware_bridge.c_models import GruWeights, Int8Layer, Int8Net
from firmware_bridge.patient import VirtualPatient
from train import chip_host, export

F32 = NDArray[np.float32]

DRIVER = """
#include "hw_layers.h"

typedef struct { uint32_t k, sample; float shift, amp_mv, logit; } found;

uint32_t play(hw_state *s, const float *mv, uint32_t n, float *logits, found *peaks, uint32_t most);
void set_clock(hw_state *s, uint32_t n);

/* Pushes n samples; gives how many R-peaks were decided, the first `most` of them in `peaks`. */
uint32_t play(hw_state *s, const float *mv, uint32_t n, float *logits, found *peaks, uint32_t most)
{
    uint32_t count = 0;
    for (uint32_t k = 0; k < n; k++) {
        hw_peak p;
        if (hw_push(s, mv[k], logits + k * HW_N_LOGITS, &p)) {
            found here = {k, p.sample, p.shift, p.amp_mv, p.top->height};
            if (count < most)
                peaks[count] = here;
            count++;
        }
    }
    return count;
}

void set_clock(hw_state *s, uint32_t n)
{
    s->n = n;
    s->last_at = n - HW_LONG_AGO;
}
"""

FOUND = np.dtype([("k", "u4"), ("sample", "u4"), ("shift", "f4"), ("amp_mv", "f4"), ("logit", "f4")])


@dataclass(frozen=True)
class Decided:
    """What edge's stages say of one R-peak: when it was known, where it lies, how high lead and logit are."""

    k: int
    position: float
    amp_mv: float
    logit: float


class Patient:
    """One hw_state."""

    def __init__(self, lib: Any) -> None:
        self.lib = lib
        self.state = ctypes.create_string_buffer(lib.size_of_state())
        lib.hw_start(self.state)

    def play(self, mv: F32) -> tuple[F32, NDArray[Any]]:
        """Logits (n, 11), and the R-peaks as records of :data:`FOUND`."""
        mv = np.ascontiguousarray(mv, np.float32)
        logits = np.empty((len(mv), 11), np.float32)
        peaks = np.empty(len(mv) // 20 + 1, FOUND)
        n = self.lib.play(self.state, at(mv), len(mv), at(logits), at(peaks), len(peaks))
        return logits, peaks[:n]


def at(array: NDArray[Any]) -> ctypes.c_void_p:
    """Where an array begins."""
    return ctypes.c_void_p(array.ctypes.data)


@dataclass(frozen=True)
class Chip:
    """The library, and what it was made of."""

    lib: Any
    made: export.Chip
    folder: Path

    def patient(self) -> Patient:
        """A patient never seen."""
        return Patient(self.lib)

    def window(self, patient: Patient, peak: Any) -> F32:
        """The window round a peak that was just given."""
        raw = np.array((peak["sample"], peak["shift"], peak["amp_mv"], peak["logit"]), "u4,f4,f4,f4")
        out = np.empty(self.made.settings.window, np.float32)
        self.lib.hw_window(patient.state, at(raw), at(out))
        return out

    def image(self, patient: Patient, window: F32) -> NDArray[np.int8]:
        """What the network sees of a window."""
        out = np.empty((len(window), 3), np.int8)
        self.lib.hw_beat_image(patient.state, at(window), at(out))
        return out

    def learn(self, patient: Patient, window: F32) -> None:
        """Take a normal beat into the template."""
        self.lib.hw_learn(patient.state, at(window))

    def beat_logits(self, image: NDArray[np.int8]) -> F32:
        """The beat network's logits (5,)."""
        image, out = np.ascontiguousarray(image), np.empty(5, np.float32)
        scratch = ctypes.create_string_buffer(self.lib.size_of_scratch())
        self.lib.hw_beat_cnn(at(image), scratch, at(out))
        return out


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Chip]:
    """Makes models into a library, compiled under every warning; which options, and more C, may be said."""
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")

    def build(made: export.Chip, fusion: bool = False, rhythm: bool = False, more: str = "") -> Chip:
        folder = tmp_path_factory.mktemp("chip")
        lib = chip_host.build(made, folder, fusion, rhythm, DRIVER + more)
        lib.play.restype = ctypes.c_uint32
        lib.hw_filter.restype, lib.hw_filter.argtypes = ctypes.c_double, [ctypes.c_void_p, ctypes.c_double]
        lib.hw_rescale.restype = ctypes.c_int32
        return Chip(lib, made, folder)

    return build


@pytest.fixture(scope="session")
def chip(compiled: Callable[..., Chip]) -> Chip:
    """The shipped models."""
    return compiled(export.read(shipped()))


@pytest.fixture(scope="session")
def int8_chip(compiled: Callable[..., Chip]) -> Chip:
    """The shipped models, the GRU's weights int8."""
    return compiled(export.read(shipped(), gru_int8=True))


PARTS = """
#include "hw_fusion.h"
#include "hw_intervals.h"

float listen(hw_state *s, hw_scratch *scratch, const float *filtered, uint32_t n, uint8_t *unreadable);
void keep(hw_state *s, const float *rr_s, uint32_t n, float out[6]);

/* The quality after n filtered samples. */
float listen(hw_state *s, hw_scratch *scratch, const float *filtered, uint32_t n, uint8_t *unreadable)
{
    for (uint32_t k = 0; k < n; k++) {
        s->ring[s->n++ % HW_RING] = filtered[k];
        hw_quality_sample(s, scratch);
    }
    *unreadable = s->fuser.quality.unreadable;
    return hw_sqi(&s->fuser.quality);
}

/* What is known of n intervals: last, mean of 8, mean of all, spread, irregularity. */
void keep(hw_state *s, const float *rr_s, uint32_t n, float out[6])
{
    hw_intervals *known = &s->fuser.intervals;
    for (uint32_t k = 0; k < n; k++)
        hw_intervals_keep(known, rr_s[k]);
    out[0] = known->last_s;
    out[1] = hw_intervals_mean(known, 8, 1);
    out[2] = hw_intervals_mean(known, HW_N_INTERVALS, 4);
    out[3] = hw_intervals_spread(known, 8);
    hw_intervals_irregular(known, 4, out + 4, out + 5);
}
"""


@pytest.fixture(scope="session")
def full_chip(compiled: Callable[..., Chip]) -> Chip:
    """The shipped models with all options."""
    out = compiled(export.read(shipped()), True, True, PARTS)
    out.lib.listen.restype = out.lib.hw_select.restype = ctypes.c_float
    return out


@pytest.fixture(scope="session")
def full_int8_chip(compiled: Callable[..., Chip]) -> Chip:
    """The same, weights of GRU and fusion int8."""
    return compiled(export.read(shipped(), gru_int8=True), True, True)


@pytest.fixture(scope="session")
def odd_chip(compiled: Callable[..., Chip]) -> Chip:
    """Models of sizes that nobody would choose, drawn at random, with the shipped manifests."""
    rng = np.random.default_rng(4)

    def draw(*shape: int) -> F32:
        return rng.normal(0.0, 0.6, shape).astype(np.float32)

    shapes = ((5, 3), (5,), (7, 15), (7,), (39, 7), (39,), (39, 13), (39,), (11, 13), (11,))
    gru = GruWeights(*(draw(*shape) for shape in shapes))
    layers, n_given, n_in = [], 128, 3
    for n_out, width, stride, pad in ((6, 4, 3, 0), (9, 5, 1, 4), (4, 1, 2, 0)):
        n_made = (n_given + 2 * pad - width) // stride + 1
        layers.append(int8_layer(rng, (n_out, width, n_in), n_given, n_made, stride, pad))
        n_given, n_in = n_made, n_out
    layers.append(int8_layer(rng, (5, 1, n_given * n_in), 1, 1, 1, 0))
    net = Int8Net(tuple(layers), 0.03, layers[0].in_zero, 0.1, layers[-1].out_zero)
    return compiled(replace(export.read(shipped()), gru=gru, beat=net))


@pytest.fixture(scope="session")
def odd_int8_chip(compiled: Callable[..., Chip], odd_chip: Chip) -> Chip:
    """The same, the GRU's weights int8."""
    return compiled(replace(odd_chip.made, settings=replace(odd_chip.made.settings, gru_int8=True)))


@pytest.fixture(scope="session")
def spike_chip(compiled: Callable[..., Chip]) -> Chip:
    """No filter, and weights by which the QRS logit grows with the size of the newest sample and nothing else."""
    shapes = ((2, 3), (2,), (2, 6), (2,), (6, 2), (6,), (6, 2), (6,), (11, 2), (11,))
    tables = [np.zeros(shape, np.float32) for shape in shapes]
    tables[0][:, 2] = (1.0, -1.0)
    tables[2][:, 4:] = np.eye(2)
    tables[4][4] = 0.3
    tables[5][2:4] = -60.0
    tables[8][0, 0], tables[9][0] = 10.0, -5.0
    shipped_ones = export.read(shipped())
    settings = replace(shipped_ones.settings, sos=((1.0, 0.0, 0.0, 1.0, 0.0, 0.0),))
    return compiled(replace(shipped_ones, gru=GruWeights(*tables), settings=settings))


def int8_layer(
    rng: np.random.Generator, shape: tuple[int, int, int], n_given: int, n_made: int, stride: int, pad: int
) -> Int8Layer:
    """A layer whose outputs are of the size of an int8."""
    weight = rng.integers(-127, 128, shape).astype(np.int8)
    bias = rng.integers(-9000, 9000, shape[0]).astype(np.int32)
    rescale = rng.uniform(0.5, 1.0, shape[0]) / (70.0 * np.sqrt(shape[1] * shape[2]))
    zeros = rng.integers(-20, 20, 2)
    return Int8Layer(
        weight, bias, rescale, int(zeros[0]), int(zeros[1]), -90, 127, n_given, n_made, stride, pad
    )


@pytest.fixture(scope="session")
def models() -> Models:
    """The shipped networks as edge runs them."""
    return load_networks(shipped())


def resampled(mv: F32, fs: float) -> F32:
    """A lead at 125 Hz, not filtered."""
    resampler = Resampler(fs, 125.0)
    return np.array([y for x in mv.tolist() for y in resampler.push(x)], np.float32)


SCRIPT = "sinus:60s rate=72 pvc=0.1 apc=0.05; bigeminy:30s; af:30s; vt:15s; vf:10s; noise:15s; sinus:20s rate=110; end"


@pytest.fixture(scope="session")
def virtual_lead() -> F32:
    """Three minutes of the virtual patient at 125 Hz, in most of his rhythms."""
    return resampled(VirtualPatient(250.0, 3, SCRIPT).read(250 * 180).mv[:, 0], 250.0)


@pytest.fixture
def real_lead() -> Callable[[str], F32]:
    """Name -> three minutes of a record of MIT-BIH, from its 200th second on, at 125 Hz."""
    if "HEARTWIRE_DATA" not in os.environ:
        pytest.skip("HEARTWIRE_DATA is not set")
    wfdb = pytest.importorskip("wfdb")

    def read(name: str) -> F32:
        path = str(Path(os.environ["HEARTWIRE_DATA"]) / "mitdb" / name)
        record = wfdb.rdrecord(path, sampfrom=200 * 360, sampto=380 * 360, channels=[0])
        return resampled(record.p_signal[:, 0].astype(np.float32), 360.0)

    return read


@pytest.fixture(scope="session")
def edge_chain(models: Models) -> Callable[[F32], tuple[F32, list[Decided]]]:
    """Lead -> logits and R-peaks, by the stages that the pipeline wires."""
    manifest = models.manifests["gru"]
    clip, delay = manifest.thresholds["clip_mv"], manifest.delay

    def run(mv: F32) -> tuple[F32, list[Decided]]:
        cascade, ring, state, sizes = Cascade(manifest.sos), Ring(), models.gru.new_state(), QrsSizes()

        def refined(k: int) -> tuple[float, float]:
            return refine(ring, k - delay["qrs"] + delay["filter"])

        def is_qrs(k: int) -> bool:
            return sizes.is_qrs(ring.cut(round(refined(k)[0]) - BEFORE, SPAN))

        detector = RPeakDetector(manifest.thresholds["qrs_logit"], delay["class"] - delay["qrs"], is_qrs)
        logits, peaks, last = np.empty((len(mv), 11), np.float32), list[Decided](), -1e9
        for k, x in enumerate(mv.tolist()):
            f = min(clip, max(-clip, cascade.push(x)))
            ring.push(f)
            logits[k] = models.gru.step(f, state)
            peak = detector.push(k, logits[k])
            if peak is not None:
                position, amp_mv = refined(peak.k)
                if position - last >= LEAST_DISTANCE:
                    last = position
                    peaks.append(Decided(k, position, amp_mv, peak.height))
        return logits, peaks

    return run
