from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from edge.artefact import shipped
from firmware_bridge.types import BadInput
from train import af_rows

ROW = {
    "windows": 1200, "se": 99.0, "sp": 98.5, "se_seeds": [98.9, 99.2], "sp_seeds": [98.0, 98.75],
    "se_interval_95": [97.5, 99.8], "sp_interval_95": [96.0, 99.5],
}  # fmt: skip


def test_table_when_shipped_then_every_row_lies_within_its_interval_and_its_seeds() -> None:
    found = af_rows.table(shipped())
    assert found["patients"] == 15
    assert {"32", "128", "128, with errors", "whole records"} <= set(found["rows"])
    for row in found["rows"].values():
        for rate in ("se", "sp"):
            for low, high in (row[f"{rate}_interval_95"], row[f"{rate}_seeds"]):
                assert 0.0 <= low <= row[rate] <= high <= 100.0


def test_table_when_the_manifest_has_no_scores_then_one_line_says_how_to_make_them(tmp_path: Path) -> None:
    shutil.copytree(shipped(), tmp_path / "models")
    path = tmp_path / "models" / "af" / "manifest.json"
    for results in ({}, {"other": {"24": {"se": 1.0}}}):
        path.write_text(json.dumps(json.loads(path.read_text()) | {"results": results}))
        with pytest.raises(
            BadInput, match="no scores by patient in its manifest; fit it with python -m train fit af"
        ):
            af_rows.table(tmp_path / "models")


def test_lines_when_printed_then_figure_interval_and_seeds_stand_beside_each_other() -> None:
    title, line = af_rows.lines({"patients": 15, "rows": {"128": ROW}})
    assert "15 patients" in title
    assert line == (
        "  128: Se 99.00 [97.50, 99.80], seeds 98.90 to 99.20; Sp 98.50 [96.00, 99.50], seeds 98.00 to 98.75; "
        "1200 windows"
    )
