"""Answers about beats: the exported C beside the pipeline with the fusion that the C has, sample by sample."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.artefact import load_models, shipped
from edge.fusion import MeanFusion
from edge.pipeline import Pipeline
from edge.types import AAMI, Beat
from firmware_bridge.patient import VirtualPatient
from firmware_bridge.types import SampleBlock
from train import export
from train.chip_parity import NoIntervals

F32 = NDArray[np.float32]
PROB = 0.02
"""How far a probability may be: where a runtime rounds one quantum of the beat network's logits another way, it moves
by up to 0.015. The largest seen here is 1.5e-5; samples and classes are equal."""


class Answer(ctypes.Structure):
    _fields_ = (
        ("sample", ctypes.c_uint32),
        ("amp_mv", ctypes.c_float),
        ("probs", ctypes.c_float * 5),
        ("aami", ctypes.c_uint8),
        ("final", ctypes.c_uint8),
    )


def of_chip(chip: Any, lead: F32, patient: Any = None) -> list[tuple[int, str, bool, list[float], int]]:
    """(sample, class, final, probabilities, when) of every answer."""
    patient = patient or chip.patient()
    scratch = ctypes.create_string_buffer(chip.lib.size_of_scratch())
    out, answers = (Answer * 2)(), []
    for k, x in enumerate(lead.tolist()):
        for a in out[: chip.lib.hw_step(patient.state, ctypes.c_float(x), scratch, out)]:
            answers.append((a.sample, AAMI[a.aami], bool(a.final), list(a.probs), k))
    return answers


def of_pipeline(lead: F32, fs: float) -> list[Beat]:
    """The same out of edge's pipeline."""
    pipeline = Pipeline(replace(load_models(), fusion=MeanFusion(), af=NoIntervals()), wave_ms=0.0)
    block = SampleBlock("chip", 0, fs, lead[:, None], ("II",))
    return [event for event in pipeline.push(block) if isinstance(event, Beat)]


def agree(chip: Any, lead: F32, least: int, fs: float = 125.0) -> None:
    got, expected = of_chip(chip, lead), of_pipeline(lead, fs)
    assert [(g[0], g[1], g[2], g[4]) for g in got] == [
        (e.r_peak.sample, e.aami, e.final, e.at) for e in expected
    ]
    assert max(np.abs(np.array(g[3]) - e.probs).max() for g, e in zip(got, expected, strict=True)) <= PROB
    assert len(got) >= least
    assert len({g[1] for g in got}) > 1


def test_step_when_virtual_patient_is_played_then_answers_are_those_of_the_pipeline(
    chip: Any, virtual_lead: F32
) -> None:
    agree(chip, virtual_lead[: 125 * 120], 300)


def test_step_when_the_device_samples_at_250_hz_then_answers_are_those_of_the_pipeline(
    compiled: Callable[[export.Chip], Any],
) -> None:
    lead = VirtualPatient(250.0, 5, "sinus:60s rate=70 pvc=0.15; bigeminy:20s; end").read(250 * 70).mv[:, 0]
    agree(compiled(export.read(shipped(), 250.0)), lead, 150, 250.0)


@pytest.mark.parametrize("name", ["119", "208"])
def test_step_when_real_ecg_is_played_then_answers_are_those_of_the_pipeline(
    chip: Any, real_lead: Callable[[str], F32], name: str
) -> None:
    agree(chip, real_lead(name), 300)


def test_step_when_no_beat_follows_then_the_final_answer_comes_all_the_same(
    chip: Any, virtual_lead: F32
) -> None:
    floor = virtual_lead[1249] + np.random.default_rng(6).normal(0.0, 0.004, 1000).astype(np.float32)
    lead = np.concatenate([virtual_lead[:1250], floor])
    answers = of_chip(chip, lead)
    early, final = answers[-2], answers[-1]
    assert (early[2], final[2], early[0]) == (False, True, final[0])
    assert final[4] == of_pipeline(lead, 125.0)[-1].at
    assert final[4] - early[0] <= 3.0 * 125


def test_flush_when_samples_are_missing_then_the_open_beat_is_answered_once(
    chip: Any, virtual_lead: F32
) -> None:
    patient, out = chip.patient(), Answer()
    answers = of_chip(chip, virtual_lead[:1250], patient)
    assert chip.lib.hw_flush(patient.state, ctypes.byref(out)) == 1
    assert (out.sample, out.final) == (answers[-1][0], 1)
    assert chip.lib.hw_flush(patient.state, ctypes.byref(out)) == 0
    chip.lib.hw_restart(patient.state)
    assert chip.lib.hw_flush(patient.state, ctypes.byref(out)) == 0
