"""The networks that a table of accuracy is made with: those of one training, one folder each fold and one for DS2."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.artefact import KINDS, Manifest, load_models
from firmware_bridge.types import BadInput
from train import splits
from train.dataset import Fold

MODELS = "models"
"""Name of the folder for DS2 among those of the folds, in what is told of them."""

Told = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""By folder and kind: `sha256` of the network, its `seed` and its `recipe`."""


@dataclass(frozen=True, slots=True)
class Networks:
    """Where the networks of one training lie.

    Attributes
    ----------
    folds : Path
        Holds a folder of artefacts for each fold, named as :attr:`train.dataset.Fold.folder`.
    models : Path
        Artefacts that have learned from all but DS2 and record 201, laid out as ``edge/artefacts``.
    n_folds : int
        How many folds there are.
    """

    folds: Path
    models: Path
    n_folds: int = 3

    def of(self, database: str, record: str) -> Path:
        """The folder of networks that have seen nothing of this patient. Raises BadInput where it is not there."""
        who = splits.person(database, record)
        for fold in self._each():
            if any(splits.person(d, r) == who for d, r in fold.held_out()):
                return _there(self.folds / fold.folder)
        return _there(self.models)

    def told(self) -> dict[str, dict[str, dict[str, Any]]]:
        """What lies in each folder, all of it loaded and verified.

        Raises
        ------
        BadInput
            When a network is missing or damaged, or has learned from a patient whom it is to be scored on.
        """
        found = {MODELS: load_models(_there(self.models)).manifests}
        for fold in self._each():
            folder = _there(self.folds / fold.folder)
            found[fold.folder] = manifests = load_models(folder).manifests
            known = {f"{d}/{r}" for d, r in fold.held_out()} - _unseen(manifests)
            if known:
                raise BadInput(
                    f"{folder}: its networks of beats may have learned from {', '.join(sorted(known)[:3])}, expected "
                    f"those of fold {fold.k}/{fold.n}; export that fold's"
                )
        return {
            name: {kind: _account(manifests[kind]) for kind in KINDS} for name, manifests in found.items()
        }

    def _each(self) -> list[Fold]:
        return [Fold(k, self.n_folds) for k in range(self.n_folds)]


def _there(folder: Path) -> Path:
    if not folder.is_dir():
        raise BadInput(f"{folder}: no such folder; make it with python -m train quantise --out {folder}")
    return folder


def _unseen(manifests: Mapping[str, Manifest]) -> set[str]:
    """Patients that neither network of beats has learned from, nor the fusion that listens to them."""
    gru, cnn = (set(manifests[kind].trained_on.get("held_out", ())) for kind in ("gru", "beat_cnn"))
    taught = manifests["fusion"].trained_on.get("patients", {})
    return (gru & cnn) - {name for names in taught.values() for name in names}


def _account(manifest: Manifest) -> dict[str, Any]:
    said = manifest.trained_on
    return {"sha256": manifest.sha256[:12], "seed": said.get("seed"), "recipe": said.get("recipe", {})}
