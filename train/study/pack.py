"""Results made small enough to come with the program: one JSON line an arm, what can be computed again left out."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from firmware_bridge.types import BadInput
from train.study.config import Budget, Job, NetConfig, TaskConfig
from train.study.record import Cost, Run
from train.study.scores import matrix_of, scores_of

PARTS = {"net": NetConfig, "task": TaskConfig, "budget": Budget}
GAUGE = ("nn1_f1", "nn1_train_f1", "same_errors")


def pack(runs: Sequence[Run]) -> str:
    """Lines, one an arm: what its runs share, then of each seed and fold curves in thousandths and counts.

    Two an arm where some of its networks were trained elsewhere.
    Left out: scores other than train_f1, which follow from the counts; keys; values of the configuration that are the
    default; of commit, versions and measured times all but the arm's first.
    """
    of_arm: dict[tuple[str, ...], list[Run]] = defaultdict(list)
    for run in runs:
        where = run.versions.get("trained_on", "")
        of_arm[run.arm, run.preset, run.split, json.dumps(run.config, sort_keys=True), where].append(run)
    return "".join(json.dumps(_arm(some), separators=(",", ":")) + "\n" for some in of_arm.values())


def unpack(text: str) -> list[Run]:
    """The runs that :func:`pack` was given, to three digits.

    Raises
    ------
    ValueError
        When it is something else.
    """
    try:
        return [run for line in text.splitlines() for run in _runs(json.loads(line))]
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"not packed results of the study: {error!r}") from None


def read(path: Path) -> list[Run]:
    """The runs in a file; none where it is not there.

    Raises
    ------
    BadInput
        When it cannot be read.
    """
    if not path.exists():
        return []
    try:
        return unpack(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadInput(f"cannot read {path}: {error}; take it from the repository again") from None


def _arm(runs: Sequence[Run]) -> dict[str, Any]:
    first = runs[0]
    config = {}
    for name, kind in PARTS.items():
        usual = asdict(kind(family="cnn")) if kind is NetConfig else asdict(kind())
        config[name] = {k: v for k, v in first.config[name].items() if v != usual[k] or k == "family"}
    shared = {
        name: getattr(first, name)
        for name in ("arm", "family", "preset", "split", "claims", "n_folds", "commit", "versions")
    }
    price = [round(v, 3) if isinstance(v, float) else v for v in asdict(first.cost).values()]
    return {**shared, "config": config, "cost": price, "runs": [_row(run) for run in runs]}


def _row(run: Run) -> list[Any]:
    counts = {name: _short(flat) for name, flat in run.counts.items()}
    curves = {name: [_thousandths(name, v) for v in values] for name, values in run.curves.items()}
    gauge = [round(run.gauge.get(name, -1.0), 3) for name in GAUGE]
    train_f1 = round(run.scores.get("train_f1", -1.0), 3)
    people = [run.train_patients, run.test_patients]
    return [run.seed, run.fold, *people, round(run.wall_s), train_f1, gauge, curves, counts]


def _thousandths(name: str, value: float) -> float:
    return float(f"{value:.3g}") if name.startswith("grad_") else round(1000 * value)


def _short(flat: Sequence[int]) -> list[int]:
    """Without the zeros at the end."""
    n = max((i + 1 for i, v in enumerate(flat) if v), default=0)
    return list(flat[:n])


def _runs(arm: dict[str, Any]) -> list[Run]:
    parts = {name: kind(**arm["config"][name]) for name, kind in PARTS.items()}
    config = {name: asdict(part) for name, part in parts.items()}
    task = parts["task"]
    out = []
    for seed, fold, train_patients, test_patients, wall_s, train_f1, gauge, curves, counts in arm["runs"]:
        # one training scored with several resets has the key of the one without
        resets = task.mode == "stream" and task.reset_s and task.reset_s != task.strip_s
        taught = replace(task, reset_s=0.0) if resets else task
        job = Job((), "", parts["net"], taught, parts["budget"], seed, fold, arm["n_folds"], arm["preset"])
        whole = {name: [*flat, *[0] * (16 - len(flat))] for name, flat in counts.items()}
        out.append(
            Run(
                key=f"{job.key}-r{task.reset_s:g}" if resets else job.key,
                claims=tuple(arm["claims"]),
                arm=arm["arm"],
                family=arm["family"],
                preset=arm["preset"],
                split=arm["split"],
                config=config,
                seed=seed,
                fold=fold,
                n_folds=arm["n_folds"],
                train_patients=train_patients,
                test_patients=test_patients,
                curves={
                    name: [v if name.startswith("grad_") else v / 1000 for v in values]
                    for name, values in curves.items()
                },
                scores={"train_f1": train_f1} | scores_of(matrix_of(whole)),
                counts=whole,
                cost=Cost(*arm["cost"]),
                gauge=dict(zip(GAUGE, gauge, strict=True)),
                wall_s=float(wall_s),
                commit=arm["commit"],
                versions=arm["versions"],
            )
        )
    return out
