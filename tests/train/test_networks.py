from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from edge.artefact import KINDS, shipped
from firmware_bridge.types import BadInput
from train import splits
from train.dataset import Fold
from train.evaluate_all import fold_models
from train.networks import MODELS, Networks


@pytest.fixture
def copied(tmp_path: Path) -> Networks:
    """The shipped networks and those of their folds, in folders that may be damaged."""
    shutil.copytree(fold_models(), tmp_path / "folds")
    shutil.copytree(shipped(), tmp_path / "models")
    return Networks(tmp_path / "folds", tmp_path / "models")


def taught(folder: Path, kind: str, **entries: object) -> None:
    """Change what the manifest says of the training."""
    path = folder / kind / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["trained_on"].update(entries)
    path.write_text(json.dumps(manifest))


def test_of_when_a_patient_was_trained_on_then_the_fold_that_held_them_out(copied: Networks) -> None:
    for k in range(3):
        for database, record in Fold(k, 3).held_out():
            assert copied.of(database, record) == copied.folds / f"fold-{k}-of-3"
    assert {copied.of("mitdb", r) for r in (*splits.DS2, "201")} == {copied.models}


def test_of_when_a_folder_is_not_there_then_one_line_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="fold-0-of-3: no such folder; make it with python -m train quantise"):
        Networks(tmp_path, shipped()).of("mitdb", "106")
    with pytest.raises(BadInput, match="nowhere: no such folder"):
        Networks(fold_models(), tmp_path / "nowhere").of("mitdb", "100")


def test_told_when_all_is_there_then_hash_seed_and_recipe_of_each(copied: Networks) -> None:
    told = copied.told()
    assert list(told) == [MODELS, "fold-0-of-3", "fold-1-of-3", "fold-2-of-3"]
    for folder, kinds in told.items():
        assert tuple(kinds) == KINDS
        where = copied.models if folder == MODELS else copied.folds / folder
        for kind, one in kinds.items():
            manifest = json.loads((where / kind / "manifest.json").read_text())
            assert manifest["sha256"].startswith(one["sha256"])
            assert one["seed"] == manifest["trained_on"]["seed"]
            assert one["recipe"] == manifest["trained_on"]["recipe"]


def test_told_when_a_network_is_damaged_then_one_line_says_so(copied: Networks) -> None:
    path = copied.folds / "fold-2-of-3" / "gru" / "model.tflite"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(BadInput, match="sha256"):
        copied.told()


def test_told_when_folds_are_mixed_up_then_no_patient_is_scored_by_networks_that_know_him(
    copied: Networks,
) -> None:
    a, b = copied.folds / "fold-0-of-3", copied.folds / "fold-1-of-3"
    a.rename(copied.folds / "kept")
    b.rename(a)
    (copied.folds / "kept").rename(b)
    with pytest.raises(BadInput, match=r"fold-0-of-3: .* have learned from mitdb/106, .* fold 0/3"):
        copied.told()


@pytest.mark.parametrize(
    ("kind", "entries"),
    [
        ("gru", {"held_out": []}),
        ("beat_cnn", {"held_out": ["mitdb/106"]}),
        ("fusion", {"patients": {"ds1": ["mitdb/124"]}}),
    ],
)
def test_told_when_one_network_of_beats_knows_a_patient_of_its_fold_then_it_is_refused(
    copied: Networks, kind: str, entries: dict[str, object]
) -> None:
    taught(copied.folds / "fold-0-of-3", kind, **entries)
    with pytest.raises(BadInput, match="its networks of beats may have learned from"):
        copied.told()
