from __future__ import annotations

import numpy as np
import pytest

from edge.artefact import load_networks, shipped
from edge.rhythm import AfJudge
from train.recording_features import FEATURES, features

FS = 125.0
EVEN = np.full((20, 5), 0.2, np.float32)


@pytest.fixture(scope="module")
def judge() -> AfJudge:
    return load_networks(shipped()).af


def recording(
    rr_s: list[float], p_wave: bool = True, wide: tuple[int, ...] = (), early: tuple[int, ...] = ()
) -> tuple[np.ndarray, np.ndarray]:
    """(lead, beats) with these intervals; beats of the numbers in `wide` are broad, upside down and called V, those in
    `early` S, all others N, at 90 %."""
    at_s = np.cumsum([1.0, *rr_s])
    x = 0.002 * np.random.default_rng(0).standard_normal(int((at_s[-1] + 2.0) * FS))
    t = np.arange(len(x)) / FS
    for k, at in enumerate(at_s):
        width = 0.05 if k in wide else 0.012
        x += (-1.0 if k in wide else 1.0) * np.exp(-0.5 * ((t - at) / width) ** 2)
        if p_wave and k not in wide:
            x += 0.15 * np.exp(-0.5 * ((t - at + 0.16) / 0.02) ** 2)
    called = np.zeros(len(at_s), int)
    called[list(early)], called[list(wide)] = 1, 2
    probs = np.where(np.arange(5) == called[:, None], 0.9, 0.025)
    rows = np.column_stack([at_s, np.ones_like(at_s), np.ones_like(at_s), probs])
    return x.astype(np.float32), rows.astype(np.float32)


def named(x: np.ndarray, beats: np.ndarray, judge: AfJudge) -> dict[str, float]:
    return dict(zip(FEATURES, features(x, beats, EVEN, judge).tolist(), strict=True))


def test_features_when_steady_then_no_beat_is_early_or_odd_and_the_p_wave_is_there(judge: AfJudge) -> None:
    found = named(*recording([0.8] * 30), judge)
    assert found["early"] == found["late"] == found["odd"] == found["too_few"] == 0.0
    assert found["steady"] == 1.0
    assert found["p_likeness"] > 0.95
    assert found["p_height"] > 0.1
    assert found["rr_median"] == pytest.approx(0.8)


def test_features_when_every_interval_differs_then_af_is_likelier_than_when_steady(judge: AfJudge) -> None:
    uneven = list(np.random.default_rng(1).uniform(0.4, 1.1, 40))
    found, steady = (named(*recording(rr, p), judge) for rr, p in ((uneven, False), ([0.8] * 40, True)))
    assert found["af_known"] == 1.0
    assert found["af_logit"] > steady["af_logit"] + 2.0
    assert found["rmssd"] > 5 * steady["rmssd"]
    assert found["sequence_entropy"] > steady["sequence_entropy"]


def test_features_when_two_beats_are_wide_and_early_then_they_are_odd(judge: AfJudge) -> None:
    rr = [0.8] * 20
    rr[6:8] = [0.5, 1.1]
    rr[13:15] = [0.5, 1.1]
    found = named(*recording(rr, wide=(7, 14)), judge)
    steady = named(*recording(rr), judge)
    assert found["odd"] >= 2 / 21
    assert found["odd"] > steady["odd"]
    assert found["early_then_late"] == pytest.approx(2 / 19, abs=0.02)


def test_features_when_beats_are_called_s_or_v_then_their_share_and_the_surest_two_are_told(
    judge: AfJudge,
) -> None:
    rr = [0.8] * 19
    rr[4] = 0.5
    found = named(*recording(rr, wide=(9, 14), early=(5,)), judge)
    assert (found["beat_called_S"], found["beat_called_V"], found["beat_called_other"]) == pytest.approx(
        (0.05, 0.1, 0)
    )
    assert (found["beat_most_S"], found["beat_second_S"]) == pytest.approx((0.9, 0.025))
    assert (found["beat_most_V"], found["beat_second_V"]) == pytest.approx((0.9, 0.9))
    assert found["beat_early_S"] == pytest.approx(0.9 / 19)
    assert found["beat_early_V"] == pytest.approx(0.025 / 19)
    assert found["beat_mean_other"] == pytest.approx(0.05)
    assert named(*recording(rr), judge)["beat_sure_N"] == 0.0  # 90 % are not more than 90 %


@pytest.mark.parametrize("n_beats", [0, 1, 2, 4])
def test_features_when_there_are_hardly_any_beats_then_all_are_finite(judge: AfJudge, n_beats: int) -> None:
    x, beats = recording([0.8] * 10)
    found = features(x, beats[:n_beats], np.zeros((0, 5), np.float32), judge)
    assert found.shape == (len(FEATURES),)
    assert np.isfinite(found).all()
    assert found[FEATURES.index("too_few")] == 1.0


def test_features_when_the_lead_is_dead_then_all_are_finite(judge: AfJudge) -> None:
    x, beats = recording([0.8] * 10)
    assert np.isfinite(features(np.zeros_like(x), beats, EVEN, judge)).all()
    assert len(set(FEATURES)) == len(FEATURES)
