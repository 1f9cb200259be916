from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edge.rhythm import AF_BEATS, af_from_rr
from firmware_bridge.types import BadInput
from train import fit_af

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


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEARTWIRE_DATA", str(tmp_path))
    (tmp_path / "afdb_rr").mkdir()
    return tmp_path / "afdb_rr"


def test_windows_when_the_rhythm_changes_then_none_lies_across(folder: Path) -> None:
    write_patient(folder, "01", 1)
    x, y = fit_af.windows(folder, "01")
    assert x.shape == (len(y), 2)
    whole = (600 - AF_BEATS) // fit_af.HOP + 1
    assert abs(int((y == 0).sum()) - whole) <= 1
    assert abs(int((y == 1).sum()) - whole) <= 1
    assert x[y == 1].min() > x[y == 0].max()


def test_windows_when_an_interval_is_impossible_then_those_with_it_are_left_out(folder: Path) -> None:
    write_patient(folder, "01", 1)
    n = len(fit_af.windows(folder, "01")[1])
    path = folder / "qrs01.txt"
    rows = path.read_text().splitlines()
    first, _, last = rows[300].split()
    rows[300] = f"{first}\t9.000\t{last}"
    path.write_text("\n".join(rows) + "\n")
    assert n - len(fit_af.windows(folder, "01")[1]) == AF_BEATS // fit_af.HOP


def test_regress_when_classes_overlap_then_the_slope_of_the_likelihood_is_zero() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(0.0, 1.0, (2000, 2))
    y = (rng.random(2000) < 1.0 / (1.0 + np.exp(-(0.5 + 2.0 * x[:, 0] - x[:, 1])))).astype(np.int64)
    w = fit_af.regress(x, y, np.ones(2000))
    assert np.allclose(w, (0.5, 2.0, -1.0), atol=0.25)
    p = 1.0 / (1.0 + np.exp(-(w[0] + x @ w[1:])))
    assert np.allclose(np.column_stack([np.ones(2000), x]).T @ (p - y), -fit_af.RIDGE * w, atol=1e-6)


def test_regress_when_classes_are_far_apart_then_it_stays_finite() -> None:
    x = np.array([[-50.0, 0.0], [-40.0, 0.0], [40.0, 0.0], [50.0, 0.0]])
    y = np.array([0, 0, 1, 1])
    w = fit_af.regress(x, y, np.full(4, 1000.0))
    assert np.isfinite(w).all()
    assert ((w[0] + x @ w[1:] > 0) == (y == 1)).all()


def test_main_when_patients_are_told_apart_then_the_pipeline_can_use_the_weights(
    folder: Path, tmp_path: Path
) -> None:
    for k in range(4):
        write_patient(folder, f"0{k}", k)
    result = json.loads(fit_af.main(tmp_path / "runs").read_text())
    assert result["patients"] == 4
    assert result["se"] > 98.0
    assert result["sp"] > 98.0
    weights = result["af_const"], result["af_mean"], result["af_rms"]
    rng = np.random.default_rng(99)
    assert af_from_rr(rng.uniform(0.45, 1.1, 32).tolist(), weights) > 0.9
    assert af_from_rr((0.8 * np.exp(rng.normal(0.0, 0.03, 32))).tolist(), weights) < 0.1


def test_main_when_there_are_no_intervals_then_one_line_says_where_they_belong(folder: Path) -> None:
    with pytest.raises(BadInput, match=r"no RR intervals in .*afdb_rr; unpack afdb_rr there"):
        fit_af.main(folder)


def test_leave_one_out_when_two_patients_contradict_each_other_then_both_are_scored_by_the_other() -> None:
    x = np.random.default_rng(0).normal(0.0, 0.1, (40, 2)) + np.repeat([[-1.0, 0.0], [1.0, 0.0]], 20, axis=0)
    y = np.repeat([0, 1], 20)
    assert fit_af.leave_one_out([(x, y), (x, 1 - y)]) == {"se": 0.0, "sp": 0.0, "windows": 80}
    assert fit_af.leave_one_out([(x, y), (x, y)]) == {"se": 100.0, "sp": 100.0, "windows": 80}
