from __future__ import annotations

import numpy as np
import pytest

from edge.signal_measures import (
    MainsMeter,
    Measurer,
    NoiseLimits,
    moving_mean,
    moving_sum,
    noise_reason,
    quality_index,
    wave_index,
)

FS, N = 125.0, 500
T = np.arange(N) / FS
MEASURE = Measurer(FS, N)


def _ecg() -> np.ndarray:
    phase = (T % 0.8) - 0.4
    return 1.2 * np.exp(-((phase / 0.012) ** 2)) + 0.3 * np.exp(-(((phase - 0.22) / 0.05) ** 2))


def _band(low: float, high: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    spectrum = np.fft.rfft(rng.standard_normal(N))
    hz = np.fft.rfftfreq(N, 1 / FS)
    x = np.fft.irfft(
        np.where((hz >= low) & (hz < high), spectrum / (1 + hz) ** (1.5 if low < 1 else 0), 0), N
    )
    return 0.3 * x / x.std()


def test_moving_sum_when_compared_with_convolution_then_the_same() -> None:
    x = np.random.default_rng(1).standard_normal(40)
    np.testing.assert_allclose(moving_sum(x, 7), np.convolve(x, np.ones(7), "valid"), atol=1e-12)


def test_moving_mean_when_constant_then_constant_to_the_ends() -> None:
    np.testing.assert_allclose(moving_mean(np.full(30, 2.5), 4), 2.5)


def test_measures_when_sine_then_share_and_peak_where_it_is() -> None:
    m = MEASURE(0.5 * np.sin(2 * np.pi * 5.0 * T))
    assert m.peak_hz == pytest.approx(5.0, abs=0.25)
    assert m.middle > 0.98
    assert m.peak_share > 0.95
    assert m.full_mv == pytest.approx(1.0, abs=0.02)


def test_noise_reason_when_ecg_then_none_and_index_high() -> None:
    m = MEASURE(_ecg())
    assert noise_reason(m, NoiseLimits()) is None
    assert quality_index(m) > 0.9


def test_noise_reason_when_slow_noise_then_nearly_always_motion_and_index_low() -> None:
    windows = [MEASURE(_band(0.3, 10.0, seed)) for seed in range(10)]
    assert [noise_reason(m, NoiseLimits()) for m in windows].count("motion") >= 8
    assert np.mean([quality_index(m) for m in windows]) < 0.4


@pytest.mark.parametrize("seed", range(5))
def test_noise_reason_when_fast_noise_then_muscle_and_index_low(seed: int) -> None:
    m = MEASURE(_band(15.0, 40.0, seed))
    assert noise_reason(m, NoiseLimits()) == "muscle"
    assert quality_index(m) < 0.4


@pytest.mark.parametrize("hz", [2.5, 3.5, 5.0, 7.0])
def test_noise_reason_when_fibrillation_like_then_none(hz: float) -> None:
    wave = 0.4 * np.sin(2 * np.pi * (hz * T + 0.2 * np.sin(2 * np.pi * 0.4 * T))) * (1 + 0.4 * np.sin(T))
    assert noise_reason(MEASURE(wave), NoiseLimits()) is None


def test_noise_reason_when_small_then_none_whatever_its_band() -> None:
    assert noise_reason(MEASURE(0.05 * _band(15.0, 40.0, 3)), NoiseLimits()) is None


@pytest.mark.parametrize("fs", [125.0, 250.0, 360.0])
@pytest.mark.parametrize("hz", [50.0, 60.0])
def test_mains_when_hum_alone_then_all_of_it_and_its_size(fs: float, hz: float) -> None:
    n = 4 * round(fs / 4)
    t = np.arange(n) / fs
    share, size = MainsMeter(fs, n)(2.0 + 0.4 * t + 0.75 * np.sin(2 * np.pi * hz * t + 0.3))
    assert share > 0.97
    assert size == pytest.approx(1.5, rel=0.05)


def test_mains_when_ecg_under_as_much_hum_then_share_below_an_open_lead() -> None:
    hum = 0.3 * np.sin(2 * np.pi * 50.0 * T[:125])
    share, _ = MainsMeter(FS, 125)(_ecg()[:125] + hum)
    assert share < 0.75


def test_mains_when_device_too_slow_to_see_it_then_nothing() -> None:
    assert MainsMeter(60.0, 60)(np.ones(60)) == (0.0, 0.0)


@pytest.mark.parametrize("bpm", [105.0, 125.0, 150.0, 180.0, 220.0])
def test_wave_index_when_a_wide_wave_repeats_itself_then_clean_though_nothing_stands_out(bpm: float) -> None:
    phase = 2 * np.pi * bpm / 60.0 * T
    m = MEASURE(0.8 * np.sin(phase) + 0.2 * np.sin(2 * phase + 0.7))
    assert wave_index(m) > 0.9
    assert m.busy > 0.2


def test_wave_index_when_noise_of_any_band_then_low() -> None:
    for low, high in ((0.3, 10.0), (1.0, 20.0), (15.0, 40.0)):
        assert np.mean([wave_index(MEASURE(_band(low, high, seed))) for seed in range(10)]) < 0.2


def test_repeats_when_nothing_is_there_then_finite() -> None:
    assert MEASURE(np.zeros(N)).repeats == 0.0
