"""Shapley values of the fusion's inputs, against their definition and against the running fusion."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from edge.artefact import load_models, shipped
from edge.explain.graph import Graph
from edge.explain.weigh import GROUPS, N_GROUPS, Weigher, shapley_matrix
from edge.fusion import FUSION_INPUTS, N_CLASSES, Fusion
from edge.step_model import StepState
from firmware_bridge.types import BadInput

CONTENT = (shipped() / "fusion" / "model.tflite").read_bytes()


def test_groups_when_joined_then_each_input_is_in_one_of_them() -> None:
    assert sorted(name for names in GROUPS.values() for name in names) == sorted(FUSION_INPUTS)


def test_matrix_when_values_are_of_a_game_then_the_mean_over_all_orders() -> None:
    rng = np.random.default_rng(5)
    value = rng.normal(size=1 << 4)
    by_hand = np.zeros(4)
    for order in itertools.permutations(range(4)):
        told = 0
        for k in order:
            by_hand[k] += value[told | 1 << k] - value[told]
            told |= 1 << k
    assert shapley_matrix(4) @ value == pytest.approx(by_hand / math.factorial(4))


@pytest.mark.parametrize("called", range(N_CLASSES))
def test_weights_when_a_beat_was_answered_then_the_fusions_own_steps_give_the_same(called: int) -> None:
    fusion = load_models().fusion
    assert isinstance(fusion, Fusion)
    rng = np.random.default_rng(called)
    rows = rng.normal(-1.0, 2.0, (5, len(FUSION_INPUTS))).astype(np.float32).clip(-6.0, 6.0)
    state = fusion.new_state()
    for row in rows[:4]:
        fusion.step(row, state)
    memory, row = state.s.copy(), rows[4]
    weigher = Weigher(CONTENT, "fusion")
    found = weigher.weigh(row, memory, called)

    graph = Graph(CONTENT, "fusion")
    usual = next(graph.value(op.takes[1]) for op in graph.ops if op.name == "SUB").reshape(-1)

    def odds(told: frozenset[str]) -> float:
        """Log-odds of the class from the running fusion, where only these groups are as they were."""
        known = {name for group in told for name in GROUPS[group]}
        mixed = np.where([name in known for name in FUSION_INPUTS], row, usual).astype(np.float32)
        before = StepState(memory.shape[1])
        before.s = memory if "memory" in told else np.zeros_like(memory)
        p = fusion.step(mixed, before)[0].astype(np.float64)
        return float(np.log(p[called]) - np.log(np.delete(p, called).sum()))

    names = list(GROUPS)
    for k, name in enumerate(names):
        others = [other for other in names if other != name]
        sum_ = 0.0
        for n in range(N_GROUPS):
            for some in itertools.combinations(others, n):
                weight = math.factorial(n) * math.factorial(N_GROUPS - n - 1) / math.factorial(N_GROUPS)
                sum_ += weight * (odds(frozenset(some) | {name}) - odds(frozenset(some)))
        assert found.adds[k] == pytest.approx(sum_, abs=2e-3)
    assert found.answer == pytest.approx(odds(frozenset(names)), abs=1e-3)
    assert found.usual + sum(found.adds) == pytest.approx(found.answer, abs=1e-9)


def test_weigher_when_the_file_is_another_model_then_one_line_says_so() -> None:
    with pytest.raises(BadInput, match=r"^gru: 0 means are taken from its row, expected 1; .*again$"):
        Weigher((shipped() / "gru" / "model.tflite").read_bytes(), "gru")
