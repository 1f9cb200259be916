from __future__ import annotations

from pathlib import Path

import pytest

from firmware_bridge.types import BadInput
from train import fusion_rows, splits
from train.dataset import Fold
from train.weak_labels import held_out


def test_jobs_of_when_folds_are_there_then_each_lead_goes_through_networks_that_never_saw_it(
    synthetic_cache: Path, tmp_path: Path
) -> None:
    for k in range(3):
        (tmp_path / f"fold-{k}-of-3" / "artefacts").mkdir(parents=True)
    jobs = [job for k in range(3) for job in fusion_rows.jobs_of(tmp_path, Fold(k, 3))]
    own = [j for j in jobs if j.group != "cinc"]
    assert len(own) == len({(j.database, j.record, j.lead) for j in own})
    assert not {j.record for j in own if j.database == "mitdb"} & {*splits.DS2, "201"}
    for job in own:
        assert (job.database, job.record) in Fold(job.fold, 3).held_out()
        assert job.artefacts == str(tmp_path / f"fold-{job.fold}-of-3" / "artefacts")
    weak = [j for j in jobs if j.group == "cinc"]
    assert sorted(j.record for j in weak) == ["A00001", "A00007"]
    assert all((j.database, j.record) in held_out(Fold(j.fold, 3)) for j in weak)


def test_jobs_of_when_fusions_are_in_place_then_each_fold_plays_its_own(
    synthetic_cache: Path, tmp_path: Path
) -> None:
    for k in range(3):
        (tmp_path / f"fold-{k}-of-3" / "artefacts").mkdir(parents=True)
        jobs = fusion_rows.jobs_of(tmp_path, Fold(k, 3), tmp_path / "cand")
        assert {job.fusion for job in jobs} == {str(tmp_path / "cand" / f"fold-{k}-of-3")}
        assert {job.fusion for job in fusion_rows.jobs_of(tmp_path, Fold(k, 3))} == {None}


def test_jobs_of_when_a_fold_was_not_trained_then_one_line_says_which(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="train and quantise fold 0/3 first"):
        fusion_rows.jobs_of(tmp_path, Fold(0, 3))
