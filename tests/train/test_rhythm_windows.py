from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.rhythm_window import rhythm_image
from edge.types import RHYTHMS
from train import rhythm_windows, splits
from train.beat_images import STORE
from train.dataset import RHYTHM_LABELS, Fold, Patient
from train.rhythm_windows import (
    CLASSES,
    HOP,
    SLOWEST_VT_BPM,
    VF,
    VT,
    WINDOW,
    all_drawn,
    drawn,
    held_out,
    load,
    noise_windows,
    plain,
    rate_bpm,
    records,
    widened,
    windows_of,
)

Noises = list[NDArray[np.float32]]


def test_classes_when_compared_with_the_monitors_then_each_index_means_the_same() -> None:
    assert len(RHYTHMS) == CLASSES == len(RHYTHM_LABELS) - 1
    assert RHYTHM_LABELS[2:] == RHYTHMS[1:]
    assert (RHYTHM_LABELS[1], RHYTHMS[0]) == ("other", "sinus")


def test_windows_of_when_played_then_each_is_the_monitors_image_of_its_rhythm(
    virtual_patient: Callable[..., Patient],
) -> None:
    p = virtual_patient("rhythms")
    found = list(windows_of(p, start=7))
    expected = []
    for k in range(7, len(p.x) - WINDOW + 1, HOP):
        labels = p.rhythm[k : k + WINDOW]
        if labels[-1] and (set(labels) == {labels[-1]} or set(labels) == {VT, VF}):
            expected.append((rhythm_image(p.x[k : k + WINDOW, 0]), labels[-1]))
    assert [label for _, label in found] == [label for _, label in expected]
    assert all(np.array_equal(a, b) for (a, _), (b, _) in zip(found, expected, strict=True))
    assert {label for _, label in found} == {1, 2, 3, 4, 5}
    images, classes = plain(replace(p, x=p.x[7:], rhythm=p.rhythm[7:]))
    assert np.array_equal(images, np.rint(np.stack([e[0] for e in expected]) * STORE).astype(np.int8))
    assert classes.tolist() == [label - 1 for _, label in expected]


def test_windows_of_when_vt_becomes_vf_then_the_window_is_of_the_newer() -> None:
    rhythm = np.repeat([VT, VF], WINDOW).astype(np.int8)
    x = np.random.default_rng(0).normal(0.0, 1.0, (2 * WINDOW, 1)).astype(np.float32)
    empty = np.zeros(0)
    p = Patient("vfdb/1", "vfdb", x, empty, empty.astype(np.int64), np.ones(len(x), np.uint8), rhythm)
    assert [label for _, label in windows_of(p)] == [VT, VF, VF, VF, VF]


def test_windows_of_when_unlabelled_or_too_small_to_fibrillate_then_there_are_none(
    virtual_patient: Callable[..., Patient],
) -> None:
    p = virtual_patient("rhythms")
    for rhythm, x in ((0, p.x), (VF, 0.01 * p.x)):
        patient = replace(p, x=x.astype(np.float32), rhythm=np.full_like(p.rhythm, rhythm))
        assert list(windows_of(patient)) == []
        images, classes = plain(patient)
        assert images.shape == (0, WINDOW, 1)
        assert len(classes) == 0


def test_drawn_when_a_rhythm_lasts_four_times_as_long_then_twice_as_many_windows_are_drawn(
    virtual_patient: Callable[..., Patient], noises: Noises
) -> None:
    p = replace(virtual_patient("rhythms"), name="mitdb/1")
    counts = []
    for seconds in (8, 32):
        rhythm = np.zeros_like(p.rhythm)
        rhythm[: seconds * 125] = 1
        counts.append(len(drawn(replace(p, rhythm=rhythm), np.random.default_rng(0), noises)[1]))
    assert 1.6 * counts[0] < counts[1] < 4.0 * counts[0]


def test_drawn_when_the_seed_is_the_same_then_so_are_the_windows(
    virtual_patient: Callable[..., Patient], noises: Noises
) -> None:
    p = replace(virtual_patient("rhythms"), name="vfdb/1")
    one, same = (drawn(p, np.random.default_rng(3), noises) for _ in range(2))
    other = drawn(p, np.random.default_rng(4), noises)
    assert np.array_equal(one[0], same[0])
    assert set(one[1]) == set(range(CLASSES))
    assert one[0].shape != other[0].shape or not np.array_equal(one[0], other[0])


def wide_beats(bpm: float, n: int = WINDOW) -> NDArray[np.float32]:
    """A lead (n, 1) of wide beats, upright and then inverted, with a little noise."""
    phase = (np.arange(n) * bpm / 60.0 / 125.0) % 1.0
    wave = np.exp(-(((phase - 0.3) / 0.1) ** 2)) - 0.4 * np.exp(-(((phase - 0.65) / 0.12) ** 2))
    return (wave + np.random.default_rng(0).normal(0.0, 0.03, n)).astype(np.float32)[:, None]


def all_vt(x: NDArray[np.float32]) -> Patient:
    """One with this lead, without labelled beats, as in vfdb."""
    rhythm = np.full(len(x), VT, np.int8)
    none = np.zeros(0)
    return Patient("vfdb/1", "vfdb", x, none, none.astype(np.int64), np.ones(len(x), np.uint8), rhythm)


@pytest.mark.parametrize("bpm", [40.0, 60.0, 95.0, 105.0, 150.0, 240.0, 330.0])
def test_rate_bpm_when_wide_beats_follow_each_other_then_it_is_theirs(bpm: float) -> None:
    assert rate_bpm(wide_beats(bpm)[:, 0]) == pytest.approx(bpm, rel=0.03)
    assert rate_bpm(-wide_beats(bpm)[:, 0]) == pytest.approx(bpm, rel=0.03)


