from __future__ import annotations

import pytest

from edge.alarms.limits import MAY_BE_OFF, PRESETS, SETTABLE, AlarmLimits, in_words, limits_of
from edge.alarms.state import MONITOR_SPECS, SPECS
from firmware_bridge.types import BadInput


def test_presets_when_chosen_then_every_limit_may_be_set_so_and_is_in_order() -> None:
    assert PRESETS["adult"] == AlarmLimits()
    for preset, limits in PRESETS.items():
        given = {name: getattr(limits, name) for name in SETTABLE}
        assert limits_of(preset, given) == limits


def test_presets_when_compared_then_a_child_may_beat_faster_and_an_athlete_slower() -> None:
    child, athlete, adult = (PRESETS[name] for name in ("child", "athlete", "adult"))
    assert child.extreme_tachy_bpm > adult.extreme_tachy_bpm
    assert child.extreme_brady_bpm > adult.extreme_brady_bpm
    assert athlete.extreme_brady_bpm < adult.extreme_brady_bpm
    assert (athlete.extreme_tachy_bpm, athlete.asystole_s) == (adult.extreme_tachy_bpm, adult.asystole_s)


def test_limits_when_given_then_instead_of_the_preset() -> None:
    limits = limits_of("child", {"tachy_bpm": 160.0}, ("couplet",))
    assert (limits.tachy_bpm, limits.brady_bpm, limits.off) == (160.0, 60.0, ("couplet",))


@pytest.mark.parametrize(
    ("preset", "given", "off", "says"),
    [
        ("baby", {}, (), "alarms.preset: got 'baby', expected adult, child, athlete"),
        ("adult", {"pause_s": 4.5}, (), "alarms.pause_s: got 4.5, expected 1.5 to 3.9"),
        ("adult", {"pause_s": float("nan")}, (), "alarms.pause_s: got nan"),
        ("adult", {"brady_bpm": 38.0}, (), "alarms.extreme_brady_bpm: got 40, expected less than"),
        ("adult", {"tachy_bpm": 150.0}, (), "alarms.tachy_bpm: got 150, expected less than"),
        ("athlete", {}, ("vt",), "alarms.off: got 'vt'"),
        ("athlete", {}, ("lead_off",), "alarms.off: got 'lead_off'"),
    ],
)
def test_limits_when_wrong_then_one_line_that_says_what_may_be(
    preset: str, given: dict[str, float], off: tuple[str, ...], says: str
) -> None:
    with pytest.raises(BadInput) as error:
        limits_of(preset, given, off)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


def test_words_when_asked_for_then_every_alarm_has_its_rule() -> None:
    assert set(in_words(AlarmLimits())) == {spec.name for spec in SPECS + MONITOR_SPECS}
    assert in_words(PRESETS["child"])["extreme_tachy"] == "above 180 bpm over 17 beats"


def test_off_when_allowed_then_exactly_the_medium_and_low_ones() -> None:
    assert set(MAY_BE_OFF) == {spec.name for spec in SPECS if spec.priority in ("medium", "low")}
