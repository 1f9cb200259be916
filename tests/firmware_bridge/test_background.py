"""Noise sources: unit size, no seams, and independent of each other."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_bridge.background import Background, Drift, Muscle, Oscillator


def long(source: Drift | Muscle | Oscillator, blocks: int = 200) -> np.ndarray:
    return np.concatenate([source.take() for _ in range(blocks)])


def test_drift_when_long_then_it_has_unit_size_and_no_jumps() -> None:
    x = long(Drift(25, 5.0, np.random.default_rng(0)), 400)
    assert x.shape == (400 * 250,)
    assert abs(x.mean()) < 0.15
    assert 0.7 < x.std() < 1.05
    assert np.abs(np.diff(x)).max() < 0.15


def test_muscle_when_long_then_it_has_unit_size_and_is_mostly_fast() -> None:
    x = long(Muscle(25, np.random.default_rng(0)), 400)
    power = np.abs(np.fft.rfft(x)) ** 2
    hz = np.fft.rfftfreq(x.shape[0], 1 / 250)
    assert 0.8 < x.std() < 1.2
    assert power[hz > 20].sum() > 0.85 * power.sum()


@pytest.mark.parametrize("hz", [4.9, 6.3])
def test_oscillator_when_long_then_its_main_line_is_where_it_should_be_without_seams(hz: float) -> None:
    x = long(Oscillator(250, 25, hz, 0.4, np.random.default_rng(1)))
    power = np.abs(np.fft.rfft(x)) ** 2
    line = np.fft.rfftfreq(x.shape[0], 1 / 250)
    assert abs(np.average(line, weights=power) - hz) < 1.0
    assert np.abs(np.diff(x)).max() < 0.7


def test_background_when_taken_block_by_block_then_every_source_fills_it() -> None:
    background = Background(333.0, 0.25, np.random.SeedSequence(0))
    sources = background.take(0)
    assert set(sources) == {"floor", "emg", "wander", "vf", "atria"}
    assert {x.shape for x in sources.values()} == {(background.block,)}
    assert background.block == 330


def test_mains_when_cut_into_blocks_then_it_is_one_wave() -> None:
    background = Background(250.0, 0.25, np.random.SeedSequence(0))
    whole = background.mains(0, np.full(500, 50.0))
    parts = [background.mains(0, np.full(250, 50.0)), background.mains(250, np.full(250, 50.0))]
    assert np.concatenate(parts) == pytest.approx(whole)
