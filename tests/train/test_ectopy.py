"""Premature beats made out of normal ones: labels, shapes, lengths, and what is left alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from train.dataset import NOT_S, Patient
from train.ectopy import LATEST, SHORTEST_RR, make_premature, sometimes


@pytest.fixture
def patient(virtual_patient: Callable[..., Patient]) -> Patient:
    return virtual_patient()


def made(
    p: Patient,
    burden: float = 0.3,
    seed: int = 1,
    c: np.ndarray | None = None,
    mask: np.ndarray | None = None,
):  # type: ignore[no-untyped-def]
    return make_premature(
        np.random.default_rng(seed),
        p.x,
        p.r,
        p.c if c is None else c,
        p.mask if mask is None else mask,
        burden,
    )


def test_premature_when_made_then_early_labelled_s_and_where_the_qrs_is(patient: Patient) -> None:
    c = np.zeros(len(patient.r), np.int64)
    x, r, classes, mask = made(patient, 0.9, c=c)
    assert x.shape == patient.x.shape
    assert x.dtype == np.float32
    assert np.isfinite(x).all()
    assert mask.shape == patient.mask.shape
    assert (np.diff(r) > 0).all()
    early = np.flatnonzero(classes == 1)
    assert len(early) > 3
    rr = np.diff(r)
    for k in early:
        assert classes[k - 1] == 0
        assert SHORTEST_RR - 2 <= rr[k - 1] <= (LATEST + 0.03) * np.median(rr)
    inside = r[(r > 20) & (r < len(x) - 20)].astype(int)
    at_r = np.array([x[i - 4 : i + 5, 0].max() for i in inside])
    assert at_r.min() > 0.5 * np.median(at_r)


def test_premature_when_the_seed_is_the_same_then_so_is_all(patient: Patient) -> None:
    for one, same in zip(made(patient), made(patient), strict=True):
        assert np.array_equal(one, same)
    assert not np.array_equal(made(patient)[0], made(patient, seed=2)[0])


def test_premature_when_burden_is_none_then_nothing_changes(patient: Patient) -> None:
    x, r, c, mask = made(patient, burden=0.0)
    assert np.array_equal(x, patient.x)
    assert np.array_equal(r, patient.r)
    assert np.array_equal(c, patient.c)
    assert np.array_equal(mask, patient.mask)


def test_premature_when_beats_are_not_normal_or_masked_then_left_alone(patient: Patient) -> None:
    fibrillating = np.full(len(patient.r), NOT_S)
    assert np.array_equal(made(patient, 1.0, c=fibrillating)[2], fibrillating)
    x, *_ = made(patient, 1.0, mask=np.zeros_like(patient.mask))
    assert np.array_equal(x, patient.x)


def test_premature_when_pauses_are_shorter_then_the_end_is_masked_and_masks_move_along(
    patient: Patient,
) -> None:
    c = np.zeros(len(patient.r), np.int64)
    mask = np.ones(len(patient.x), np.uint8)
    k = len(patient.r) - 6
    mask[int(patient.r[k]) - 3 : int(patient.r[k]) + 4] = 0
    _, r, _, moved = made(patient, 0.5, c=c, mask=mask)
    assert moved[-1] == 0
    assert not moved[int(r[k]) - 1 : int(r[k]) + 2].any()
    assert moved[int(r[k - 1])]


def test_sometimes_when_chance_is_none_then_the_recording_itself(patient: Patient) -> None:
    rng = np.random.default_rng(0)
    assert sometimes(rng, patient.x, patient.r, patient.c, patient.mask, 0.0)[0] is patient.x
    changed = sum(
        sometimes(rng, patient.x, patient.r, patient.c, patient.mask, 0.5)[0] is not patient.x
        for _ in range(60)
    )
    assert 15 < changed < 45
