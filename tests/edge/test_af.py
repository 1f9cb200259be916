from __future__ import annotations

import numpy as np
import pytest

from edge.af import AF_INPUTS, LEAST, LONG, SHORT, AfModel, af_features, af_rows
from edge.artefact import shipped
from edge.scatter import MEASURES, measures
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


def test_features_when_too_few_intervals_then_none_and_else_two_looks() -> None:
    assert af_features([0.8] * (LEAST - 1)) is None
    rr = fibrillation(300)
    x = af_features(rr)
    assert x is not None
    assert x.shape == (len(AF_INPUTS),)
    assert np.allclose(x[: len(MEASURES)], measures(np.array(rr[-SHORT:])), atol=1e-5)
    assert np.allclose(x[len(MEASURES) :], measures(np.array(rr[-LONG:])), atol=1e-5)


def test_rows_when_many_series_are_given_then_as_one_by_one() -> None:
    rr = np.array([fibrillation(140, seed) for seed in range(3)])
    assert np.array_equal(af_rows(rr), np.stack([af_features(one) for one in rr.tolist()]))


def ectopy(n: int, seed: int = 0) -> list[float]:
    """A premature beat and its pause after every second to seventh beat, by chance."""
    rng = np.random.default_rng(seed)
    rr = np.array(sinus(n, seed))
    at = np.cumsum(rng.integers(3, 8, n))
    at = at[at < n - 1]
    rr[at], rr[at + 1] = 0.7 * rr[at], 1.3 * rr[at + 1]
    return rr.tolist()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n", [24, 32, 64, 128])
def test_logit_when_shipped_then_fibrillation_is_told_from_sinus_and_bigeminy(
    model: AfModel, n: int, seed: int
) -> None:
    for rr, is_af in ((fibrillation(n, seed), True), (sinus(n, seed), False), ([0.5, 1.0] * 64, False)):
        logit = model.logit(rr[-n:])
        assert logit is not None
        assert (logit > 0.0) == is_af


@pytest.mark.parametrize("seed", range(5))
def test_logit_when_shipped_then_frequent_ectopy_and_errors_of_the_detector_are_not_fibrillation(
    model: AfModel, seed: int
) -> None:
    erring = np.array(sinus(128, seed))
    erring[[20, 70, 100]] *= 2.0  # missed
    erring[[40, 90]] *= 0.4  # false
    for rr in (ectopy(128, seed), erring.tolist()):
        logit = model.logit(rr)
        assert logit is not None
        assert logit < 0.0


def test_logit_when_too_few_intervals_then_none(model: AfModel) -> None:
    assert model.logit([0.8] * (LEAST - 1)) is None


def test_model_when_file_is_another_then_one_line_names_both() -> None:
    with pytest.raises(BadInput, match=r"here: input \(1, 128, 3\), output \(1, 5\), expected \(1, 66\)"):
        AfModel((shipped() / "beat_cnn" / "model.tflite").read_bytes(), "here")
