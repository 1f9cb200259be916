from __future__ import annotations

import numpy as np
import pytest

from train.alarm_truth import LETHAL, Truth, justified, truth_of
from train.ec57 import Mark

FS = 100.0


def truth(rr_s: list[float], kinds: str = "", vf: list[tuple[float, float]] | None = None) -> Truth:
    """Beats from 0 on at these intervals, each normal unless `kinds` says V."""
    r = np.cumsum([0.0, *rr_s])
    v = np.array([kinds[k : k + 1] == "V" for k in range(len(r))])
    return Truth(r, v, vf or [])


SINUS = truth([0.8] * 50)


@pytest.mark.parametrize("name", sorted(LETHAL))
def test_justified_when_the_heart_is_well_then_no_alarm_is(name: str) -> None:
    assert not justified(name, 20.0, 22.0, SINUS)


def test_justified_when_beats_stop_then_asystole_is_and_after_a_short_pause_not() -> None:
    assert justified("asystole", 8.0, 12.5, truth([0.8] * 10 + [6.0] + [0.8] * 10))
    assert not justified("asystole", 8.0, 12.5, truth([0.8] * 10 + [3.0] + [0.8] * 20))


def test_justified_when_the_arrest_was_long_before_then_it_is_none() -> None:
    assert not justified("asystole", 60.0, 64.0, truth([0.8] * 10 + [6.0] + [0.8] * 100))


def test_justified_when_slow_or_fast_then_the_rate_alarms_are() -> None:
    assert justified("extreme_brady", 12.0, 13.0, truth([0.8] * 5 + [1.7] * 6))
    assert not justified("extreme_brady", 12.0, 13.0, truth([0.8] * 5 + [1.3] * 8))
    assert justified("extreme_tachy", 9.0, 10.0, truth([0.4] * 30))
    assert not justified("extreme_tachy", 9.0, 10.0, truth([0.5] * 30))


def test_justified_when_ventricular_beats_run_fast_then_vt_and_vf_are() -> None:
    run = truth([0.8] * 10 + [0.4] * 6 + [0.8] * 10, "N" * 10 + "V" * 7)
    slow = truth([0.8] * 30, "N" * 10 + "V" * 7)
    pair = truth([0.8] * 10 + [0.4] * 2 + [0.8] * 10, "N" * 10 + "VV")
    assert [justified(name, 9.0, 11.0, run) for name in ("vt", "vf", "asystole")] == [True, True, False]
    assert not justified("vt", 9.0, 11.0, slow)
    assert not justified("vt", 9.0, 11.0, pair)


def test_justified_when_it_fibrillates_then_every_lethal_alarm_is() -> None:
    vf = truth([0.8] * 10, "", [(8.0, 30.0)])
    assert all(justified(name, 20.0, 22.0, vf) for name in LETHAL)
    assert not justified("asystole", 45.0, 49.0, truth([0.8] * 80, "", [(8.0, 30.0)]))


def test_truth_of_when_read_from_labels_then_beats_and_flutter_are_in_seconds() -> None:
    labels = [
        Mark(0, "+", aux="(N"),
        Mark(100, "N"),
        Mark(200, "V"),
        Mark(250, "F"),
        Mark(300, "["),
        Mark(350, "!"),
        Mark(500, "]"),
        Mark(600, "+", aux="(VFL"),
        Mark(700, "+", aux="(N"),
        Mark(800, "A"),
        Mark(900, "+", aux="(VFIB\x00"),
    ]
    found = truth_of(labels, FS, 1000)
    assert found.r_s.tolist() == [1.0, 2.0, 2.5, 8.0]
    assert found.ventricular.tolist() == [False, True, True, False]
    assert sorted(found.vf_s) == [(3.0, 5.0), (6.0, 7.0), (9.0, 10.0)]
