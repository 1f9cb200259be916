from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from edge.artefact import shipped
from firmware_bridge.types import BadInput
from train import rhythm_rows, rhythm_windows, splits
from train.dataset import Fold
from train.evaluate_all import FOLDS, fold_models
from train.rhythm_rows import by_patient, folder_of, lethal_counts, lines, networks, row, table, worst

A, B = ("vfdb", "418"), ("cudb", "cu01")


def counts(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


@pytest.fixture
def folds(tmp_path: Path) -> Path:
    """The shipped rhythm CNN as that of every fold."""
    for k in range(3):
        shutil.copytree(shipped() / "rhythm_cnn", folder_of(Fold(k, 3), tmp_path) / "rhythm_cnn")
    return tmp_path


def test_row_when_patients_differ_then_windows_count_alike_and_intervals_are_over_patients() -> None:
    found = row({A: counts(100, 50, 900, 900), B: counts(100, 100, 100, 90)})
    assert (found["se"], found["sp"]) == (75.0, 99.0)
    assert found["interval_95"] == {"se": [50.0, 100.0], "sp": [90.0, 100.0]}
    assert found["windows"] == {"lethal": 200, "other": 1000}
    assert found["patients"] == 2


def test_row_when_nobody_has_a_lethal_rhythm_then_the_sensitivity_is_unknown() -> None:
    found = row({A: counts(0, 0, 10, 9)})
    assert found["se"] is None
    assert found["interval_95"]["se"] is None
    assert found["sp"] == 90.0


def test_worst_when_some_are_wrong_then_they_are_named_and_the_rest_is_not() -> None:
    assert worst({A: counts(5, 5, 9, 2), B: counts(3, 3, 3, 3)}) == ["vfdb/418: missed 0 of 5, false 7 of 9"]


def test_lethal_counts_when_a_patient_is_played_then_every_window_is_counted_once(
    synthetic_cache: Path,
) -> None:
    _, cnn = next(iter(networks(fold_models(), FOLDS)))
    found = lethal_counts(("vfdb", "418"), cnn)
    labels = [label for _, label in rhythm_windows.windows_of(rhythm_windows.load("vfdb", "418"))]
    assert found[0] == sum(label in (rhythm_windows.VT, rhythm_windows.VF) for label in labels)
    assert found[2] == len(labels) - found[0]
    assert 0 <= found[1] <= found[0]
    assert 0 <= found[3] <= found[2]


def test_by_patient_when_folds_are_played_then_everyone_is_seen_once_and_none_is_of_ds2(
    synthetic_cache: Path, folds: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, str]] = []

    def count(key: tuple[str, str], cnn: object) -> np.ndarray:
        seen.append(key)
        return counts(1, 1, 1, 1)

    monkeypatch.setattr(rhythm_rows, "lethal_counts", count)
    by_patient(folds, 3)
    assert len(seen) == len(set(seen)) == len(splits.VFDB) + len(splits.CUDB) + len(splits.DS1) - 1
    assert not {r for d, r in seen if d == "mitdb"} & {*splits.DS2, "201"}
    told = "\n".join(lines(table(folds, 3)))
    assert "Se 100.00 [100.00, 100.00]" in told
    assert "most errors: none" in told


def test_networks_when_a_fold_is_missing_then_one_line_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="fold-0-of-3: no such folder; make it with"):
        list(networks(tmp_path, 3))


def test_networks_when_the_folds_are_read_then_each_holds_out_who_its_manifest_says(
    synthetic_cache: Path,
) -> None:
    for fold, cnn in networks(fold_models(), FOLDS):
        manifest = json.loads((folder_of(fold, fold_models()) / "rhythm_cnn" / "manifest.json").read_text())
        assert manifest["window"] == cnn.window == rhythm_windows.WINDOW
        wanted = {"/".join(key) for key in rhythm_windows.held_out(fold) if key[0] in ("mitdb", "svdb")}
        assert wanted <= set(manifest["trained_on"]["held_out"])
        assert any("cinc2017" in name for name in manifest["trained_on"]["held_out"])
