from __future__ import annotations

import ctypes
from collections.abc import Callable
from fractions import Fraction
from math import floor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.artefact import Models
from edge.cnn import quantise
from edge.template import Template, beat_image
from train.chip_check import int8_logits

F32 = NDArray[np.float32]

QUANTA = 1
"""A runtime may round a sum another way than the kernels do; tflite-runtime 2.14 did not on any window tried."""


def apart(chip: Any, models: Models, images: list[F32]) -> int:
    """Largest difference of a logit from edge's, in quanta."""
    net = chip.made.beat
    worst, seen = 0.0, set()
    for image in images:
        expected = models.beat_cnn.logits(image)
        got = chip.beat_logits(quantise(image, net.in_scale, net.in_zero))
        worst = max(worst, float(np.abs(got - expected).max()) / net.out_scale)
        seen |= {round(float(v) / net.out_scale) for v in expected}
    assert len(seen) > 10
    return round(worst)


def test_beat_cnn_when_windows_are_of_any_size_then_logits_are_edges(chip: Any, models: Models) -> None:
    rng = np.random.default_rng(1)
    n = chip.made.settings.window
    images = [
        np.clip(rng.normal(0.0, size, (n + 6, 3)).cumsum(0)[6:], -4.0, 4.0).astype(np.float32)
        for size in np.geomspace(0.01, 4.0, 100)
    ]
    assert apart(chip, models, images) <= QUANTA


@pytest.mark.parametrize("name", ["119", "208"])
def test_beat_cnn_when_windows_are_real_beats_then_logits_are_edges(
    chip: Any, models: Models, edge_chain: Callable[[F32], Any], real_lead: Callable[[str], F32], name: str
) -> None:
    lead = real_lead(name)
    lead = lead - np.float32(np.median(lead))
    s, template, images = chip.made.settings, Template(), []
    for peak in edge_chain(lead)[1][2:]:
        centre = round(peak.position)
        window = lead[centre - s.before : centre - s.before + s.window]
        images.append(beat_image(window, template))
        template.learn(window)
    assert len(images) > 150
    assert apart(chip, models, images) <= QUANTA


def rescaled(accumulator: int, multiplier: int, shift: int) -> int:
    """As the header says it, in fractions: the product half up, the shift half away from 0."""
    high = floor(Fraction(accumulator * multiplier, 2**31) + Fraction(1, 2))
    size = floor(Fraction(abs(high), 2**shift) + Fraction(1, 2))
    return size if high >= 0 else -size


def test_rescale_when_anything_comes_then_it_is_rounded_as_the_header_says(chip: Any) -> None:
    rng = np.random.default_rng(0)
    ends = [
        (a, m, s)
        for a in (-(2**31), -3, -1, 0, 1, 3, 2**31 - 1)
        for m in (2**30, 2**31 - 1)
        for s in (0, 1, 31)
    ]
    halves = [(a, 2**30, s) for a in range(-40, 41) for s in range(4)]
    drawn = [
        (int(a), int(m), int(s))
        for a, m, s in zip(
            rng.integers(-(2**24), 2**24, 3000),
            rng.integers(2**30, 2**31, 3000),
            rng.integers(0, 20, 3000),
            strict=True,
        )
    ]
    for a, m, s in ends + halves + drawn:
        got = chip.lib.hw_rescale(ctypes.c_int32(a), ctypes.c_int32(m), ctypes.c_uint8(s))
        assert got == rescaled(a, m, s), (a, m, s)


def test_beat_cnn_when_layers_are_of_odd_sizes_and_strides_then_logits_are_those_of_the_formula(
    odd_chip: Any,
) -> None:
    net, seen = odd_chip.made.beat, set()
    for seed in range(60):
        window = np.random.default_rng(seed).normal(0.0, 1.5, (128, 3)).astype(np.float32)
        expected = int8_logits(net, window)
        got = odd_chip.beat_logits(quantise(window, net.in_scale, net.in_zero))
        assert (np.rint(got / np.float32(net.out_scale)) + net.out_zero == expected).all()
        seen |= set(expected.tolist())
    assert len(seen) > 30
    assert min(seen) >= -90
