from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from edge.rpeaks import refine
from edge.template import Template, beat_image, correlation
from edge.windows import Ring
from train.augment import Strip
from train.beat_images import BEFORE, STORE, WINDOW, draw, images_of, plain
from train.dataset import Patient

DECIDED = 24
"""Samples after the R-peak at which the pipeline answers a beat: no later sample may be in its image."""

Noises = list[NDArray[np.float32]]


def by_the_bed(p: Patient) -> list[NDArray[np.int8]]:
    """The images of a patient's first lead from a ring that is filled sample by sample, as in the pipeline."""
    rng, ring, template = np.random.default_rng(0), Ring(), Template()
    samples = iter(p.x[:, 0].tolist())
    waiting: tuple[NDArray[np.float32], int] | None = None
    images = []
    for r, c in zip(p.r, p.c, strict=True):
        at = round(r) + 1
        if at < 150 or at > len(p.x) - 40 or not p.mask[at]:
            continue
        while ring.end <= at + DECIDED:
            ring.push(next(samples))
        peak = round(refine(ring, at + int(rng.integers(-1, 2)))[0])
        window = ring.cut(peak - BEFORE, WINDOW)
        if waiting is not None:
            rng.random()
            if waiting[1] == 0:
                template.learn(waiting[0])
        images.append(np.rint(beat_image(window, template) * STORE).astype(np.int8))
        waiting = window, int(c)
    return images


def test_plain_when_compared_with_a_ring_filled_live_then_every_image_is_equal(
    virtual_patient: Callable[..., Patient],
) -> None:
    p = virtual_patient("beats", 1)
    images, classes = plain(p)
    assert np.array_equal(images, np.stack(by_the_bed(p)))
    assert images.dtype == np.int8
    assert images.shape == (len(classes), WINDOW, 3)
    assert set(classes) == {0, 1, 2}


def test_plain_when_beats_are_masked_or_at_the_ends_then_they_have_no_image(
    virtual_patient: Callable[..., Patient],
) -> None:
    p = virtual_patient("beats", 1)
    inside = (np.rint(p.r) + 1 >= 150) & (np.rint(p.r) + 1 <= len(p.x) - 40)
    assert len(plain(p)[1]) == inside.sum() < len(p.r)
    mask = p.mask.copy()
    mask[2000:4000] = 0
    masked = Strip(p.x[:, 0].copy(), p.r, p.c, mask)
    gone = inside & (p.r >= 1999) & (p.r < 3999)
    assert len(images_of(masked, np.random.default_rng(0))[1]) == inside.sum() - gone.sum()


def test_plain_when_there_is_no_beat_then_it_gives_none(virtual_patient: Callable[..., Patient]) -> None:
    p = virtual_patient()
    images, classes = images_of(
        Strip(p.x[:, 0].copy(), np.zeros(0), np.zeros(0, np.int64), p.mask), np.random.default_rng(0)
    )
    assert images.shape == (0, WINDOW, 3)
    assert len(classes) == 0


def test_plain_when_the_template_grows_then_it_is_of_normal_beats_alone(
    virtual_patient: Callable[..., Patient],
) -> None:
    images, classes = plain(virtual_patient("beats", 0))
    assert not images[0, :, 1:].any()
    n, v = (images[10:, BEFORE - 12 :][classes[10:] == k].astype(np.float32) for k in (0, 2))
    like = [np.median([correlation(i[:, 0], i[:, 1]) for i in group]) for group in (n, v)]
    assert like[0] > 0.95
    assert like[1] < 0.7


def test_draw_when_the_seed_is_the_same_then_so_are_the_images(
    virtual_patient: Callable[..., Patient], noises: Noises
) -> None:
    p = virtual_patient()
    one, same, other = (draw(p, seed, noises) for seed in (1, 1, 2))
    assert np.array_equal(one[0], same[0])
    assert np.array_equal(one[1], same[1])
    assert one[0].shape != other[0].shape or not np.array_equal(one[0], other[0])
    assert np.abs(one[0].astype(int)).max() <= 4 * STORE
