from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from edge.artefact import load_networks, shipped
from edge.fusion import FUSION_INPUTS, N_INPUTS, MeanFusion
from edge.step_model import StepState
from edge.types import Beat, RPeak
from firmware_bridge.patient import VirtualPatient
from train.beat_rows import (
    F32,
    UNKNOWN,
    Job,
    Recorder,
    Rows,
    beats_of,
    load,
    mark_of,
    mark_of_job,
    match,
    save,
)


def beat(sample: int, warming: bool = False) -> Beat:
    probs = (1.0, 0.0, 0.0, 0.0, 0.0)
    return Beat(0, RPeak(sample, 1.0, 1.0), None, "N", probs, 1.0, False, warming, True, sample)


def test_recorder_when_the_pipeline_runs_then_its_rows_are_the_early_answers_in_their_order() -> None:
    recorder = Recorder()
    models = replace(load_networks(shipped()), fusion=recorder)
    patient = VirtualPatient(250.0, 0, "sinus:25s rate=80 pvc=0.2; end")
    beats = beats_of(models, 250.0, patient.read(25 * 250).mv)
    early = [b for b in beats if not b.final]
    assert len(early) == len(recorder.rows) > 25
    assert all(row.shape == (N_INPUTS,) for row in recorder.rows)
    ids = [b.id for b in beats if b.final]
    assert ids == sorted(set(ids))
    found = {b.r_peak.sample for b in early}
    near = [min(abs(b.sample - s) for s in found) for b in patient.beats if 500 < b.sample < 6000]
    assert np.median(near) <= 3


def test_recorder_when_a_fusion_is_in_place_then_its_answers_go_out_and_teach_the_template() -> None:
    class NeverNormal(MeanFusion):
        """Calls every beat V, so that nothing may join the template."""

        def step(self, x: F32, state: StepState) -> tuple[F32, F32]:
            _, _ = super().step(x, state)
            v = np.array([0.0, 0.0, 1.0, 0.0, 0.0], np.float32)
            return v, v

    patient = VirtualPatient(250.0, 0, "sinus:25s rate=80; end")
    mv, taught = patient.read(25 * 250).mv, FUSION_INPUTS.index("no_template")
    rows = {}
    for name, inner in (("mean", None), ("V", NeverNormal())):
        recorder = Recorder(inner)
        beats = beats_of(replace(load_networks(shipped()), fusion=recorder), 250.0, mv)
        rows[name] = np.stack(recorder.rows)
        assert name == "mean" or {b.aami for b in beats if not b.final} == {"V"}
    assert rows["mean"][10:, taught].max() == 0.0
    assert rows["V"][:, taught].min() == 1.0


def test_mark_of_job_when_another_fusion_is_in_place_then_it_differs() -> None:
    plain = Job("mitdb", "100", "ds1", 0, 0, str(shipped()))
    placed = replace(plain, fusion=str(shipped()))
    assert mark_of_job(placed).startswith(mark_of_job(plain) + " ")
    assert mark_of_job(plain) == mark_of(shipped())


def test_match_when_answers_lie_near_labels_then_they_get_their_class() -> None:
    beats = [beat(95), beat(340), beat(160), beat(400, warming=True), beat(700)]
    truth, classes = np.array([100.0, 300.0, 400.0, 690.0]), np.array([0, 1, 2, 3])
    assert match(beats, truth, classes, 40.0).tolist() == [0, 1, UNKNOWN, UNKNOWN, 3]


def test_match_when_there_is_no_label_or_no_answer_then_nothing_is_known() -> None:
    empty = np.zeros(0)
    assert match([beat(5)], empty, empty.astype(np.int64), 40.0).tolist() == [UNKNOWN]
    assert match([], np.array([1.0]), np.array([0]), 40.0).tolist() == []


def test_save_when_read_back_then_every_lead_is_as_it_was(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    sizes = (3, 0, 5)
    rows = [
        Rows(
            f"mitdb/{k}",
            "ds1",
            k % 2,
            k,
            rng.normal(size=(n, N_INPUTS)).astype(np.float32),
            np.arange(n),
            np.arange(n) / 2,
        )
        for k, n in enumerate(sizes)
    ]
    save(rows, tmp_path / "rows.npz", "these")
    for a, b in zip(rows, load(tmp_path / "rows.npz", "these") or [], strict=True):
        assert (a.patient, a.group, a.lead, a.fold) == (b.patient, b.group, b.lead, b.fold)
        assert all(np.array_equal(getattr(a, n), getattr(b, n)) for n in ("x", "c", "at_s"))
    assert load(tmp_path / "rows.npz", "others") is None
    assert load(tmp_path / "none.npz", "these") is None
