from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from train.augment import Strip, add_noise, add_silence, augment, mix_leads, warp
from train.dataset import Patient

Noises = list[NDArray[np.float32]]
N = 5000


def strip_of(p: Patient) -> Strip:
    keep = p.r < N
    return Strip(p.x[:N, 0].copy(), p.r[keep], p.c[keep], np.ones(N, np.uint8))


def test_augment_when_the_seed_is_the_same_then_so_is_the_strip(
    virtual_patient: Callable[..., Patient], noises: Noises
) -> None:
    p = virtual_patient()
    one, same, other = (
        augment(np.random.default_rng(seed), p.x, p.r, p.c, p.mask, N, noises) for seed in (4, 4, 5)
    )
    assert np.array_equal(one.x, same.x)
    assert np.array_equal(one.r, same.r)
    assert not np.array_equal(one.x, other.x)


def test_augment_when_many_strips_are_drawn_then_labels_fit_the_samples(
    virtual_patient: Callable[..., Patient], noises: Noises
) -> None:
    p = virtual_patient()
    flipped = n_beats = 0
    for seed in range(60):
        s = augment(np.random.default_rng(seed), p.x, p.r, p.c, p.mask, N, noises)
        assert s.x.shape == s.mask.shape == (N,)
        assert s.x.dtype == np.float32
        assert np.isfinite(s.x).all()
        assert len(s.r) == len(s.c)
        assert ((s.r >= 0) & (s.r < N)).all()
        at = np.rint(s.r[(s.r > 10) & (s.r < N - 10)]).astype(int)
        n_beats += len(at)
        flipped += len(at) > 0 and np.median(s.x[at]) < 0.0
    assert n_beats > 60 * 25
    assert 1 <= flipped <= 12


def test_warp_when_a_strip_is_played_slower_then_its_peaks_and_labels_move_together() -> None:
    r = np.arange(50.0, 950.0, 75.0)
    x = np.zeros(1000, np.float32)
    x[r.astype(int)] = 1.0
    mask = np.ones(1000, np.uint8)
    mask[500:] = 0
    for factor in (0.82, 1.0, 1.22):
        n = int(1000 * factor)
        y, moved, m = warp(x, r, mask, factor, n)
        at = np.rint(moved).astype(int)
        near = np.array([y[a - 2 : a + 3].argmax() - 2 for a in at])
        assert np.abs(near).max() <= 1
        assert np.allclose(moved, r * factor)
        assert abs(int(m.sum()) - 500 * factor) <= 2


def test_mix_leads_when_there_are_two_then_it_rotates_by_no_more_than_the_angle_from_either() -> None:
    rng = np.random.default_rng(0)
    leads = rng.normal(0.0, 1.0, (400, 2)).astype(np.float32)
    first = 0
    for seed in range(80):
        mixed = mix_leads(np.random.default_rng(seed), leads, 0.5)
        share = np.linalg.lstsq(leads, mixed, rcond=None)[0]
        assert np.hypot(*share) == pytest.approx(1.0, abs=1e-5)
        assert max(share) >= np.cos(0.5) - 1e-5
        first += share[0] > share[1]
    assert 40 <= first <= 72


def test_mix_leads_when_there_is_one_then_it_is_given_as_it_is() -> None:
    leads = np.arange(5, dtype=np.float32)[:, None]
    assert np.array_equal(mix_leads(np.random.default_rng(0), leads), leads[:, 0])


def test_add_noise_when_it_comes_then_its_size_is_a_share_of_the_signal(
    virtual_patient: Callable[..., Patient], noises: Noises
) -> None:
    x = virtual_patient().x[:N, 0]
    level = float(np.percentile(np.abs(x), 95))
    shares = []
    for seed in range(40):
        y = add_noise(np.random.default_rng(seed), x, noises, chance=1.0)
        shares.append(float(np.std(y - x)) / level)
    assert all(0.0 < share < 1.0 for share in shares)
    assert max(shares) > 5.0 * min(shares)


def test_add_noise_when_chance_is_none_then_nothing_is_touched(noises: Noises) -> None:
    x = np.ones(100, np.float32)
    assert add_noise(np.random.default_rng(0), x, noises, chance=0.0) is x


def test_add_silence_when_the_heart_is_cut_out_then_its_beats_are_gone_and_edges_are_masked(
    virtual_patient: Callable[..., Patient], noises: Noises
) -> None:
    strip = strip_of(virtual_patient())
    gone_in_all = 0
    for seed in range(20):
        cut = add_silence(np.random.default_rng(seed), strip, noises, chance=1.0)
        changed = np.flatnonzero(cut.x != strip.x)
        assert len(changed) >= 3 * 125 - 2
        kept = np.isin(strip.r, cut.r)
        here = np.rint(strip.r).astype(int)
        assert (cut.x[here[kept]] == strip.x[here[kept]]).all()
        assert np.isin(cut.c, strip.c).all()
        assert len(cut.r) == len(cut.c) == kept.sum()
        gone_in_all += int((~kept).sum())
        assert cut.mask[changed[0]] == 0
        assert cut.mask.sum() > 0.5 * len(strip.x)
    assert gone_in_all > 60


def test_add_silence_when_the_strip_is_short_then_some_of_it_is_left(noises: Noises) -> None:
    n = 1000
    strip = Strip(np.ones(n, np.float32), np.array([100.0]), np.array([0]), np.ones(n, np.uint8))
    for seed in range(20):
        assert len(add_silence(np.random.default_rng(seed), strip, noises, chance=1.0).x) == n


def test_add_silence_when_chance_is_none_then_the_strip_is_the_same(noises: Noises) -> None:
    strip = Strip(np.ones(9, np.float32), np.zeros(0), np.zeros(0, np.int64), np.ones(9, np.uint8))
    assert add_silence(np.random.default_rng(0), strip, noises, chance=0.0) is strip
