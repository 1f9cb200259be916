from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from edge.artefact import shipped
from firmware_bridge.types import BadInput
from train import card, seeds
from train.evaluate_all import AF_ROW, CINC_ROW, GATE_ROW, LETHAL_ROW, built_in
from train.noise_stress import LOWERED_ROW, beside

KINDS = {kind: {"se": 99.5, "ppv": None, "f1": 80.25} for kind in ("qrs", "veb", "sveb")}
ANSWERS = {**KINDS, "interval_95": {kind: {"se": [98.0, 99.9], "ppv": None} for kind in KINDS}}
LETHAL = {
    "patients": 3, "windows": {"lethal": 200, "other": 1000}, "se": 96.5, "sp": None,
    "interval_95": {"se": [90.0, 99.0], "sp": None},
}  # fmt: skip
SHARE = {"percent": 16.03, "interval_95": [4.5, 50.25]}
ROWS = {
    "ds2": {"records": 22, "final": ANSWERS, "early": ANSWERS, "nsvf_accuracy": 97.5},
    "noise stress, 118 and 119": {
        "6 dB": {"records": 2, "final": ANSWERS, "early": ANSWERS, "beside": beside(6)}
    },
    LOWERED_ROW: {
        "lowered by 1": {"6 dB": {"se": 99.16, "ppv": 82.22, "interval_95": {"se": [98, 99.5], "ppv": None}}}
    },
    LETHAL_ROW: {**LETHAL, "by database": {"vfdb": LETHAL}, "worst": ["vfdb/418: missed 0 of 5, false 7 of 9"]},
    CINC_ROW: {
        "recordings": 3587, "f1": {"N": 90.0, "mean": 81.25}, "interval_95": {"N": [89, 91], "mean": [80, 82.5]},
    },
    AF_ROW: {
        "patients": 15,
        "rows": {
            "128, with errors": {
                "windows": 1200, "se": 99.0, "sp": 98.5, "se_seeds": [98.9, 99.2], "sp_seeds": [98.0, 98.75],
                "se_interval_95": [97.5, 99.8], "sp_interval_95": [96.0, 99.5],
            },
        },
    },
    GATE_ROW: {
        "by source": {
            "asystole, vfdb": {"kind": "lethal", "units": 5, "looks": 736, "look": SHARE, "voted": SHARE},
        },
        "mean of sources": {"lethal": {"look": SHARE, "voted": SHARE}},
        "roc area of the quality index": {"noise against lethal": SHARE},
        "worst": ["cudb/cu20: 108 of 260"],
    },
    "personal": {
        mode: {
            **{
                name: {"records": 22, "final": ANSWERS, "early": ANSWERS}
                for name in ("ds2", "ds2 without 232", "svdb by folds")
            },
            "lethal alarms": {"hours": 30.5, "told": 4, "false": 2, "false_per_24h": 1.57, "which": []},
        }
        for mode in ("self", "labels")
    },
    "early answer": {"p50_ms": 228.0, "p99_ms": 244.0, "max_ms": 250.0},
    "lethal alarms": {
        "hours": 43.5, "told": 3, "false": 1, "false_per_24h": 0.55, "which": ["105 vf 9 s"],
    },
}  # fmt: skip


def test_card_when_written_then_every_figure_of_the_table_stands_in_it(tmp_path: Path) -> None:
    artefacts = tmp_path / "artefacts"
    shutil.copytree(shipped(), artefacts)
    (tmp_path / "table.json").write_text("progress\n" + json.dumps(ROWS) + "\n")
    assert card.main([str(tmp_path / "table.json"), "--artefacts", str(artefacts)]) == 0
    text = (artefacts / "README.md").read_text()
    assert "| ds2, final | 99.50 [98.00, 99.90] | - | 99.50 [98.00, 99.90] | - |" in text
    assert "| 80.25 |" in text
    assert "| 6 dB | **heartwire** | 99.50 [98.00, 99.90] | - | 99.50 [98.00, 99.90] | - |" in text
    assert "| | OSEA | 98.99 | 76.35 | 82.23 | 39.14 |" in text
    assert "| vfdb | 3 | 200 | 1000 | 96.50 [90.00, 99.00] | - |" in text
    assert "vfdb/418: missed 0 of 5, false 7 of 9" in text
    assert "| 90.00 [89.00, 91.00] | 81.25 [80.00, 82.50] |" in text
    assert "afdb, 15 patients" in text
    assert (
        "| 128, with errors | 1200 | 99.00 [97.50, 99.80], seeds 98.90 to 99.20 | 98.50 [96.00, 99.50], "
        in text
    )
    for told in ("97.5 %", "median 228.0 ms", "99 % within 244.0 ms", "0.55 in 24 h", "105 vf 9 s"):
        assert told in text
    assert "| lethal: asystole, vfdb | 5 | 736 | 16.03 [4.50, 50.25] | 16.03 [4.50, 50.25] |" in text
    assert "voted noise, most looks: cudb/cu20: 108 of 260." in text
    assert "quality index: noise against lethal 16.03 [4.50, 50.25]." in text
    headline, apart = text.split("### Personal mode: another claim")
    assert "personal," not in headline
    for mode in ("self", "labels"):
        assert f"| personal, {mode}: ds2 without 232, early | 99.50 [98.00, 99.90] | - |" in apart
        assert f"- {mode}: adapted to each patient's first 5 minutes" in apart
    assert "4 lethal alarms in 30.5 hours, 2 of them not borne out by the labels" in apart
    for kind in ("gru", "beat_cnn", "rhythm_cnn", "fusion"):
        sha = json.loads((artefacts / kind / "manifest.json").read_text())["sha256"]
        assert sha[:12] in text


