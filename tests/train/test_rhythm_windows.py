from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.rhythm_window import rhythm_image
from edge.types import RHYTHMS
from train import rhythm_windows
from train.beat_images import STORE
from train.dataset import HELD_OUT, RHYTHM_LABELS, Patient
from train.rhythm_windows import CLASSES, HOP, WINDOW, Set, noise_windows, windows_of

Noises = list[NDArray[np.float32]]


def test_classes_when_compared_with_the_monitors_then_each_index_means_the_same() -> None:
    assert len(RHYTHMS) == CLASSES == len(RHYTHM_LABELS) - 1
    assert RHYTHM_LABELS[2:] == RHYTHMS[1:]
    assert (RHYTHM_LABELS[1], RHYTHMS[0]) == ("other", "sinus")


def test_windows_of_when_plain_then_each_is_the_monitors_image_of_its_rhythm(
    virtual_patient: Callable[..., Patient], noises: Noises
) -> None:
    p = virtual_patient("rhythms")
    images, classes = windows_of(p, np.random.default_rng(2), noises, HOP, True)
    assert images.shape == (len(classes), WINDOW, 1)
    assert set(classes) == {0, 1, 2, 3, 4}
    start = int(np.random.default_rng(2).integers(0, HOP))
    expected = []
    for k in range(start, len(p.x) - WINDOW, HOP):
        labels = p.rhythm[k : k + WINDOW]
        if labels[-1] and (labels == labels[-1]).mean() >= 0.85:
            expected.append((np.rint(rhythm_image(p.x[k : k + WINDOW, 0]) * STORE), labels[-1] - 1))
    assert np.array_equal(images, np.stack([e[0] for e in expected]).astype(np.int8))
    assert classes.tolist() == [e[1] for e in expected]


def test_windows_of_when_augmented_then_the_seed_decides(
    virtual_patient: Callable[..., Patient], noises: Noises
) -> None:
    p = virtual_patient("rhythms")
    one, same = (windows_of(p, np.random.default_rng(3), noises, 62, False) for _ in range(2))
    straight = windows_of(p, np.random.default_rng(3), noises, 62, True)
    assert np.array_equal(one[0], same[0])
    assert not np.array_equal(one[0][: len(straight[0])], straight[0][: len(one[0])])


def test_windows_of_when_unlabelled_or_flat_then_there_are_none(
    virtual_patient: Callable[..., Patient], noises: Noises
) -> None:
    p = virtual_patient("rhythms")
    for rhythm, x in ((0, p.x), (4, 0.01 * p.x)):
        patient = replace(p, x=x.astype(np.float32), rhythm=np.full_like(p.rhythm, rhythm))
        images, classes = windows_of(patient, np.random.default_rng(0), noises, HOP, True)
        assert images.shape == (0, WINDOW, 1)
        assert len(classes) == 0


def test_noise_windows_when_drawn_then_a_third_is_a_quiet_line_that_is_shown_as_quiet(
    noises: Noises,
) -> None:
    images, classes = noise_windows(np.random.default_rng(0), noises, 90)
    assert np.bincount(classes, minlength=5).tolist() == [30, 0, 0, 0, 60]
    size = np.percentile(np.abs(images[..., 0].astype(int)), 95, axis=1)
    assert (size[classes == 4] >= STORE - 2).all()
    assert (size[classes == 0] < STORE).all()


def test_build_when_it_has_run_then_held_out_patients_are_in_no_training_window(
    synthetic_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[bool, set[str]] = {True: set(), False: set()}

    def remember(p: Patient, rng: np.random.Generator, noises: Noises, hop: int, plain: bool) -> Set:
        seen[plain].add(p.name)
        assert not p.name.startswith("svdb/") or set(p.rhythm) == {1}
        return windows_of(p, rng, noises, hop, plain)

    monkeypatch.setattr(rhythm_windows, "windows_of", remember)
    (train, classes), (held, held_classes) = rhythm_windows.build()
    assert seen[True] == {f"{d}/{n}" for d, names in HELD_OUT.items() for n in names} | {"cinc2017/A00007"}
    assert not seen[True] & seen[False]
    assert not seen[False] & {f"mitdb/{n}" for n in (*rhythm_windows.splits.DS2, "201")}
    assert len(train) == len(classes) > 12000
    assert len(held) == len(held_classes) > 600
    assert set(classes) == set(held_classes) == set(range(CLASSES))
