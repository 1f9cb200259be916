from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from edge.beats import LEAST_DISTANCE
from edge.rpeaks import RPeakDetector, refine
from edge.windows import Ring
from train.chip_check import gru_logits

F32 = NDArray[np.float32]

LOGIT = 5e-4
"""How far a logit may be from edge's after minutes of carried state: logits of 10 in single precision, summed in
another order. The largest seen on seven leads was 1.2e-4."""

POSTERIOR = 1e-4
"""The same of the probability of a QRS."""


def sigmoid(x: F32) -> NDArray[np.float64]:
    return 1.0 / (1.0 + np.exp(-x.astype(float)))


def agrees(chip: Any, edge_chain: Callable[[F32], Any], mv: F32, least_beats: int) -> None:
    expected, decided = edge_chain(mv)
    logits, peaks = chip.patient().play(mv)
    assert np.abs(logits - expected).max() <= LOGIT
    assert np.abs(sigmoid(logits[:, 0]) - sigmoid(expected[:, 0])).max() <= POSTERIOR
    assert len(decided) >= least_beats
    assert peaks["k"].tolist() == [p.k for p in decided]
    assert peaks["sample"].tolist() == [round(p.position) for p in decided]
    assert np.abs(peaks["sample"] + peaks["shift"].astype(float) - [p.position for p in decided]).max() < 1e-4
    assert np.abs(peaks["amp_mv"] - [p.amp_mv for p in decided]).max() <= 1e-6
    assert np.abs(peaks["logit"] - [p.logit for p in decided]).max() <= LOGIT


def test_push_when_virtual_patient_is_played_then_logits_and_r_peaks_are_those_of_edge(
    chip: Any, edge_chain: Callable[[F32], Any], virtual_lead: F32
) -> None:
    agrees(chip, edge_chain, virtual_lead, 200)


@pytest.mark.parametrize("name", ["101", "119", "208", "223"])
def test_push_when_real_ecg_is_played_then_logits_and_r_peaks_are_those_of_edge(
    chip: Any, edge_chain: Callable[[F32], Any], real_lead: Callable[[str], F32], name: str
) -> None:
    agrees(chip, edge_chain, real_lead(name), 150)


def test_push_when_two_patients_take_turns_then_neither_sees_the_other(chip: Any, virtual_lead: F32) -> None:
    alone, alone_peaks = chip.patient().play(virtual_lead[:4000])
    one, other = chip.patient(), chip.patient()
    logits, peaks = [], []
    for k in range(0, 4000, 50):
        got = one.play(virtual_lead[k : k + 50])
        other.play(-2.0 * virtual_lead[9000 + k : 9050 + k])
        logits.append(got[0])
        peaks += got[1]["sample"].tolist()
    assert np.concatenate(logits).tobytes() == alone.tobytes()
    assert peaks == alone_peaks["sample"].tolist()
    assert len(peaks) > 20


def test_restart_when_states_were_shaken_then_equals_a_new_patient(chip: Any, virtual_lead: F32) -> None:
    used, new = chip.patient(), chip.patient()
    used.play(virtual_lead[5000:9000] * 3.0)
    chip.lib.hw_restart(used.state)
    done = 0
    for k in new.play(virtual_lead[:3000])[1]["k"].tolist()[:20]:
        other = chip.patient()
        again, (*_, peak) = used.play(virtual_lead[done : k + 1])
        whole, (*_, last) = other.play(virtual_lead[: k + 1])
        assert again.tobytes() == whole[done:].tobytes()
        assert peak.tobytes()[4:] == last.tobytes()[4:]
        assert chip.window(used, peak).tobytes() == chip.window(other, last).tobytes()
        done = k + 1
    assert done > 1000


def test_push_when_the_lead_is_full_of_ties_then_the_r_peaks_are_those_of_edge(spike_chip: Any) -> None:
    gru, s = spike_chip.made.gru, spike_chip.made.settings
    lead = np.round(np.random.default_rng(6).normal(0.0, 1.2, 60_000) * 4.0).astype(np.float32) / np.float32(
        4.0
    )
    detector, ring, last = RPeakDetector(s.qrs_logit, s.class_delay - s.qrs_delay), Ring(), -1e9
    expected, close, halves = [], 0, 0
    for k, (x, logits) in enumerate(zip(lead.tolist(), gru_logits(gru, lead), strict=True)):
        ring.push(x)
        peak = detector.push(k, logits)
        if peak is None:
            continue
        position, amp_mv = refine(ring, peak.k - s.qrs_delay + s.filter_delay)
        halves += position % 1.0 == 0.5
        if position - last < LEAST_DISTANCE:
            close += 1
            continue
        last = position
        expected.append((k, round(position) % 2**32, amp_mv))
    _, peaks = spike_chip.patient().play(lead)
    assert list(zip(peaks["k"], peaks["sample"], peaks["amp_mv"], strict=True)) == expected
    assert min(len(expected), close, halves) > 20


def test_restart_when_memory_held_rubbish_then_start_equals_a_new_patient(
    chip: Any, virtual_lead: F32
) -> None:
    used, new = chip.patient(), chip.patient()
    ctypes.memset(used.state, 0xA5, len(used.state))
    chip.lib.hw_start(used.state)
    assert used.play(virtual_lead[:2000])[0].tobytes() == new.play(virtual_lead[:2000])[0].tobytes()


def test_push_when_the_sample_counter_wraps_then_no_beat_is_lost_or_moved(
    chip: Any, virtual_lead: F32
) -> None:
    offset = 2**32 - 256 * 8
    late = chip.patient()
    chip.lib.set_clock(late.state, ctypes.c_uint32(offset))
    logits, peaks = late.play(virtual_lead[:6000])
    expected, expected_peaks = chip.patient().play(virtual_lead[:6000])
    assert logits.tobytes() == expected.tobytes()
    assert (peaks["sample"] - np.uint32(offset)).tolist() == expected_peaks["sample"].tolist()
    assert (peaks["sample"] < 6000).sum() > 20
    assert (peaks["sample"] > 2**31).sum() > 5


def test_push_when_four_hours_are_played_then_the_state_neither_drifts_nor_dies(
    chip: Any, virtual_lead: F32
) -> None:
    lead, patient = virtual_lead[:7500], chip.patient()
    for _ in range(10):
        early, early_peaks = patient.play(lead)
    for _ in range(240):
        late, late_peaks = patient.play(lead)
    assert np.abs(late - early).max() <= LOGIT
    assert late_peaks["k"].tolist() == early_peaks["k"].tolist()
    assert late_peaks["shift"].tobytes() == early_peaks["shift"].tobytes()
    assert len(late_peaks) > 60
    assert 0.1 < chip.lib.largest_hidden(patient.state) <= 1.0


def test_push_when_the_input_is_absurd_then_it_is_clipped_and_forgotten(chip: Any, virtual_lead: F32) -> None:
    shaken, calm = chip.patient(), chip.patient()
    assert np.isfinite(shaken.play(np.tile(np.float32([1e6, -1e6]), 500))[0]).all()
    calm.play(np.zeros(1000, np.float32))
    shaken.play(virtual_lead[:5000])
    calm.play(virtual_lead[:5000])
    after, after_calm = shaken.play(virtual_lead[5000:7000]), calm.play(virtual_lead[5000:7000])
    assert after[1]["sample"].tolist() == after_calm[1]["sample"].tolist()
    assert len(after[1]) > 10
