from __future__ import annotations

from pathlib import Path

import pytest

from firmware_bridge.types import BadInput
from train import ship
from train.__main__ import COMMANDS
from train.ship import Words, stages


def test_stages_when_laid_out_then_every_network_is_fitted_before_the_fusion_listens_to_it(
    tmp_path: Path,
) -> None:
    words = stages(tmp_path, tmp_path / "out", tmp_path / "folds")
    cache, taught_first, *words = words
    assert cache == [("cache",)]
    teachers = {(w[w.index("--runs") + 1], w[w.index("--fold") + 1]) for w in taught_first}
    folders = [str(tmp_path / "teachers" / f"seed-{seed}") for seed in (1, 2, 3)]
    assert teachers == {(folder, fold) for folder in folders for fold in ("0/3", "1/3", "2/3", "0/1")}
    for w in words[0]:
        assert list(w[w.index("--teachers") + 1 :] if "--teachers" in w else ()) == folders * (w[1] == "gru")
    fitted = {(w[1], w[w.index("--fold") + 1]) for w in words[0] if "--fold" in w}
    folds = ("0/3", "1/3", "2/3", "0/1")
    assert fitted == {(kind, fold) for kind in ("gru", "beat_cnn") for fold in folds} | {
        ("rhythm_cnn", fold) for fold in folds[:3]
    }
    assert ("fit", "rhythm_cnn", "--runs", str(tmp_path)) in words[0]
    judged = {w[w.index("--out") + 1] for w in words[1] if "rhythm_cnn" in w and "af" not in w}
    assert judged >= {str(tmp_path / "folds" / f"fold-{k}-of-3") for k in range(3)}
    assert words[2][0][:2] == ("fit", "fusion")
    assert words[3][-1] == ("fit", "recordings", "--folds", "3", "--networks", str(tmp_path / "folds"))
    assert {w[w.index("--out") + 1] for w in words[3][:-1]} == {
        str(tmp_path / "out"),
        *(str(tmp_path / "folds" / f"fold-{k}-of-3") for k in range(3)),
    }
    assert {w[0] for stage in words for w in stage} <= set(COMMANDS)


def test_ship_when_a_step_fails_then_nothing_after_its_stage_and_one_line_says_which() -> None:
    done: list[Words] = []

    def run(words: Words) -> int:
        done.append(words)
        return 3 if words == ("a", "x") else 0

    ship.ship([[("b",)], [("c",)]], 2, run)
    with pytest.raises(BadInput, match="python -m train a x ended with status 3"):
        ship.ship([[("a", "x"), ("a", "y")], [("d",)]], 1, run)
    assert done[:3] == [("b",), ("c",), ("a", "x")]
    assert ("d",) not in done


def test_in_process_when_the_words_are_wrong_then_the_status_tells(capfd: pytest.CaptureFixture[str]) -> None:
    assert ship.in_process(("no-such-step",)) == 2
    assert "unknown command 'no-such-step'" in capfd.readouterr().err
