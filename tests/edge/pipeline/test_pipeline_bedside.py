"""All the way of a bedside monitor's bytes: true beats where the line is clean, no lethal alarm where it is not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from firmware_bridge import devices
from firmware_bridge.device import DecoderOptions
from firmware_bridge.faults import parse
from firmware_bridge.patient import VirtualPatient
from firmware_bridge.simulator import byte_wire
from firmware_bridge.types import Gap, SampleBlock

MONITORS = ["dri", "intellivue"]
SCRIPT = "sinus:600s rate=75"
CHUNK = 500


def decoded(
    name: str, seconds: int, faults: str = ""
) -> tuple[list[SampleBlock | Gap], VirtualPatient, float]:
    fs = devices.get(name).fs or 0.0
    patient = VirtualPatient(fs, 0, SCRIPT)
    wire = byte_wire(name, fs, patient.leads, parse(faults), asked=True)
    receiver = devices.get(name).decoder(DecoderOptions())
    stream = b"".join(wire.encode(patient.read(CHUNK).mv) for _ in range(round(seconds * fs) // CHUNK))
    return receiver.feed(stream), patient, fs


@pytest.mark.parametrize("name", MONITORS)
def test_beats_when_5_minutes_are_clean_then_the_true_ones(ward: Any, name: str) -> None:
    items, patient, fs = decoded(name, 300)
    assert not any(isinstance(item, Gap) for item in items)
    answers = ward.push(items, fs)
    found = np.array([beat.r_peak.sample for beat in answers.beats(True)])
    end = found.max()
    truth = np.array([beat.sample for beat in patient.beats if fs < beat.sample <= end])
    found = found[found > fs]
    assert len(truth) > 350
    near = np.abs(truth[:, None] - found[None])
    assert np.mean(near.min(1) <= 0.15 * fs) >= 0.99
    assert np.mean(near.min(0) <= 0.15 * fs) >= 0.99
    assert answers.raised() == []


@pytest.mark.parametrize("name", MONITORS)
@pytest.mark.parametrize("faults", ["drop=0.2@5", "drop=0.2@5; flip=1e-4@5", "drop=0.2@5; flip=1e-3@5"])
def test_alarms_when_frames_are_lost_and_bits_flip_then_no_lethal_one(
    ward: Any, name: str, faults: str
) -> None:
    items, _, fs = decoded(name, 60, faults)
    assert any(isinstance(item, Gap) for item in items)
    assert ward.push(items, fs).raised() == []
