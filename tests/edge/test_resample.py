from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.resample import CUTOFF_HZ, HALF_WIDTH_S, Resampler
from firmware_bridge.types import BadInput

RATES = (20.0, 50.0, 100.0, 125.0, 128.0, 180.3, 250.0, 256.0, 300.0, 1000 / 3, 359.87, 360.0, 500.0, 1000.0)


def _run(resampler: Resampler, x: list[float]) -> list[float]:
    return [y for v in x for y in resampler.push(v)]


@pytest.mark.parametrize("fs", RATES)
@pytest.mark.parametrize("n", [1, 7, 500])
def test_push_when_any_rate_then_exactly_the_outputs_whose_time_has_come(fs: float, n: int) -> None:
    resampler = Resampler(fs, 125.0)
    half = round(resampler.delay_s * fs)
    newest = n - 1 - half
    # Output k lies at input k * step; it is given once input floor(k * step) + half is there.
    expected = 0 if newest < 0 else math.ceil(Fraction(newest + 1) / resampler.step)
    assert len(_run(resampler, [0.0] * n)) == expected


@pytest.mark.parametrize("fs", [20.0, 50.0, 100.0, 125.0])
def test_push_when_device_is_no_faster_than_the_model_then_one_output_or_more_for_every_input(
    fs: float,
) -> None:
    resampler = Resampler(fs, 125.0)
    half = round(resampler.delay_s * fs)
    counts = [len(resampler.push(0.0)) for _ in range(300)]
    assert counts[:half] == [0] * half
    assert min(counts[half:]) >= 1


@pytest.mark.parametrize("fs", RATES)
def test_push_when_constant_then_constant_from_the_first_output(fs: float) -> None:
    out = _run(Resampler(fs, 125.0), [-271.5] * 400)
    assert np.abs(np.array(out) + 271.5).max() < 1e-9


@pytest.mark.parametrize("fs", [f for f in RATES if f >= 100.0])
@pytest.mark.parametrize("hz", [1.0, 5.0, 15.0, 25.0])
def test_push_when_sine_in_the_ecgs_band_then_on_time_and_of_full_size(fs: float, hz: float) -> None:
    x = np.sin(2 * np.pi * hz * np.arange(int(4 * fs)) / fs)
    y = np.array(_run(Resampler(fs, 125.0), x.tolist()))
    k = np.arange(len(y)) / 125.0
    inner = slice(30, -5)
    basis = np.stack([np.sin(2 * np.pi * hz * k), np.cos(2 * np.pi * hz * k)], 1)[inner]
    (a, b), *_ = np.linalg.lstsq(basis, y[inner], rcond=None)
    assert math.hypot(a, b) == pytest.approx(1.0, abs=0.06)
    late_s = -math.atan2(b, a) / (2 * np.pi * hz)
    # Rates without a small common fraction use the nearest of 1024 phases.
    assert abs(late_s) < 1e-4
    assert np.abs(basis @ [a, b] - y[inner]).max() < 0.02


@pytest.mark.parametrize("fs", [360.0, 500.0, 1000.0])
def test_push_when_tone_would_fold_below_40_hz_then_it_is_gone(fs: float) -> None:
    for hz in (90.0, 100.0, 120.0, 150.0):
        x = np.sin(2 * np.pi * hz * np.arange(int(2 * fs)) / fs)
        y = np.array(_run(Resampler(fs, 125.0), x.tolist()))[30:]
        assert np.abs(y).max() < 0.05, hz


def test_push_when_cutoff_then_half_of_it_is_left() -> None:
    x = np.sin(2 * np.pi * CUTOFF_HZ * np.arange(8000) / 1000.0)
    y = np.array(_run(Resampler(1000.0, 125.0), x.tolist()))[30:]
    assert np.sqrt(2.0) * y.std() == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("fs", RATES)
def test_delay_when_any_rate_then_about_half_the_kernel(fs: float) -> None:
    delay_s = Resampler(fs, 125.0).delay_s
    assert HALF_WIDTH_S - 1e-9 <= delay_s <= max(HALF_WIDTH_S, 1.0 / fs) + 1.0 / fs


@pytest.mark.parametrize("fs", RATES)
def test_input_index_when_asked_far_away_then_no_drift(fs: float) -> None:
    resampler = Resampler(fs, 125.0)
    declared = Fraction(fs).limit_denominator(1000)
    assert resampler.input_index(125 * 86400 * 30) == pytest.approx(float(declared * 86400 * 30), abs=1e-3)


@settings(max_examples=20, deadline=None)
@given(fs=st.floats(20.0, 1000.0), seed=st.integers(0, 9))
def test_reset_when_called_then_equals_a_new_one(fs: float, seed: int) -> None:
    x = np.random.default_rng(seed).standard_normal(120).tolist()
    used, new = Resampler(fs, 125.0), Resampler(fs, 125.0)
    _run(used, x[:37])
    used.reset()
    assert _run(used, x) == _run(new, x)


def test_recent_when_asked_then_newest_inputs_in_order() -> None:
    resampler = Resampler(250.0, 125.0)
    _run(resampler, [float(v) for v in range(50)])
    assert resampler.recent(3) == [47.0, 48.0, 49.0]


@pytest.mark.parametrize("fs", [0.0, 19.9, -5.0, 20001.0, math.nan, math.inf])
def test_resampler_when_rate_is_impossible_then_one_line_says_so(fs: float) -> None:
    with pytest.raises(BadInput) as error:
        Resampler(fs, 125.0)
    assert str(error.value) == (
        f"sampling rate: got {fs} Hz, expected 20 to 20000; set fs in the device's config"
    )
