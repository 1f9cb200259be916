"""One job from data to record: train, score, gauge, cost; networks are kept beside the results."""

from __future__ import annotations

import platform
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from firmware_bridge.types import BadInput
from train import checkpoint, splits
from train.study.baselines import Nearest, Trees
from train.study.beats import I64, Beats, gather, people, thinned
from train.study.config import Job, NetConfig, TaskConfig
from train.study.costs import cost
from train.study.fit import Curves, logits_of, train
from train.study.record import Cost, Run
from train.study.scores import confusion, macro_f1, scores_of
from train.study.timing import timed
from train.study.zoo import Net, build

TRAIN_LOOK = 2000
"""The F1 on training beats is of so many."""


def execute(
    job: Job,
    out: Path,
    train_on: Beats | None = None,
    score_on: dict[str, Beats] | None = None,
    told: Callable[[int], None] = lambda epoch: None,
) -> list[Run]:
    """Do one job.

    Parameters
    ----------
    out : Path
        Networks are kept in its folder ``networks``, answers of the nearest neighbour in ``nearest``.
    train_on, score_on : Beats, dict of str to Beats, optional
        Instead of the fold's: what to train on, and what to score by name of the split. Nothing of it is looked at
        before the end.

    Returns
    -------
    list of Run
        One for each split, and one for each of the job's resets.
    """
    begun = time.perf_counter()
    inside, held_out = people(job.fold, job.n_folds, job.task.patients)
    beats = gather(inside, job.task.fs) if train_on is None else train_on
    scored = {"fold": gather(held_out, job.task.fs)} if score_on is None else score_on
    scored = {split: side.until(job.budget.test_s) for split, side in scored.items()}
    watched = scored["fold"] if score_on is None else beats.part(np.zeros(0, np.int64))
    learned = _learned(job, beats, watched, out, told)
    look = thinned(beats, TRAIN_LOOK)
    run = _begun(job, len(_persons(beats)), learned, _train_f1(job, learned.answers, look))
    runs = []
    for split, side in scored.items():
        near, gauge = _nearest(job, beats, side, split, out)
        for reset_s in (None, *job.resets):
            said = learned.answers(side, reset_s)
            one = replace(run, split=split, gauge={**gauge, "same_errors": _same_errors(side.c, said, near)})
            runs.append(_scored(one, side, said, reset_s))
    wall_s = time.perf_counter() - begun
    return [replace(one, wall_s=wall_s) for one in runs]


Answers = Callable[[Beats, float | None], I64]


@dataclass(frozen=True, slots=True)
class Learned:
    """What answers beats, its curves, what it costs, and what a network was trained on where that was not here."""

    answers: Answers
    curves: Curves
    cost: Cost
    trained_on: str = ""


def _begun(job: Job, train_patients: int, learned: Learned, train_f1: float) -> Run:
    """What all runs of a job have in common; what a split adds is still empty."""
    return Run(
        key=job.key,
        claims=job.claims,
        arm=job.arm,
        family=job.net.family,
        preset=job.preset,
        split="",
        config=job.config,
        seed=job.seed,
        fold=job.fold,
        n_folds=job.n_folds,
        train_patients=train_patients,
        test_patients=0,
        curves=learned.curves,
        scores={"train_f1": train_f1},
        counts={},
        cost=learned.cost,
        gauge={},
        wall_s=0.0,
        commit=commit(),
        versions=versions() | ({"trained_on": learned.trained_on} if learned.trained_on else {}),
    )


