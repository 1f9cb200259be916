from __future__ import annotations

import math

import numpy as np
import pytest

from edge.af import AF_INPUTS, LEAST, LONG, MEASURES, SHORT, AfModel, af_features, measures
from edge.artefact import shipped
from firmware_bridge.types import BadInput


@pytest.fixture(scope="module")
def model() -> AfModel:
    return AfModel((shipped() / "af" / "model.tflite").read_bytes(), "af")


def sinus(n: int, seed: int = 0) -> list[float]:
    """Breathing and a little noise."""
    rng = np.random.default_rng(seed)
    level = 0.04 * np.sin(np.arange(n) * 2 * np.pi / 5.0) + rng.normal(0.0, 0.012, n)
    return (0.85 * np.exp(level)).tolist()


def fibrillation(n: int, seed: int = 0) -> list[float]:
    """Every interval a draw of its own."""
    return np.random.default_rng(seed).gamma(16.0, 0.045, n).clip(0.35, 1.6).tolist()


def _named(rr_s: list[float]) -> dict[str, float]:
    return dict(zip(MEASURES, measures(np.array(rr_s)).tolist(), strict=True))


def test_measures_when_intervals_alternate_then_bigeminy_has_a_memory_of_two_beats() -> None:
    m = _named([0.5, 1.0] * 20)
    assert m["memory_1"] == pytest.approx(-1.0, abs=0.01)
    assert m["memory_2"] == pytest.approx(1.0, abs=0.01)
    assert m["turns"] == 1.0
    assert m["share_of_steps"] == 1.0
    assert m["mean_step"] == pytest.approx(math.log(math.log(2.0) + 0.005))
    assert m["median_step"] == pytest.approx(m["mean_step"])
    assert m["step_over_two"] == pytest.approx(math.log(0.005))
    assert m["level"] == pytest.approx(math.log(math.sqrt(0.5)))


def test_measures_when_intervals_are_equal_then_finite() -> None:
    m = measures(np.full(40, 0.8))
    assert np.isfinite(m).all()
    assert _named([0.8] * 40)["entropy"] == pytest.approx(0.0, abs=1e-9)


def test_measures_when_an_interval_is_absurd_then_it_is_bounded() -> None:
    assert np.isfinite(measures(np.array([0.8, 0.0, 1e9, 0.8, 0.8, 0.1]))).all()


def test_features_when_too_few_intervals_then_none_and_else_two_looks() -> None:
    assert af_features([0.8] * (LEAST - 1)) is None
    rr = fibrillation(300)
    x = af_features(rr)
    assert x is not None
    assert x.shape == (len(AF_INPUTS),)
    assert np.allclose(x[: len(MEASURES)], measures(np.array(rr[-SHORT:])), atol=1e-5)
    assert np.allclose(x[len(MEASURES) :], measures(np.array(rr[-LONG:])), atol=1e-5)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n", [24, 32, 64, 128])
def test_logit_when_shipped_then_fibrillation_is_told_from_sinus_and_bigeminy(
    model: AfModel, n: int, seed: int
) -> None:
    for rr, is_af in ((fibrillation(n, seed), True), (sinus(n, seed), False), ([0.5, 1.0] * 64, False)):
        logit = model.logit(rr[-n:])
        assert logit is not None
        assert (logit > 0.0) == is_af


def test_logit_when_too_few_intervals_then_none(model: AfModel) -> None:
    assert model.logit([0.8] * (LEAST - 1)) is None


def test_model_when_file_is_another_then_one_line_names_both() -> None:
    with pytest.raises(BadInput, match=r"here: input \(1, 128, 3\), output \(1, 5\), expected \(1, 26\)"):
        AfModel((shipped() / "beat_cnn" / "model.tflite").read_bytes(), "here")
