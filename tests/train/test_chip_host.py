from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from edge.artefact import shipped
from firmware_bridge.patient import VirtualPatient
from firmware_bridge.types import BadInput
from train import chip_host, export

pytestmark = pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")


def test_build_when_options_are_chosen_then_the_state_grows_and_the_answers_come(tmp_path: Path) -> None:
    chip, lead = (
        export.read(shipped()),
        VirtualPatient(125.0, 3, "sinus:60s rate=80; end").read(125 * 30).mv[:, 0],
    )
    sizes = []
    for fusion, rhythm in ((False, False), (True, False), (True, True)):
        folder = tmp_path / f"{fusion}{rhythm}"
        patient = chip_host.HostPatient(chip_host.build(chip, folder, fusion, rhythm), 5)
        told, probs = patient.play(lead)
        assert 60 < len(told) < 100
        assert told["probs"].sum(1) == pytest.approx(1.0, abs=1e-5)
        assert np.isfinite(probs).any() == rhythm
        assert 0.0 < patient.largest_hidden <= 1.0
        sizes.append(patient.size)
    assert sizes == sorted(sizes)
    assert sizes[-1] < 20 * 1024


def test_build_when_the_c_is_broken_then_one_line_says_where(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"^cc: .*driver\.c.*error"):
        chip_host.build(export.read(shipped()), tmp_path, more="int broken = 1.5;\n")
