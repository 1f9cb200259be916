from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from edge.artefact import load_networks, shipped
from edge.fusion import FUSION_INPUTS, MeanFusion
from edge.types import AAMI, Beat, RPeak
from firmware_bridge.patient import VirtualPatient

torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from train import checkpoint, fit_fusion  # noqa: E402
from train.fit_fusion import FusionRecipe, Recorder, Rows, cross_validate, fit, match, table  # noqa: E402

TINY = FusionRecipe(steps=150)
FINAL = FUSION_INPUTS.index("final")


def rows_of(patient: str, held_out: bool, seed: int) -> Rows:
    """120 answers whose class can be read from the GRU's five features, scaled as log-probabilities are."""
    rng = np.random.default_rng(seed)
    c = rng.integers(0, 5, 120)
    x = rng.normal(-2.0, 1.0, (120, len(FUSION_INPUTS))).astype(np.float32)
    x[np.arange(120), c] += 3.0
    final = np.arange(120) % 2 == 1
    x[:, FINAL] = final
    return Rows(patient, held_out, x, c, final)


@pytest.fixture(scope="module")
def rows() -> list[Rows]:
    return [rows_of(f"p{k}", k < 8, k) for k in range(12)]


def beat(sample: int, final: bool = False, warming: bool = False) -> Beat:
    probs = (1.0, 0.0, 0.0, 0.0, 0.0)
    return Beat(0, RPeak(sample, 1.0, 1.0), None, "N", probs, 1.0, final, warming, True, sample)


def test_recorder_when_the_pipeline_runs_then_its_rows_are_the_answers_in_their_order() -> None:
    recorder = Recorder()
    models = replace(load_networks(shipped()), fusion=recorder)
    patient = VirtualPatient(250.0, 0, "sinus:25s rate=80 pvc=0.2; end")
    beats = fit_fusion.beats_of(models, 250.0, patient.read(25 * 250).mv)
    assert len(beats) == len(recorder.rows) > 50
    for row, answer in zip(recorder.rows, beats, strict=True):
        assert bool(row[FINAL]) == answer.final
        assert np.array_equal(MeanFusion().probs(row), np.array(answer.probs, np.float32))
    ids = [b.id for b in beats if b.final]
    assert ids == sorted(set(ids))
    found = {b.r_peak.sample for b in beats if not b.final}
    near = [min(abs(b.sample - s) for s in found) for b in patient.beats if 500 < b.sample < 6000]
    assert np.median(near) <= 3


def test_match_when_answers_lie_near_labels_then_they_get_their_class() -> None:
    x = [np.full(len(FUSION_INPUTS), k, np.float32) for k in range(5)]
    beats = [beat(95), beat(340, final=True), beat(160), beat(400, warming=True), beat(700)]
    truth, classes = np.array([100.0, 300.0, 400.0, 690.0]), np.array([0, 1, 2, 3])
    got = match("p", True, x, beats, truth, classes, 40.0)
    assert got.x[:, 0].tolist() == [0.0, 1.0, 4.0]
    assert got.c.tolist() == [0, 1, 3]
    assert got.final.tolist() == [False, True, False]
    assert (got.patient, got.held_out) == ("p", True)


def test_match_when_there_is_no_label_or_no_answer_then_there_are_no_rows() -> None:
    empty = np.zeros(0)
    row = np.zeros(len(FUSION_INPUTS), np.float32)
    for x, beats in (([row], [beat(5)]), ([], [])):
        got = match("p", False, x, beats, empty, empty.astype(np.int64), 40.0)
        assert got.x.shape == (0, len(FUSION_INPUTS))
        assert len(got.c) == len(got.final) == 0


def test_fit_when_the_features_tell_the_class_then_unseen_patients_are_told_too(rows: list[Rows]) -> None:
    net = fit(rows, TINY)
    unseen = [rows_of("new", True, 77)]
    for final in (False, True):
        t = table(net, unseen, final)
        assert t.sum() == 60
        assert t.trace() > 45


