from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from edge.af import AF_INPUTS, af_rows
from firmware_bridge.types import BadInput

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from train import checkpoint, fit_af
from train.fit import one_thread

FS = 250


def write_patient(folder: Path, name: str, seed: int) -> None:
    """600 regular beats, then 600 irregular ones, as text like afdb's."""
    rng = np.random.default_rng(seed)
    regular = 0.8 * np.exp(rng.normal(0.0, 0.03, 600))
    irregular = rng.uniform(0.45, 1.1, 600)
    rr = np.concatenate([regular, irregular])
    at = np.cumsum(rr * FS).astype(int)
    rows = zip(at - (rr * FS).astype(int), rr, at, strict=True)
    (folder / f"qrs{name}.txt").write_text("".join(f"{a}\t{s:.3f}\t{b}\n" for a, s, b in rows))
    (folder / f"atr{name}.txt").write_text(
        "Elapsed time  Sample #  Type  Sub Chan  Num\tAux\n"
        "    0:00.224       56     +    0    0    0\t(N\n"
        f"    8:00.000  {at[600] - 1:>7}     +    0    0    0\t(AFIB\n"
    )


@pytest.fixture(autouse=True)
def alone() -> Iterator[None]:
    """One thread, as the command has it: two that wait for each other are slow on a busy machine."""
    with one_thread():
        yield


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEARTWIRE_DATA", str(tmp_path))
    (tmp_path / "afdb_rr").mkdir()
    return tmp_path / "afdb_rr"


def test_windows_when_the_rhythm_changes_then_none_lies_across(folder: Path) -> None:
    write_patient(folder, "01", 1)
    rr, af = fit_af.intervals(folder, "01")
    assert (len(rr), set(af)) == (1200, {0, 1})
    x, y = fit_af.windows(rr, af, 32)
    assert x.shape == (len(y), len(AF_INPUTS))
    whole = (600 - 32) // fit_af.HOP + 1
    assert abs(int((y == 0).sum()) - whole) <= 1
    assert abs(int((y == 1).sum()) - whole) <= 1
    assert x[y == 1, 0].min() > x[y == 0, 0].max()


def test_windows_when_an_interval_is_impossible_or_unlabelled_then_those_with_it_are_left_out() -> None:
    rr, af = np.full(640, 0.8), np.zeros(640, np.int64)
    n = len(fit_af.windows(rr, af, 32)[1])
    rr[300] = 9.0
    assert n - len(fit_af.windows(rr, af, 32)[1]) == 32 // fit_af.HOP
    assert len(fit_af.windows(rr, af - 1, 32)[1]) == 0


def test_disturbed_when_beats_are_missed_and_invented_then_time_and_labels_stay() -> None:
    rr, af = np.full(20_000, 0.8), np.repeat([0, 1], 10_000)
    heard, told = fit_af.disturbed(rr, af, 0.02, seed=0)
    assert len(heard) == len(told)
    assert heard.sum() == pytest.approx(rr.sum(), abs=5.0)
    assert abs(len(heard) - len(rr)) < 100
    assert (heard > 1.4).sum() == pytest.approx(200, abs=60)
    assert (heard < 0.65).sum() == pytest.approx(400, abs=90)
    assert heard[(heard > 0.7) & (heard < 0.9)].std() == pytest.approx(2**0.5 * fit_af.MOVED_S, rel=0.1)
    assert (np.diff(told) != 0).sum() == 1
    assert told.mean() == pytest.approx(0.5, abs=0.01)
    again = fit_af.disturbed(rr, af, 0.02, seed=0)
    assert np.array_equal(again[0], heard)


def test_whole_when_the_rhythm_changes_then_the_newest_interval_says_what_is_asked(folder: Path) -> None:
    write_patient(folder, "01", 1)
    rr, af = fit_af.intervals(folder, "01")
    rr[700] = 9.0
    x, y = fit_af.whole(rr, af)
    ends = np.arange(fit_af.LONG - 1, len(rr) - 1, fit_af.HOP)
    assert x.shape == (len(ends), len(AF_INPUTS))
    assert np.array_equal(y, np.delete(af, 700)[ends])


def told_by(x: np.ndarray, y: np.ndarray) -> fit_af.Patient:
    return fit_af.Patient(x, y, {"all": (x, y)})


TINY = fit_af.AfRecipe(steps=120, batch=256)


def test_main_when_patients_are_told_apart_then_the_model_tells_new_ones_too(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for k in range(4):
        write_patient(folder, f"0{k}", k)
    saved = checkpoint.read(fit_af.main(tmp_path / "runs", seeds=2, steps=120, batch=256))
    (results,) = saved["results"].values()
    asked = {"24", "32", "64", "128", fit_af.WHOLE}
    assert set(results) == asked | {f"{name}, with errors" for name in asked}
    assert all(
        one["se"] > 95.0 and one["sp"] > 95.0 for name, one in results.items() if fit_af.WHOLE not in name
    )
    assert saved["patients"] == [f"afdb/0{k}" for k in range(4)]
    assert json.loads(capsys.readouterr().out)["by patient"]["03"].startswith("missed 0 of ")
    net = fit_af.AfNet(fit_af.AfRecipe().n_hidden).eval()
    net.load_state_dict(saved["net"])
    rng = np.random.default_rng(99)
    new = [rng.uniform(0.45, 1.1, 128), 0.8 * np.exp(rng.normal(0.0, 0.03, 128))]
    af, sinus = fit_af.logits(net, af_rows(np.stack(new)))
    assert af > 1.0
    assert sinus < -1.0


def test_main_when_there_are_no_intervals_then_one_line_says_where_they_belong(folder: Path) -> None:
    with pytest.raises(BadInput, match=r"no RR intervals in .*afdb_rr; unpack afdb_rr there"):
        fit_af.main(folder)


def test_leave_one_out_when_two_patients_contradict_each_other_then_each_is_scored_by_the_other() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 40)
    x = rng.normal(0.0, 0.1, (80, len(AF_INPUTS))).astype(np.float32)
    x[:, 0] += 2.0 * y - 1.0
    tables = fit_af.leave_one_out([told_by(x, y), told_by(x, 1 - y)], TINY)
    assert tables["all"].tolist() == [[[0, 40], [40, 0]]] * 2
    tables = fit_af.leave_one_out([told_by(x, y), told_by(x, y)], TINY)
    assert tables["all"].tolist() == [[[40, 0], [0, 40]]] * 2


def test_score_when_seeds_differ_then_mean_least_most_and_an_interval_over_patients() -> None:
    one = np.array([[[90, 10], [0, 50]], [[50, 0], [5, 45]]])
    two = np.array([[[80, 20], [0, 50]], [[50, 0], [5, 45]]])
    found = fit_af.score([one, two])
    assert found["windows"] == 250
    assert found["se"] == 95.0
    assert found["sp"] == 90.0
    assert found["sp_seeds"] == [86.67, 93.33]
    assert found["se_interval_95"] == [90.0, 100.0]
    nobody = fit_af.score([np.array([[[5, 0], [0, 0]], [[5, 0], [0, 4]]])])
    assert nobody["se"] == 100.0


def test_fit_when_a_patient_has_no_windows_then_the_others_teach() -> None:
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 40)
    x = rng.normal(0.0, 0.1, (80, len(AF_INPUTS))).astype(np.float32) + 2.0 * y[:, None].astype(np.float32)
    net = fit_af.fit([told_by(x, y), told_by(x[:0], y[:0])], TINY)
    assert ((fit_af.logits(net, x) > 0.0) == y).all()
