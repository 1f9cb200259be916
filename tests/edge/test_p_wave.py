from __future__ import annotations

import numpy as np
import pytest

from edge.p_wave import KNOWN, LEAST_MV, MOST_REFUSED, SMALL, SMOOTH, SPAN, QrsSizes


def _wave(size_mv: float, width: float = 4.0) -> np.ndarray:
    """A wave that is `size_mv` high, with a deviation of `width` / sqrt 2 samples: 4 is a P-wave's, 1.5 a QRS's."""
    t = np.arange(SPAN) - 12.0
    return (size_mv * np.exp(-((t / width) ** 2))).astype(np.float32)


def _known(size_mv: float = 1.0) -> QrsSizes:
    sizes = QrsSizes()
    assert all(sizes.is_qrs(_wave(size_mv, 1.5)) for _ in range(12))
    return sizes


@pytest.mark.parametrize("size_mv", [0.15, 0.3, -0.2])
def test_is_qrs_when_wave_is_small_and_smooth_then_a_p_wave(size_mv: float) -> None:
    sizes = _known()
    usual_mv = sizes.usual_mv
    assert [sizes.is_qrs(_wave(size_mv)) for _ in range(20)] == [False] * 20
    assert sizes.usual_mv == usual_mv


def test_is_qrs_when_wave_is_small_and_steep_then_a_qrs() -> None:
    assert _known().is_qrs(_wave(0.25, 1.5))


@pytest.mark.parametrize("size_mv", [0.12, 0.2, 0.3, -0.25])
def test_is_qrs_when_wave_is_steep_for_its_size_but_not_beside_the_qrs_then_a_p_wave(size_mv: float) -> None:
    t = np.arange(SPAN) - 12.0
    notched = sum(size_mv * np.exp(-(((t - at) / 2.3) ** 2)) for at in (-3.0, 3.0))
    threes = np.convolve(notched, np.ones(3) / 3.0, "valid")
    assert np.abs(np.diff(threes)).max() > SMOOTH * np.ptp(threes)
    sizes = _known(1.4)
    before = sizes.usual_mv, sizes.usual_steep_mv
    assert [sizes.is_qrs(notched.astype(np.float32)) for _ in range(20)] == [False] * 20
    assert (sizes.usual_mv, sizes.usual_steep_mv) == before


@pytest.mark.parametrize("part", [0.25, 0.3, 0.4])
def test_is_qrs_when_the_lead_grows_smaller_at_once_then_all_count(part: float) -> None:
    sizes = _known()
    assert all(sizes.is_qrs(_wave(part, 1.5)) for _ in range(20))


def test_is_qrs_when_wave_is_smooth_and_large_then_a_ventricular_beat() -> None:
    sizes = _known()
    assert sizes.is_qrs(_wave(1.1 * SMALL * sizes.usual_mv / 0.95))
    assert sizes.is_qrs(_wave(-2.0, 6.0))


@pytest.mark.parametrize("offset_mv", [-3.0, 3.0])
def test_is_qrs_when_the_baseline_is_elsewhere_then_the_same(offset_mv: float) -> None:
    sizes = _known()
    assert not sizes.is_qrs(_wave(0.2) + np.float32(offset_mv))
    assert sizes.is_qrs(_wave(0.8) + np.float32(offset_mv))


def test_is_qrs_when_usual_size_is_not_known_then_only_what_no_monitor_may_count_is_none() -> None:
    sizes = QrsSizes()
    assert not sizes.is_qrs(_wave(0.9 * LEAST_MV))
    assert sizes.is_qrs(_wave(1.0, 1.5))
    assert [sizes.is_qrs(_wave(0.2)) for _ in range(KNOWN)] == [True] * (KNOWN - 1) + [False]


def test_is_qrs_when_qrs_grow_smaller_by_and_by_then_all_count() -> None:
    sizes = _known()
    assert all(sizes.is_qrs(_wave(0.95**k)) for k in range(35))


def test_is_qrs_when_one_artefact_is_enormous_then_the_next_qrs_counts() -> None:
    sizes = _known()
    sizes.is_qrs(_wave(50.0, 1.5))
    assert sizes.is_qrs(_wave(0.6))


def test_is_qrs_when_only_small_waves_come_for_long_then_they_are_this_patients_qrs() -> None:
    sizes = _known()
    assert [sizes.is_qrs(_wave(0.3)) for _ in range(MOST_REFUSED + 5)] == [False] * MOST_REFUSED + [True] * 5


def test_is_qrs_when_a_qrs_comes_now_and_then_then_small_waves_are_never_believed() -> None:
    sizes = _known()
    for _ in range(40):
        assert not any(sizes.is_qrs(_wave(0.2)) for _ in range(3))
        assert sizes.is_qrs(_wave(1.0, 1.5))