def test_card_when_the_table_is_older_than_the_gates_rows_then_they_are_left_out(tmp_path: Path) -> None:
    older = {name: row for name, row in ROWS.items() if name != GATE_ROW}
    text = card.card(older, shipped())
    assert "## Quality gate" not in text
    assert "## Noise" in text


def test_card_when_strips_were_drawn_then_each_picture_stands_there_with_its_count(tmp_path: Path) -> None:
    artefacts = tmp_path / "artefacts"
    shutil.copytree(shipped(), artefacts)
    (artefacts / "strips").mkdir(exist_ok=True)
    one = {
        "name": "a",
        "title": "mitdb 203, false V",
        "errors": 7,
        "errors_in_record": 137,
        "beats_in_record": 2481,
    }
    (artefacts / "strips" / "strips.json").write_text(json.dumps([one]))
    text = card.card(ROWS, artefacts)
    assert "![mitdb 203, false V](strips/a.svg)" in text
    assert "7 such errors in eight seconds, 137 in the record (2481 labelled beats)" in text


def test_shipped_strips_when_the_card_shows_them_then_each_is_there_and_small() -> None:
    folder = shipped() / "strips"
    told = json.loads((folder / "strips.json").read_text(encoding="utf-8"))
    assert {one["name"] for one in told} == {path.stem for path in folder.glob("*.svg")}
    assert len(told) >= 5
    assert all(path.stat().st_size < 30_000 for path in folder.glob("*.svg"))


def of_seed(seed: int) -> dict[str, Any]:
    """The rows about beats of another seed, as ``evaluate --all --beats`` prints them."""
    networks = json.loads(json.dumps(built_in().told()))
    for kinds in networks.values():
        kinds["gru"] = {**kinds["gru"], "sha256": f"{seed:012d}", "seed": seed}
    row = {"records": 22, "final": ANSWERS, "early": ANSWERS}
    rows = dict.fromkeys(seeds.ROWS, row)
    rows["ds2"] = ROWS["ds2"]
    return {
        "networks": networks,
        **rows,
        **{key: ROWS[key] for key in (seeds.NOISE, seeds.EARLY, seeds.ALARMS)},
    }


def test_main_when_there_are_more_seeds_then_mean_and_spread_stand_in_a_section(tmp_path: Path) -> None:
    artefacts = tmp_path / "artefacts"
    shutil.copytree(shipped(), artefacts)
    files = [tmp_path / f"seed{k}.json" for k in (1, 2, 3)]
    own = {**of_seed(1), **ROWS, "networks": built_in().told()}
    for path, rows in zip(files, (own, of_seed(2), of_seed(3)), strict=True):
        path.write_text(json.dumps(rows))
    words = [str(files[0]), "--artefacts", str(artefacts)]
    assert card.main(words) == 0
    assert "## Seeds" not in (artefacts / "README.md").read_text()
    assert card.main([*words, "--seeds", str(files[1]), str(files[2])]) == 0
    before, after = (artefacts / "README.md").read_text().split("## Seeds\n")
    assert "## Noise" in before
    assert "\n\n## Size and cost" in after
    assert "| ds2, final | 99.50 (0.00) | - | 99.50 (0.00) | - | 80.25 (0.00) |" in after
    assert "- Not trained anew, the same in all: beat_cnn, rhythm_cnn, af, fusion." in after
    assert "99 % of the early answers within, ms: 244.00 (0.00): 244.00 / 244.00 / 244.00." in after


def test_main_when_the_table_is_of_other_networks_than_the_shipped_then_no_card_is_written(
    tmp_path: Path,
) -> None:
    artefacts = tmp_path / "artefacts"
    shutil.copytree(shipped(), artefacts)
    before = (artefacts / "README.md").read_text()
    (tmp_path / "t").write_text(json.dumps({**ROWS, "networks": of_seed(2)["networks"]}))
    with pytest.raises(BadInput, match=r"^\S+/t: made by other networks than those in"):
        card.main([str(tmp_path / "t"), "--artefacts", str(artefacts)])
    assert (artefacts / "README.md").read_text() == before


def test_main_when_a_seeds_file_is_named_twice_then_it_does_not_count_once() -> None:
    for words in (["a", "--seeds", "a"], ["a", "--seeds", "b", "./b"]):
        with pytest.raises(BadInput, match="--seeds: got a file twice among a, "):
            card.main(words)


@pytest.mark.parametrize("content", ["", "not json", "{}", "[]", None])
def test_main_when_a_seeds_file_is_another_then_one_line_names_it(
    tmp_path: Path, content: str | None
) -> None:
    (tmp_path / "t").write_text(json.dumps({**of_seed(1), **ROWS, "networks": built_in().told()}))
    if content is not None:
        (tmp_path / "s").write_text(content)
    with pytest.raises(BadInput, match=r"^\S+/s: .*expected what `python -m train evaluate --all --beats"):
        card.main([str(tmp_path / "t"), "--artefacts", str(shipped()), "--seeds", str(tmp_path / "s")])


def test_main_when_the_file_is_another_then_one_line_says_what_was_expected(tmp_path: Path) -> None:
    for content in ("", "not json", "{}", "[]"):
        (tmp_path / "t").write_text(content)
        with pytest.raises(BadInput, match="expected what `python -m train evaluate --all --json` prints"):
            card.main([str(tmp_path / "t")])
