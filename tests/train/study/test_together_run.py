"""All trainings of a claim on a GPU: how they are dealt, and what is said where there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from firmware_bridge.types import BadInput  # noqa: E402
from train import checkpoint  # noqa: E402
from train.study import arms, cli, together_run  # noqa: E402
from train.study.runner import network_path  # noqa: E402


def test_trainings_when_dealt_then_every_network_is_in_one_chunk_with_others_shown_the_same() -> None:
    todo = arms.jobs("full", (4, 6))
    dealt = together_run.chunks(todo)
    keys = [job.key for chunk in dealt for jobs in chunk for job in jobs]
    assert sorted(keys) == sorted(job.key for job in todo if job.net.family not in ("trees", "nn1"))
    for chunk in dealt:
        assert len(chunk) <= together_run.BESIDE
        assert len({(job.task, job.budget) for jobs in chunk for job in jobs}) == 1
        assert len({tuple((job.seed, job.fold) for job in jobs) for jobs in chunk}) == 1
        assert all(len({job.net for job in jobs}) == 1 for jobs in chunk)


@pytest.mark.skipif(torch.cuda.is_available(), reason="says what is said without a GPU")
def test_command_when_there_is_no_gpu_then_one_line_says_so(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--together needs a GPU"):
        cli.main(["--preset", "full", "--claim", "6", "--together", "--out", str(tmp_path)])


def test_networks_when_they_are_there_then_they_are_not_trained_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    todo = arms.jobs("quick", (6,))
    for job in todo:
        checkpoint.write({"net": {}}, network_path(tmp_path, job.key))
    assert together_run.run(todo, tmp_path, 0, 0.0) == 0
    assert '"networks": 0, "left": 0' in capsys.readouterr().out
