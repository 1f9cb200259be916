"""Leads whose beats are known, in the form the study takes, and runs of it made by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from train.study.beats import Beats, Lead, beats_of
from train.study.config import Budget, NetConfig, TaskConfig
from train.study.record import Cost, Run

FS = 125.0


def lead(name: str, seed: int, seconds: float = 80.0) -> Lead:
    """A record: narrow beats every 0.8 s (N), every fifth early (S), every seventh wide (V)."""
    rng = np.random.default_rng(seed)
    n = int(seconds * FS)
    x = rng.normal(0.0, 0.02, n)
    at, r, c = 60.0, [], []
    while at < n - 200:
        k = len(r)
        kind = 2 if k % 7 == 6 else 1 if k % 5 == 4 else 0
        width = 6.0 if kind == 2 else 2.0
        x += np.exp(-0.5 * ((np.arange(n) - at) / width) ** 2)
        r.append(at)
        c.append(kind)
        at += 60.0 if (k + 1) % 5 == 4 else 100.0
    kinds = np.array(c, np.int64)
    both = np.stack([x, 0.5 * x], 1).astype(np.float32)
    return Lead(name, both, np.array(r), kinds, np.array(r) > 4 * FS)


@pytest.fixture(scope="module", autouse=True)
def _as_trained() -> Iterator[None]:
    """Torch as the study has it: one thread, denormal numbers as zero."""
    pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")
    from train.fit import one_thread

    with one_thread():
        yield


@pytest.fixture(scope="session")
def beats() -> Beats:
    """Three records of 80 s at 125 Hz."""
    return beats_of(tuple(lead(f"mitdb/{name}", k) for k, name in enumerate(("101", "106", "108"))), FS)


@pytest.fixture(scope="session")
def others() -> Beats:
    """Two records of other people."""
    return beats_of(tuple(lead(f"mitdb/{name}", 7 + k) for k, name in enumerate(("109", "112"))), FS)


@pytest.fixture
def make_run() -> Callable[..., Run]:
    """Makes a run: of a network on a task, `right` of 100 beats of each of N, S and V right in both of its records."""

    def make(net: NetConfig, task: TaskConfig, right: int, seed: int = 1, **more: Any) -> Run:
        wrong = 100 - right
        flat = [right, wrong, 0, 0, wrong, right, 0, 0, 0, wrong, right, 0, 0, 0, 0, 0]
        given: dict[str, Any] = {
            "key": f"{hash((net, task, seed)) & 0xFFFFFF:x}",
            "claims": (2, 3, 4, 5, 6, 7),
            "arm": "any",
            "family": net.family,
            "preset": "full",
            "split": "fold",
            "config": {"net": asdict(net), "task": asdict(task), "budget": asdict(Budget())},
            "seed": seed,
            "fold": 0,
            "n_folds": 1,
            "train_patients": 3,
            "test_patients": 2,
            "curves": {"train_f1": [0.5, 0.9], "test_f1": [0.5, 0.6], "grad_1": [0.1, 0.1]},
            "scores": {"train_f1": 0.9},
            "counts": {"mitdb/109": flat, "mitdb/112": flat},
            "cost": Cost(us_s=10.0),
            "gauge": {},
            "wall_s": 1.0,
            "commit": "abc",
            "versions": {},
        }
        return Run(**(given | more))

    return make
