from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.quality import NoiseVotes, Quality, QualityLimits, QualityState
from firmware_bridge.patient import VirtualPatient

FS = 125.0


def _run(
    raw: np.ndarray, filtered: np.ndarray | None = None, bit: np.ndarray | None = None
) -> list[QualityState]:
    """States, one for each change, of a device at the model's own rate."""
    q = Quality(FS, FS)
    smooth = raw if filtered is None else filtered
    states = [q.state]
    for i in range(len(raw)):
        q.push_raw(float(raw[i]), bool(bit[i]) if bit is not None else False)
        q.push(float(smooth[i]))
        if q.state is not states[-1]:
            states.append(q.state)
    return states


def _ecg(seconds: float, seed: int = 0) -> np.ndarray:
    t = np.arange(round(seconds * FS)) / FS
    phase = t % 0.8 - 0.4
    beat = 1.2 * np.exp(-((phase / 0.012) ** 2)) + 0.3 * np.exp(-(((phase - 0.22) / 0.05) ** 2))
    return beat + 0.01 * np.random.default_rng(seed).standard_normal(len(t))


def _floor(seconds: float, seed: int = 1) -> np.ndarray:
    return 0.01 * np.random.default_rng(seed).standard_normal(round(seconds * FS))


def _band(seconds: float, low: float, high: float, seed: int) -> np.ndarray:
    n = round(seconds * FS)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(n))
    hz = np.fft.rfftfreq(n, 1 / FS)
    x = np.fft.irfft(
        np.where((hz >= low) & (hz < high), spectrum / (1 + hz) ** (1.5 if low < 1 else 0), 0), n
    )
    return 0.3 * x / x.std()


def test_state_when_clean_ecg_then_good_and_never_quiet() -> None:
    states = _run(_ecg(20.0))
    assert states[-1].sqi > 0.9
    assert not any(s.unreadable or s.lead_off or s.quiet for s in states)
    assert all(s.flat_s < 1.5 for s in states)


def test_state_when_heart_stops_then_quiet_within_four_seconds_and_readable() -> None:
    states = _run(np.concatenate((_ecg(10.0), _floor(8.0))))
    at_4_s = states[-1 - round((8.0 - 4.0) / 0.25)]
    assert at_4_s.quiet
    assert not any(s.unreadable for s in states)
    assert states[-1].flat_s == pytest.approx(8.0, abs=1.0)


def test_state_when_hum_lies_over_a_stopped_heart_then_still_flat() -> None:
    t = np.arange(round(8.0 * FS)) / FS
    states = _run(np.concatenate((_ecg(10.0), _floor(8.0) + 0.05 * np.sin(2 * np.pi * 50 * t))))
    assert states[-1].flat_s > 4.0
    assert not states[-1].unreadable


def test_state_when_only_p_waves_then_quiet_but_not_flat() -> None:
    t = np.arange(round(8.0 * FS)) / FS
    p_waves = 0.2 * np.exp(-(((t % 0.9 - 0.45) / 0.03) ** 2))
    states = _run(np.concatenate((_ecg(10.0), p_waves + _floor(8.0))))
    assert states[-1].quiet
    assert states[-1].flat_s == 0.0


@pytest.mark.parametrize("seed", range(4))
def test_state_when_fine_muscle_noise_follows_the_heart_then_never_quiet(seed: int) -> None:
    noise = 0.2 * _band(12.0, 1.0, 12.0, seed)
    assert not any(s.quiet for s in _run(np.concatenate((_ecg(10.0), noise))))


@pytest.mark.parametrize(("amp_mv", "quiet"), [(2.0, True), (0.8, False)])
def test_state_when_noise_floor_is_high_then_quiet_where_the_usual_complex_would_stand_out(
    amp_mv: float, quiet: bool
) -> None:
    q = Quality(FS, FS)
    for _ in range(60):
        q.note_peak(amp_mv)
    for x in 0.15 * _band(8.0, 3.0, 12.0, 3):
        q.push_raw(float(x), False)
        q.push(float(x))
    assert q.state.quiet is quiet


def test_state_when_muscle_noise_begins_then_noisy_before_it_is_unreadable() -> None:
    states = _run(np.concatenate((_ecg(10.0), _band(10.0, 15.0, 40.0, 5))))
    noisy = [i for i, s in enumerate(states) if s.noisy]
    unreadable = [i for i, s in enumerate(states) if s.unreadable]
    assert 40 < noisy[0] < unreadable[0]


@pytest.mark.parametrize("size", [-2.0, 2.0, 5.0])
def test_state_when_pace_pulses_over_a_stopped_heart_then_flat_without_them(size: float) -> None:
    fs_device = 250.0
    n = round(12.0 * fs_device)
    raw = 0.01 * np.random.default_rng(3).standard_normal(n)
    raw[::200] += size
    q = Quality(fs_device, FS)
    for i in range(n):
        q.push_raw(float(raw[i]), False)
        if i % 2:
            q.push(float(raw[max(0, i - 3) : i + 1].mean()))
    assert q.state.flat_s > 4.0
    assert not q.state.unreadable


@pytest.mark.parametrize(
    ("low", "high", "reason"), [(0.3, 10.0, "motion"), (15.0, 40.0, "muscle")], ids=["motion", "muscle"]
)
def test_state_when_noise_alone_then_unreadable_within_ten_seconds(
    low: float, high: float, reason: str
) -> None:
    states = _run(_band(30.0, low, high, 5))
    assert any(s.unreadable for s in states[:40])
    assert states[-1].reason == reason
    assert states[-1].sqi <= 0.2
    assert not any(s.quiet or s.lead_off for s in states)


