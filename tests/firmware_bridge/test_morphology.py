"""Shapes of beats: every kind has its own, every person and every beat varies within bounds."""

from __future__ import annotations

import numpy as np
import pytest

from firmware_bridge.morphology import AFTER_S, BEFORE_S, KINDS, Person, Wave, varied, voltage, waves_of
from train.labels import TABLE

T_S = np.arange(-400, 900) / 1000


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("seed", range(4))
def test_voltage_when_outside_a_beats_reach_then_there_is_next_to_none(kind: str, seed: int) -> None:
    person = Person.draw(np.random.default_rng(seed))
    mv = voltage(waves_of(kind, person, 1.5), np.array([-BEFORE_S, AFTER_S]))
    assert np.abs(mv).max() < 0.005


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("pvc_up", [False, True])
def test_voltage_when_near_zero_then_that_is_where_the_ventricles_are_largest(
    kind: str, pvc_up: bool
) -> None:
    mv = voltage(waves_of(kind, Person(pvc_up=pvc_up), 0.8), T_S)
    qrs = np.abs(T_S) <= 0.060
    assert abs(T_S[qrs][np.argmax(np.abs(mv[qrs]))]) <= 0.012


def test_kinds_when_symbols_are_classed_then_they_agree_with_the_label_table() -> None:
    assert {symbol: TABLE[symbol] for symbol, _ in KINDS.values()} == dict(KINDS.values())


def test_waves_when_the_heart_is_fast_then_the_t_wave_comes_sooner() -> None:
    def t_at(rr_s: float) -> float:
        mv = voltage(waves_of("normal", Person(), rr_s), T_S)
        late = T_S > 0.1
        return float(T_S[late][np.argmax(mv[late])])

    assert t_at(0.4) < t_at(0.85) < t_at(1.4)
    assert t_at(0.85) == pytest.approx(0.285, abs=0.002)


def test_waves_when_conducted_in_fibrillation_then_there_is_no_p() -> None:
    before = (T_S > -0.3) & (T_S < -0.09)
    assert voltage(waves_of("normal", Person(), 0.8), T_S)[before].max() > 0.1
    assert np.abs(voltage(waves_of("conducted", Person(), 0.8), T_S)[before]).max() < 1e-6
    assert voltage(waves_of("atrial", Person(), 0.8), T_S)[before].min() < -0.04


def test_voltage_when_one_wave_then_its_flanks_have_their_own_widths() -> None:
    mv = voltage((Wave("qrs", 2.0, 0.1, 0.01, 0.02),), np.array([0.09, 0.1, 0.12]))
    assert mv == pytest.approx([2 * np.exp(-0.5), 2.0, 2 * np.exp(-0.5)])


def test_varied_when_repeated_then_qrs_is_steadier_than_p_and_t() -> None:
    rng = np.random.default_rng(0)
    beats = [varied(waves_of("normal", Person(), 0.8), rng) for _ in range(400)]
    spread = {
        part: np.std([[w.amp_mv for w in beat if w.part == part][-1] for beat in beats])
        for part in ("p", "qrs", "t")
    }
    size = {w.part: abs(w.amp_mv) for w in waves_of("normal", Person(), 0.8)}
    assert spread["qrs"] / size["qrs"] == pytest.approx(0.02, rel=0.2)
    assert spread["p"] / size["p"] == pytest.approx(0.07, rel=0.2)
    assert spread["t"] / size["t"] == pytest.approx(0.07, rel=0.2)


def test_person_when_drawn_then_people_differ_and_a_seed_is_one_person() -> None:
    people = [Person.draw(np.random.default_rng(seed)) for seed in range(20)]
    assert len(set(people)) == 20
    assert {person.pvc_up for person in people} == {False, True}
    assert people[3] == Person.draw(np.random.default_rng(3))
