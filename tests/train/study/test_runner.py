from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from firmware_bridge.types import BadInput  # noqa: E402
from train.study import beats as study_beats  # noqa: E402
from train.study import runner, timing  # noqa: E402
from train.study.beats import Beats, windows  # noqa: E402
from train.study.config import Budget, Job, NetConfig, TaskConfig  # noqa: E402
from train.study.record import from_json  # noqa: E402
from train.study.runner import execute, load_net  # noqa: E402
from train.study.scores import macro_f1, matrix_of  # noqa: E402

SMALL = Budget(epochs=2, beats=100, batch=25, curve_beats=50)
STREAM = TaskConfig("stream", strip_s=5.0, window_s=1.0)
GRU = Job((3, 5), "gru 1x16", NetConfig("gru", 1, 16), STREAM, SMALL, 1, 0, 3, "quick")
CNN = replace(GRU, arm="cnn", net=NetConfig("cnn", 2, 4), task=TaskConfig(window_s=1.0))


@pytest.fixture(autouse=True)
def _no_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "measure", lambda net, task: (1.0, 2.0))
    study_beats.load.cache_clear()


def test_job_when_done_then_its_record_has_all_that_a_verdict_needs(
    beats: Beats, others: Beats, tmp_path: Path
) -> None:
    (run,) = execute(CNN, tmp_path, beats, {"fold": others})
    assert (run.arm, run.family, run.split, run.seed) == ("cnn", "cnn", "fold", 1)
    assert (run.train_patients, run.test_patients) == (3, 2)
    assert set(run.counts) == {"mitdb/109", "mitdb/112"}
    assert matrix_of(run.counts).sum() == len(others)
    assert run.scores["macro_f1"] == pytest.approx(float(macro_f1(matrix_of(run.counts))))
    assert run.scores["train_f1"] > 0
    assert len(run.curves["train_f1"]) == 2
    assert run.gauge["nn1_f1"] > 0.9
    assert 0.0 <= run.gauge["same_errors"] <= 1.0
    assert run.cost.params > 0
    assert run.cost.us == 2.0
    assert run.wall_s > 0
    assert run.versions["torch"] == torch.__version__
    assert from_json(run.to_json()).key == CNN.key


def test_job_when_it_has_resets_then_one_training_is_scored_with_each(
    beats: Beats, others: Beats, tmp_path: Path
) -> None:
    runs = execute(replace(GRU, resets=(1.0, 4.0)), tmp_path, beats, {"fold": others})
    assert [run.key for run in runs] == [GRU.key, f"{GRU.key}-r1", f"{GRU.key}-r4"]
    assert [run.config["task"]["reset_s"] for run in runs] == [0.0, 1.0, 4.0]
    assert runs[1].claims == (3,)
    assert runs[1].curves == {}
    assert len(list((tmp_path / "networks").iterdir())) == 1


def test_network_when_kept_then_it_is_loaded_and_not_trained_again(
    beats: Beats, others: Beats, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run,) = execute(CNN, tmp_path, beats, {"fold": others})

    def train(*args: object) -> None:
        raise AssertionError("trained twice")

    monkeypatch.setattr(runner, "train", train)
    (again,) = execute(CNN, tmp_path, beats, {"fold": others})
    assert again.counts == run.counts
    assert again.curves == run.curves
    net = load_net(tmp_path, run)
    with torch.no_grad():
        said = net(torch.from_numpy(windows(others, CNN.task))).argmax(1).numpy()
    assert np.trace(matrix_of(run.counts)) == (said == others.c).sum()


def test_network_when_it_was_never_kept_then_one_line_says_so(
    beats: Beats, others: Beats, tmp_path: Path
) -> None:
    (run,) = execute(CNN, tmp_path, beats, {"fold": others})
    with pytest.raises(BadInput, match=r"no network .* of cnn"):
        load_net(tmp_path / "elsewhere", run)


@pytest.mark.parametrize("family", ["trees", "nn1"])
def test_baseline_when_done_then_its_record_is_like_a_networks(
    family: str, beats: Beats, others: Beats, tmp_path: Path
) -> None:
    if family == "trees":
        pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    job = replace(CNN, net=NetConfig(family))
    (run,) = execute(job, tmp_path, beats, {"fold": others})
    assert run.scores["macro_f1"] > 0.8
    assert run.curves == {}
    assert run.cost.params > 0
    assert not (tmp_path / "networks").exists()


def test_several_splits_when_scored_then_each_has_a_record_and_none_was_looked_at_before(
    beats: Beats, others: Beats, tmp_path: Path
) -> None:
    runs = execute(replace(CNN, n_folds=1), tmp_path, beats, {"ds2": others, "svdb": beats})
    assert [run.split for run in runs] == ["ds2", "svdb"]
    assert set(runs[0].curves) == {"train_loss", "train_f1"}


def test_real_records_when_one_fold_is_run_then_people_are_apart_and_scores_are_sane(tmp_path: Path) -> None:
    if not os.environ.get("HEARTWIRE_DATA"):
        pytest.skip("HEARTWIRE_DATA is not set")
    job = Job(
        (4,), "conv_gru", NetConfig("conv_gru", 1, 16, stem_width=8), TaskConfig("stream"),
        Budget(epochs=1, beats=200, batch=50, test_s=60.0, curve_beats=50), 1, 0, 3, "quick",
    )  # fmt: skip
    (run,) = execute(job, tmp_path)
    assert (run.train_patients, run.test_patients) == (14, 8)
    assert 150 < matrix_of(run.counts).sum() < 400
    assert 0.0 < run.scores["macro_f1"] < 1.0
    assert 0.2 < run.gauge["nn1_f1"] < 0.95
