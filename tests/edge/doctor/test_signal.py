"""What is said of a signal: of the virtual patient's, and of what electrodes and amplifiers make of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from edge.doctor.findings import Finding
from edge.doctor.signal import beats, look
from firmware_bridge.patient import VirtualPatient
from firmware_bridge.types import F32, SampleBlock

FS = 250.0
MV = VirtualPatient(FS, 0, "sinus:60s rate=70").read(2500).mv


def found(mv: F32, fs: float = FS, calibration_mv: float | None = None, **bits: Any) -> dict[str, Finding]:
    block = SampleBlock("bed1", 0, fs, mv, ("II",), **bits)
    return {finding.what: finding for finding in look([block], fs, calibration_mv)}


def test_beats_when_the_patient_is_well_then_each_is_found_with_its_height() -> None:
    got = beats(MV[:, 0].astype(np.float64), FS)
    assert len(got.at) in (11, 12, 13)
    assert np.median(got.mv) == pytest.approx(1.1, abs=0.4)


def test_signal_when_all_is_well_then_nothing_is_wrong() -> None:
    got = found(MV)
    assert {finding.level for finding in got.values()} == {"ok"}
    assert got["heart"].value == pytest.approx(70, abs=6)
    assert set(got) == {"electrodes", "clipping", "mains", "heart", "gain", "polarity"}


@pytest.mark.parametrize("fs", [125.0, 512.0, 1000.0])
def test_signal_when_the_rate_is_another_then_the_same_is_said(fs: float) -> None:
    mv = VirtualPatient(fs, 0, "sinus:60s rate=70").read(round(10 * fs)).mv
    assert {finding.level for finding in found(mv, fs).values()} == {"ok"}


def test_polarity_when_upside_down_then_the_line_that_turns_it() -> None:
    got = found(-MV)
    assert (got["polarity"].level, got["polarity"].config) == ("note", "invert = true")


@pytest.mark.parametrize("factor", [0.05, 20.0])
def test_gain_when_r_waves_are_absurd_then_a_guess_at_the_scale(factor: float) -> None:
    gain = found(MV * np.float32(factor))["gain"]
    assert gain.level == "wrong"
    assert float(gain.config.split()[2]) * factor == pytest.approx(0.9, abs=0.4)


@pytest.mark.parametrize("hz", [50.0, 60.0])
@pytest.mark.parametrize(("size_mv", "level"), [(0.05, "ok"), (0.4, "note"), (2.0, "wrong")])
def test_mains_when_it_hums_then_its_frequency_and_size(hz: float, size_mv: float, level: str) -> None:
    t = np.arange(len(MV)) / FS
    hum = (size_mv / 2 * np.sin(2 * np.pi * hz * t)).astype(np.float32)
    mains = found(MV + hum[:, None])["mains"]
    assert mains.level == level
    assert mains.value == pytest.approx(size_mv, rel=0.25)
    assert level == "ok" or f"{hz:g} Hz" in mains.text


def test_mains_when_the_rate_is_too_low_then_said() -> None:
    mv = VirtualPatient(100.0, 0, "sinus:60s rate=70").read(1000).mv
    assert found(mv[::2].copy(), 50.0)["mains"].text.startswith("the rate is too low")


def test_electrodes_when_off_then_how_long_and_which() -> None:
    electrodes = found(MV, lead_off=1)["electrodes"]
    assert electrodes.level == "wrong"
    assert "100% of the time (lead II)" in electrodes.text
    assert "not enough signal" in found(MV, lead_off=1)["heart"].text


def test_clipping_when_samples_stand_at_the_rail_then_how_many() -> None:
    clipping = found(MV, clipped=1)["clipping"]
    assert (clipping.level, clipping.value) == ("wrong", 1.0)


def test_heart_when_the_line_is_flat_or_noise_then_said() -> None:
    assert "flat" in found(np.zeros((2500, 1), np.float32))["heart"].text
    assert found(np.full((2500, 1), np.nan, np.float32))["heart"].level == "note"
    noise = np.random.default_rng(0).normal(0, 0.3, (2500, 1)).astype(np.float32)
    assert found(noise)["heart"].value is None or float(found(noise)["heart"].value or 0) > 100


@pytest.mark.parametrize(("height_mv", "level"), [(1.0, "ok"), (0.5, "wrong"), (3.1, "wrong")])
def test_calibration_when_a_pulse_is_connected_then_the_scale_that_mends_it(
    height_mv: float, level: str
) -> None:
    t = np.arange(2500) / FS
    wave = np.where(t % 1.0 < 0.5, height_mv, 0.0) + np.random.default_rng(1).normal(0, 0.01, 2500)
    gain = found(wave[:, None].astype(np.float32), calibration_mv=1.0)["gain"]
    assert gain.level == level
    assert level == "ok" or float(gain.config.split()[2]) == pytest.approx(1 / height_mv, rel=0.02)
