"""What must hold on every Python and both inference runtimes: the shipped models answer, the beats are the same.

`tests/run` runs this folder on each Python it finds. All of them write the beats they found into the folder
named by HEARTWIRE_MATRIX, and compare theirs with those of the runs before.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from edge.artefact import Models, load_models
from edge.explain.beat import Explainer
from edge.explain.layers import Layers
from edge.fusion import N_INPUTS
from edge.pipeline import Pipeline
from edge.runtime import load_interpreter_class
from edge.types import AAMI, RHYTHMS, Beat
from firmware_bridge.patient import VirtualPatient
from firmware_bridge.types import SampleBlock

FS = 360.0
SECONDS = 60
WARM_S = 5.0
MATCH_S = 0.150  # EC57's window
SCRIPT = "sinus:60s rate=75 pvc=0.15"


@pytest.fixture(scope="module")
def models() -> Models:
    return load_models()


@pytest.fixture(scope="module")
def patient() -> VirtualPatient:
    made = VirtualPatient(FS, 0, SCRIPT)
    made.read(0)
    return made


@pytest.fixture(scope="module")
def beats(models: Models, patient: VirtualPatient) -> list[Beat]:
    """Final answers on a minute of the virtual patient, in blocks of 100 ms."""
    pipeline, found = Pipeline(models, device_id="matrix"), []
    for k in range(int(10 * SECONDS)):
        n = round(FS / 10)
        block = SampleBlock("matrix", k * n, FS, patient.read(n).mv, ("MLII",))
        found += [event for event in pipeline.push(block) if isinstance(event, Beat) and event.final]
    return [beat for beat in found if beat.r_peak.sample >= WARM_S * FS]


def test_runtime_when_this_python_starts_then_it_is_the_one_that_is_declared() -> None:
    old = sys.version_info < (3, 12) and sys.platform == "linux"
    assert load_interpreter_class()[1] == ("tflite-runtime" if old else "ai-edge-litert")
    assert old == (int(np.__version__.split(".")[0]) < 2)


def test_models_when_shipped_then_each_answers_on_this_runtime(models: Models) -> None:
    rng = np.random.default_rng(0)
    state = models.gru.new_state()
    steps = [models.gru.step(float(x), state) for x in rng.standard_normal(50)]
    assert np.isfinite(steps).all()
    assert np.shape(steps) == (50, 1 + 2 * len(AAMI))
    assert np.abs(state.s).max() > 0.0
    for cnn, channels, classes in ((models.beat_cnn, 3, AAMI), (models.rhythm_cnn, 1, RHYTHMS)):
        probs = cnn.probs(rng.standard_normal((cnn.window, channels)).astype(np.float32))
        assert probs.shape == (len(classes),)
        assert abs(float(probs.sum()) - 1.0) < 1e-5
    memory = models.fusion.new_state()
    row = rng.standard_normal(N_INPUTS).astype(np.float32)
    answers = [*models.fusion.step(row, memory), models.fusion.unfollowed(memory)]
    assert all(p.shape == (len(AAMI),) and abs(float(p.sum()) - 1.0) < 1e-5 for p in answers)
    logit = models.af.logit(rng.uniform(0.5, 1.1, 40).tolist())
    assert logit is not None
    assert np.isfinite(logit)


def test_explainer_when_on_this_runtime_then_its_insides_lead_to_the_answers_given(models: Models) -> None:
    explainer = Explainer(models)
    pipeline, told = Pipeline(explainer.watched, device_id="matrix"), []
    mv = VirtualPatient(FS, 0, SCRIPT).read(round(8 * FS)).mv
    for k in range(0, len(mv), 36):
        for event in pipeline.push(SampleBlock("matrix", k, FS, mv[k : k + 36], ("MLII",))):
            if isinstance(event, Beat):
                explainer.on_beat(event, k / FS)
        if explainer.waits(k / FS) and (found := explainer.step(k / FS)) is not None:
            told.append(found)
    assert len(told) >= 4
    layers = Layers(models.beat_cnn.content, "beat_cnn")
    look = explainer._watch.look
    assert look is not None
    inside = layers.look(look.image)
    assert all(len(np.unique(made.x)) > 8 for made in inside.maps)
    assert inside.spoke is not None
    assert np.abs(inside.spoke.sum(0) + inside.bias - look.cnn).max() < 0.2  # logits are steps of 0.06
    for beat, body in told:
        p = beat.probs[AAMI.index(beat.aami)]
        weighed = body["fusion"]["weighed"]
        assert p > 0.9999 or abs(weighed["answer"] - np.log(p / (1.0 - p))) < 0.05
        assert abs(weighed["usual"] + sum(weighed["adds"].values()) - weighed["answer"]) < 0.01


def test_pipeline_when_the_patient_plays_then_his_beats_are_found_and_named(
    beats: list[Beat], patient: VirtualPatient
) -> None:
    last = (SECONDS - 2) * FS
    truth = [b for b in patient.beats if (WARM_S + MATCH_S) * FS <= b.sample < last]
    found = [b for b in beats if b.r_peak.sample < last]
    samples = np.array([b.r_peak.sample for b in found])
    nearest = [found[int(np.abs(samples - t.sample).argmin())] for t in truth]
    hits = [
        (t, b) for t, b in zip(truth, nearest, strict=True) if abs(b.r_peak.sample - t.sample) <= MATCH_S * FS
    ]
    assert len(truth) > 55
    assert len(hits) >= 0.98 * len(truth)
    assert abs(len(found) - len(truth)) <= 2
    named = [t.aami == b.aami for t, b in hits]
    assert np.mean(named) >= 0.9
    assert any(t.aami == b.aami == "V" for t, b in hits)


def test_beats_when_other_runtimes_have_run_then_they_found_the_same(
    beats: list[Beat], tmp_path: Path
) -> None:
    folder = Path(os.environ.get("HEARTWIRE_MATRIX") or tmp_path)
    mine = {
        "samples": [b.r_peak.sample for b in beats],
        "aami": [b.aami for b in beats],
        "probs": [b.probs for b in beats],
    }
    name = f"{platform.python_version()}-{load_interpreter_class()[1]}.json"
    (folder / name).write_text(json.dumps(mine, default=float), encoding="utf-8")
    runs = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*.json")}
    assert name in runs
    for other, theirs in runs.items():
        assert _differences(runs[name], theirs) == [], other


def _differences(mine: dict[str, Any], theirs: dict[str, Any]) -> list[str]:
    """What differs by more than rounding: int8 results may be a few quanta apart between runtimes."""
    if len(mine["samples"]) != len(theirs["samples"]):
        return [f"{len(mine['samples'])} beats, there {len(theirs['samples'])}"]
    moved = np.abs(np.subtract(mine["samples"], theirs["samples"]))
    renamed = np.mean([a != b for a, b in zip(mine["aami"], theirs["aami"], strict=True)])
    shifted = np.abs(np.subtract(mine["probs"], theirs["probs"])).mean()
    found = [f"an R-peak is {moved.max()} samples away"] if moved.max() > 3 else []
    found += [f"{renamed:.1%} of the beats are named otherwise"] if renamed > 0.02 else []
    return found + ([f"probabilities differ by {shifted:.3f} on average"] if shifted > 0.02 else [])
