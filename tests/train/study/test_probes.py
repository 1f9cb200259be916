"""Probes: on patients whose beats are known the trained networks hold what they must, and the ledger is complete."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from train.study import probes
from train.study.probes import QUESTIONS, SINCE, ProbeScore, line, patients, run


def test_patients_when_few_are_wanted_then_paced_ones_are_never_among_them() -> None:
    everyone = patients()
    assert {group for _, _, group in everyone} == {"ds1", "svdb"}
    assert len(everyone) == 60
    assert set(patients(8)) <= set(everyone)
    assert {database for database, _, _ in patients(8)} == {"mitdb", "svdb"}


def test_questions_when_a_beat_is_ventricular_then_no_p_wave_is_asked_for() -> None:
    asked = {q.name: q for q in QUESTIONS}
    assert len(asked) == 7

    class Few:
        aami = np.array([0, 1, 2, 3])
        p_there = np.array([True, False, True, True])

    answer = asked["P-wave there"].answer(Few())  # type: ignore[arg-type]
    assert answer[:2].tolist() == [1.0, 0.0]
    assert np.isnan(answer[2:]).all()


def test_run_when_patients_are_virtual_then_the_trained_state_holds_what_untrained_layers_do_not(
    synthetic_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probes, "MOST_OF_A_CLASS", 25)
    monkeypatch.setattr(
        probes, "QUESTIONS", tuple(q for q in QUESTIONS if q.name in ("class N S V", "interval before"))
    )
    monkeypatch.setattr(probes, "CNN_LAYERS", ("image", "conv 3", "conv 4", "logits"))
    found = list(run(limit=6))
    units = [s for s in found if s.unit >= 0]
    assert {s.question for s in units} == {"class is V", "class is S", "interval before", SINCE.name}
    assert {s.unit for s in units} == set(range(64))
    assert all(-1.0 <= s.score <= 1.0 for s in units)
    whole = {(s.network, s.layer, s.question): s for s in found if s.unit < 0 and s.depth >= 0}
    assert len(whole) == 2 * (3 * 2 + 4 * 2 + 4)
    trained = whole["GRU, folds", "state", "interval before"]
    assert trained.score > whole["GRU, folds", "17 samples", "interval before"].score
    assert trained.low <= trained.score <= trained.high
    assert whole["GRU, folds", "state", SINCE.name].score > 0.6
    assert whole["beat CNN, folds", "conv 4", "class N S V"].width == 512
    less = {(s.network, s.layer, s.question): s for s in found if s.depth < 0}
    gain = less["beat CNN, folds", "conv 4 less conv 3", "class N S V"]
    last, first = (whole["beat CNN, folds", f"conv {k}", "class N S V"].score for k in (4, 3))
    assert gain.score == pytest.approx(last - first, abs=2e-4)
    assert gain.low <= gain.score <= gain.high
    learned = less["GRU, folds", "state less GRU, untrained", "interval before"]
    assert learned.score == pytest.approx(
        trained.score - whole["GRU, untrained", "state", "interval before"].score, abs=2e-4
    )


def test_line_when_a_score_has_no_interval_then_none_is_written() -> None:
    nothing = float("nan")
    score = ProbeScore("gru", "state", 3, 64, "x", "one unit, -1 to 1", 0.5, nothing, nothing, 10, 2, 7)
    assert "low" not in line(score)
    assert line(score)["unit"] == 7
