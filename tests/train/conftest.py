"""Patients whose every beat is known, in the form the trainings take, and a cache full of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np
import pytest
import wfdb
from numpy.typing import NDArray

from edge.types import AAMI
from firmware_bridge.patient import VirtualPatient
from train import gate_windows, rhythm_windows, splits
from train.dataset import HELD_OUT, NOT_S, Patient
from train.front import FS_MODEL, run_front

FS = 250.0
RHYTHM_OF = {"sinus": 1, "bigeminy": 1, "af": 2, "vt": 3, "vf": 4, "noise": 5}
SCRIPTS = {
    "beats": "sinus:40s rate=80 pvc=0.15 apc=0.1; bigeminy:30s rate=80; end",
    "rhythms": "sinus:16s; af:16s; vt:14s; vf:14s; noise:16s; end",
}


@lru_cache(maxsize=8)
def live(kind: str, seed: int) -> Patient:
    """The virtual patient `seed` after the front end, living by one of :data:`SCRIPTS`."""
    virtual = VirtualPatient(FS, seed, SCRIPTS[kind])
    n = int(70 * FS)
    mv = virtual.read(n).mv[:, 0]
    x = run_front(mv, FS)
    ratio = FS_MODEL / FS
    rhythm = np.zeros(len(x), np.int8)
    for start, label in virtual.rhythms:
        rhythm[int(start * ratio) :] = RHYTHM_OF.get(label, 0)
    r = np.array([b.sample for b in virtual.beats]) * ratio
    c = np.array([AAMI.index(b.aami) for b in virtual.beats], np.int64)
    mask = (rhythm != 4).astype(np.uint8)
    return Patient(f"virtual/{seed}", "svdb", x[:, None], r, c, mask, rhythm)


@pytest.fixture(scope="session")
def virtual_patient() -> Callable[..., Patient]:
    """Makes (kind, seed, group) -> Patient."""

    def make(kind: str = "beats", seed: int = 0, group: str = "svdb") -> Patient:
        return replace(live(kind, seed), group=group)

    return make


@pytest.fixture(scope="session")
def noises() -> list[NDArray[np.float32]]:
    """Two leads of slow and fast noise, 90 s each."""
    rng = np.random.default_rng(5)
    wide = rng.normal(0.0, 0.1, (2, int(90 * FS_MODEL)))
    slow = np.stack([np.convolve(row, np.ones(25) / 5.0, "same") for row in wide])
    return [np.ascontiguousarray(row, np.float32) for row in (wide[0], slow[1])]


@pytest.fixture
def synthetic_cache(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    noises: list[NDArray[np.float32]],
) -> Path:
    """A cache in which every record a training may ask for is one of four virtual patients; no data behind it.

    Few windows of rhythm are drawn of each.
    """
    folder = _filled(tmp_path_factory, noises)
    monkeypatch.setattr(rhythm_windows, "DRAWS", dict.fromkeys(rhythm_windows.DRAWS, 1.0))
    monkeypatch.setattr(rhythm_windows, "LETHAL_DRAWS", 3.0)
    monkeypatch.setenv("HEARTWIRE_CACHE", str(folder))
    monkeypatch.setenv("HEARTWIRE_DATA", str(folder))
    return folder


@pytest.fixture
def gate_data(synthetic_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """All that the quality gate is scored on, short: the cache, the stress records, labels of vfdb and cudb."""
    stressed = live("beats", 0)
    for name in ("118e_6", "119e_6"):
        _write(synthetic_cache / f"nstdb_{name}.npz", stressed)
    shutil.copytree(synthetic_cache / "cinc2017", tmp_path / "cinc2017")
    rhythms = ["(N", "(NOISE", "(VT", "(ASYS", "(VFL"]
    for database, names in (("vfdb", splits.VFDB), ("cudb", splits.CUDB)):
        (tmp_path / database).mkdir()
        labels = rhythms if database == "vfdb" else ["(N", "(AF"]
        for name in names:
            where = {"write_dir": str(tmp_path / database)}
            flat = np.zeros((int(70 * FS), 1))
            wfdb.wrsamp(name, FS, ["mV"], ["ECG"], flat, fmt=["16"], adc_gain=[200.0], baseline=[0], **where)
            at, symbols = (np.arange(len(labels)) * 13 + 1) * int(FS), ["+"] * len(labels)
            wfdb.wrann(name, "atr", at, symbols, aux_note=labels, **where)
    monkeypatch.setenv("HEARTWIRE_DATA", str(tmp_path))
    monkeypatch.setattr(gate_windows, "MIXED_S", (20.0, 40.0))
    monkeypatch.setattr(gate_windows, "PIECE_S", 6.0)
    monkeypatch.setattr(gate_windows, "STRESS_FROM_S", 20.0)
    monkeypatch.setattr(gate_windows, "STRESS_S", 20.0)
    return tmp_path


_FILLED: list[Path] = []


def _filled(factory: pytest.TempPathFactory, noises: list[NDArray[np.float32]]) -> Path:
    if _FILLED:
        return _FILLED[0]
    folder = factory.mktemp("cache")
    (folder / "cinc2017").mkdir()
    (folder / "cinc2017" / "REFERENCE-v3.csv").write_text("A00001,N\nA00007,A\n")
    for name in ("A00001", "A00007"):
        (folder / "cinc2017" / f"{name}.hea").touch()
    beats = [("mitdb", n) for n in (*splits.DS1, *splits.PACED)] + [("svdb", n) for n in splits.SVDB]
    rhythms = [("vfdb", n) for n in splits.VFDB] + [("cudb", n) for n in splits.CUDB]
    rhythms += [("cinc2017", n) for n in ("A00001", "A00007")]
    for kind, records in (("beats", beats), ("rhythms", rhythms)):
        for k, (database, name) in enumerate(records):
            _write(folder / f"{database}_{name}.npz", live(kind, k % 2))
    weak = live("rhythms", 0).r
    np.savez(folder / "weak_beats.npz", r_A00001=weak, c_A00001=0, r_A00007=weak, c_A00007=NOT_S)
    for name in splits.NOISE:
        lead = np.stack(noises, 1)
        empty = np.zeros(0)
        np.savez(
            folder / f"nstdb_{name}.npz",
            x=lead, r=empty, c=empty, mask=np.ones(len(lead), np.uint8), rhythm=np.zeros(len(lead), np.int8),
        )  # fmt: skip
    assert all((folder / f"{d}_{n}.npz").exists() for d, names in HELD_OUT.items() for n in names)
    _FILLED.append(folder)
    return folder


def _write(path: Path, p: Patient) -> None:
    np.savez(path, x=p.x, r=p.r, c=p.c.astype(np.int8), mask=p.mask, rhythm=p.rhythm)
