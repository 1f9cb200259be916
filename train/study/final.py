"""The last stage: what the folds chose, trained on all of DS1, scored on DS2 once and on svdb as it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

from firmware_bridge.types import BadInput
from train import splits
from train.study import arms
from train.study.beats import Beats, gather, people
from train.study.bootstrap import Arms
from train.study.config import Budget, Job, NetConfig, TaskConfig
from train.study.record import Run

CHOSEN = "final.json"


def jobs(out: Path, done: Sequence[Run], preset: str) -> list[Job]:
    """The trainings of the last stage that are left to do.

    The best arm of each family among claims 4 and 5, by macro F1 on held-out patients of DS1 over all seeds. They are
    chosen at the first call and kept in ``final.json``: no later call chooses again, and nothing is scored twice.

    Raises
    ------
    BadInput
        When runs of claims 4 and 5 are missing, or for the quick preset.
    """
    if preset != "full":
        raise BadInput(
            "study --final: got --preset quick, expected full: DS2 is scored once, by trained networks"
        )
    path = out / CHOSEN
    if not path.exists():
        if any(run.split == "ds2" for run in done):
            raise BadInput(f"DS2 was scored already, and {path} is gone; it is scored once")
        keys = {run.key for run in done}
        missing = [job for job in arms.jobs(preset, (4, 5)) if job.key not in keys]
        if missing:
            raise BadInput(
                f"study --final: {len(missing)} runs of claims 4 and 5 are missing; finish them first"
            )
        path.write_text(json.dumps([asdict(job) for job in choose(done)], indent=1) + "\n")
    chosen = [_job(content) for content in json.loads(path.read_text())]
    scored = {run.key for run in done if run.split == "ds2"}
    return [job for job in chosen if job.key not in scored]


def choose(done: Sequence[Run]) -> list[Job]:
    """A job for each seed of the best arm of each family."""
    found = Arms([run for run in done if set(run.claims) & {4, 5} and run.split == "fold"])
    best: dict[str, str] = {}
    for name in found.names:
        family = found.example(name).family
        if family not in best or found.f1(name) > found.f1(best[family]):
            best[family] = name
    out = []
    for name in best.values():
        run = found.example(name)
        net, task = NetConfig(**run.config["net"]), TaskConfig(**run.config["task"])
        budget = Budget(**run.config["budget"])
        for seed in arms.SEEDS:
            out.append(Job((4, 5), f"{name}, all of DS1", net, task, budget, seed, 0, 1, "full"))
    return out


def sides(job: Job) -> tuple[Beats, dict[str, Beats]]:
    """(DS1 without 201, what is scored): DS2 and every second record of svdb."""
    ds2: list[splits.Key] = [("mitdb", name) for name in splits.DS2]
    svdb: list[splits.Key] = [("svdb", name) for name in splits.SVDB]
    fs = job.task.fs
    return gather(people(0, 1)[0], fs), {"ds2": gather(ds2, fs), "svdb": gather(svdb, fs)}


def _job(content: dict[str, object]) -> Job:
    made = Job(**content)  # type: ignore[arg-type]
    return replace(
        made,
        claims=tuple(made.claims),
        net=NetConfig(**made.net),  # type: ignore[arg-type]
        task=TaskConfig(**made.task),  # type: ignore[arg-type]
        budget=Budget(**made.budget),  # type: ignore[arg-type]
        resets=tuple(made.resets),
    )