@pytest.mark.parametrize("hz", [2.5, 4.0, 6.0])
def test_state_when_fibrillation_then_readable_throughout(hz: float) -> None:
    t = np.arange(round(20.0 * FS)) / FS
    rng = np.random.default_rng(7)
    phase = 2 * np.pi * np.cumsum(hz + 0.8 * np.sin(2 * np.pi * 0.21 * t)) / FS
    vf = (0.4 + 0.15 * np.sin(2 * np.pi * 0.13 * t)) * np.sin(phase) + 0.02 * rng.standard_normal(len(t))
    states = _run(np.concatenate((_ecg(8.0), vf)))
    assert not any(s.unreadable or s.quiet for s in states)


def test_state_when_noise_ends_then_readable_again_within_ten_seconds() -> None:
    states = _run(np.concatenate((_band(20.0, 15.0, 40.0, 5), _ecg(10.0))))
    assert any(s.unreadable for s in states)
    assert not states[-1].unreadable


def test_state_when_square_wave_then_unreadable_for_being_square() -> None:
    wave = np.where(np.arange(round(20 * FS)) // 62 % 2, 1.0, 0.0)
    assert _run(wave)[-1].reason == "square"


def test_state_when_device_says_off_then_within_half_a_second_and_on_again() -> None:
    raw = _ecg(15.0)
    bit = np.zeros(len(raw), dtype=bool)
    bit[round(5 * FS) : round(9 * FS)] = True
    states = _run(raw, bit=bit)
    off = [i for i, s in enumerate(states) if s.lead_off]
    assert states[off[0]].reason == "lead_off"
    assert states[off[0]].sqi == 0.0
    assert states[off[0]].unreadable
    assert not states[-1].lead_off
    assert 15 <= len(off) <= 36  # four seconds of strides, raw and filtered each renewing


@pytest.mark.parametrize("value", [float("nan"), 4.0])
def test_state_when_no_value_or_constant_then_off_and_never_quiet(value: float) -> None:
    raw = np.concatenate((_ecg(8.0), np.full(round(8 * FS), value)))
    filtered = np.concatenate((_ecg(8.0), np.zeros(round(8 * FS))))
    states = _run(raw, filtered)
    assert states[-1].lead_off
    assert states[-1].flat_s == 0.0
    assert not states[-1].quiet


def test_push_when_not_finite_then_state_stays_finite() -> None:
    q = Quality(FS, FS)
    for i, x in enumerate(_ecg(10.0)):
        q.push_raw(float(x), False)
        q.push(float("nan") if i == 700 else float("inf") if i == 800 else float(x))
    assert np.isfinite([q.state.sqi, q.state.noise_mv, q.state.flat_s, q.state.wander_mv]).all()


def test_note_peak_when_complexes_are_small_then_less_counts_as_flat() -> None:
    small = Quality(FS, FS)
    for _ in range(60):
        small.note_peak(-0.2)
    other = Quality(FS, FS)
    ripple = 0.03 * np.sin(2 * np.pi * 8 * np.arange(round(6 * FS)) / FS)
    for x in ripple:
        for q in (small, other):
            q.push_raw(float(x), False)
            q.push(float(x))
    assert other.state.flat_s > 4.0
    assert small.state.flat_s == 0.0


def test_reset_when_called_then_equals_new() -> None:
    used, new = Quality(FS, FS), Quality(FS, FS)
    for x in _band(12.3, 15.0, 40.0, 5):
        used.push_raw(float(x), True)
        used.push(float(x))
    used.note_peak(0.1)
    used.reset()
    for x in _ecg(9.0):
        for q in (used, new):
            q.push_raw(float(x), False)
            q.push(float(x))
        assert used.state == new.state


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.one_of(st.floats(allow_nan=True, allow_infinity=True), st.just(1e300)), min_size=70, max_size=300
    )
)
def test_push_when_anything_at_all_then_no_error_and_sqi_in_range(xs: list[float]) -> None:
    q = Quality(FS, FS)
    for x in xs:
        q.push_raw(x, False)
        q.push(x)
    assert 0.0 <= q.state.sqi <= 1.0


@pytest.mark.parametrize("bpm", [110, 125, 150])
def test_state_when_clean_vt_then_readable_and_its_wave_is_good(bpm: int) -> None:
    mv = VirtualPatient(FS, 1, f"vt:30s rate={bpm}").read(round(20.0 * FS)).mv[:, 0]
    states = _run(mv, mv)[-40:]
    assert not any(s.unreadable for s in states)
    assert min(s.wave_sqi for s in states) > 0.7


def test_state_when_noise_alone_then_no_wave_is_good() -> None:
    states = [s for s in _run(_band(30.0, 15.0, 40.0, 3)) if s.unreadable]
    assert states
    assert all(s.wave_sqi == 0.0 for s in states)


@pytest.mark.parametrize(("share", "lost"), [(0.3, False), (0.7, True)])
def test_state_when_so_many_samples_are_lost_then_said_where_they_are_most(share: float, lost: bool) -> None:
    raw = _ecg(10.0)
    gone = raw.copy()
    gone[np.random.default_rng(3).random(len(raw)) < share] = np.nan
    assert _run(gone, raw)[-1].lost == lost
    assert not _run(np.concatenate((gone, raw)), np.concatenate((raw, raw)))[-1].lost


def test_votes_when_noise_comes_and_goes_then_three_of_four_begin_it_and_one_of_four_ends_it() -> None:
    votes = NoiseVotes(QualityLimits())
    told = []
    for reason in [None, "motion", "muscle", None, "motion", None, None, None, "motion", "motion", "motion"]:
        votes.push(reason)
        assert votes.newest == reason
        told.append(votes.reason)
    assert told == [None, None, None, None, "motion", "motion", None, None, None, None, "motion"]
