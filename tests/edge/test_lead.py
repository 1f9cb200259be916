from __future__ import annotations

import numpy as np
import pytest

from edge.lead import LeadLimits, RawGate

FS = 250.0


def _gate(fs: float = FS) -> RawGate:
    return RawGate(fs, LeadLimits())


def _feed(gate: RawGate, x: np.ndarray, bit: bool = False) -> list[str | None]:
    """Reasons after each stride."""
    out = []
    for i in range(0, len(x) - gate.stride + 1, gate.stride):
        gate.take(x[i : i + gate.stride].astype(np.float64), gate.stride if bit else 0)
        out.append(gate.reason)
    return out


def _floor(seconds: float, mv: float = 0.01, fs: float = FS) -> np.ndarray:
    return mv * np.random.default_rng(2).standard_normal(round(seconds * fs))


def test_take_when_device_says_off_then_off_at_once_and_back_at_once() -> None:
    gate = _gate()
    assert _feed(gate, _floor(1.0), bit=True)[0] == "lead_off"
    assert _feed(gate, _floor(1.0))[0] is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_take_when_no_value_for_a_second_then_no_value(value: float) -> None:
    gate = _gate()
    _feed(gate, _floor(2.0))
    reasons = _feed(gate, np.full(500, value))
    assert reasons.index("no_value") <= 4
    assert _feed(gate, _floor(1.0))[0] is None


def test_take_when_single_lost_samples_then_the_lead_stays_on() -> None:
    x = _floor(5.0)
    x[::50] = np.nan
    assert set(_feed(_gate(), x)) == {None}


@pytest.mark.parametrize(("level", "reason"), [(5.0, "rail"), (0.0, "flat")])
def test_take_when_constant_for_a_second_then_rail_or_flat_by_where_it_lies(
    level: float, reason: str
) -> None:
    gate = _gate()
    assert set(_feed(gate, 2.0 * np.sin(np.arange(1000) / 9.0))) == {None}
    reasons = _feed(gate, np.full(750, level))
    assert reasons.index(reason) <= 5


def test_take_when_noise_floor_moves_the_last_bit_then_the_lead_stays_on() -> None:
    x = np.round(_floor(20.0) / 0.005) * 0.005
    assert set(_feed(_gate(), x)) == {None}


@pytest.mark.parametrize("hz", [50.0, 60.0])
def test_take_when_open_lead_hums_then_mains_within_two_seconds(hz: float) -> None:
    t = np.arange(1000) / FS
    reasons = _feed(_gate(), 1.5 * np.sin(2 * np.pi * hz * t) + 0.2 * np.sin(2 * np.pi * 0.3 * t))
    assert reasons.index("mains") <= 8


def test_take_when_hum_lies_on_a_flat_line_but_small_then_the_lead_stays_on() -> None:
    t = np.arange(1000) / FS
    assert set(_feed(_gate(), 0.1 * np.sin(2 * np.pi * 50.0 * t) + _floor(4.0))) == {None}


@pytest.mark.parametrize("size", [-2.0, 2.0, 50.0])
@pytest.mark.parametrize("width", [1, 2])
@pytest.mark.parametrize("at", [300, 310, 311, 312, 313])
def test_spikes_when_pace_pulse_anywhere_in_a_stride_then_found_once(
    size: float, width: int, at: int
) -> None:
    x, gate = _floor(3.0), _gate()
    x[at : at + width] += size
    _feed(gate, x)
    assert gate.spikes[0] == at
    assert all(at <= s <= at + width for s in gate.spikes)


def test_spikes_when_steep_qrs_then_none() -> None:
    t = (np.arange(1500) / FS) % 0.8 - 0.4
    gate = _gate()
    _feed(gate, 2.5 * np.exp(-((t / 0.02) ** 2)))
    assert gate.spikes == []


def test_spikes_when_muscle_noise_then_nearly_none() -> None:
    gate = _gate()
    _feed(gate, _floor(20.0, 0.25))
    assert len(gate.spikes) <= 1


def test_take_when_hum_was_there_with_the_heart_then_a_stopped_heart_is_no_open_lead() -> None:
    t = np.arange(5000) / FS
    ecg = 1.2 * np.exp(-(((t % 0.8 - 0.4) / 0.03) ** 2)) * (t < 15.0)
    hum = 0.3 * np.sin(2 * np.pi * 50.0 * t)
    assert set(_feed(_gate(), ecg + hum + _floor(20.0))) == {None}


