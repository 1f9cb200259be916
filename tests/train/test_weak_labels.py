from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from firmware_bridge.patient import VirtualPatient
from train import databases, weak_labels
from train.dataset import NOT_S, Fold
from train.weak_labels import held_out, serves, weak_patients

EVEN = np.arange(20) * 100.0
GOOD = np.full(20, 0.95)


def test_serves_when_a_normal_recording_is_even_then_yes_and_with_a_stumble_no() -> None:
    stumble = EVEN.copy()
    stumble[10] -= 40.0
    assert serves(EVEN, GOOD, 0)
    assert not serves(stumble, GOOD, 0)
    assert serves(stumble, GOOD, NOT_S)


def test_serves_when_there_are_few_beats_or_noise_then_no() -> None:
    assert not serves(EVEN[:8], GOOD[:8], NOT_S)
    assert not serves(EVEN, np.full(20, 0.4), NOT_S)
    assert not serves(EVEN[:0], GOOD[:0], 0)


def test_weak_patients_when_in_the_cache_then_their_class_is_the_recordings(synthetic_cache: Path) -> None:
    trained, out = weak_patients(Fold())
    found = {p.name: p for p in trained}
    assert not out
    assert set(found) == {"cinc2017/A00001", "cinc2017/A00007"}
    assert set(found["cinc2017/A00001"].c) == {0}
    assert set(found["cinc2017/A00007"].c) == {NOT_S}
    assert all(p.group == "cinc" and not p.mask[:250].any() for p in found.values())


def test_weak_patients_when_folds_are_dealt_then_each_recording_is_held_out_once(
    synthetic_cache: Path,
) -> None:
    seen: list[str] = []
    for k in range(3):
        trained, out = ([p.name for p in part] for part in weak_patients(Fold(k, 3)))
        assert not set(trained) & set(out)
        assert sorted([*trained, *out]) == ["cinc2017/A00001", "cinc2017/A00007"]
        assert {tuple(name.split("/")) for name in out} == {
            key for key in held_out(Fold(k, 3)) if key[0] == "cinc2017"
        }
        seen += out
    assert sorted(seen) == ["cinc2017/A00001", "cinc2017/A00007"]


@pytest.mark.parametrize(("label", "expected"), [("N", 0), ("A", NOT_S), ("O", None), ("~", None)])
def test_look_when_a_recording_is_steady_then_its_label_decides(
    label: str, expected: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = VirtualPatient(300.0, 2, "sinus:30s rate=75; end")
    mv = patient.read(9000).mv

    def load(database: str, name: str) -> databases.Record:
        spans = (databases.Span(label, 0, len(mv)),)
        empty = np.zeros(0, np.int64)
        return databases.Record(database, name, 300.0, mv, ("ECG",), empty, (), spans, (), ())

    monkeypatch.setattr(weak_labels.databases, "load", load)
    got = weak_labels._look("A00001")
    if expected is None:
        assert got is None
        return
    assert got is not None
    assert got[1] == expected
    truth = np.array([b.sample for b in patient.beats if 300 < b.sample < 8700]) * 125.0 / 300.0
    assert all(np.abs(got[0] - t).min() < 3.0 for t in truth)
