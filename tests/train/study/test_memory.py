"""Memory: a state that has heard enough answers as the whole record does, and losses are of the same patients."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from edge.artefact import shipped
from train.dataset import Patient
from train.study import memory
from train.study.layers import gru_maps, shipped_pair
from train.study.memory import answers, f1_of, line, matrix, run, scored


def test_answers_when_all_was_heard_then_they_are_the_running_states(
    virtual_patient: Callable[..., Patient],
) -> None:
    net = shipped_pair(shipped()).gru
    lead = np.ascontiguousarray(virtual_patient().x[:2500, 0])
    due = np.array([1200, 1777, 2400])
    running = gru_maps(net, lead, due)["logits"][:, 1:4].argmax(1)
    assert answers(net, lead, due, 1200).tolist() == running.tolist()


def test_f1_when_a_class_is_neither_there_nor_answered_then_it_is_nothing() -> None:
    found = matrix(np.array([0, 0, 2, 2]), np.array([0, 2, 2, 2]), np.array([1.0, 1.0, 1.0, 3.0]))
    assert found[2, 2] == 4.0
    assert f1_of(found) == pytest.approx([2 / 3, 0.0, 8 / 9])


def test_scored_when_short_memories_err_then_the_loss_is_above_nothing() -> None:
    right, wrong = np.diag([50.0, 10.0, 10.0]), np.array([[50.0, 0, 0], [10.0, 0, 0], [0, 0, 10.0]])
    found = np.stack([np.stack([wrong, right, right])] * 12)
    short, long, whole = scored(found, (0.5, 8.0), n=50)
    assert (short.heard_s, long.heard_s, whole.heard_s) == (0.5, 8.0, 0.0)
    assert short.loss_low == short.loss_high == short.loss > 0.3
    assert long.loss == whole.loss == 0.0
    assert whole.f1 == (1.0, 1.0, 1.0)
    assert line(short)["n_patients"] == 12


def test_run_when_few_patients_are_looked_at_then_every_memory_has_a_score(
    synthetic_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "HEARD_S", (0.5, 4.0))
    said: list[str] = []
    found = list(run(limit=4, tell=said.append))
    assert [s.heard_s for s in found] == [0.5, 4.0, 0.0]
    assert len(said) == 3
    assert all(0.0 <= s.low <= s.high <= 1.0 for s in found)
    assert found[2].macro_f1 >= found[0].macro_f1