def test_square_when_test_wave_then_true_and_not_for_a_floor() -> None:
    gate = _gate()
    _feed(gate, np.where(np.arange(1250) // 125 % 2, 1.0, 0.0))
    assert gate.square
    quiet = _gate()
    _feed(quiet, np.round(_floor(5.0) / 0.005) * 0.005)
    assert not quiet.square


def test_wander_when_baseline_swings_then_its_range() -> None:
    gate = _gate()
    _feed(gate, 0.5 * np.sin(2 * np.pi * 0.3 * np.arange(2000) / FS))
    assert gate.wander_mv == pytest.approx(1.0, abs=0.1)


def test_reset_when_called_then_equals_new() -> None:
    used, new = _gate(), _gate()
    _feed(used, np.full(600, 3.0))
    used.reset()
    x = _floor(3.0)
    assert _feed(used, x) == _feed(new, x)
    assert used.wander_mv == new.wander_mv


def _settling(x: np.ndarray) -> list[bool]:
    gate = _gate()
    out = []
    for i in range(0, len(x) - gate.stride + 1, gate.stride):
        gate.take(x[i : i + gate.stride].astype(np.float64), 0)
        out.append(gate.settling)
    return out


def test_settling_when_baseline_jumps_and_comes_back_then_until_it_is_still() -> None:
    t = np.arange(1500) / FS
    x = np.concatenate((_floor(3.0), 3.5 * np.exp(-t / 1.4) + _floor(6.0)))
    settling = _settling(x)
    assert not any(settling[:12])
    assert settling[13:24] == [True] * 11
    assert not any(settling[30:])


def test_settling_when_baseline_drifts_on_after_a_jump_then_no_longer_than_eight_seconds() -> None:
    x = np.concatenate((_floor(3.0), 3.0 + 0.5 * np.arange(5000) / FS))
    settling = _settling(x)
    assert 28 <= sum(settling) <= 34
    assert not any(settling[-40:])


@pytest.mark.parametrize("size", [7.0, -7.0])
def test_settling_when_complexes_are_huge_then_never(size: float) -> None:
    phase = (np.arange(5000) / FS + 0.37) % 1.53
    qrs = size * np.exp(-(((phase - 0.5) / 0.03) ** 2))
    t_wave = -0.25 * size * np.exp(-(((phase - 0.85) / 0.07) ** 2))
    assert not any(_settling(qrs + t_wave + _floor(20.0)))


def test_reset_when_settling_then_forgotten() -> None:
    gate = _gate()
    _feed(gate, np.concatenate((_floor(2.0), 4.0 + _floor(1.0))))
    assert gate.settling
    gate.reset()
    assert not gate.settling


def _after_pulses(fs: float, every_s: float, answer_mv: float, at_s: float = 0.07) -> tuple[RawGate, int]:
    """A gate that has seen pulses of 5 mV, each answered after `at_s`, and for how long the last one is past."""
    t = np.arange(round(4.0 * fs)) / fs
    since_s = t % every_s
    mv = 5.0 * (since_s < 0.002) + answer_mv * np.exp(-(((since_s - at_s) / 0.03) ** 2))
    mv += 0.006 * np.random.default_rng(0).standard_normal(len(t))
    gate = RawGate(fs, LeadLimits())
    for k in range(0, len(mv), gate.stride):
        if k + gate.stride <= len(mv):
            gate.take(mv[k : k + gate.stride], 0)
    last = round(3.6 * fs)
    return gate, len(mv) // gate.stride * gate.stride - 1 - last


@pytest.mark.parametrize("fs", [250.0, 360.0, 500.0])
@pytest.mark.parametrize("answer_mv", [0.0, 0.25, -0.25])
def test_pulse_alone_when_no_more_than_a_p_wave_is_beside_it_then_alone(fs: float, answer_mv: float) -> None:
    gate, ago = _after_pulses(fs, 0.9, answer_mv)
    assert gate.pulse_alone([], ago)
    assert not gate.pulse_alone([], ago + round(0.06 * fs))


@pytest.mark.parametrize("fs", [250.0, 360.0, 500.0])
@pytest.mark.parametrize(("answer_mv", "at_s"), [(0.6, 0.07), (-0.6, 0.07), (1.0, 0.0), (-1.0, 0.01)])
def test_pulse_alone_when_a_qrs_answers_or_lies_under_it_then_not(
    fs: float, answer_mv: float, at_s: float
) -> None:
    gate, ago = _after_pulses(fs, 0.9, answer_mv, at_s)
    assert not gate.pulse_alone([], ago)


def test_pulse_alone_when_device_is_too_slow_to_show_pulses_or_nothing_was_seen_then_not() -> None:
    gate, ago = _after_pulses(125.0, 0.9, 0.0)
    assert not gate.pulse_alone([], ago)
    assert not RawGate(250.0, LeadLimits()).pulse_alone([0.0] * 100, 40)
