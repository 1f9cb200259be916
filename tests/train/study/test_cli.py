from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from firmware_bridge.types import BadInput
from train.study import arms, cli, main, record, timing
from train.study.config import Budget
from train.study.record import Run

Make = Callable[..., Run]


def few(preset: str = "quick", claims: tuple[int, ...] = arms.ORDER) -> list[arms.Job]:
    """The cheapest network and the nearest neighbour of claim 5, hardly trained."""
    budget = Budget(epochs=1, beats=40, batch=20, curve_beats=20)
    wanted = [job for job in arms.jobs("quick", (5,)) if job.arm in ("cnn 1x4", "nn1")]
    return [replace(job, budget=budget) for job in wanted]


def test_study_when_run_then_a_line_a_job_and_again_nothing_is_left(
    synthetic_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    jobs = few()
    monkeypatch.setattr(cli.arms, "jobs", lambda preset, claims=(): jobs)
    times = {timing.key_of(job.net, job.task): [0.0, 5.0] for job in jobs}
    (tmp_path / "timing.json").write_text(json.dumps(times))
    out = ["--preset", "quick", "--claim", "5", "--out", str(tmp_path)]
    assert main(out) == 0
    runs, n_torn = record.read(tmp_path / cli.RESULTS)
    assert ({run.arm for run in runs}, n_torn) == ({"cnn 1x4", "nn1"}, 0)
    assert all(run.preset == "quick" and run.train_patients == 14 for run in runs)
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["left"] == 0
    with pytest.raises(BadInput, match="add --resume"):
        main(out)
    assert main([*out, "--resume"]) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["runs"] == 0


def test_plan_when_asked_for_then_nothing_is_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--preset", "full", "--claim", "4", "--plan", "--out", str(tmp_path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum("conv_gru 50k" in line for line in lines) == 9
    assert "claim 4: 180 runs" in lines[-2]
    assert "180 runs to do, 0 done" in lines[-1]
    assert list(tmp_path.iterdir()) == []


def test_pace_when_runs_took_twice_as_long_then_two(make_run: Make) -> None:
    job = arms.jobs("quick", (4,))[0]
    run = make_run(job.net, job.task, 50, key=job.key, preset="quick", wall_s=2 * arms.seconds(job))
    assert cli.pace_of([run]) == pytest.approx(2.0)
    assert cli.pace_of([]) == 1.0


def test_verdict_when_there_are_results_then_a_line_of_each_claim(
    make_run: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = [make_run(arm.net, arm.task, 80, preset="quick") for arm in arms.arms(4)]
    record.append(tmp_path / cli.RESULTS, runs)
    assert main(["--verdict", "--claim", "4", "--out", str(tmp_path)]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line)["outcome"] == "too few"


def test_results_when_torn_then_it_is_said(
    make_run: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / cli.RESULTS
    record.append(path, [make_run(arms.arms(4)[0].net, arms.WINDOW, 80, preset="quick")])
    path.write_text(path.read_text() + '{"key": "ab')
    assert main(["--plan", "--claim", "4", "--out", str(tmp_path)]) == 0
    assert capsys.readouterr().out.startswith("1 lines of ")


def test_results_when_packed_then_they_are_read_again(
    make_run: Make, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record.append(
        tmp_path / cli.RESULTS, [make_run(arm.net, arm.task, 80, preset="quick") for arm in arms.arms(4)]
    )
    path = tmp_path / "quick.jsonl"
    assert main(["--pack", str(path), "--out", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out)["runs"] == 20
    assert len(cli.pack.read(path)) == 20


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--jobs", "0"], "expected 1 or more"),
        (["--final"], "expected full"),
        (["--pack", "x"], "no results"),
    ],
)
def test_words_when_they_make_no_sense_then_one_line_says_so(
    words: list[str], said: str, tmp_path: Path
) -> None:
    with pytest.raises(BadInput, match=said):
        main([*words, "--out", str(tmp_path)])


def test_parent_when_this_is_the_first_process_then_nobody_is_watched() -> None:
    cli.leave_with_parent()
