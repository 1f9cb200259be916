"""The virtual patient: the same for ever by seed, true beats at true R-peaks, rhythms as they should be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from firmware_bridge.patient import RAIL_MV, VirtualPatient
from firmware_bridge.scenario import SCRIPTS
from firmware_bridge.types import BadInput


def rr_s(patient: VirtualPatient, rhythm: str) -> np.ndarray:
    samples = [beat.sample for beat in patient.beats if beat.rhythm == rhythm]
    return np.diff(samples) / patient.fs


def width_s(mv: np.ndarray, peak: int, fs: float) -> float:
    """Width of the deflection at half of its height."""
    x = mv[:, 0] * np.sign(mv[peak, 0])
    level = x[peak] / 2
    left, right = peak, peak
    while x[left] > level:
        left -= 1
    while x[right] > level:
        right += 1
    return (right - left) / fs


def test_read_when_seed_is_the_same_then_samples_are_bit_identical() -> None:
    one, two, other = (VirtualPatient(250, seed, "demo") for seed in (3, 3, 4))
    a, b, c = one.read(5000), two.read(5000), other.read(5000)
    assert a.mv.tobytes() == b.mv.tobytes()
    assert a.lead_off.tobytes() == b.lead_off.tobytes()
    assert one.beats == two.beats
    assert one.rhythms == two.rhythms
    assert a.mv.tobytes() != c.mv.tobytes()


@settings(max_examples=10, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 900), max_size=8), st.sampled_from([125.0, 333.3, 360.0]))
def test_read_when_cut_anywhere_then_samples_and_beats_are_the_same(cuts: list[int], fs: float) -> None:
    script = "sinus:2s pvc=0.3 emg=0.1; lead_off:0.7s; vf:1.3s mains=0.2; af:9s"
    whole, parts = VirtualPatient(fs, 1, script), VirtualPatient(fs, 1, script)
    pieces = [parts.read(n) for n in cuts]
    expected = whole.read(sum(cuts))
    mv = np.concatenate([piece.mv for piece in pieces]) if pieces else np.zeros((0, 1), np.float32)
    assert mv.tobytes() == expected.mv.tobytes()
    assert b"".join(piece.lead_off.tobytes() for piece in pieces) == expected.lead_off.tobytes()
    assert parts.beats == whole.beats
    assert parts.rhythms == whole.rhythms


def test_read_when_given_then_types_and_shapes_are_those_promised() -> None:
    samples = VirtualPatient(360).read(7)
    assert samples.mv.shape == (7, 1)
    assert samples.mv.dtype == np.float32
    assert samples.lead_off.shape == (7,)
    assert samples.lead_off.dtype == np.uint8


@pytest.mark.parametrize("fs", [125.0, 250.0, 360.0, 500.0])
@pytest.mark.parametrize("seed", [0, 1, 2, 7])
def test_beats_when_drawn_then_they_stand_at_the_largest_deflection(fs: float, seed: int) -> None:
    patient = VirtualPatient(
        fs,
        seed,
        "sinus:20s pvc=0.2 apc=0.1 wander=0 floor=0; vt:6s wander=0 floor=0; paced:9s wander=0 floor=0",
    )
    mv = patient.read(int(35 * fs)).mv[:, 0]
    reach = round(0.040 * fs)
    beats = [beat for beat in patient.beats if reach < beat.sample < mv.shape[0] - reach]
    assert len(beats) > 40
    for beat in beats:
        near = np.abs(mv[beat.sample - reach : beat.sample + reach + 1])
        assert near[reach] >= 0.97 * near.max()


def test_beats_when_noise_is_on_then_the_largest_deflection_is_within_a_sample_or_two() -> None:
    patient = VirtualPatient(250, 0, "sinus:60s pvc=0.1")
    mv = patient.read(250 * 60).mv[:, 0].astype(float)
    off = []
    for beat in patient.beats[1:-1]:
        near = mv[beat.sample - 10 : beat.sample + 11]
        off.append(abs(int(np.argmax(np.abs(near - np.median(mv)))) - 10))
    assert np.mean(np.array(off) <= 1) > 0.95


def test_beats_when_fs_differs_then_the_heart_is_the_same() -> None:
    slow, fast = VirtualPatient(125, 5, "demo"), VirtualPatient(500, 5, "demo")
    slow.read(125 * 60)
    fast.read(500 * 60)
    assert [beat.symbol for beat in slow.beats] == [beat.symbol for beat in fast.beats]
    off = [abs(a.sample / 125 - b.sample / 500) for a, b in zip(slow.beats, fast.beats, strict=True)]
    assert max(off) < 0.012


def test_rhythm_when_sinus_then_rate_and_variation_are_those_asked_for() -> None:
    patient = VirtualPatient(250, 1, "sinus:300s rate=72 hrv=0.03")
    patient.read(250 * 300)
    rr = rr_s(patient, "sinus")
    assert 60 / rr.mean() == pytest.approx(72, rel=0.02)
    assert 0.015 < rr.std() / rr.mean() < 0.06
    assert {beat.aami for beat in patient.beats} == {"N"}


def test_rhythm_when_af_then_rr_is_irregular_and_unrelated() -> None:
    patient = VirtualPatient(250, 2, "af:300s rate=95")
    patient.read(250 * 300)
    rr = rr_s(patient, "af")
    assert 60 / rr.mean() == pytest.approx(95, rel=0.06)
    assert 0.15 < rr.std() / rr.mean() < 0.25
    assert abs(np.corrcoef(rr[1:], rr[:-1])[0, 1]) < 0.15


def test_rhythm_when_vt_then_it_is_fast_regular_and_ventricular() -> None:
    patient = VirtualPatient(250, 3, "vt:60s rate=170")
    patient.read(250 * 60)
    rr = rr_s(patient, "vt")
    assert 60 / rr.mean() == pytest.approx(170, rel=0.02)
    assert rr.std() / rr.mean() < 0.04
    assert {beat.aami for beat in patient.beats} == {"V"}


def test_rhythm_when_pvcs_come_then_they_are_early_and_the_pause_makes_up_for_it() -> None:
    patient = VirtualPatient(250, 4, "sinus:300s rate=70 hrv=0.01 pvc=0.1")
    patient.read(250 * 300)
    beats = patient.beats
    pairs = [
        ((b.sample - a.sample) / 250, (c.sample - b.sample) / 250)
        for a, b, c in zip(beats, beats[1:], beats[2:], strict=False)
        if b.symbol == "V"
    ]
    assert len(pairs) > 10
    for before, after in pairs:
        assert before < 0.70 * 60 / 70
        assert before + after == pytest.approx(2 * 60 / 70, rel=0.06)


def test_rhythm_when_bigeminy_then_every_second_beat_is_ventricular() -> None:
    patient = VirtualPatient(250, 0, "bigeminy:30s")
    patient.read(250 * 30)
    symbols = "".join(beat.symbol for beat in patient.beats)
    assert symbols in ("VN" * 40)[: len(symbols)]
    assert len(symbols) > 25


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_shape_when_ventricular_then_it_is_at_least_twice_as_wide(seed: int) -> None:
    patient = VirtualPatient(500, seed, "sinus:60s pvc=0.2 wander=0 floor=0")
    mv = patient.read(500 * 60).mv
    widths: dict[str, list[float]] = {"N": [], "V": []}
    for beat in patient.beats[1:-1]:
        widths[beat.symbol].append(width_s(mv, beat.sample, 500))
    assert 0.015 < np.median(widths["N"]) < 0.045
    assert 0.055 < np.median(widths["V"]) < 0.15
    assert min(widths["V"]) > 2 * max(widths["N"])


def test_shape_when_ventricular_then_there_is_no_p_wave_and_t_is_discordant() -> None:
    patient = VirtualPatient(500, 0, "sinus:120s rate=60 pvc=0.2 wander=0 floor=0 hrv=0")
    mv = patient.read(500 * 120).mv[:, 0]
    # After a long pause the T wave is late and reaches into the window of the P wave: leave those beats out.
    beats = [b for a, b in zip(patient.beats, patient.beats[2:], strict=False) if a.symbol == "N"][:-1]
    for beat in beats:
        p = mv[beat.sample - 100 : beat.sample - 60].max()
        t = mv[beat.sample + 75 : beat.sample + 175]
        if beat.symbol == "V":
            assert p < 0.05
            assert t.min() < -0.3
        else:
            assert p > 0.08
            assert t.max() > 0.12


def test_rhythm_when_vf_then_there_are_no_beats_and_power_lies_at_3_to_8_hz() -> None:
    patient = VirtualPatient(250, 6, "vf:60s wander=0 floor=0")
    mv = patient.read(250 * 60).mv[:, 0]
    power = np.abs(np.fft.rfft(mv)) ** 2
    hz = np.fft.rfftfreq(mv.shape[0], 1 / 250)
    assert patient.beats == []
    assert power[(hz > 3) & (hz < 9)].sum() > 0.9 * power.sum()
    assert 4 < hz[np.argmax(power)] < 6.5
    assert 0.15 < mv.std() < 0.6


def test_rhythm_when_asystole_then_a_floor_of_about_ten_microvolts_is_left() -> None:
    patient = VirtualPatient(250, 0, "asystole:30s wander=0")
    mv = patient.read(250 * 20).mv[:, 0]
    assert patient.beats == []
    assert 0.003 < mv.std() < 0.02
    assert np.unique(mv).size > 1000


def test_rhythm_when_pause_then_one_rr_is_as_long_as_asked() -> None:
    patient = VirtualPatient(250, 0, "pause:30s length=3.5 hrv=0.01")
    patient.read(250 * 30)
    assert rr_s(patient, "pause").max() == pytest.approx(3.5, rel=0.04)


def test_lead_off_when_scripted_then_bits_and_rail_match_and_no_beat_is_claimed() -> None:
    patient = VirtualPatient(250, 0, "sinus:4s; lead_off:3s; sinus:4s")
    samples = patient.read(250 * 11)
    assert np.flatnonzero(samples.lead_off).tolist() == list(range(1000, 1750))
    assert (samples.mv[1000:1750] == np.float32(RAIL_MV)).all()
    assert not [beat for beat in patient.beats if 990 <= beat.sample < 1750]
    assert patient.rhythms == [(0, "sinus"), (1000, "lead_off"), (1750, "sinus")]


def test_lead_off_when_style_is_nan_or_flat_then_so_are_the_samples() -> None:
    samples = VirtualPatient(250, 0, "lead_off:2s style=nan; lead_off:2s style=flat bit=0; sinus:9s").read(
        1000
    )
    assert np.isnan(samples.mv[:500]).all()
    assert (samples.mv[500:] == 0).all()
    assert samples.lead_off[:500].all()
    assert not samples.lead_off[500:].any()


def test_mains_when_asked_for_then_its_line_stands_out() -> None:
    mv = VirtualPatient(500, 0, "asystole:9s mains=0.2 mains_hz=60 wander=0").read(4000).mv[:, 0]
    power = np.abs(np.fft.rfft(mv))
    assert np.fft.rfftfreq(4000, 1 / 500)[np.argmax(power)] == 60


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_scripts_when_played_then_all_samples_are_finite_and_within_the_rails(name: str) -> None:
    mv = VirtualPatient(125, 0, name).read(125 * 90).mv
    assert np.isfinite(mv).all()
    assert np.abs(mv).max() < 6


def test_demo_when_played_for_a_minute_then_it_shows_all_that_it_must() -> None:
    patient = VirtualPatient(250, 0, "demo")
    samples = patient.read(250 * 60)
    labels = {label for _, label in patient.rhythms}
    run = [beat.sample for beat in patient.beats if beat.rhythm == "vt"]
    assert len(patient.beats) > 60
    assert {"sinus", "couplet", "bigeminy", "af", "vt", "lead_off"} <= labels
    assert samples.lead_off.any()
    assert len(run) > 5
    assert np.diff(run).max() / 250 < 0.5
    assert {beat.aami for beat in patient.beats} >= {"N", "V"}


def test_script_when_it_ends_with_end_then_the_last_step_goes_on() -> None:
    patient = VirtualPatient(250, 0, "sinus:3s; asystole:2s; end")
    patient.read(250 * 30)
    assert patient.rhythms == [(0, "sinus"), (750, "asystole")]
    assert max(beat.sample for beat in patient.beats) < 750


@pytest.mark.parametrize("fs", [10.0, 1e6, float("nan")])
def test_patient_when_fs_is_out_of_range_then_it_says_so(fs: float) -> None:
    with pytest.raises(BadInput, match="expected 50 to 4000 Hz"):
        VirtualPatient(fs)
