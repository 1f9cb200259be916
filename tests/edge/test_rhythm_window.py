from __future__ import annotations

import numpy as np
import pytest

from edge.rhythm_window import LEAST_SCALE_MV, rhythm_image

ECG = np.tile(np.concatenate([np.zeros(90), np.hanning(10)]), 7)[:640].astype(np.float32)


def test_image_when_size_differs_then_looks_the_same() -> None:
    assert np.abs(rhythm_image(3 * ECG) - rhythm_image(ECG)).max() < 1e-5


def test_image_when_made_then_one_channel_within_four() -> None:
    image = rhythm_image(ECG)
    assert image.shape == (640, 1)
    assert image.dtype == np.float32
    assert np.abs(image).max() <= 4.0


def test_image_when_line_is_quiet_then_noise_is_not_blown_up() -> None:
    floor = (0.01 * np.random.default_rng(0).standard_normal(640)).astype(np.float32)
    assert np.abs(rhythm_image(floor)).std() < 0.2
    assert rhythm_image(np.full(640, LEAST_SCALE_MV / 2, np.float32)).max() == pytest.approx(0.5)


def test_image_when_an_artefact_is_huge_then_it_is_cut_and_the_rest_kept() -> None:
    x = ECG.copy()
    x[100] = 8.0
    assert np.abs(np.delete(rhythm_image(x), 100) - np.delete(rhythm_image(ECG), 100)).max() < 1.0
