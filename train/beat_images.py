"""What the beat CNN learns from: images of beats, cut and scaled by edge's own code from augmented strips."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.rpeaks import refine
from edge.template import Template, beat_image
from edge.windows import Ring
from train.augment import Strip, augment
from train.dataset import NOT_S, Patient
from train.ectopy import sometimes

WINDOW, BEFORE = 128, 109
"""The window: 872 ms before the R-peak (the P-wave, the T-wave before it) to 144 ms after it, so that the early
answer can be given within 250 ms."""

STORE = 31.0
"""Images are kept as int8 in steps of 1/31 (they are clipped to +-4)."""


def readable(strip: Strip) -> list[int]:
    """Which beats of a strip have an image: those whose window lies in it, where something may be learned."""
    at = np.rint(strip.r).astype(np.int64) + 1
    inside = np.flatnonzero((at >= 150) & (at <= len(strip.x) - 40))
    return [int(k) for k in inside if strip.mask[at[k]]]


def images_of(
    strip: Strip, rng: np.random.Generator, doubt: float = 0.04
) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """Images (n, WINDOW, 3) and classes of a strip's :func:`readable` beats, the template growing as by the bed.

    `doubt` is the share of normal beats that the template does not learn and of others that it learns.
    """
    ring = Ring(len(strip.x))
    ring._buffer[: len(strip.x)] = ring._buffer[len(strip.x) :] = strip.x
    ring.end = len(strip.x)
    template = Template()
    images, classes = [], []
    waiting: tuple[NDArray[np.float32], int] | None = None
    for k in readable(strip):
        at, c = round(strip.r[k]) + 1, strip.c[k]
        kr = round(refine(ring, at + int(rng.integers(-1, 2)))[0])
        window = ring.cut(kr - BEFORE, WINDOW)
        if waiting is not None and (waiting[1] in (0, NOT_S)) != (rng.random() < doubt):
            template.learn(waiting[0])
        images.append(np.rint(beat_image(window, template) * STORE).astype(np.int8))
        classes.append(c)
        waiting = window, int(c)
    if not images:
        return np.zeros((0, WINDOW, 3), np.int8), np.zeros(0, np.int64)
    return np.stack(images), np.asarray(classes, np.int64)


def draw(
    patient: Patient, seed: int, noises: list[NDArray[np.float32]], ectopy: float = 0.0
) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """One augmented pass over a patient's whole record, with a chance of `ectopy` of beats made premature."""
    rng = np.random.default_rng(seed)
    n = int(len(patient.x) * 0.82) - 2
    inside = patient.r < int(n / 0.82)
    leads, r, c, mask = sometimes(rng, patient.x, patient.r[inside], patient.c[inside], patient.mask, ectopy)
    strip = augment(rng, leads, r, c, mask, n, noises)
    return images_of(strip, rng)


def plain(patient: Patient) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """The first lead as it is."""
    strip = Strip(np.ascontiguousarray(patient.x[:, 0]), patient.r, patient.c, patient.mask)
    return images_of(strip, np.random.default_rng(0), doubt=0.0)
