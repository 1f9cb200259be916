from __future__ import annotations

import numpy as np
import pytest

from edge.af_doubt import AfDoubt
from edge.artefact import load_models
from edge.types import Beat, RPeak

P = np.array([0.3, 0.6, 0.05, 0.03, 0.02], np.float32)


class Says:
    """A judge that says what it is told to, and keeps what it was asked."""

    def __init__(self, logit: float | None) -> None:
        self.answer, self.asked = logit, [0.0]

    def logit(self, rr_s: list[float]) -> float | None:
        self.asked = rr_s
        return self.answer


def beat(rr_s: float | None, aami: str = "N") -> Beat:
    return Beat(
        id=1,
        r_peak=RPeak(100, 1.0, 0.9),
        rr_s=rr_s,
        aami=aami,
        probs=(0.9, 0.04, 0.02, 0.02, 0.02),
        sqi=0.9,
        final=True,
        warming=False,
        readable=True,
        at=200,
    )


def test_weigh_when_nothing_is_known_of_the_intervals_then_probabilities_stay() -> None:
    doubt = AfDoubt(Says(None))
    assert doubt.weigh(P) is P
    doubt.keep(beat(0.8))
    assert doubt.weigh(P) is P


def test_weigh_when_af_is_as_likely_as_not_then_half_of_s_goes_to_n() -> None:
    doubt = AfDoubt(Says(0.0))
    doubt.keep(beat(0.8))
    weighed = doubt.weigh(P)
    assert weighed.tolist() == pytest.approx([0.6, 0.3, 0.05, 0.03, 0.02])
    assert weighed.dtype == np.float32
    assert P.tolist() == pytest.approx([0.3, 0.6, 0.05, 0.03, 0.02])


@pytest.mark.parametrize(("logit", "s"), [(1000.0, 0.0), (-1000.0, 0.6)])
def test_weigh_when_the_judge_is_sure_then_s_goes_or_stays(logit: float, s: float) -> None:
    doubt = AfDoubt(Says(logit))
    doubt.keep(beat(0.8))
    weighed = doubt.weigh(P)
    assert float(weighed[1]) == pytest.approx(s, abs=1e-6)
    assert float(weighed.sum()) == pytest.approx(1.0, abs=1e-6)


def test_keep_when_a_beat_has_no_interval_of_the_atria_then_it_is_not_asked_about() -> None:
    judge = Says(2.0)
    doubt = AfDoubt(judge)
    for one in (beat(0.7), beat(None), beat(0.1), beat(3.5), beat(0.5, "V"), beat(0.9, "S")):
        doubt.keep(one)
    assert judge.asked == [0.7, 0.9]


def test_forget_when_asked_then_as_at_the_beginning() -> None:
    judge = Says(3.0)
    doubt = AfDoubt(judge)
    doubt.keep(beat(0.7))
    doubt.forget()
    assert doubt.weigh(P) is P
    doubt.keep(beat(0.9))
    assert judge.asked == [0.9]


def test_weigh_when_intervals_are_those_of_af_then_s_falls_and_in_a_steady_rhythm_it_does_not() -> None:
    rng = np.random.default_rng(2)
    steady, fibrillating = AfDoubt(load_models().af), AfDoubt(load_models().af)
    for _ in range(100):
        steady.keep(beat(0.8 + rng.normal(0.0, 0.01)))
        fibrillating.keep(beat(rng.uniform(0.4, 1.1)))
    assert float(steady.weigh(P)[1]) > 0.55
    assert float(fibrillating.weigh(P)[1]) < 0.1
