from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.quality import Quality
from train import gate_windows, splits
from train.databases import Record, Span
from train.dataset import Fold, Patient
from train.front import FS_MODEL
from train.gate_windows import (
    CODE,
    FIRST_S,
    HOP,
    MIXED_S,
    N_PIECES,
    SNR_DB,
    SOURCES,
    STRESS_FROM_S,
    WINDOW,
    Lead,
    alone,
    beating,
    everything,
    labelled,
    looks_of,
    mixed,
    piece_fold,
    stressed,
)

SIGNAL, NOISE = int(CODE["DS1"]), int(CODE["em alone"])


def long_patient(name: str = "mitdb/101", seconds: float = 600.0) -> Patient:
    """Spikes of 1.2 mV every 0.8 s over nothing."""
    n = int(seconds * FS_MODEL)
    r = np.arange(100, n - 100, 100)
    x = np.zeros((n, 1), np.float32)
    x[r] = 1.2
    ones = np.ones(n, np.int8)
    return Patient(
        name, "x", x, r.astype(np.float64), np.zeros(len(r), np.int64), ones.astype(np.uint8), ones
    )


def noise_record(name: str = "nstdb/em") -> Patient:
    x = np.random.default_rng(3).normal(0.0, 0.2, (int(1800 * FS_MODEL), 2)).astype(np.float32)
    empty = np.zeros(0)
    nothing = np.zeros(len(x), np.uint8)
    return Patient(name, "noise", x, empty, empty.astype(np.int64), nothing, nothing.astype(np.int8))


def record_of(
    database: str, rhythms: list[tuple[str, int, int]], vf: tuple[Span, ...] = (), noise=()
) -> Record:  # type: ignore[no-untyped-def]
    spans = tuple(Span(label, a * 250, b * 250) for label, a, b in rhythms)
    nothing = np.zeros((15_000, 1), np.float32)
    return Record(database, "1", 250.0, nothing, ("ECG",), np.zeros(0, np.int64), (), spans, vf, noise)


def at_s(lead: Lead, second: float) -> str:
    code = int(lead.truth[int(second * FS_MODEL)])
    return SOURCES[code - 1][0] if code else ""


def test_looks_when_a_lead_is_played_then_they_are_those_of_the_monitors_gate(
    virtual_patient: Callable[..., Patient], noises: list[NDArray[np.float32]]
) -> None:
    patient = virtual_patient("rhythms", 1)
    x = patient.x[:, 0].copy()
    loud = slice(int(20 * FS_MODEL), int(45 * FS_MODEL))
    x[loud] += 2.0 * noises[0][loud]
    found = looks_of(Lead(("mitdb", "101"), "mitdb/101", x, np.full(len(x), SIGNAL, np.int8)))
    gate = Quality(FS_MODEL, FS_MODEL)
    noisy, voted = [], []
    for k, mv in enumerate(x.tolist(), 1):
        gate.push_raw(mv, False)
        gate.push(mv)
        if k >= WINDOW and k % HOP == 0:
            noisy.append(gate.state.noisy)
            voted.append(gate.state.unreadable)
    assert 10 < sum(noisy) < 40
    assert found.noisy.tolist() == noisy
    assert found.voted.tolist() == voted
    assert not np.array_equal(found.noisy, found.voted)


def test_looks_when_two_things_fill_four_seconds_then_these_are_not_scored() -> None:
    truth = np.full(20 * 125, SIGNAL, np.int8)
    truth[10 * 125 :] = NOISE
    found = looks_of(Lead(("mitdb", "101"), "a", np.zeros(len(truth), np.float32), truth))
    assert found.truth.tolist() == [SIGNAL] * 6 + [NOISE] * 6
    assert found.measures.shape == (12, len(gate_windows.NAMES))
    assert not found.noisy.any()


@pytest.mark.parametrize("n", [0, 1, WINDOW - 1])
def test_looks_when_a_lead_is_shorter_than_a_look_then_there_are_none(n: int) -> None:
    found = looks_of(Lead(("mitdb", "101"), "a", np.zeros(n, np.float32), np.full(n, SIGNAL, np.int8)))
    assert (len(found.truth), found.measures.shape) == (0, (0, len(gate_windows.NAMES)))


def test_looks_when_nothing_is_labelled_between_then_the_votes_begin_anew() -> None:
    rng = np.random.default_rng(0)
    truth = np.full(40 * 125, NOISE, np.int8)
    truth[12 * 125 : 25 * 125] = 0
    found = looks_of(Lead(("nstdb", "ma 0"), "a", rng.normal(0, 1, len(truth)).astype(np.float32), truth))
    assert found.noisy.all()
    assert found.voted[:3].tolist() == [False, False, True]  # three of four, from the first look on
    assert found.voted[9:].all()  # the looks just before the label are voted on too


