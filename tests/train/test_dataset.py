from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from edge.types import AAMI
from firmware_bridge.patient import VirtualPatient
from firmware_bridge.types import BadInput
from train import __main__ as train_main
from train import dataset, splits
from train.dataset import (
    HELD_OUT,
    LEFT_OUT,
    RHYTHM_LABELS,
    Fold,
    Patient,
    align,
    fold_named,
    peaks_mark,
    tiled,
)
from train.front import FS_MODEL, run_front

wfdb = pytest.importorskip("wfdb", reason="wfdb is not installed")
FS = 250.0


@pytest.fixture
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VirtualPatient:
    """vfdb/418 as a virtual patient of 12 s, 3 s of it in VF; HEARTWIRE_DATA and HEARTWIRE_CACHE beside it."""
    patient = VirtualPatient(FS, 1, "sinus:12s pvc=0.2; end")
    mv = patient.read(int(12 * FS)).mv.astype(float)
    folder = tmp_path / "data" / "vfdb"
    folder.mkdir(parents=True)
    wfdb.wrsamp(
        "418", fs=FS, units=["mV", "mV"], sig_name=["V5", "MLII"], p_signal=np.hstack([0.5 * mv, mv]),
        fmt=["16", "16"], adc_gain=[1000.0] * 2, baseline=[0, 0], write_dir=str(folder),
    )  # fmt: skip
    marks = [(1, "+", "(N"), *((b.sample, b.symbol, "") for b in patient.beats), (2000, "+", "(VF"),
             (2750, "+", "(VT")]  # fmt: skip
    marks = sorted(m for m in marks if m[1] == "+" or not 2000 <= m[0] < 2750)
    sample, symbol, note = zip(*marks, strict=True)
    wfdb.wrann("418", "atr", np.array(sample), list(symbol), aux_note=list(note), write_dir=str(folder))
    monkeypatch.setenv("HEARTWIRE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("HEARTWIRE_CACHE", str(tmp_path / "cache"))
    return patient


def test_load_patient_when_a_record_is_read_then_leads_beats_and_rhythms_are_at_the_models_rate(
    record: VirtualPatient,
) -> None:
    p = dataset.load_patient("vfdb", "418", "g")
    mlii = dataset.databases.load("vfdb", "418").mv[:, 1]
    assert (p.name, p.group) == ("vfdb/418", "g")
    assert np.array_equal(p.x[:, 0], run_front(mlii, FS))
    beats = [b for b in record.beats if not 2000 <= b.sample < 2750]
    assert np.array_equal(p.r, np.array([b.sample for b in beats]) / 2)
    assert [AAMI[c] for c in p.c] == [b.aami for b in beats]
    assert [RHYTHM_LABELS[p.rhythm[k]] for k in (10, 990, 1010, 1370, 1380)] == [
        "other", "other", "vf", "vf", "vt"
    ]  # fmt: skip
    assert p.mask[939:1436].tolist() == [1] + [0] * 495 + [1]


def test_cache_record_when_it_is_there_then_it_is_not_filtered_again(
    record: VirtualPatient, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = dataset.cache_record("vfdb", "418")
    assert [p.name for p in path.parent.iterdir()] == ["vfdb_418.npz"]
    monkeypatch.delenv("HEARTWIRE_DATA")
    assert dataset.cache_record("vfdb", "418") == path


def test_cache_record_when_the_front_end_is_another_than_then_it_is_filtered_again(
    record: VirtualPatient, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = dataset.cache_record("vfdb", "418")
    with np.load(path) as z:
        kept = dict(z)
    np.savez(path, **{**kept, "x": 0.0 * kept["x"], "front": "another"})
    assert np.array_equal(dataset.load_patient("vfdb", "418", "g").x, kept["x"])
    np.savez(path, **{**kept, "x": 0.0 * kept["x"]})
    assert not dataset.load_patient("vfdb", "418", "g").x.any()


def test_cache_record_when_it_is_of_ds2_then_it_is_refused(synthetic_cache: Path) -> None:
    for name in splits.DS2:
        with pytest.raises(BadInput, match=f"mitdb/{name} is in DS2"):
            dataset.load_patient("mitdb", name, "ds1")


def test_usable_when_asked_for_everything_then_ds2_and_the_noisy_copies_are_not_in_it(
    synthetic_cache: Path,
) -> None:
    jobs = dataset.usable()
    assert len(jobs) == len(set(jobs))
    assert not {n for d, n in jobs if d == "mitdb"} & set(splits.DS2)
    assert {n for d, n in jobs if d == "nstdb"} == set(splits.NOISE)
    assert {d for d, _ in jobs} == set(dataset.DATABASES)


def test_load_patients_when_folds_are_held_out_then_each_is_once_and_nobody_is_of_ds2_or_201(
    synthetic_cache: Path,
) -> None:
    everyone = {f"{d}/{r}" for d, r, _ in dataset.beat_records()}
    seen: list[str] = []
    for k in range(3):
        train, held = dataset.load_patients(Fold(k, 3))
        names, held_names = {p.name for p in train}, {p.name for p in held}
        assert not names & held_names
        assert names | held_names == everyone
        assert {p.group for p in held} >= {"ds1", "svdb"}
        seen += held_names
    assert sorted(seen) == sorted(everyone)
    assert not everyone & {f"mitdb/{n}" for n in (*splits.DS2, *LEFT_OUT)}
    assert len(everyone) == len(splits.DS1) - 1 + len(splits.SVDB) + len(splits.PACED)


def test_load_patients_when_there_is_no_fold_then_all_are_trained_on(synthetic_cache: Path) -> None:
    train, held = dataset.load_patients(Fold())
    assert len(train) == len(dataset.beat_records())
    assert held == []


def test_tiled_when_a_recording_is_short_then_repeated_and_nothing_learned_at_the_seams(
    virtual_patient: Callable[..., Patient],
) -> None:
    p = virtual_patient()
    n = len(p.x)
    long = tiled(p, 2 * n + 5)
    assert len(long.x) == len(long.mask) == len(long.rhythm) == 3 * n
    assert np.array_equal(long.x[n : 2 * n], p.x)
    assert np.array_equal(long.r[len(p.r) : 2 * len(p.r)], p.r + n)
    assert np.array_equal(long.c, np.tile(p.c, 3))
    assert not long.mask[n - 62 : n + 150].any()
    assert np.array_equal(long.mask[: n - 62], p.mask[: n - 62])
    assert tiled(p, n) is p


def test_held_out_when_listed_then_each_is_a_record_that_could_have_been_trained_on() -> None:
    lists = {
        "mitdb": splits.DS1 + splits.PACED,
        "svdb": splits.SVDB,
        "vfdb": splits.VFDB,
        "cudb": splits.CUDB,
    }
    assert {d: set(names) - set(lists[d]) for d, names in HELD_OUT.items()} == {d: set() for d in HELD_OUT}
    people = {splits.person(d, n) for d, names in HELD_OUT.items() for n in names}
    assert not people & {splits.person("mitdb", n) for n in splits.DS2}
    assert {splits.person("mitdb", n) for n in LEFT_OUT} & {splits.person("mitdb", n) for n in splits.DS2}


def test_load_noise_when_called_then_em_is_in_pieces_that_no_stress_record_holds(
    synthetic_cache: Path,
) -> None:
    leads = dataset.load_noise()
    em = dataset.load_patient("nstdb", "em", "noise").x
    whole = len(dataset.load_patient("nstdb", "ma", "noise").x)
    assert sum(len(lead) == whole for lead in leads) == 4
    pieces = [lead for lead in leads if len(lead) != whole]
    assert pieces
    for k, piece in enumerate(pieces):
        start = int(dataset.EM_UNHEARD_S[k // 2][0] * FS_MODEL)
        assert np.array_equal(piece, em[start : start + len(piece), k % 2])
    assert all(lead.flags.c_contiguous and lead.ndim == 1 for lead in leads)


@pytest.mark.parametrize("offset", [-6, -3, 0, 4, 7])
def test_align_when_labels_sit_off_the_qrs_then_the_offset_is_taken_away(
    virtual_patient: Callable[..., Patient], offset: int
) -> None:
    p = virtual_patient(seed=1)
    home = align(p.x, p.r)
    assert np.abs(home - p.r).max() <= 2.0
    moved = align(p.x, p.r + offset)
    assert np.abs(moved - home).max() <= 2.0
    assert len(set(np.round(moved - p.r, 6))) == 1


def test_align_when_there_are_few_beats_then_labels_stay() -> None:
    r = np.array([30.0, 90.0])
    assert np.array_equal(align(np.zeros((200, 1), np.float32), r), r)


def test_main_when_asked_to_cache_a_database_then_its_records_are_there(
    record: VirtualPatient, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dataset.databases, "names", lambda database: ("418",))
    assert train_main.main(["cache", "vfdb"]) == 0
    assert capsys.readouterr().out.startswith("1 records in ")
    assert (dataset.cache_dir() / "vfdb_418.npz").exists()


def test_main_when_the_database_is_unknown_then_one_line_names_the_known(
    synthetic_cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train_main.main(["cache", "heartdb"]) == 2
    assert "unknown database 'heartdb': expected one of mitdb" in capsys.readouterr().err


def test_fold_named_when_it_is_a_folds_folder_then_that_fold_and_else_the_one_of_nobody() -> None:
    assert fold_named(Fold(1, 3).folder) == Fold(1, 3)
    assert fold_named("runs") == Fold()


@pytest.mark.parametrize(
    "rule",
    [
        *(
            f"rpeaks.{name}"
            for name in ("REFRACTORY", "DOUBT_WAIT", "T_WAVE_FALL", "MISSED_APART", "MISSED", "SLOW")
        ),
        *(f"rpeaks.{name}" for name in ("SLOW_APART", "LONGEST_BACK")),
        *(f"p_wave.{name}" for name in ("SMALL", "SMOOTH", "FLAT", "LEAST_MV", "MEMORY", "MOST_REFUSED")),
    ],
)
def test_peaks_mark_when_a_rule_of_the_r_peaks_changes_then_it_does(
    rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = peaks_mark.__wrapped__()
    assert peaks_mark.__wrapped__() == before
    module, name = rule.split(".")
    monkeypatch.setattr(f"edge.{rule}", getattr(import_module(f"edge.{module}"), name) * 1.4)
    assert peaks_mark.__wrapped__() != before
