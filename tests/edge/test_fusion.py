from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from edge.artefact import shipped
from edge.fusion import (
    FLOOR,
    FUSION_INPUTS,
    N_INPUTS,
    BeatEvidence,
    Fusion,
    MeanFusion,
    features,
    nothing,
)
from edge.likeness import Likeness
from firmware_bridge.types import BadInput

EVEN = np.zeros(5, np.float32)
SURE_N = np.array([40.0, 0.0, 0.0, 0.0, 0.0], np.float32)
SURE_V = np.array([0.0, 0.0, 40.0, 0.0, 0.0], np.float32)
KNOWN = BeatEvidence(
    gru=EVEN,
    gru_before=SURE_V,
    cnn=SURE_V,
    rr_s=0.5,
    rr_last_s=0.8,
    rr_mean_s=0.75,
    rr_long_s=0.7,
    rr_spread=0.1,
    irregular=(0.2, 0.3),
    amp_ratio=1.5,
    likeness=Likeness(0.9, 0.8, -1.0, -2.0, -3.0),
    sqi=0.7,
)
CLEAR_N = dataclasses.replace(
    KNOWN, gru=SURE_N, gru_before=SURE_N, cnn=SURE_N, rr_s=0.8, rr_mean_s=0.8, rr_long_s=0.8, amp_ratio=1.0
)


@pytest.fixture(scope="module")
def fusion() -> Fusion:
    return Fusion((shipped() / "fusion" / "model.tflite").read_bytes(), "fusion")


def _named(x: np.ndarray) -> dict[str, float]:
    return dict(zip(FUSION_INPUTS, x.tolist(), strict=True))


def test_features_when_everything_is_known_then_each_is_in_its_place() -> None:
    x = features(KNOWN)
    assert x.shape == (N_INPUTS,)
    assert x.dtype == np.float32
    f = _named(x)
    assert f["gru_N"] == f["gru_Q"] == pytest.approx(math.log(0.2))
    assert (f["cnn_V"], f["cnn_N"]) == (0.0, FLOOR)
    assert (f["gru_before_V"], f["gru_before_S"]) == (0.0, FLOOR)
    assert f["rr"] == pytest.approx(math.log(0.5 / 0.8))
    assert f["rr_to_mean"] == pytest.approx(math.log(0.5 / 0.75))
    assert f["rr_to_last"] == pytest.approx(math.log(0.5 / 0.8))
    assert f["rr_to_long"] == pytest.approx(math.log(0.5 / 0.7))
    assert f["rr_mean"] == pytest.approx(math.log(0.75 / 0.8))
    assert f["irregular_mean"] == pytest.approx(math.log(0.205))
    assert f["irregular_rms"] == pytest.approx(math.log(0.305))
    assert f["amp_to_template"] == pytest.approx(math.log(1.5))
    assert (f["whole_correlation"], f["p_correlation"]) == (pytest.approx(0.9), pytest.approx(0.8))
    assert (f["p_residual"], f["qrs_residual"], f["early_residual"]) == (-1.0, -2.0, -3.0)
    assert (f["rr_spread"], f["sqi"]) == (pytest.approx(0.1), pytest.approx(0.7))
    assert (f["no_rr"], f["no_template"], f["nothing"]) == (0.0, 0.0, 0.0)


def test_features_when_intervals_are_unknown_then_zero_and_said_so() -> None:
    unknown = dataclasses.replace(
        KNOWN, rr_s=None, rr_last_s=None, rr_mean_s=None, rr_long_s=None, irregular=None
    )
    f = _named(features(unknown))
    names = ("rr", "rr_to_mean", "rr_to_last", "rr_to_long", "rr_mean", "gru_before_N", "gru_before_V")
    assert [f[name] for name in names] == [0.0] * 7
    assert f["no_rr"] == 1.0


def test_features_when_there_is_no_template_then_said_so() -> None:
    f = _named(features(dataclasses.replace(KNOWN, likeness=None)))
    assert (f["whole_correlation"], f["p_residual"], f["no_template"]) == (0.0, 0.0, 1.0)


@pytest.mark.parametrize(
    "wild",
    [
        {"rr_s": 1e9, "rr_mean_s": 1e-9},
        {"rr_s": 0.0},
        {"rr_s": -0.1, "rr_last_s": -5.0},
        {"amp_ratio": 0.0},
        {"amp_ratio": 1e9},
        {"irregular": (0.0, 1e9)},
        {"gru": np.array([1e9, -1e9, 0, 0, 0], np.float32)},
    ],
)
def test_features_when_evidence_is_wild_then_bounded(wild: dict[str, object]) -> None:
    x = features(dataclasses.replace(KNOWN, **wild))
    assert np.isfinite(x).all()
    assert np.abs(x).max() <= 6.0


def test_mean_when_networks_agree_then_it_is_theirs() -> None:
    mean = MeanFusion()
    state = mean.new_state()
    early, _ = mean.step(features(dataclasses.replace(KNOWN, gru=SURE_V)), state)
    assert early.argmax() == 2
    assert mean.unfollowed(state).argmax() == 2
    _, final = mean.step(features(CLEAR_N), state)
    assert final.argmax() == 2
    assert final.sum() == pytest.approx(1.0)


def test_fusion_when_shipped_then_two_distributions_and_the_same_for_the_same(fusion: Fusion) -> None:
    rows = [features(CLEAR_N), features(KNOWN), features(CLEAR_N)]
    seen = []
    for _ in range(2):
        state = fusion.new_state()
        seen.append([p.tobytes() for row in rows for p in fusion.step(row, state)])
    assert seen[0] == seen[1]
    early, final = fusion.step(rows[0], fusion.new_state())
    assert (early.shape, final.shape) == ((5,), (5,))
    assert early.sum() == pytest.approx(1.0, abs=1e-5)
    assert final.sum() == pytest.approx(1.0, abs=1e-5)


def test_fusion_when_normal_beats_come_evenly_then_it_is_sure_of_them(fusion: Fusion) -> None:
    state = fusion.new_state()
    for _ in range(20):
        early, final = fusion.step(features(CLEAR_N), state)
    assert early[0] > 0.9
    assert final[0] > 0.9


def test_unfollowed_when_asked_then_an_answer_and_the_memory_as_it_was(fusion: Fusion) -> None:
    state = fusion.new_state()
    for _ in range(20):
        fusion.step(features(CLEAR_N), state)
    before = state.s.tobytes()
    assert fusion.unfollowed(state)[0] > 0.5
    assert state.s.tobytes() == before


def test_nothing_when_made_then_it_says_only_that() -> None:
    assert {name for name, value in _named(nothing()).items() if value} == {"nothing"}


def test_fusion_when_file_is_another_model_then_one_line_names_both() -> None:
    with pytest.raises(BadInput, match=r"here/fusion: inputs .* expected x \(1, 33\), s \(1, n\)"):
        Fusion((shipped() / "gru" / "model.tflite").read_bytes(), "here/fusion")
