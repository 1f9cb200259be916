"""The trained fusion and its features: the exported C beside the monitor's own pipeline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.artefact import load_models
from edge.pipeline import Pipeline
from edge.types import AAMI, Beat
from firmware_bridge.types import SampleBlock
from train.chip_host import HostPatient
from train.chip_parity import NoIntervals

F32 = NDArray[np.float32]
PROB, PROB_INT8 = 0.02, 0.15
"""How far a probability may be; one quantum of the beat network rounded another way moves some by 0.01."""


def patient(chip: Any) -> HostPatient:
    return HostPatient(chip.lib, len(chip.made.options.rhythms))


def beats(lead: F32) -> list[Beat]:
    pipeline = Pipeline(replace(load_models(), af=NoIntervals()), wave_ms=0.0)
    events = pipeline.push(SampleBlock("chip", 0, 125.0, lead[:, None], ("II",)))
    return [event for event in events if isinstance(event, Beat)]


def agree(chip: Any, lead: F32) -> float:
    """Same beats, same classes, at the same time; gives how far probabilities are apart."""
    told, _ = patient(chip).play(lead)
    expected = beats(lead)
    assert [(int(a["k"]), int(a["sample"]), AAMI[a["aami"]], bool(a["final"])) for a in told] == [
        (b.at, b.r_peak.sample, b.aami, b.final) for b in expected
    ]
    assert len(expected) > 200
    return float(np.abs(told["probs"] - [b.probs for b in expected]).max())


def test_answers_when_virtual_patient_is_played_then_they_are_the_monitors(
    full_chip: Any, virtual_lead: F32
) -> None:
    assert agree(full_chip, virtual_lead) <= PROB


@pytest.mark.parametrize("name", ["105", "208", "223"])
def test_answers_when_real_ecg_is_played_then_they_are_the_monitors(
    full_chip: Any, real_lead: Callable[[str], F32], name: str
) -> None:
    assert agree(full_chip, real_lead(name)) <= PROB


def test_answers_when_weights_are_int8_then_the_beats_are_the_same_and_nearly_all_classes(
    full_int8_chip: Any, virtual_lead: F32
) -> None:
    told, _ = patient(full_int8_chip).play(virtual_lead)
    expected = beats(virtual_lead)
    assert [int(a["sample"]) for a in told] == [b.r_peak.sample for b in expected]
    assert sum(AAMI[a["aami"]] == b.aami for a, b in zip(told, expected, strict=True)) >= 0.99 * len(expected)
    apart = np.abs(told["probs"] - [b.probs for b in expected]).max(1)
    assert np.quantile(apart, 0.97) <= PROB_INT8


def test_answers_when_the_lead_is_cut_anywhere_then_they_are_the_same(
    full_chip: Any, virtual_lead: F32
) -> None:
    whole, _ = patient(full_chip).play(virtual_lead[:6000])
    piecewise, parts = patient(full_chip), []
    for k in range(0, 6000, 77):
        told, _ = piecewise.play(virtual_lead[k : min(k + 77, 6000)])
        told["k"] += k
        parts += told.tolist()
    assert [str(a) for a in parts] == [str(a) for a in whole.tolist()]


def test_flush_when_samples_were_missing_then_the_next_beat_has_no_interval_and_the_rhythm_is_kept(
    full_chip: Any, virtual_lead: F32
) -> None:
    import ctypes

    one, out, known = patient(full_chip), ctypes.create_string_buffer(64), np.zeros(6, np.float32)
    one.play(virtual_lead[:5000])
    nothing = np.zeros(0, np.float32)

    def intervals() -> list[float]:
        where = ctypes.c_void_p(nothing.ctypes.data), ctypes.c_uint32(0), ctypes.c_void_p(known.ctypes.data)
        full_chip.lib.keep(one.state, *where)
        return [float(v) for v in known]

    before = intervals()
    full_chip.lib.hw_flush(one.state, out)
    assert before[0] > 0.0
    assert intervals()[0] == 0.0
    assert intervals()[1:] == before[1:]
    full_chip.lib.hw_restart(one.state)
    assert intervals()[1:4] == [0.0, 0.0, 0.0]
