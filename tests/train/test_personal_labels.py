from __future__ import annotations

import numpy as np
import pytest

from edge.artefact import Models, load_models
from edge.pipeline import Pipeline
from edge.types import Beat, Note, Status
from firmware_bridge.patient import VirtualPatient
from firmware_bridge.types import SampleBlock
from train.ec57 import Mark
from train.personal_labels import Labelling

FS = 125.0


@pytest.fixture(scope="module")
def models() -> Models:
    return load_models()


def _blocks(seconds: float, first: int = 0) -> tuple[list[SampleBlock], list[int]]:
    """A virtual patient's lead in blocks of a second, the first at sample `first`, and where their beats are."""
    patient = VirtualPatient(FS, 0, "sinus:60s rate=80")
    mv = patient.read(round(seconds * FS)).mv
    size = round(FS)
    cut = [SampleBlock("r", first + k, FS, mv[k : k + size], ("II",)) for k in range(0, len(mv), size)]
    return cut, [first + round(beat.sample) for beat in patient.beats]


def test_labelling_when_annotations_are_near_then_those_beats_are_labelled_as_they_say(
    models: Models,
) -> None:
    blocks, truth = _blocks(20.0)
    labels = [Mark(sample + 6, "A") for sample in truth] + [Mark(truth[3], "+"), Mark(truth[4] + 45, "V")]
    patient = Labelling(Pipeline(models, wave_ms=0, personal="labels"), labels, FS)
    events = [event for block in blocks for event in patient.push(block)]
    notes = [e for e in events if isinstance(e, Note) and e.kind == "label"]
    n_final = sum(isinstance(e, Beat) and e.final for e in events)
    assert len(notes) == patient.n_labels == n_final > 15
    assert all(" is S, says the annotation" in note.detail for note in notes)
    assert [e for e in events if isinstance(e, Status)][-1].personal_beats > 10
    last = [e for e in events if isinstance(e, Beat)][-1]
    assert last.plain is not None
    assert last.probs[1] > 5.0 * last.plain[1]


def test_labelling_when_no_annotation_is_near_then_nobody_labels(models: Models) -> None:
    blocks, truth = _blocks(10.0)
    patient = Labelling(
        Pipeline(models, wave_ms=0, personal="labels"), [Mark(s + 30, "V") for s in truth], FS
    )
    for block in blocks:
        patient.push(block)
    assert patient.n_labels == 0


def test_labelling_when_the_first_five_minutes_are_over_then_annotations_are_not_looked_at(
    models: Models,
) -> None:
    first = round(295 * FS)
    blocks, truth = _blocks(12.0, first)
    patient = Labelling(Pipeline(models, wave_ms=0, personal="labels"), [Mark(s, "V") for s in truth], FS)
    events = [event for block in blocks for event in patient.push(block)]
    labelled = [e.start for e in events if isinstance(e, Note) and e.kind == "label"]
    assert len(labelled) == patient.n_labels > 2
    assert np.max(labelled) < 300 * FS
    late = [e for e in events if isinstance(e, Beat) and e.final and e.r_peak.sample >= 300 * FS]
    assert len(late) > 3
