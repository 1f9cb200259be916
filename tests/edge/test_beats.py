from __future__ import annotations

import numpy as np
import pytest

from edge.artefact import Models, load_models
from edge.beats import LONGEST_WAIT_S, BeatStage, Circumstances
from edge.rpeaks import Decided
from edge.types import Beat
from edge.windows import Ring

N = np.array([9, 8, 0, 0, 0, 0, 8, 0, 0, 0, 0], np.float32)
"""Logits of a step that is sure of a QRS and that it, and the beat before it, are normal."""


@pytest.fixture(scope="module")
def models() -> Models:
    return load_models()


class Bench:
    """A beat stage over a lead with a beat every 100 samples (0.8 s), the first at 150."""

    def __init__(self, models: Models, size_mv: float = 1.2) -> None:
        self.ring = Ring()
        t = np.arange(2000)
        self._x = size_mv * np.exp(-(((t % 100 - 50) / 1.8) ** 2))
        self._x += 0.3 * np.exp(-(((t % 100 - 82) / 6.0) ** 2))
        self._x[:110] = 0.0
        self.delay = models.manifests["gru"].delay
        self.stage = BeatStage(models, self.ring, lambda k: round(2 * k))

    def now(self, readable: bool = True) -> Circumstances:
        return Circumstances(0.9, False, readable, 2 * self.ring.end)

    def beat(self, position: int, readable: bool = True) -> list[Beat]:
        """Push the lead to where the R-peak at `position` is decided, and decide it."""
        k0 = position + self.delay["qrs"] - self.delay["filter"]
        until = k0 + self.delay["class"] - self.delay["qrs"] + 1
        while self.ring.end < until:
            self.ring.push(float(self._x[self.ring.end]))
        return self.stage.push(Decided(k0, 4.0, N), self.now(readable))


def test_push_when_peaks_come_then_each_gets_early_now_and_final_with_the_next(models: Models) -> None:
    bench = Bench(models)
    answers = [bench.beat(150 + 100 * k) for k in range(5)]
    assert [[(b.id, b.final) for b in step] for step in answers] == [
        [(0, False)],
        [(0, True), (1, False)],
        [(1, True), (2, False)],
        [(2, True), (3, False)],
        [(3, True), (4, False)],
    ]
    early = [step[-1] for step in answers]
    assert [b.rr_s for b in early] == [None, *[pytest.approx(0.8)] * 4]
    lag = models.manifests["gru"].calibration["peak_lag"]
    assert [b.r_peak.sample for b in early] == [round(2 * (150 + 100 * k - lag)) for k in range(5)]
    assert all(b.r_peak.amp_mv == pytest.approx(1.2, abs=0.05) for b in early)
    assert all(b.r_peak.prob == pytest.approx(1 / (1 + np.exp(-4.0))) for b in early)
    assert all(b.probs[0] == max(b.probs) for b in early)


def test_push_when_two_maxima_belong_to_one_deflection_then_one_beat(models: Models) -> None:
    bench = Bench(models)
    assert len(bench.beat(150)) == 1
    assert bench.beat(153) == []
    assert [b.id for b in bench.beat(250)] == [0, 1]


def test_poll_when_no_beat_follows_then_final_after_the_longest_wait(models: Models) -> None:
    bench = Bench(models)
    bench.beat(150)
    k0 = 150 + bench.delay["qrs"] - bench.delay["filter"]
    wait = round(LONGEST_WAIT_S * 125.0)
    assert bench.stage.poll(k0 + wait, bench.now()) == []
    (final,) = bench.stage.poll(k0 + wait + 1, bench.now())
    assert (final.id, final.final) == (0, True)
    assert bench.stage.poll(k0 + wait + 50, bench.now()) == []


def test_flush_when_a_beat_is_open_then_answered_and_the_next_has_no_interval(models: Models) -> None:
    bench = Bench(models)
    bench.beat(150)
    (final,) = bench.stage.flush(bench.now())
    assert (final.id, final.final) == (0, True)
    assert bench.stage.flush(bench.now()) == []
    (early,) = bench.beat(250)
    assert (early.id, early.rr_s) == (1, None)


def test_final_when_quality_changed_since_then_it_keeps_what_the_early_one_saw(models: Models) -> None:
    bench = Bench(models)
    (early,) = bench.beat(150, readable=False)
    final, _ = bench.beat(250)
    assert (early.readable, final.readable) == (False, False)
    assert (final.sqi, final.warming, final.r_peak) == (early.sqi, early.warming, early.r_peak)


def test_template_when_beats_are_normal_then_learned_and_when_unreadable_then_not(models: Models) -> None:
    clear, noisy = Bench(models), Bench(models)
    for k in range(6):
        clear.beat(150 + 100 * k)
        noisy.beat(150 + 100 * k, readable=False)
    assert clear.stage.template.n == 5
    assert noisy.stage.template.n == 0


def test_restart_when_same_patient_then_template_stays_and_rate_goes(models: Models) -> None:
    bench = Bench(models)
    for k in range(6):
        bench.beat(150 + 100 * k)
    bench.stage.flush(bench.now())
    bench.stage.restart()
    assert bench.stage.template.n == 6
    assert bench.stage.intervals.mean_s is None
    assert bench.beat(750)[0].rr_s is None


def test_forget_when_another_patient_then_nothing_is_left_but_the_count(models: Models) -> None:
    used, new = Bench(models), Bench(models)
    for k in range(6):
        used.beat(150 + 100 * k)
    used.stage.flush(used.now())
    used.stage.restart()
    used.stage.forget()
    for k in range(6, 10):
        a, b = used.beat(150 + 100 * k), new.beat(150 + 100 * k)
        assert [x.probs for x in a] == [x.probs for x in b]
        assert [x.id - 6 for x in a] == [x.id for x in b]
