"""Whose rows the fusion learns from: patients of folds, or strangers to one set of networks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from firmware_bridge.types import BadInput
from train.beat_rows import Job, Rows, load, mark_of, mark_of_job, record_all
from train.dataset import HELD_OUT, Fold, beat_records
from train.weak_labels import weak_patients

STRANGER_FOLDS = 4


def jobs_of(runs: Path, fold: Fold, fusions: Path | None = None) -> list[Job]:
    """Both leads of every patient a fold holds out through its networks, and the recordings of cinc2017 it holds out.

    `fusions` holds a folder for each fold with the fusion that answers meanwhile; None for the networks' mean.

    Raises
    ------
    BadInput
        When the fold's networks are not there.
    """
    folder = runs / fold.folder / "artefacts"
    if not folder.is_dir():
        raise BadInput(f"{folder}: no networks; train and quantise fold {fold.k}/{fold.n} first")
    out, fusion = fold.held_out(), None if fusions is None else str(fusions / fold.folder)
    jobs = [
        Job(database, name, group, lead, fold.k, str(folder), fusion)
        for database, name, group in beat_records()
        if (database, name) in out
        for lead in (0, 1)
    ]
    weak = [p.name.split("/") for p in weak_patients(fold)[1]]
    return jobs + [Job(d, n, "cinc", 0, fold.k, str(folder), fusion) for d, n in weak]


def rows_of_folds(runs: Path, n_folds: int, n_processes: int, fusions: Path | None = None) -> list[Rows]:
    """The rows of all folds, recorded with the folds' `fusions` in place; each are kept beside its checkpoints."""
    rows: list[Rows] = []
    name = "beat_rows.npz" if fusions is None else "beat_rows_in_place.npz"
    for fold in (Fold(k, n_folds) for k in range(n_folds)):
        jobs, path = jobs_of(runs, fold, fusions), runs / fold.folder / name
        kept = load(path, mark_of_job(jobs[0]))
        rows += record_all(jobs, path, n_processes) if kept is None else kept
    return rows


def rows_of_networks(runs: Path, networks: Path, n_processes: int) -> list[Rows]:
    """Rows of one set of networks: patients of `HELD_OUT`, in four folds, are strangers to them, the others known.

    Of the known the first lead alone is played, and of cinc2017 every second recording.
    """
    strangers = [key for key in beat_records() if key[1] in HELD_OUT.get(key[0], ())]
    fold = {key: k % STRANGER_FOLDS for k, key in enumerate(strangers)}
    jobs = [
        Job(*key, lead, fold.get(key, -1), str(networks))
        for key in beat_records()
        for lead in ((0, 1) if key in fold else (0,))
    ]
    weak = [p.name.split("/") for p in weak_patients(Fold())[0][::2]]
    jobs += [Job(d, n, "cinc", 0, -1, str(networks)) for d, n in weak]
    path = runs / "beat_rows.npz"
    kept = load(path, mark_of(networks))
    rows = record_all(jobs, path, n_processes) if kept is None else kept
    return [
        r if r.group == "cinc" else replace(r, group="stranger" if r.fold >= 0 else "known") for r in rows
    ]
