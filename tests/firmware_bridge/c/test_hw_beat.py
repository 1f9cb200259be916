from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.cnn import quantise
from edge.filters import Cascade
from edge.template import Template, beat_image

F32 = NDArray[np.float32]


def beats(n: int, width: int, seed: int = 0, size: float = 1.0) -> list[F32]:
    """Windows of a noisy beat, `width` samples wide."""
    rng, t = np.random.default_rng(seed), np.arange(128) - 109.0
    shape = size * np.exp(-((t / width) ** 2))
    return [(shape * rng.uniform(0.9, 1.1) + rng.normal(0.0, 0.02, 128)).astype(np.float32) for _ in range(n)]


def images_agree(chip: Any, patient: Any, template: Template, window: F32) -> None:
    net = chip.made.beat
    expected = quantise(beat_image(window, template), net.in_scale, net.in_zero)
    assert (chip.image(patient, window) == expected).all()


@pytest.mark.parametrize("size", [0.01, 1.0, 50.0])
def test_image_when_beats_are_learned_then_it_is_edges_quantum_for_quantum(chip: Any, size: float) -> None:
    patient, template = chip.patient(), Template()
    for window in beats(40, 3, size=size):
        images_agree(chip, patient, template, window)
        template.learn(window)
        chip.learn(patient, window)
    images_agree(chip, patient, template, beats(1, 12, seed=9, size=-2.0 * size)[0])


def test_learn_when_odd_beats_come_then_they_join_only_after_24_in_a_row(chip: Any) -> None:
    patient, template = chip.patient(), Template()
    odd = beats(30, 14, seed=3, size=-1.0)
    joined = []
    for window in [*beats(12, 3), *odd[:20], *beats(2, 3, seed=4), *odd]:
        before = chip.image(patient, window).tobytes()
        template.learn(window)
        chip.learn(patient, window)
        images_agree(chip, patient, template, window)
        joined.append(chip.image(patient, window).tobytes() != before)
    assert joined == [True] * 12 + [False] * 20 + [True] * 2 + [False] * 23 + [True] * 7


def test_learn_when_beats_look_ever_less_like_the_template_then_the_same_ones_join(chip: Any) -> None:
    patient, template = chip.patient(), Template()
    usual = beats(10, 3)
    other, joined = beats(60, 3, seed=5), []
    for window in usual:
        template.learn(window)
        chip.learn(patient, window)
    for k, window in enumerate(other):
        window += np.float32(0.002 * k) * np.roll(usual[0], -40 - k) * np.float32(10.0)
        before = None if template.mean is None else template.mean.copy()
        template.learn(window)
        chip.learn(patient, window)
        images_agree(chip, patient, template, window)
        joined.append(not np.array_equal(before, template.mean))
    assert 10 < sum(joined) < 50


def test_window_when_an_r_peak_is_given_then_the_filtered_lead_is_cut_round_it(
    chip: Any, virtual_lead: F32
) -> None:
    whole = chip.patient()
    logits, peaks = whole.play(virtual_lead[:3000])
    assert np.isfinite(logits).all()
    s, checked = chip.made.settings, 0
    filtered = reference_filtered(virtual_lead[:3000], s)
    for peak in peaks:
        patient = chip.patient()
        patient.play(virtual_lead[: peak["k"] + 1])
        start = int(peak["sample"]) - s.before
        expected = np.zeros(s.window, np.float32)
        there = slice(max(0, start), start + s.window)
        expected[max(0, -start) :] = filtered[there]
        assert (chip.window(patient, peak) == expected).all()
        checked += 1
    assert checked > 20


def reference_filtered(lead: F32, settings: Any) -> F32:
    cascade = Cascade(settings.sos)
    return np.array([cascade.push(float(x)) for x in lead], np.float32)