def _learned(job: Job, beats: Beats, held_out: Beats, out: Path, told: Callable[[int], None]) -> Learned:
    if job.net.family == "trees":
        trees = Trees(job.seed, min(200, max(20, job.budget.epochs * job.budget.beats // 700)))
        trees.fit(beats)
        return Learned((lambda side, reset_s: trees.answers(side)), {}, trees.cost())
    if job.net.family == "nn1":
        nearest = Nearest(beats, job.task)
        return Learned((lambda side, reset_s: nearest.answers(side)), {}, nearest.cost())
    torch.manual_seed(job.seed)
    net = build(job.net, job.task.n_window)
    path, saved = network_path(out, job.key), {}
    if path.exists():
        saved = checkpoint.read(path)
        net.load_state_dict(saved["net"])
        curves = saved["curves"]
    else:
        curves = train(net, job.task, job.budget, beats, held_out, job.seed, told)
        checkpoint.write(
            {"net": net.state_dict(), "curves": curves, "config": job.config, "arm": job.arm}, path
        )

    def answers(side: Beats, reset_s: float | None) -> I64:
        if (
            side is held_out and reset_s is None and "answers" in saved
        ):  # trained beside others, which answered too
            kept: I64 = saved["answers"].numpy().astype(np.int64)
            return kept
        task = job.task if reset_s is None else replace(job.task, reset_s=reset_s)
        said: I64 = logits_of(net, task, side).argmax(1)
        return said

    price = timed(job.net, job.task, cost(job.net, job.task), out)
    return Learned(answers, curves, price, saved.get("trained_on", ""))


def network_path(out: Path, key: str) -> Path:
    """Where the network of a run is kept (of one with a reset: that of the run without)."""
    return out / "networks" / f"{key.split('-')[0]}.pt"


def load_net(out: Path, run: Run) -> Net:
    """The trained network of a run.

    Raises
    ------
    BadInput
        When it is not there: networks are kept where they were trained.
    """
    path = network_path(out, run.key)
    if not path.exists():
        raise BadInput(f"no network {path} of {run.arm}; train it: python -m train study --out {out}")
    net = build(NetConfig(**run.config["net"]), TaskConfig(**run.config["task"]).n_window)
    net.load_state_dict(checkpoint.read(path)["net"])
    return net.eval()


def _train_f1(job: Job, answers: Answers, look: Beats) -> float:
    if job.task.mode == "stream" or job.net.family == "nn1":
        return -1.0  # strips have their own in the curves, the neighbour in the gauge
    return float(macro_f1(confusion(look.c, answers(look, None), look.weight)))


def _scored(run: Run, side: Beats, said: I64, reset_s: float | None) -> Run:
    counts: dict[str, list[int]] = {}
    for k, lead in enumerate(side.leads):
        of_lead = side.lead == k
        counts[lead.name] = confusion(side.c[of_lead], said[of_lead]).astype(int).ravel().tolist()
    scores = run.scores | scores_of(confusion(side.c, said))
    run = replace(run, counts=counts, scores=scores, test_patients=len(_persons(side)))
    if reset_s is None:
        return run
    config = {**run.config, "task": {**run.config["task"], "reset_s": reset_s}}
    name = f"{run.arm}, reset every {reset_s:g} s"
    return replace(run, key=f"{run.key}-r{reset_s:g}", arm=name, claims=(3,), config=config, curves={})


def _same_errors(c: I64, said: I64, near: I64) -> float:
    wrong = said != c
    return float((said[wrong] == near[wrong]).mean()) if wrong.any() else 0.0


def _nearest(job: Job, beats: Beats, side: Beats, split: str, out: Path) -> tuple[I64, dict[str, float]]:
    """(the nearest neighbour's answers, its macro F1 on these and on training beats), kept for the jobs to come."""
    task = TaskConfig(fs=job.task.fs, window_s=job.task.window_s or 2.0)
    name = f"{split}-{job.fold}of{job.n_folds}-{job.task.patients}-{task.fs:g}-{task.window_s:g}-{len(side)}"
    path = out / "nearest" / f"{name}.npz"
    if path.exists():
        with np.load(path) as z:
            return z["near"].astype(np.int64), {
                "nn1_f1": float(z["f1"]),
                "nn1_train_f1": float(z["train_f1"]),
            }
    nearest = Nearest(beats, task)
    near = nearest.answers(side)
    look = thinned(beats, TRAIN_LOOK // 2)
    found = float(macro_f1(confusion(side.c, near)))
    of_train = float(macro_f1(confusion(look.c, nearest.answers(look, itself=True), look.weight)))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.npz")
    np.savez_compressed(part, near=near.astype(np.int8), f1=found, train_f1=of_train)
    part.replace(path)
    return near, {"nn1_f1": found, "nn1_train_f1": of_train}


def _persons(beats: Beats) -> set[str]:
    return {splits.person(*lead.name.split("/", 1)) for lead in beats.leads}


@lru_cache(maxsize=1)
def commit() -> str:
    """The commit of the code, with '+' where files were changed since; empty outside a checkout."""
    here = Path(__file__).parent
    try:
        words = ["git", "-C", str(here), "describe", "--always", "--dirty=+", "--exclude=*"]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


@lru_cache(maxsize=1)
def versions() -> dict[str, str]:
    """Of what the numbers depend on."""
    return {"python": platform.python_version(), "torch": torch.__version__, "numpy": np.__version__}
