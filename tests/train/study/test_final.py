from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from firmware_bridge.types import BadInput
from train import splits
from train.study import arms, final
from train.study.record import Run

Make = Callable[..., Run]
GOOD = [5, 1, 1, 0, 1, 5, 1, 0, 1, 1, 5, *[0] * 5]
POOR = [3, 2, 2, 0, 2, 3, 2, 0, 2, 2, 3, *[0] * 5]


@pytest.fixture(scope="module")
def wanted() -> list[arms.Job]:
    return arms.jobs("full", (4, 5))


def finished(make_run: Make, wanted: list[arms.Job]) -> list[Run]:
    """Every run of claims 4 and 5, four layers and the trees ahead of the others."""
    return [
        make_run(
            job.net, job.task, 90 if job.net.layers == 4 else 60, seed=job.seed, fold=job.fold, n_folds=3,
            key=job.key, arm=job.arm, claims=job.claims,
            counts={f"r{job.fold}": GOOD if job.net.layers == 4 else POOR},
        )
        for job in wanted
    ]  # fmt: skip


def test_final_when_runs_are_missing_then_nothing_is_chosen(
    make_run: Make, wanted: list[arms.Job], tmp_path: Path
) -> None:
    done = finished(make_run, wanted)[:-1]
    with pytest.raises(BadInput, match="1 runs of claims 4 and 5 are missing"):
        final.jobs(tmp_path, done, "full")
    assert not (tmp_path / final.CHOSEN).exists()


def test_final_when_all_are_there_then_the_best_of_each_family_is_chosen_once(
    make_run: Make, wanted: list[arms.Job], tmp_path: Path
) -> None:
    done = finished(make_run, wanted)
    jobs = final.jobs(tmp_path, done, "full")
    assert {job.net.family for job in jobs} == {run.family for run in done}
    assert len(jobs) == 3 * len({job.net.family for job in jobs})
    assert all(
        job.n_folds == 1 and (job.net.layers == 4 or job.net.family not in ("cnn", "gru")) for job in jobs
    )
    scored = make_run(jobs[0].net, jobs[0].task, 10, key=jobs[0].key, split="ds2")
    later = final.jobs(tmp_path, [scored], "full")
    assert later == jobs[1:]


def test_final_when_ds2_was_scored_and_the_choice_is_gone_then_refused(
    make_run: Make, tmp_path: Path
) -> None:
    run = make_run(arms.arms(4)[0].net, arms.WINDOW, 50, split="ds2")
    with pytest.raises(BadInput, match="scored once"):
        final.jobs(tmp_path, [run], "full")


def test_final_when_quick_then_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="expected full"):
        final.jobs(tmp_path, [], "quick")


def test_sides_when_gathered_then_nobody_who_was_trained_on_is_scored(
    synthetic_cache: Path, monkeypatch: pytest.MonkeyPatch, wanted: list[arms.Job]
) -> None:
    asked: list[splits.Key] = []
    taken: list[list[splits.Key]] = []

    def gather(keys: list[splits.Key], fs: float) -> object:
        asked.extend(keys)
        taken.append(list(keys))
        return None

    monkeypatch.setattr(final, "gather", gather)
    final.sides(wanted[0])
    trained, ds2, svdb = taken
    persons = {splits.person(*key) for key in trained}
    assert not persons & {splits.person(*key) for key in ds2 + svdb}
    assert (len(trained), len(ds2), len(svdb)) == (21, 22, 39)
    assert json.dumps(asked).count("mitdb") == 43
