from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from edge.signal_measures import Measures, NoiseLimits, noise_reason
from train.fit_gate import Examples
from train.gate_limits import BOUNDS, fit_limits, noisy
from train.gate_windows import CODE, LETHAL, NAMES, NOISE, SIGNAL


def measures(n: int, seed: int = 0) -> np.ndarray:
    """Measures on both sides of every limit."""
    rng = np.random.default_rng(seed)
    highest = {"range_mv": 1.0, "peak_hz": 6.0, "busy": 0.4, "middle": 0.5, "wander": 0.6}
    return np.column_stack([rng.uniform(0.0, highest.get(name, 1.0), n) for name in NAMES])


def examples(x: np.ndarray, names: list[str]) -> Examples:
    truth = np.array([CODE[name] for name in names], np.int8)
    return Examples(x, x, truth, noisy(x, NoiseLimits()), np.zeros(len(x), np.int64))


@pytest.mark.parametrize("seed", range(3))
def test_noisy_when_measures_are_of_all_kinds_then_it_is_what_the_monitor_says(seed: int) -> None:
    x = measures(4000, seed)
    limits = replace(NoiseLimits(), motion_ratio=0.5) if seed else NoiseLimits()
    said = [noise_reason(Measures(*map(float, row)), limits) for row in x]
    assert {None, "muscle", "motion"} == set(said)
    assert noisy(x, limits).tolist() == [one is not None for one in said]


def test_fit_limits_when_one_limit_stands_in_the_way_then_it_is_moved_and_no_heart_is_called_noise() -> None:
    x = measures(3000)
    fast, busy, size = (NAMES.index(name) for name in ("fast", "busy", "range_mv"))
    x[:, size] = 1.0
    x[:1000, fast], x[:1000, busy] = 0.20, 0.15  # noise that lies just below the limit set by hand
    x[1000:, fast] = 0.10
    data = examples(x, ["ma alone"] * 1000 + ["DS1"] * 1000 + ["VT, vfdb"] * 1000)
    everyone = np.ones(len(x), bool)
    found = fit_limits(data, everyone, 300, 1)
    assert found.muscle_fast < 0.20 < NoiseLimits().muscle_fast
    told = noisy(x, found)
    assert data.share(told, NOISE, everyone) == 1.0
    assert data.share(told, LETHAL, everyone) <= data.share(data.rule, LETHAL, everyone)
    assert found == fit_limits(data, everyone, 300, 1)
    assert found.min_range_mv == NoiseLimits().min_range_mv
    assert all(low <= asdict(found)[name] <= high for name, (low, high) in BOUNDS.items())


def test_fit_limits_when_all_look_alike_then_those_set_by_hand_stay() -> None:
    x = np.repeat(measures(1), 30, axis=0)
    data = examples(x, ["ma alone"] * 10 + ["DS1"] * 10 + ["VT, vfdb"] * 10)
    assert fit_limits(data, np.ones(30, bool), 30, 1) == NoiseLimits()
    assert data.share(data.rule, SIGNAL, np.ones(30, bool)) == data.share(data.rule, NOISE, np.ones(30, bool))