def test_rate_bpm_when_nothing_comes_again_then_it_is_not_a_number() -> None:
    line = np.zeros(WINDOW, np.float32)
    assert np.isnan(rate_bpm(line))
    assert np.isnan(rate_bpm(np.linspace(0.0, 1.0, WINDOW, dtype=np.float32)))


def test_rate_bpm_when_the_virtual_patients_beats_are_regular_then_it_is_theirs(
    virtual_patient: Callable[..., Patient],
) -> None:
    p = virtual_patient("rhythms")
    compared = 0
    for at in range(0, len(p.x) - WINDOW, HOP):
        one_rhythm = len(set(p.rhythm[at : at + WINDOW])) == 1
        rr = np.diff(p.r[(p.r >= at) & (p.r < at + WINDOW)])
        if one_rhythm and len(rr) >= 2 and rr.max() < 1.1 * rr.min():
            assert 7200.0 / rr.max() < rate_bpm(p.x[at : at + WINDOW, 0]) < 7800.0 / rr.min()
            compared += 1
    assert compared >= 5


def test_drawn_when_vt_is_slower_than_the_alarms_then_it_is_not_learned_from(noises: Noises) -> None:
    for bpm, learned in ((0.8 * SLOWEST_VT_BPM, False), (1.3 * SLOWEST_VT_BPM, True)):
        patient = all_vt(wide_beats(bpm, 30 * 125))
        images, classes = drawn(patient, np.random.default_rng(0), noises)
        assert images.shape == (len(classes), WINDOW, 1)
        assert set(classes) == ({VT - 1} if learned else set())
        asked = round(rhythm_windows.LETHAL_DRAWS * np.sqrt((len(patient.x) - 602) / 125.0))
        assert len(classes) == (asked if learned else 0)


def test_drawn_when_vf_repeats_itself_as_slowly_then_it_is_learned_from(noises: Noises) -> None:
    patient = all_vt(wide_beats(60.0, 30 * 125))
    patient = replace(patient, rhythm=np.full_like(patient.rhythm, VF))
    assert set(drawn(patient, np.random.default_rng(0), noises)[1]) == {VF - 1}


def test_windows_of_when_vt_is_slow_then_they_are_scored_as_ever() -> None:
    found = list(windows_of(all_vt(wide_beats(60.0, 10 * 125))))
    assert [label for _, label in found] == [VT] * 7


def test_widened_when_beats_are_slow_then_they_are_wider_and_as_tall() -> None:
    x = np.zeros(WINDOW, np.float32)
    x[50::100] = 1.0
    beats_s = np.arange(50, WINDOW, 100) / 125.0
    wide = widened(np.random.default_rng(0), x, beats_s)
    assert (np.abs(wide) > 0.3).sum() > 3 * (x > 0.3).sum()
    assert np.ptp(wide) == pytest.approx(1.0, rel=1e-3)
    assert widened(np.random.default_rng(0), x, beats_s / 2.0) is x
    assert widened(np.random.default_rng(0), x, beats_s[:2]) is x


def test_noise_windows_when_drawn_then_a_third_is_a_quiet_line_that_is_shown_as_quiet(
    noises: Noises,
) -> None:
    images, classes = noise_windows(np.random.default_rng(0), noises, 90)
    assert np.bincount(classes, minlength=5).tolist() == [30, 0, 0, 0, 60]
    size = np.percentile(np.abs(images[..., 0].astype(int)), 95, axis=1)
    assert (size[classes == 4] >= STORE - 2).mean() > 0.95
    assert (size[classes == 0] < STORE).all()


def test_held_out_when_folds_are_dealt_then_each_is_in_one_and_mitdb_in_that_of_the_other_networks(
    synthetic_cache: Path,
) -> None:
    everyone = records()
    parts = [held_out(Fold(k, 3)) for k in range(3)]
    assert sum(len(part & set(everyone)) for part in parts) == len(everyone) == len(set(everyone))
    assert set(everyone) <= frozenset.union(*parts)
    assert not {("mitdb", r) for r in (*splits.DS2, "201")} & set(everyone)
    assert all(Fold(k, 3).held_out() & set(everyone) <= parts[k] for k in range(3))
    assert held_out(Fold()) == frozenset()


def test_build_when_it_has_run_then_held_out_patients_are_in_no_training_window(
    synthetic_cache: Path,
) -> None:
    fold = Fold(1, 3)
    images, classes, owner = all_drawn(1)
    (train, known), (held, held_classes) = rhythm_windows.build(fold)
    out = [k for k, key in enumerate(records()) if key in held_out(fold)]
    assert np.array_equal(train, images[~np.isin(owner, out)])
    assert np.array_equal(known, classes[~np.isin(owner, out)])
    assert len(held) == len(held_classes) > 600
    assert set(known) == set(range(CLASSES))
    whole, _ = rhythm_windows.build(Fold())
    assert np.array_equal(whole[0], images)


def test_all_drawn_when_called_again_then_the_cache_answers_unless_the_recipe_has_changed(
    synthetic_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = all_drawn(2)
    with monkeypatch.context() as patch:
        patch.setattr(rhythm_windows, "drawn", None)
        assert all(np.array_equal(a, b) for a, b in zip(first, all_drawn(2), strict=True))
    monkeypatch.setattr(rhythm_windows, "STRETCH", 1.1)
    assert not np.array_equal(first[0], all_drawn(2)[0])


def test_load_when_svdb_then_every_sample_is_labelled_other(synthetic_cache: Path) -> None:
    assert set(load("svdb", splits.SVDB[0]).rhythm) == {1}
    assert set(load("vfdb", splits.VFDB[0]).rhythm) > {1}
