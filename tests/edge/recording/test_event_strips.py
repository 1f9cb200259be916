from __future__ import annotations

from collections.abc import Callable

import numpy as np

from edge.recording.annotations import Mark
from edge.recording.event_strips import EventStrips, Strip
from edge.recording.segments import Arrived, Segmenter
from edge.types import Alarm

Alarms = Callable[..., Alarm]


def played(strips: EventStrips, arrived: Callable[..., Arrived], seconds: int) -> list[Strip]:
    segmenter, out = Segmenter(), []
    for k in range(seconds):
        for piece in segmenter.push(arrived(250 * k, 250)):
            strips.samples(piece)
        strips.marks([Mark(250 * k + 10, "N")])
        out += strips.ready(250 * k)
    return out


def test_ready_when_an_alarm_came_then_ten_seconds_before_to_twenty_after(
    arrived: Callable[..., Arrived], alarm: Alarms
) -> None:
    strips = EventStrips("bed4")
    assert played(strips, arrived, 15) == []
    strips.alarm(alarm("vt", 3500))
    segmenter = Segmenter()
    found = []
    for k in range(45):
        for piece in segmenter.push(arrived(250 * k, 250)):
            if k >= 15:
                strips.samples(piece)
        found += strips.ready(250 * k)
    (strip,) = found
    assert (strip.segment.start, strip.adc.shape) == (1000, (7500, 1))
    assert (strip.adc[:, 0] == (np.arange(1000, 8500) % 1000)).all()
    assert "vt (high): seen" in strip.svg
    assert [mark.sample for mark in strip.marks[:2]] == [1010, 1260]


def test_alarm_when_it_is_technical_or_goes_on_or_flaps_then_no_second_strip(
    arrived: Callable[..., Arrived], alarm: Alarms
) -> None:
    strips = EventStrips("bed4")
    played(strips, arrived, 20)
    strips.alarm(alarm("lead_off", 3000, kind="technical", priority="technical"))
    for at, state in ((4000, "active"), (4100, "active"), (4200, "cleared"), (4300, "active")):
        strips.alarm(alarm("vf", at, state))
    assert len(list(strips.ready())) == 1


def test_ready_when_the_stream_ends_then_the_strip_is_as_long_as_it_got(
    arrived: Callable[..., Arrived], alarm: Alarms
) -> None:
    strips = EventStrips("bed4")
    played(strips, arrived, 20)
    strips.alarm(alarm("asystole", 4900))
    (strip,) = strips.ready()
    assert strip.segment.start + strip.adc.shape[0] == 5000
