"""Maps: what is kept of a layer comes back, and each beat shown is of its class and of a patient held out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from edge.types import AAMI
from train.study.maps import SHOWN_PATIENT, Grid, Look, fold_of, run, softmax


def test_grid_when_written_and_read_then_it_is_within_half_a_step() -> None:
    values = np.random.default_rng(0).normal(0.0, 3.0, (5, 20)).astype(np.float32)
    grid = Grid.of("conv 1", values, -0.8, 0.016)
    again = Grid.from_dict(json.loads(json.dumps(grid.to_dict())))
    assert np.array_equal(again.values, grid.values)
    assert np.abs(again.real - values).max() <= 0.51 * again.scale
    assert again.times_s[0] == -0.8
    assert again.times_s[-1] == pytest.approx(-0.8 + 19 * 0.016)
    assert (Grid.of("flat", np.zeros((2, 2), np.float32), 0.0, 1.0).real == 0.0).all()


def test_softmax_when_logits_are_large_then_probabilities_are_finite() -> None:
    p = softmax(np.array([[1000.0, 0.0], [0.0, 0.0]]))
    assert p.tolist() == [[1.0, 0.0], [0.5, 0.5]]


def test_run_when_patients_are_held_out_then_beats_of_their_classes_are_shown(synthetic_cache: Path) -> None:
    held = {record for _, record in fold_of(SHOWN_PATIENT).held_out()}
    assert SHOWN_PATIENT in held
    looks = list(run())
    kinds = [look.aami for look in looks if look.network == "cnn"]
    assert {"N", "V"} <= set(kinds) <= set("NSVF")
    assert kinds == [look.aami for look in looks if look.network == "gru"]
    for look in looks:
        assert look.record.removeprefix("mitdb/") in held
        assert sum(look.probs) == pytest.approx(1.0, abs=0.01)
        again = Look.from_dict(json.loads(json.dumps(look.to_dict())))
        assert again.probs == look.probs
        assert [g.name for g in again.grids] == [g.name for g in look.grids]
    normal = next(look for look in looks if look.network == "gru" and look.aami == "N")
    assert AAMI[int(np.argmax(normal.probs))] == "N"
    state = next(g for g in normal.grids if g.name == "state")
    assert state.values.shape == (64, 145)
    assert np.abs(state.real).max() <= 1.01
