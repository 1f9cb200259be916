from __future__ import annotations

import numpy as np
import pytest

from edge.template import MOST_WEIGHT, Template, beat_image, correlation

T = np.arange(128, dtype=np.float32)
NORMAL = (1.2 * np.exp(-(((T - 109) / 3) ** 2))).astype(np.float32)
WIDE = (-1.5 * np.exp(-(((T - 105) / 14) ** 2))).astype(np.float32)


def _learned(n: int, seed: int = 0) -> Template:
    template, rng = Template(), np.random.default_rng(seed)
    for _ in range(n):
        template.learn(NORMAL + 0.05 * rng.standard_normal(128).astype(np.float32))
    return template


def test_learn_when_first_beat_comes_then_it_is_the_template_and_a_copy() -> None:
    template, window = Template(), NORMAL.copy()
    template.learn(window)
    window[:] = 0.0
    assert template.mean is not None
    assert (template.mean == NORMAL).all()
    assert template.n == 1


def test_learn_when_many_noisy_beats_come_then_noise_averages_out() -> None:
    mean = _learned(60).mean
    assert mean is not None
    assert float(np.abs(mean - NORMAL).std()) < 0.05 / np.sqrt(MOST_WEIGHT)
    assert correlation(mean, NORMAL) > 0.998


def test_learn_when_fewer_than_the_memory_then_their_mean() -> None:
    template = Template()
    for size in (1.0, 2.0, 3.0):
        template.learn(NORMAL * np.float32(size))
    assert template.mean is not None
    assert template.mean.max() == pytest.approx(2.0 * NORMAL.max(), rel=1e-5)


def test_learn_when_an_odd_beat_is_called_normal_then_it_is_kept_out() -> None:
    template = _learned(10)
    assert template.mean is not None
    before = template.mean.copy()
    template.learn(WIDE)
    assert (template.mean == before).all()
    assert template.n == 10


def test_learn_when_the_shape_has_changed_for_good_then_the_template_follows() -> None:
    template = _learned(40)
    for _ in range(24 + 8):
        template.learn(WIDE)
    assert template.mean is not None
    assert correlation(template.mean, WIDE) > 0.9


def test_scale_when_no_template_then_the_beats_own_and_never_nothing() -> None:
    assert Template().scale(NORMAL) == pytest.approx(1.2, rel=1e-3)
    assert Template().scale(0.0 * NORMAL) == 0.05
    assert _learned(20).scale(0.0 * NORMAL) == pytest.approx(1.2, abs=0.1)


def test_reset_when_called_then_equals_a_new_one() -> None:
    template = _learned(30)
    template.learn(WIDE)
    template.reset()
    assert (template.mean, template.n) == (None, 0)
    for _ in range(8):
        template.learn(NORMAL)
    for _ in range(23):
        template.learn(WIDE)
    assert template.mean is not None
    assert correlation(template.mean, NORMAL) > 0.999


def test_correlation_when_flat_then_zero() -> None:
    assert correlation(NORMAL, np.zeros(128, np.float32)) == 0.0
    assert correlation(NORMAL, 3 * NORMAL + 1) == pytest.approx(1.0, abs=1e-5)
    assert correlation(NORMAL, -NORMAL) == pytest.approx(-1.0, abs=1e-5)


def test_image_when_no_template_then_one_channel_at_unit_size() -> None:
    image = beat_image(NORMAL, Template())
    assert image.shape == (128, 3)
    assert image.dtype == np.float32
    assert image[:, 0].max() == pytest.approx(1.0)
    assert not image[:, 1:].any()


def test_image_when_template_is_there_then_beat_template_and_difference_over_one_scale() -> None:
    image = beat_image(WIDE, _learned(20))
    assert image[:, 1].max() == pytest.approx(1.0, abs=0.01)
    assert np.abs(image[:, 2] - (image[:, 0] - image[:, 1])).max() < 1e-5


def test_image_when_beat_is_huge_then_clipped() -> None:
    image = beat_image(np.float32(50) * NORMAL, _learned(20))
    assert np.abs(image).max() == 4.0