def test_fit_when_the_seed_is_the_same_then_so_are_the_weights(rows: list[Rows]) -> None:
    recipe = FusionRecipe(steps=5)
    a, b, other = (fit(rows, r).state_dict() for r in (recipe, recipe, replace(recipe, seed=2)))
    assert all(torch.equal(value, b[name]) for name, value in a.items())
    assert not torch.equal(a["hidden.weight"], other["hidden.weight"])


def test_fit_when_features_stand_still_then_their_spread_is_not_zero(rows: list[Rows]) -> None:
    still = [replace(r, x=np.where(np.arange(26) == 25, 1.0, r.x).astype(np.float32)) for r in rows]
    net = fit(still, FusionRecipe(steps=1))
    assert float(net.spread.min()) == pytest.approx(0.1)
    assert float(net.mean[25]) == pytest.approx(1.0)


def test_cross_validate_when_it_scores_then_every_held_out_answer_is_counted_once_and_no_other(
    rows: list[Rows],
) -> None:
    results = cross_validate(rows, FusionRecipe(steps=60))
    for which in ("early", "final"):
        assert np.array(results[which]["table"]).sum() == 8 * 60
        assert results[which]["V"]["se"] > 50.0
        assert set(results[which]) == {"S", "V", "table"}


def test_main_when_records_are_given_then_the_checkpoint_says_who_it_is_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: list[Rows]
) -> None:
    class Here:
        """Runs jobs in this process, one after the other."""

        def __init__(self, *args: object) -> None: ...
        def __enter__(self) -> Here:
            return self

        def __exit__(self, *args: object) -> None: ...
        def map(self, function: object, jobs: list[tuple[str, str, bool, str]]) -> list[Rows]:
            seen.extend(jobs)
            return rows

    seen: list[tuple[str, str, bool, str]] = []
    monkeypatch.setenv("HEARTWIRE_DATA", str(tmp_path))
    monkeypatch.setattr(fit_fusion, "ProcessPoolExecutor", Here)
    monkeypatch.setattr(fit_fusion, "FusionRecipe", lambda: TINY)
    saved = checkpoint.read(fit_fusion.main(tmp_path / "runs", shipped()))
    assert saved["patients"]["held out"] == [f"p{k}" for k in range(8)]
    assert set(saved["results"]["cross-validated on held-out patients"]) == {"early", "final"}
    assert saved["net"]["out.weight"].shape == (len(AAMI), TINY.n_hidden)
    names = {(d, n) for d, n, _, _ in seen}
    assert not names & {("mitdb", n) for n in (*fit_fusion.splits.DS2, "201")}
    held = {(d, n) for d, n, held_out, _ in seen if held_out}
    assert held == {(d, n) for d in ("mitdb", "svdb") for n in fit_fusion.HELD_OUT[d]}


def test_cross_validate_when_it_fits_then_nobody_is_scored_by_a_fit_that_saw_him(
    rows: list[Rows], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[set[str]] = []
    scored: list[str] = []

    def fit_and_remember(chosen: list[Rows], recipe: FusionRecipe) -> fit_fusion.FusionNet:
        seen.append({r.patient for r in chosen})
        return fit(chosen, recipe)

    def check_and_score(net: fit_fusion.FusionNet, shown: list[Rows], final: bool) -> np.ndarray:
        assert not seen[-1] & {r.patient for r in shown}
        assert {r.patient for r in rows if not r.held_out} < seen[-1]
        scored.extend(r.patient for r in shown)
        return table(net, shown, final)

    monkeypatch.setattr(fit_fusion, "fit", fit_and_remember)
    monkeypatch.setattr(fit_fusion, "table", check_and_score)
    cross_validate(rows, FusionRecipe(steps=1))
    assert sorted(scored) == sorted(2 * [f"p{k}" for k in range(8)])