def test_labelled_when_vfdb_says_what_it_is_then_each_second_is_that() -> None:
    spans = [
        ("N", 0, 10),
        ("NOISE", 10, 20),
        ("VFL", 20, 30),
        ("VT", 30, 40),
        ("ASYS", 40, 50),
        ("VF", 50, 55),
    ]
    lead = labelled(("vfdb", "1"), np.zeros(60 * 125, np.float32), record_of("vfdb", spans))
    assert [at_s(lead, s) for s in (5, 15, 25, 35, 45, 52, 58)] == [
        "vfdb and cudb, other rhythms",
        "vfdb, labelled NOISE",
        "flutter, vfdb",
        "VT, vfdb",
        "asystole, vfdb",
        "VF, vfdb",
        "",
    ]


def test_labelled_when_cudb_marks_fibrillation_then_that_is_lethal_and_the_unmarked_is_not_scored() -> None:
    record = record_of("cudb", [], (Span("VF", 2500, 5000),), (Span("~", 4500, 5500),))
    lead = labelled(("cudb", "1"), np.zeros(60 * 125, np.float32), record)
    assert [at_s(lead, s) for s in (5, 12, 19, 21)] == ["", "VF and VT, cudb", "", ""]


def test_beating_when_ds1_has_vt_late_then_it_is_scored_and_the_other_late_beats_are_not() -> None:
    patient = long_patient(seconds=FIRST_S + 100)
    late = slice(int((FIRST_S + 20) * FS_MODEL), int((FIRST_S + 40) * FS_MODEL))
    patient.rhythm[late] = 3
    patient.mask[: int(10 * FS_MODEL)] = 0
    lead = beating(("mitdb", "101"), patient)
    assert [at_s(lead, s) for s in (5, 50, FIRST_S + 10, FIRST_S + 30)] == [
        "",
        "DS1",
        "",
        "VT and flutter, DS1",
    ]
    assert at_s(beating(("svdb", "800"), patient), FIRST_S + 30) == ""


@pytest.mark.parametrize("k", [0, 1, 2])
def test_mixed_when_noise_is_added_then_it_is_of_the_patients_fold_and_as_loud_as_said(k: int) -> None:
    patient, noise = long_patient(), noise_record()
    lead = mixed(("mitdb", "101"), patient, noise, Fold(k, 3))
    a, b = (int(s * FS_MODEL) for s in MIXED_S)
    added = lead.x - patient.x[a:b, 0]
    snr_db = 10.0 * np.log10(1.2**2 / 8.0 / np.var(added))
    assert snr_db == pytest.approx(SNR_DB, abs=0.01)
    at = [
        p
        for p in range(N_PIECES)
        if np.corrcoef(added, noise.x[p * (b - a) : (p + 1) * (b - a), 0])[0, 1] > 0.99
    ]
    assert len(at) == 1
    assert piece_fold(at[0], 3) == k
    assert at_s(lead, 10.0) == "em over DS1 and svdb, -6 dB"


def test_mixed_when_the_heart_fibrillates_there_then_that_is_not_scored() -> None:
    patient = long_patient()
    patient = replace(patient, mask=np.zeros_like(patient.mask))
    assert not mixed(("mitdb", "101"), patient, noise_record(), Fold(0, 3)).truth.any()


def test_alone_when_a_noise_is_cut_then_every_piece_of_both_leads_is_a_unit_of_its_fold() -> None:
    noise = noise_record("nstdb/ma")
    leads = list(alone(noise))
    assert len(leads) == 2 * N_PIECES
    assert len({lead.unit for lead in leads}) == N_PIECES
    assert np.array_equal(np.concatenate([lead.x for lead in leads[::2]]), noise.x[:, 0])
    assert sorted({piece_fold(int(lead.who[1].split()[1]), 3) for lead in leads}) == [0, 1, 2]


def test_stressed_when_the_record_has_noise_every_second_stretch_then_so_does_the_truth() -> None:
    lead = stressed(long_patient("nstdb/118e_6", 900.0))
    assert lead.who == ("mitdb", "118")
    told = [at_s(lead, STRESS_FROM_S + s) for s in (-200, -1, 1, 119, 121, 241)]
    assert ["with" in one for one in told] == [False, False, True, True, False, True]


def test_everything_when_all_is_there_then_nobody_of_ds2_and_every_source_but_small_ones(
    gate_data: Path,
) -> None:
    leads = list(everything(3))
    who = {lead.who for lead in leads}
    assert not who & {("mitdb", r) for r in (*splits.DS2, "201")}
    assert {
        ("mitdb", "118"),
        ("svdb", "800"),
        ("vfdb", "418"),
        ("cudb", "cu01"),
        ("cinc2017", "A00001"),
    } <= who
    codes = set(np.unique(np.concatenate([lead.truth for lead in leads])).tolist()) - {0}
    missing = {name for k, (name, _) in enumerate(SOURCES) if k + 1 not in codes}
    assert missing == {
        "cinc2017, labelled ~",
        "cinc2017, other",
        "VF, vfdb",
        "VF and VT, cudb",
        "VT and flutter, DS1",
    }
    again = list(everything(3))
    assert all(np.array_equal(a.x, b.x) and a.unit == b.unit for a, b in zip(leads, again, strict=True))
