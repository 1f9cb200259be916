from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from edge.artefact import shipped
from edge.fusion import FLOOR, FUSION_INPUTS, BeatEvidence, Fusion, MeanFusion, features
from firmware_bridge.types import BadInput

EVEN = np.zeros(5, np.float32)
SURE_V = np.array([0.0, 0.0, 40.0, 0.0, 0.0], np.float32)
KNOWN = BeatEvidence(
    gru=EVEN,
    cnn=SURE_V,
    rr_s=0.5,
    rr_last_s=0.8,
    rr_mean_s=0.75,
    rr_spread=0.1,
    amp_ratio=1.5,
    correlation=0.9,
)


def _named(x: np.ndarray) -> dict[str, float]:
    return dict(zip(FUSION_INPUTS, x.tolist(), strict=True))


def test_features_when_everything_is_known_then_each_is_in_its_place() -> None:
    x = features(KNOWN, gru_before=SURE_V, next_rr_s=1.0, final=True)
    assert x.shape == (26,)
    assert x.dtype == np.float32
    f = _named(x)
    assert f["gru_N"] == f["gru_Q"] == pytest.approx(math.log(0.2))
    assert (f["cnn_V"], f["cnn_N"]) == (0.0, FLOOR)
    assert (f["gru_before_V"], f["gru_before_S"]) == (0.0, FLOOR)
    assert f["rr_to_mean"] == pytest.approx(math.log(0.5 / 0.75))
    assert f["rr_to_last"] == pytest.approx(math.log(0.5 / 0.8))
    assert f["next_to_mean"] == pytest.approx(math.log(1.0 / 0.75))
    assert f["next_to_rr"] == pytest.approx(math.log(2.0))
    assert (f["no_rr"], f["no_next"], f["final"]) == (0.0, 0.0, 1.0)
    assert f["amp_to_template"] == pytest.approx(math.log(1.5))
    assert f["template_correlation"] == pytest.approx(0.9)
    assert f["rr_spread"] == pytest.approx(0.1)
    assert f["rr_mean"] == pytest.approx(math.log(0.75 / 0.8))


def test_features_when_intervals_are_unknown_then_zero_and_said_so() -> None:
    unknown = dataclasses.replace(KNOWN, rr_s=None, rr_last_s=None, rr_mean_s=None)
    f = _named(features(unknown))
    names = ("rr_to_mean", "rr_to_last", "next_to_mean", "next_to_rr", "rr_mean", "gru_before_N")
    assert [f[name] for name in names] == [0.0] * 6
    assert (f["no_rr"], f["no_next"], f["final"]) == (1.0, 1.0, 0.0)


@pytest.mark.parametrize(
    "wild",
    [
        {"rr_s": 1e9, "rr_mean_s": 1e-9},
        {"rr_s": 0.0},
        {"rr_s": -0.1, "rr_last_s": -5.0},
        {"amp_ratio": 0.0},
        {"amp_ratio": 1e9},
        {"gru": np.array([1e9, -1e9, 0, 0, 0], np.float32)},
    ],
)
def test_features_when_evidence_is_wild_then_bounded(wild: dict[str, object]) -> None:
    x = features(dataclasses.replace(KNOWN, **wild), EVEN, 3.0, True)
    assert np.isfinite(x).all()
    assert np.abs(x).max() <= 6.0


def test_mean_when_networks_agree_then_it_is_theirs() -> None:
    p = MeanFusion().probs(features(dataclasses.replace(KNOWN, gru=SURE_V)))
    assert p.argmax() == 2
    assert p.sum() == pytest.approx(1.0)


def test_fusion_when_shipped_then_a_distribution_and_the_same_for_the_same() -> None:
    fusion = Fusion((shipped() / "fusion" / "model.tflite").read_bytes(), "fusion")
    x = features(KNOWN)
    first = fusion.probs(x)
    fusion.probs(features(KNOWN, SURE_V, 1.0, True))
    assert fusion.probs(x).tobytes() == first.tobytes()
    assert first.shape == (5,)
    assert first.sum() == pytest.approx(1.0, abs=1e-5)


def test_fusion_when_file_is_another_model_then_one_line_names_both() -> None:
    with pytest.raises(BadInput) as error:
        Fusion((shipped() / "rhythm_cnn" / "model.tflite").read_bytes(), "here/fusion")
    assert str(error.value) == (
        "here/fusion: input (1, 640, 1), output (1, 5), expected (1, 26) and (1, 5); fit it again"
    )
    with pytest.raises(BadInput) as error:
        Fusion((shipped() / "gru" / "model.tflite").read_bytes(), "here/fusion")
    assert str(error.value) == "here/fusion: 2 inputs and 2 outputs, expected 1 and 1; export the model again"
