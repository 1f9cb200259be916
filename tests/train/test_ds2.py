"""The whole monitor on patients nobody chose anything by: mitdb DS2, detected R-peaks, one lead, as EC57 scores."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(900)
def test_evaluate_when_it_plays_ds2_then_qrs_veb_and_the_early_answers_hold_what_the_readme_promises(
    tmp_path: Path,
) -> None:
    data = os.environ.get("HEARTWIRE_DATA")
    if not data:
        pytest.skip("HEARTWIRE_DATA is not set")
    command = [sys.executable, "-m", "edge.cli", "evaluate", f"{data}/mitdb", "--split", "ds2", "--json"]
    done = subprocess.run(
        [*command, "--annotations", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    summary = json.loads(done.stdout.splitlines()[-1])["summary"]
    assert summary["records"] == 22
    assert summary["beats"] > 40000
    assert min(summary["qrs"]["se"], summary["qrs"]["ppv"]) >= 99.7
    assert min(summary["veb"]["se"], summary["veb"]["ppv"]) >= 92.0
    assert summary["early_ms"]["p99"] <= 250.0
    assert len(list(tmp_path.glob("*.hw"))) == len(list(tmp_path.glob("*.hwe"))) == 22
