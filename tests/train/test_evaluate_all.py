from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from edge.artefact import shipped
from firmware_bridge.types import BadInput
from train import af_rows, cli_evaluate, evaluate_all, gate_rows, recordings, rhythm_rows, splits
from train.dataset import Fold
from train.ec57 import Mark, bxb
from train.evaluate import Job, Score
from train.evaluate_all import (
    PERSONAL,
    accuracy,
    adapted,
    built_in,
    everything,
    f1,
    fold_models,
    lethal,
    models_for,
    personal_table,
    table,
)
from train.networks import Networks
from train.noise_stress import LOWERED_ROW, noisy


def score(record: str, truth: str = "NNNVNNSN", said: str = "NNNVNNNN", alarms: tuple = ()) -> Score:  # type: ignore[type-arg]
    """A record of 100 Hz with a beat a second, labelled `truth`, answered `said`."""

    def beats(kinds: str) -> list[Mark]:
        return [Mark(100 * (k + 1), {"S": "A"}.get(c, c)) for k, c in enumerate(kinds)]

    found = bxb(beats(truth), beats(said), 100.0, 100 * (len(truth) + 1), start_s=0.0)
    return Score(record, "MLII", found, found, len(said), np.array([200.0, 240.0]), alarms, 1800.0)


def of_rhythm(networks: Networks) -> dict[str, object]:
    """The rows about rhythm of two patients and of eight recordings."""
    counts = {("vfdb", "418"): np.array([10, 5, 10, 9]), ("cudb", "cu01"): np.array([10, 10, 10, 10])}
    truth = np.arange(8) % 4
    lethal = {**rhythm_rows.row(counts), "by database": {}, "worst": rhythm_rows.worst(counts)}
    return {
        evaluate_all.LETHAL_ROW: lethal,
        evaluate_all.CINC_ROW: recordings.row(truth, truth),
        evaluate_all.AF_ROW: af_rows.table(networks.models),
        evaluate_all.GATE_ROW: gate_rows.table_of([]),
    }


def test_models_for_when_a_patient_was_trained_on_then_the_fold_that_held_them_out() -> None:
    for k in range(evaluate_all.FOLDS):
        fold = Fold(k, evaluate_all.FOLDS)
        for database, record in fold.held_out():
            assert models_for(database, record) == fold_models() / fold.folder
    assert all(models_for("mitdb", r) == shipped() for r in (*splits.DS2, "201"))
    assert models_for("nstdb", "118e06") == models_for("mitdb", "118")
    assert models_for("nstdb", "119e_6") == models_for("mitdb", "119")


def test_models_for_when_the_folds_are_not_there_then_one_line_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate_all, "fold_models", lambda: tmp_path)
    with pytest.raises(BadInput, match="no such folder; make it with"):
        models_for("mitdb", "101")


def test_everything_when_listed_then_each_record_is_once() -> None:
    keys = everything()
    assert len(keys) == len(set(keys)) == 48 + len(splits.SVDB) + len(splits.NSTDB)
    assert {r for d, r in keys if d == "nstdb"} == set(splits.NSTDB)
    assert noisy(-6) == ["118e_6", "119e_6"]


def test_f1_when_undefined_then_none() -> None:
    assert f1(80.0, 80.0) == 80.0
    assert f1(100.0, 50.0) == pytest.approx(66.67)
    assert f1(None, 50.0) is None
    assert f1(0.0, 0.0) is None


def test_accuracy_when_one_beat_in_eight_is_wrong_then_seven_eighths() -> None:
    assert accuracy([score("a")]) == 87.5
    assert accuracy([score("a"), score("b", said="NNNVNNSN")]) == 93.75


def test_lethal_when_alarms_were_told_then_the_false_ones_are_named_and_counted_per_day() -> None:
    found = lethal([score("100", alarms=(("vt", 12.0, False), ("vf", 20.0, True))), score("101")])
    assert found == {
        "hours": 1.0,
        "told": 2,
        "false": 1,
        "false_per_24h": 24.0,
        "which": ["100 vt 12 s"],
    }


def test_table_when_every_record_is_scored_then_every_row_is_there_and_232_apart() -> None:
    rows = {**table({key: score(key[1]) for key in everything()}), **of_rhythm(built_in())}
    assert "personal" not in rows
    rows["personal"] = {mode: personal_table({key: score(key[1]) for key in adapted()}) for mode in PERSONAL}
    assert rows["mitdb 48"]["records"] == 48
    assert rows["ds2"]["final"]["veb"] == {"se": 100.0, "ppv": 100.0, "f1": 100.0}
    assert rows["ds2"]["final"]["sveb"]["se"] == 0.0
    assert rows["ds2 without 232"]["records"] == 21
    assert list(rows["noise stress, 118 and 119"]) == ["24 dB", "18 dB", "12 dB", "6 dB", "0 dB", "-6 dB"]
    assert rows["early answer"] == {"p50_ms": 220.0, "p99_ms": 240.0, "max_ms": 240.0}
    assert rows["ds2"]["final"]["interval_95"]["qrs"]["se"] == [100.0, 100.0]
    shown = "\n".join(evaluate_all.lines(rows))
    assert "svdb by folds" in shown
    assert "-6 dB" in shown
    assert rows["noise stress, 118 and 119"]["6 dB"]["beside"]["gqrs"]["qrs"] == {"se": 99.22, "ppv": 69.37}
    assert "OSEA" in shown
    assert "Se 75.00 [50.00, 100.00]" in shown
    assert "F1 of 8 recordings" in shown
    assert "Quality gate, 4 s, called noise" in shown
    head, self_, labels = shown.split("Personal mode, ")
    assert "adapted" not in head
    assert self_.startswith("self: adapted to each patient's first 5 minutes without labels")
    assert labels.startswith("labels: adapted to each patient's first 5 minutes with their annotations")
    assert all("ds2 without 232" in part for part in (self_, labels))
    assert rows["personal"]["self"]["svdb by folds"]["records"] == len(splits.SVDB)
    assert rows["personal"]["labels"]["lethal alarms"]["told"] == 0


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, Networks]]:
    """What was asked to be played, in place of playing it for half an hour; every record scores alike."""
    asked = []

    def play_all(keys, jobs, personal="off", networks=None, lowered=0.0):  # type: ignore[no-untyped-def]
        asked.append((f"lowered by {lowered:g}" if lowered else personal, len(keys), networks))
        return {key: score(key[1]) for key in keys}

    monkeypatch.setattr(evaluate_all, "of_rhythm", of_rhythm)
    monkeypatch.setattr(evaluate_all, "play_all", play_all)
    return asked


