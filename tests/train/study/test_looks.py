"""Looks: what was found is read as it was written, nothing is looked at twice, and a torn line is made again."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from firmware_bridge.types import BadInput
from train.study import looks, maps, memory, probes, slope_runs
from train.study.looks import packed, read, run, unpacked
from train.study.memory import MemoryScore
from train.study.probes import ProbeScore
from train.study.slopes import Slope, bins

NOTHING = float("nan")
LAYER = ProbeScore("GRU, folds", "state", 3, 64, "interval before", "rank correlation", 0.8, 0.7, 0.9, 100, 9)
MEMORY = MemoryScore(2.0, 0.6, 0.5, 0.7, 0.1, 0.05, 0.2, (0.9, 0.1, 0.8), 9)
LAGS = tuple(int(k) for k in bins()[1:])
SLOPE = Slope(
    "gru", 1, 32, False, 1, "initial", 125, (-2.0,), LAGS, tuple(-0.1 * k for k in range(len(LAGS)))
)


def test_packed_when_units_are_many_then_one_line_holds_them() -> None:
    one = replace(LAYER, low=NOTHING, high=NOTHING)
    units = [replace(one, unit=k, score=k / 10.0, question=q) for q in ("a", "b") for k in range(3)]
    lines = [json.loads(json.dumps(content)) for content in packed([LAYER, *units])]
    assert len(lines) == 3
    again = [score for content in lines for score in unpacked(content)]
    assert again[0] == LAYER
    assert [(s.question, s.unit, s.score) for s in again[1:]] == [
        (s.question, s.unit, s.score) for s in units
    ]


def test_run_when_started_again_then_only_what_is_missing_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def few(name: str, *found: object) -> object:
        def made(*args: object, **more: object) -> object:
            asked.append(name)
            return iter(found)

        return made

    monkeypatch.setattr(probes, "run", few("probes", LAYER))
    monkeypatch.setattr(maps, "run", few("maps"))
    monkeypatch.setattr(memory, "run", few("memory", MEMORY))
    later = replace(SLOPE, seed=2)
    both = (SLOPE, later)
    monkeypatch.setattr(
        slope_runs, "run", lambda preset, done, tell: iter([s for s in both if s not in done])
    )
    found = run("quick", tmp_path)
    assert (found.probes, found.memory, found.slopes) == ((LAYER,), (MEMORY,), both)
    assert asked == ["maps", "probes", "memory"]
    text = (tmp_path / "slopes.jsonl").read_text()
    (tmp_path / "slopes.jsonl").write_text(text[:-40])
    assert run("quick", tmp_path) == found
    assert asked == ["maps", "probes", "memory"]
    assert (tmp_path / "slopes.jsonl").read_text() == text


def test_read_when_nobody_has_looked_then_there_is_nothing(tmp_path: Path) -> None:
    assert read(tmp_path) == looks.Looks()


def test_read_when_a_line_is_no_result_then_file_and_line_are_named(tmp_path: Path) -> None:
    for text in ("{}", "[]", "3", '{"heard_s": 1'):
        (tmp_path / "memory.jsonl").write_text(text + "\n")
        with pytest.raises(BadInput, match=r"memory\.jsonl:1: no result of the study.*--look"):
            read(tmp_path)
