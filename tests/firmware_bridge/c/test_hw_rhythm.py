from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.artefact import load_models
from train.chip_host import HostPatient
from train.chip_parity import Windows

F32 = NDArray[np.float32]
PROB = 0.02
"""A quantum of the logits, rounded another way."""


def compare(chip: Any, lead: F32) -> F32:
    _, rhythm = HostPatient(chip.lib, len(chip.made.options.rhythms)).play(lead)
    expected = Windows(load_models()).push(lead)
    assert np.flatnonzero(np.isfinite(rhythm[:, 0])).tolist() == sorted(expected)
    assert np.isfinite(rhythm[sorted(expected)]).all()
    assert max(np.abs(rhythm[k] - probs).max() for k, probs in expected.items()) <= PROB
    return rhythm[sorted(expected)]


def test_rhythm_when_virtual_patient_is_played_then_every_window_is_edges(
    full_chip: Any, virtual_lead: F32
) -> None:
    probs = compare(full_chip, virtual_lead)
    assert len(probs) > 150
    assert len(set(probs.argmax(1).tolist())) > 1


@pytest.mark.parametrize("name", ["203"])
def test_rhythm_when_real_ecg_is_played_then_every_window_is_edges(
    full_chip: Any, real_lead: Callable[[str], F32], name: str
) -> None:
    assert len(compare(full_chip, real_lead(name))) > 150


def test_rhythm_when_the_line_is_flat_then_probabilities_add_up(full_chip: Any) -> None:
    probs = compare(full_chip, np.zeros(2000, np.float32))
    assert probs.sum(1) == pytest.approx(1.0, abs=1e-5)
