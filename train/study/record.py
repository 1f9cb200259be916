"""The result of one run: one JSON line, readable although the line before it was torn."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from firmware_bridge.types import BadInput


@dataclass(frozen=True, slots=True)
class Cost:
    """What a network costs where it runs.

    Attributes
    ----------
    params : int
        Weights and biases (for trees: split nodes and leaves).
    macs_beat, macs_s : float
        Multiply-accumulates for one beat, and in a second at 75 beats a minute. What steps on every sample costs
        the same whether a beat comes or not.
    weight_bytes, state_bytes : int
        float32; the state is what must be kept between samples, a window's buffer included.
    us : float
        Measured: microseconds per sample for what steps on samples, per beat for what looks at windows; 0: it was not.
    us_per : str
        'sample' or 'beat'.
    us_s : float
        Microseconds of a core in a second of signal at 75 beats a minute.
    engine : str
        What it was measured on: 'tflite-runtime', 'torch', 'scikit-learn', 'numpy'.
    """

    params: int = 0
    macs_beat: float = 0.0
    macs_s: float = 0.0
    weight_bytes: int = 0
    state_bytes: int = 0
    us: float = 0.0
    us_per: str = "beat"
    us_s: float = 0.0
    engine: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """One training and its score.

    Attributes
    ----------
    key : str
        :attr:`train.study.config.Job.key`; with the reset in it where one training is scored with several.
    claims : tuple of int
        Which claims of the study it serves.
    arm, family, preset : str
        Name of the arm; :data:`train.study.config.FAMILIES`; 'quick' or 'full'.
    split : str
        'fold' (held-out patients of DS1), 'ds2' or 'svdb' (the final stage).
    config : dict
        net, task and budget, see :mod:`train.study.config`.
    seed, fold, n_folds : int
    train_patients, test_patients : int
        How many.
    curves : dict of str to list of float
        One value an epoch: train_loss, test_loss, train_f1, test_f1 (macro over N S V).
    scores : dict of str to float
        macro_f1, and for each class c: se_c, ppv_c, f1_c; train_f1 at the end.
    counts : dict of str to list of int
        For each record 'database/name' the confusion matrix, 4 rows (label N S V F) of 4 answers, row after row.
    cost : Cost
    gauge : dict of str to float
        Memorisation: nn1_f1, macro F1 of the nearest training beat's class on the same beats; nn1_train_f1, the same
        for training beats (each without itself); same_errors, the share of the network's errors in which the
        nearest neighbour gives the same wrong answer.
    wall_s : float
    commit : str
    versions : dict of str to str
    """

    key: str
    claims: tuple[int, ...]
    arm: str
    family: str
    preset: str
    split: str
    config: dict[str, Any]
    seed: int
    fold: int
    n_folds: int
    train_patients: int
    test_patients: int
    curves: dict[str, list[float]]
    scores: dict[str, float]
    counts: dict[str, list[int]]
    cost: Cost
    gauge: dict[str, float]
    wall_s: float
    commit: str
    versions: dict[str, str]

    def to_json(self) -> str:
        """One line, numbers to six digits (gradients that vanish are small)."""
        return json.dumps(_rounded(asdict(self)), separators=(",", ":"))


def from_json(line: str) -> Run:
    """Read one line.

    Raises
    ------
    ValueError
        When it is torn, or no run.
    """
    content = json.loads(line)
    wanted = {f.name for f in fields(Run)}
    if not isinstance(content, dict) or set(content) != wanted:
        raise ValueError("not a run of the study")
    content["claims"] = tuple(content["claims"])
    try:
        content["cost"] = Cost(**content["cost"])
    except TypeError as error:
        raise ValueError(f"not a run of the study: {error}") from None
    return Run(**content)


def append(path: Path, runs: Iterable[Run]) -> None:
    """Add lines at once. A torn last line, left by whoever was killed, gets its end first and stays alone."""
    text = "".join(run.to_json() + "\n" for run in runs)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            text = text if file.read(1) == b"\n" else "\n" + text
        file.write(text.encode())
        file.flush()
        os.fsync(file.fileno())


def read(path: Path) -> tuple[list[Run], int]:
    """(runs, lines that were none). Of runs with the same key, split and preset the last one counts.

    Raises
    ------
    BadInput
        When the file is there and cannot be read.
    """
    if not path.exists():
        return [], 0
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise BadInput(f"cannot read results {path}: {error.strerror or error}") from None
    found: dict[tuple[str, str, str], Run] = {}
    n_torn = 0
    for line in filter(None, lines):
        try:
            run = from_json(line)
        except ValueError:
            n_torn += 1
            continue
        found[run.key, run.split, run.preset] = run
    return list(found.values()), n_torn


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {k: _rounded(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(v) for v in value]
    return value
