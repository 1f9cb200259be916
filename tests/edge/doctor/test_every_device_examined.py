"""Every device there is, examined: nothing is wrong where all is well, and what is wrong is found."""

from __future__ import annotations

import random

import numpy as np
import pytest

from edge.config import parse
from edge.doctor.examination import Heard, config_lines, examine, wrong
from edge.doctor.findings import Finding
from edge.doctor.formats import Guess, Piece
from firmware_bridge import devices, faults
from firmware_bridge.device import DecoderOptions
from firmware_bridge.patient import VirtualPatient
from firmware_bridge.simulator import byte_wire, rate_of
from firmware_bridge.types import SampleBlock

SECONDS = 8.0
PIECE_S = 0.02
SINUS = "sinus:60s rate=75"
PEAK_MV = 1.5
"""No beat of the textbook patient is higher."""


def most_mv(name: str) -> float:
    """The most that the device can say [mV]: what more of it becomes a rail, or no value."""
    fs = rate_of(name, None)
    ramp = np.geomspace(0.1, 1e4, round(2 * fs), dtype=np.float32)[:, None]
    wire = byte_wire(name, fs, ("ECG",), asked=True)
    items = devices.get(name).decoder(DecoderOptions(fs=fs)).feed(wire.hello() + wire.encode(ramp))
    return float(np.nanmax(np.concatenate([i.mv[:, 0] for i in items if isinstance(i, SampleBlock)])))


def examined(name: str, script: str = SINUS, gain: float = 1.0, text: str = "") -> dict[str, Finding]:
    """What is said of the virtual patient's ECG, `gain` times as large as fits the device, or as it is."""
    rng, wrong_ones, fs = random.Random(2), faults.parse(text), rate_of(name, None)
    wire, patient = byte_wire(name, fs, ("ECG",), wrong_ones, 1, asked=True), VirtualPatient(fs, 0, script)
    size, n = np.float32(gain * min(1.0, 0.95 * most_mv(name) / PEAK_MV)), 0
    pieces: list[Piece] = [(5.0, wire.hello())]
    for k in range(round(SECONDS / PIECE_S)):
        due = round((k + 1) * PIECE_S * fs * faults.pace_of(wrong_ones))
        samples, n = patient.read(due - n), due
        sent = wire.encode(samples.mv * size, int(samples.lead_off.max(initial=0)))
        pieces.append((5 + PIECE_S * (k + 1) + rng.uniform(0, 0.003), sent))
    heard = Heard("/dev/ttyUSB0", devices.get(name).baud, Guess(name, 1.0, fs, 0.0))
    findings = examine(heard, [piece for piece in pieces if piece[1]])
    config = parse("\n".join(config_lines(heard, findings)), {}, {})
    assert config.format == name
    return {finding.what: finding for finding in findings}


@pytest.mark.parametrize("name", devices.names())
def test_device_when_all_is_well_then_nothing_is_wrong_and_its_rate_is_measured(name: str) -> None:
    found = examined(name)
    assert not wrong(list(found.values()))
    assert found["rate"].value == pytest.approx(rate_of(name, None), rel=0.01)
    assert (found["polarity"].level, found["heart"].value) == ("ok", pytest.approx(75, abs=8))


@pytest.mark.parametrize("name", devices.names())
def test_device_when_it_runs_slow_and_upside_down_then_both_are_found_and_mended(name: str) -> None:
    found = examined(name, gain=-1.0, text="rate=0.9")
    true = 0.9 * rate_of(name, None)
    says = devices.get(name).fs is not None or devices.get(name).has_clock
    assert found["rate"].level == ("wrong" if says else "note")
    assert found["rate"].value == pytest.approx(true, rel=0.01)
    assert parse(found["rate"].config, {}, {}).fs == pytest.approx(true, rel=0.01)
    assert found["polarity"].config == "invert = true"


@pytest.mark.parametrize("hz", [50, 60])
@pytest.mark.parametrize("name", devices.names())
def test_device_when_the_mains_hum_then_their_frequency_is_named(name: str, hz: int) -> None:
    mains = examined(name, f"{SINUS} mains=0.35 mains_hz={hz}")["mains"]
    assert mains.level != "ok"
    assert f"of {hz} Hz hum" in mains.text


@pytest.mark.parametrize("name", devices.names())
def test_device_when_an_electrode_is_off_then_that_is_found(name: str) -> None:
    """Where the format does not say so the line stands still, mostly at an end of the converter's range."""
    found = examined(name, "sinus:3s rate=75; lead_off:4s; sinus:60s rate=75")
    electrodes = found["electrodes"]
    assert electrodes.level == "wrong"
    assert electrodes.value == pytest.approx(0.5, abs=0.2)
    assert ("does not say so" in electrodes.text) != devices.get(name).has_lead_off


@pytest.mark.parametrize("name", [name for name in devices.names() if most_mv(name) < 500.0])
def test_device_when_the_signal_is_too_large_then_it_is_clipped(name: str) -> None:
    found = examined(name, gain=max(2.0, 3 * most_mv(name)))
    assert found["clipping"].level == "wrong"
    assert "end of the converter's range" in found["clipping"].text