def test_main_when_asked_for_all_then_one_json_object(
    played: list[tuple[str, int, Networks]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli_evaluate.main(["--all", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert rows["svdb by folds"]["records"] == len(splits.SVDB)
    assert list(rows["personal"]) == ["self", "labels"]
    assert rows["networks"] == json.loads(json.dumps(built_in().told()))
    assert played == [
        ("off", len(everything()), built_in()),
        ("lowered by 1", len(splits.NSTDB), built_in()),
        ("lowered by 2", len(splits.NSTDB), built_in()),
        ("self", len(adapted()), built_in()),
        ("labels", len(adapted()), built_in()),
    ]
    of_rhythm_rows = (
        evaluate_all.LETHAL_ROW,
        evaluate_all.CINC_ROW,
        evaluate_all.AF_ROW,
        evaluate_all.GATE_ROW,
    )
    assert set(of_rhythm_rows) <= set(rows)


def test_main_when_asked_for_beats_then_nothing_else_is_played_and_told(
    played: list[tuple[str, int, Networks]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli_evaluate.main(["--all", "--beats", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert set(rows) == {"networks", LOWERED_ROW, *table({key: score(key[1]) for key in everything()})}
    assert rows[LOWERED_ROW]["lowered by 2"]["0 dB"]["se"] == 100.0
    assert cli_evaluate.main(["--all", "--beats"]) == 0
    shown = capsys.readouterr().out
    assert "svdb by folds" in shown
    assert "lethal alarms on mitdb and svdb" in shown
    assert "Personal mode" not in shown
    assert "QRS in noise, threshold lowered by 1, Se / +P: 24 dB 100.00" in shown
    each = [("off", len(everything())), *((f"lowered by {by}", len(splits.NSTDB)) for by in (1, 2))]
    assert played == [(*words, built_in()) for words in each] * 2


def test_main_when_folders_are_named_then_every_row_is_of_their_networks(
    played: list[tuple[str, int, Networks]], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folds, models = tmp_path / "folds", tmp_path / "models"
    shutil.copytree(fold_models(), folds)
    shutil.copytree(shipped(), models)
    words = ["--all", "--json", "--folds", str(folds), "--models", str(models)]
    assert cli_evaluate.main(words) == 0
    assert json.loads(capsys.readouterr().out)["networks"]["models"]
    assert [networks for _, _, networks in played] == [Networks(folds, models, evaluate_all.FOLDS)] * 5
    shutil.rmtree(folds / "fold-1-of-3")
    played.clear()
    with pytest.raises(BadInput, match="fold-1-of-3: no such folder; make it with"):
        cli_evaluate.main(words)
    assert not played


def test_play_all_when_networks_are_named_then_each_record_goes_through_those_that_never_saw_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked = []

    class Pool:
        """Notes the jobs instead of starting processes."""

        def __init__(self, *_: object) -> None: ...
        def __enter__(self) -> Pool:
            return self

        def __exit__(self, *_: object) -> None: ...
        def map(self, _: object, jobs: list[tuple[Job, str]]) -> list[Score]:
            asked.extend(jobs)
            return [score(record) for _, record in jobs]

    monkeypatch.setattr(evaluate_all, "ProcessPoolExecutor", Pool)
    monkeypatch.setenv("HEARTWIRE_DATA", str(tmp_path))
    shutil.copytree(fold_models(), tmp_path / "folds")
    networks = Networks(tmp_path / "folds", shipped(), evaluate_all.FOLDS)
    found = evaluate_all.play_all(
        [("mitdb", "100"), ("mitdb", "106"), ("nstdb", "119e06")], networks=networks
    )
    assert list(found) == [("mitdb", "100"), ("mitdb", "106"), ("nstdb", "119e06")]
    fold = tmp_path / "folds" / models_for("mitdb", "106").name
    assert [(job.artefacts, job.stretch_s, record) for job, record in asked] == [
        (shipped(), None, "100"),
        (fold, None, "106"),
        (tmp_path / "folds" / models_for("mitdb", "119").name, 120.0, "119e06"),
    ]
