"""Targets: intervals, widths and P-waves of beats that were drawn by hand, and of patients whose beats are known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from train.dataset import Patient
from train.study.targets import HISTORY, drawn, p_wave_mv, qrs_height_mv, targets_of


def drawn_lead(width_samples: int, p_mv: float, slope_mv: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """A lead with triangles of so many samples round samples 200 and 400, a bump before each, on a slope."""
    lead = np.linspace(0.0, slope_mv, 600).astype(np.float32)
    at = np.array([200, 400])
    for k in at:
        half = width_samples // 2
        lead[k - half : k + half + 1] += 1.0 - np.abs(np.arange(-half, half + 1)) / half
        lead[k - 24 : k - 13] += p_mv * np.hanning(11)
    return lead.astype(np.float32), at


def test_p_wave_when_the_lead_drifts_then_its_height_stays() -> None:
    for slope in (0.0, 1.5, -1.5):
        lead, at = drawn_lead(10, 0.12, slope)
        assert p_wave_mv(lead, at) == pytest.approx(np.full(2, 0.12), abs=0.02)
    flat, at = drawn_lead(10, 0.0)
    assert p_wave_mv(flat, at) == pytest.approx(np.zeros(2), abs=1e-6)
    assert qrs_height_mv(flat, at) == pytest.approx(np.ones(2), abs=1e-6)


def test_targets_when_the_patient_is_virtual_then_intervals_and_classes_are_its_own(
    virtual_patient: Callable[..., Patient],
) -> None:
    patient = virtual_patient()
    t = targets_of(patient)
    assert t.index.min() > HISTORY
    assert len(t.at) > 60
    k = 20
    beat = int(t.index[k])
    assert t.rr_s[k] == pytest.approx((patient.r[beat] - patient.r[beat - 1]) / 125.0, abs=1e-5)
    assert t.rr_before_s[k] == pytest.approx((patient.r[beat - 1] - patient.r[beat - 2]) / 125.0, abs=1e-5)
    assert t.aami[k] == patient.c[beat]
    assert t.aami_before[k] == patient.c[beat - 1]
    early = t.rr_ratio[t.aami > 0]
    assert float(np.median(early)) < 0.9 < float(np.median(t.rr_ratio[t.aami == 0]))
    assert float(np.median(t.qrs_ms[t.aami == 2])) > 1.2 * float(np.median(t.qrs_ms[t.aami == 0]))
    assert t.p_there[t.aami == 0].mean() > 0.8


def test_targets_when_beats_are_masked_then_they_are_left_out(
    virtual_patient: Callable[..., Patient],
) -> None:
    patient = virtual_patient()
    everything = targets_of(patient)
    mask = patient.mask.copy()
    mask[: int(everything.at[5]) + 1] = 0
    masked = Patient(patient.name, patient.group, patient.x, patient.r, patient.c, mask, patient.rhythm)
    assert targets_of(masked).index.tolist() == everything.index[6:].tolist()


def test_drawn_when_classes_are_many_then_each_has_its_share_in_order(
    virtual_patient: Callable[..., Patient],
) -> None:
    t = targets_of(virtual_patient())
    few = drawn(t, 5, seed=1)
    assert max(np.bincount(few.aami)) == 5
    assert (np.diff(few.at) > 0).all()
    assert drawn(t, 5, seed=1).at.tolist() == few.at.tolist() != drawn(t, 5, seed=2).at.tolist()
