"""Alive is who does his work to the end: bad news keep the watchdog fed, a dead analysis or a stuck thread does not."""

from __future__ import annotations

from edge.pulse import BEHIND_S, Pulse

FS = 250.0


def test_pulse_when_states_go_out_then_fed_once_for_each() -> None:
    pulse = Pulse()
    assert not pulse.poll(0, FS, "", False)
    pulse.answered(10)
    pulse.said()
    assert pulse.poll(20, FS, "", False)
    assert not pulse.poll(20, FS, "", False)
    pulse.said()
    pulse.said()
    assert pulse.poll(20, FS, "", False)
    assert not pulse.poll(20, FS, "", False)


def test_pulse_when_no_sample_ever_came_but_states_of_silence_go_out_then_fed() -> None:
    pulse = Pulse()
    for _ in range(100):
        pulse.said()
        assert pulse.poll(-1, 0.0, "", False)


def test_pulse_when_the_analysis_leaves_samples_unanswered_then_not_fed_until_it_answers() -> None:
    pulse = Pulse()
    pulse.answered(1000)
    pulse.said()
    late = 1000 + int((BEHIND_S + 1) * FS)
    assert not pulse.poll(late, FS, "", True)
    assert pulse.trouble == "no answer of the analysis to 6 s of samples"
    pulse.answered(late)
    pulse.said()
    assert pulse.poll(late, FS, "", False)
    assert pulse.trouble == ""


def test_pulse_when_a_device_trickles_then_that_is_no_death_of_ours() -> None:
    pulse = Pulse()
    pulse.answered(1000)
    pulse.said()
    assert pulse.poll(1000 + int(BEHIND_S * FS), FS, "", True)


def test_pulse_when_something_is_stuck_then_not_fed_though_states_go_out() -> None:
    pulse = Pulse()
    for _ in range(3):
        pulse.said()
        assert not pulse.poll(0, FS, "the dialler", False)
    assert pulse.trouble == "the dialler"
    assert not pulse.poll(0, FS, "", False), "what was said meanwhile does not count"
    pulse.said()
    assert pulse.poll(0, FS, "", False)
