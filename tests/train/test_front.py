from __future__ import annotations

import numpy as np
import pytest
from scipy.signal import butter

from edge.filters import Cascade
from edge.guard import Guard
from edge.resample import Resampler
from edge.rpeaks import refine
from edge.windows import Ring
from firmware_bridge.patient import VirtualPatient
from train.front import FS_MODEL, SOS, run_front

RNG = np.random.default_rng(3)


def test_sos_when_derived_again_then_it_is_a_butterworth_pair_of_half_and_40_hz() -> None:
    high = butter(2, 0.5, "high", fs=FS_MODEL, output="sos")
    low = butter(2, 40.0, "low", fs=FS_MODEL, output="sos")
    assert np.allclose(np.array(SOS), np.concatenate([high, low]), rtol=0.0, atol=1e-14)


@pytest.mark.parametrize("fs", [100.0, 125.0, 250.0, 360.0])
def test_run_front_when_compared_with_the_stages_of_the_pipeline_then_every_sample_is_equal(
    fs: float,
) -> None:
    x = RNG.normal(0.0, 1.0, int(4 * fs)).astype(np.float32)
    guard, resampler, cascade = Guard(fs), Resampler(fs, FS_MODEL), Cascade(SOS)
    live = [cascade.push(y) for v in x.tolist() for y in resampler.push(guard.push(v, False))]
    assert np.array_equal(run_front(x, fs), np.asarray(live, np.float32))
    assert abs(len(live) - 4 * FS_MODEL) <= 0.04 * FS_MODEL


def test_run_front_when_samples_are_not_finite_then_the_last_good_one_is_held() -> None:
    x = RNG.normal(0.0, 1.0, 500).astype(np.float32)
    holes, held = x.copy(), x.copy()
    holes[200:203] = np.nan, np.inf, -np.inf
    held[200:203] = x[199]
    assert np.array_equal(run_front(holes, 250.0), run_front(held, 250.0))


def test_run_front_when_the_first_samples_are_missing_then_they_are_zero() -> None:
    x = RNG.normal(0.0, 1.0, 500).astype(np.float32)
    holes, zero = x.copy(), x.copy()
    holes[:5], zero[:5] = np.nan, 0.0
    assert np.array_equal(run_front(holes, 250.0), run_front(zero, 250.0))


def test_run_front_when_an_offset_stands_on_the_lead_then_there_is_no_transient() -> None:
    x = np.full(1000, 300.0, np.float32)
    assert float(np.abs(run_front(x, 250.0)).max()) < 1e-6


def test_run_front_when_a_heart_beats_then_its_r_peaks_come_the_stated_lag_later() -> None:
    pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")
    from train.quantise import FILTER_LAG, PEAK_LAG

    patient = VirtualPatient(1000.0, 0, "sinus:30s; end")
    y = run_front(patient.read(30000).mv[:, 0], 1000.0)
    ring = Ring(len(y))
    for v in y.tolist():
        ring.push(v)
    at = [b.sample / 8 for b in patient.beats if 20 < b.sample / 8 < len(y) - 20]
    late = [refine(ring, round(k) + FILTER_LAG)[0] - k for k in at]
    assert len(at) > 25
    assert abs(np.median(late) - PEAK_LAG) / FS_MODEL < 0.001
    assert abs(np.median(late) - FILTER_LAG) < 1.0
