from __future__ import annotations

import numpy as np
import pytest

from train import noise_stress, splits
from train.ec57 import Mark, Matrix, bxb
from train.evaluate import Score
from train.noise_stress import OTHERS, SNR_DB, beside, card, halves, lines, noisy, stretched

FS = 100.0


def matrix(truth: str, said: str) -> Matrix:
    """A beat a second, labelled `truth`, answered `said`."""
    beats = [[Mark(100 * (k + 1), c) for k, c in enumerate(kinds)] for kinds in (truth, said)]
    return bxb(beats[0], beats[1], FS, 100 * (len(truth) + 1), start_s=0.0).matrix


def score(*stretches: Matrix) -> Score:
    found = bxb([Mark(100, "N")], [Mark(100, "N")], FS, 300, start_s=0.0)
    return Score("118e06", "MLII", found, found, 1, np.array([200.0]), stretches=stretches)


def test_noisy_when_all_are_asked_for_then_these_are_the_records_of_nstdb() -> None:
    assert {name for snr in SNR_DB for name in noisy(snr)} == set(splits.NSTDB)
    assert noisy(-6) == ["118e_6", "119e_6"]


def test_others_when_noise_grows_then_their_positive_predictivity_falls() -> None:
    for program in ("gqrs", "OSEA"):
        falling = [OTHERS[snr][program]["qrs"][1] for snr in SNR_DB]
        assert falling == sorted(falling, reverse=True)
    assert beside(6)["OSEA"]["veb"] == {"se": 82.23, "ppv": 39.14}
    assert "veb" not in beside(6)["gqrs"]


def test_stretched_when_stretches_differ_then_the_interval_is_over_them() -> None:
    good, bad = matrix("NNNNV", "NNNNV"), matrix("NNNNV", "NNNNN")
    ends = stretched([score(good, bad), score(good, bad)])["veb"]["se"]
    assert ends == [0.0, 100.0]
    assert stretched([score(good, good)])["veb"]["se"] == [100.0, 100.0]
    assert stretched([score()])["qrs"]["se"] == [100.0, 100.0]


def test_halves_when_every_second_stretch_is_noise_then_they_are_counted_apart() -> None:
    good, bad = matrix("NNNNV", "NNNNV"), matrix("NNNNV", "NNNNN")
    found = halves([score(bad, good, bad), score(bad)])
    assert found["in noise"]["veb"]["se"] == 0.0
    assert found["in the pauses"]["veb"]["se"] == 100.0
    assert halves([score()]) == {}


@pytest.mark.parametrize("make", [lines, card])
def test_lines_and_card_when_made_then_every_program_stands_beside_the_monitor(make: object) -> None:
    kinds = {kind: {"se": 99.5, "ppv": 88.25} for kind in ("qrs", "veb", "sveb")}
    final = {**kinds, "interval_95": {kind: {"se": [98.0, 99.9], "ppv": None} for kind in kinds}}
    text = "\n".join(make({f"{snr} dB": {"final": final, "beside": beside(snr)} for snr in SNR_DB}))  # type: ignore[operator]
    assert text.count("OSEA") == text.count("gqrs") == len(SNR_DB)
    for told in ("88.25", "69.37", "-6 dB", "13.18"):
        assert told in text
    assert noise_stress.STRETCH_S == 120.0


def test_detected_when_all_noise_is_played_then_qrs_of_both_records_at_each_ratio() -> None:
    right, half = matrix("NNNNN", "NNNNN"), matrix("NNNNN", "NNNNN")
    found = noise_stress.detected({("nstdb", name): score(right, half) for name in splits.NSTDB})
    assert list(found) == [f"{snr} dB" for snr in SNR_DB]
    assert found["6 dB"] == {
        "se": 100.0,
        "ppv": 100.0,
        "interval_95": {"se": [100.0, 100.0], "ppv": [100.0, 100.0]},
    }


def test_lowered_card_and_lines_when_made_then_each_threshold_has_every_ratio() -> None:
    qrs = {"se": 99.16, "ppv": 82.2, "interval_95": {"se": [98.0, 99.9], "ppv": None}}
    rows = {f"lowered by {by:g}": {f"{snr} dB": qrs for snr in SNR_DB} for by in noise_stress.LOWERED}
    table = list(noise_stress.lowered_card(rows))
    assert table[0].count("dB") == len(SNR_DB)
    assert table[2].startswith("| lowered by 1 |")
    assert table[3].count("99.16 [98.00, 99.90] / 82.20 |") == len(SNR_DB)
    told = list(noise_stress.lowered_lines(rows))
    assert len(told) == 2
    assert "6 dB 99.16 / 82.20" in told[1]
