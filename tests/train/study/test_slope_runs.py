"""The stacks whose gradients are looked at: each once, beats of strangers, and trained ones told from others."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from train.study import slope_runs, slopes
from train.study.beats import Beats
from train.study.config import NetConfig
from train.study.slope_runs import CELLS, asked, run, wanted


def test_wanted_when_listed_then_every_stack_is_there_once() -> None:
    for preset in ("quick", "full"):
        keys = wanted(preset)
        assert len(set(keys)) == len(keys)
        assert {(cell, residual) for cell, _, residual, _, _ in keys} == {
            (c, r) for c in CELLS for r in (False, True)
        }
        assert {stage for *_, stage in keys} == {"initial", "trained"}
    assert {d for _, d, _, _, stage in wanted("full") if stage == "initial"} == {1, 2, 3, 4, 6, 8}
    assert len(wanted("quick")) < 30


def test_asked_when_beats_are_early_then_their_past_is_whole(
    beats: Beats, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slope_runs, "LONGEST", 2000)
    long, c = asked(beats)
    assert long.shape == (len(c), 2001)
    assert (np.abs(long[:, :50]).max(1) > 0).all()
    assert np.bincount(c, minlength=3).max() <= slope_runs.FROM_EACH


def test_run_when_some_are_done_then_only_the_rest_is_made(
    synthetic_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slopes, "LONGEST", 1500)
    monkeypatch.setattr(slope_runs, "LONGEST", 1500)
    few = [("gru", 1, False, 1, "initial"), ("rnn", 2, True, 1, "initial"), ("gru", 1, True, 1, "trained")]
    monkeypatch.setattr(slope_runs, "wanted", lambda preset: few)
    monkeypatch.setattr(slope_runs, "own_networks", list)
    told: list[str] = []
    found = list(run("quick", [], told.append))
    assert [(s.family, s.layers, s.residual, s.seed, s.stage) for s in found] == few
    assert [s.macro_f1 >= 0.0 for s in found] == [False, False, True]
    assert told[2] == "gradients 2/3: rnn 2 deep, residual, initial"
    assert NetConfig("gru").family == found[0].family
    monitor = replace(found[0], family=slope_runs.MONITOR)
    assert list(run("quick", [monitor, *found], told.append)) == []
    assert len(told) == 4


def test_own_networks_when_looked_at_then_training_has_made_their_past_matter(
    synthetic_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slopes, "LONGEST", 700)
    monkeypatch.setattr(slope_runs, "LONGEST", 700)
    found = slope_runs.own_networks()
    assert [(s.family, s.seed, s.stage) for s in found] == [
        ("monitor", k, stage) for k in range(3) for stage in ("trained", "initial")
    ]
    for trained, initial in zip(found[::2], found[1::2], strict=True):
        assert trained.lags[-1] == 700
        assert trained.lag_log10[-1] > initial.lag_log10[-1] + 5.0
        assert trained.reach > initial.reach
