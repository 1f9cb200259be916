from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge.af import AF_INPUTS, af_features
from firmware_bridge.types import BadInput

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from train import checkpoint, fit_af

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
    rr, af = fit_af.intervals(folder, "01")
    assert (len(rr), set(af)) == (1200, {0, 1})
    x, y = fit_af.windows(rr, af, 32, 8)
    assert x.shape == (len(y), len(AF_INPUTS))
    whole = (600 - 32) // 8 + 1
    assert abs(int((y == 0).sum()) - whole) <= 1
    assert abs(int((y == 1).sum()) - whole) <= 1
    assert x[y == 1, 0].min() > x[y == 0, 0].max()


def test_windows_when_an_interval_is_impossible_or_unlabelled_then_those_with_it_are_left_out() -> None:
    rr, af = np.full(640, 0.8), np.zeros(640, np.int64)
    n = len(fit_af.windows(rr, af, 32, 8)[1])
    rr[300] = 9.0
    assert n - len(fit_af.windows(rr, af, 32, 8)[1]) == 32 // 8
    assert len(fit_af.windows(rr, af - 1, 32, 8)[1]) == 0


TINY = fit_af.AfRecipe(steps=120, batch=256)


def test_main_when_patients_are_told_apart_then_the_model_tells_new_ones_too(
    folder: Path, tmp_path: Path
) -> None:
    for k in range(4):
        write_patient(folder, f"0{k}", k)
    saved = checkpoint.read(fit_af.main(tmp_path / "runs", steps=120, batch=256))
    (results,) = saved["results"].values()
    assert set(results) == {"24", "32", "64", "128"}
    assert all(one["se"] > 95.0 and one["sp"] > 95.0 for one in results.values())
    assert saved["patients"] == [f"afdb/0{k}" for k in range(4)]
    net = fit_af.AfNet(fit_af.AfRecipe().n_hidden)
    net.load_state_dict(saved["net"])
    rng = np.random.default_rng(99)
    new = [rng.uniform(0.45, 1.1, 128).tolist(), (0.8 * np.exp(rng.normal(0.0, 0.03, 128))).tolist()]
    af, sinus = fit_af.logits(net, np.stack([af_features(rr) for rr in new]))
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
    lengths = len(fit_af.LENGTHS)
    told = fit_af.leave_one_out([[(x, y)] * lengths, [(x, 1 - y)] * lengths], TINY)
    assert told["32"] == {"se": 0.0, "sp": 0.0, "windows": 160}
    told = fit_af.leave_one_out([[(x, y)] * lengths, [(x, y)] * lengths], TINY)
    assert told["128"] == {"se": 100.0, "sp": 100.0, "windows": 160}
