"""Whatever comes in whatever order: nothing is raised, every number is finite, every beat has its answers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.pipeline import Item
from edge.types import Beat, Command, LinkState, Status
from firmware_bridge.types import Gap, SampleBlock

wild = st.sampled_from([math.nan, math.inf, -math.inf, 1e30, 3.3, -32.768, 399.0, 0.0])
steps = st.one_of(
    st.tuples(st.just("heart"), st.integers(1, 900), st.integers(0, 3000)),
    st.tuples(st.just("off"), st.integers(1, 600), st.just(0)),
    st.tuples(st.just("level"), st.integers(1, 700), wild),
    st.tuples(st.just("noise"), st.integers(1, 400), st.sampled_from([0.001, 0.5, 50.0, 1e6])),
    st.tuples(st.just("gap"), st.integers(0, 2000), st.sampled_from(["lost", "reboot", "no_signal"])),
    st.tuples(st.just("jump"), st.integers(-1000, 1000), st.just(0)),
    st.tuples(st.just("rate"), st.sampled_from([100.0, 250.0, 360.0]), st.just(0)),
    st.tuples(
        st.just("link"), st.sampled_from(["no_signal", "signal", "rate_mismatch", "rate_ok"]), st.just(0)
    ),
    st.tuples(st.just("command"), st.sampled_from(["ack", "reset"]), st.just(0)),
)


class Device:
    """Makes items of steps: where it is in the stream, and at what rate."""

    def __init__(self, mv: np.ndarray) -> None:
        self._mv, self._at, self._fs = mv, 0, 250.0
        self._rng = np.random.default_rng(0)

    def items(self, what: str, n: Any, value: Any) -> list[Item]:
        if what == "gap":
            self._at += n
            return [Gap(self._at - n, n, value)]
        if what == "link":
            return [LinkState(n)]
        if what == "command":
            return [Command(n)]
        if what == "jump":
            self._at = max(0, self._at + n)
        elif what == "rate":
            self._fs = n
        else:
            return [self._block(what, n, value)]
        return []

    def _block(self, what: str, n: int, value: Any) -> SampleBlock:
        mv = self._mv[value : value + n] if what == "heart" else np.full((n, 1), value, np.float32)
        if what == "noise":
            mv = (value * self._rng.standard_normal((n, 1))).astype(np.float32)
        self._at += n
        return SampleBlock("bed", self._at - n, self._fs, mv, ("MLII",), int(what == "off"))


@settings(max_examples=60, deadline=None)
@given(plan=st.lists(steps, max_size=25))
def test_events_when_anything_comes_then_finite_and_every_beat_answered(ward: Any, plan: list[Any]) -> None:
    device = Device(ward.heart("sinus:60s rate=78", 30).mv)
    answers = ward.push([i for step in plan for i in device.items(*step)], 250.0, ward.pipeline(100.0))
    open_id = None
    for event in answers.events:
        if isinstance(event, Beat):
            numbers = (*event.probs, event.sqi, event.r_peak.amp_mv, event.r_peak.prob, event.rr_s or 0.0)
            assert np.isfinite(numbers).all()
            assert sum(event.probs) == 1.0 or abs(sum(event.probs) - 1.0) < 1e-5
            assert event.rr_s is None or event.rr_s > 0.1
            if event.final:
                assert event.id == open_id
            else:
                assert open_id is None or event.id == open_id + 1
                assert event.at >= event.r_peak.sample
            open_id = None if event.final else event.id
        elif isinstance(event, Status):
            assert (event.hr_bpm is None) == (event.reason is not None)
            assert event.hr_bpm is None or 10.0 < event.hr_bpm < 400.0
            assert 0.0 <= event.sqi <= 1.0
    if answers.of(Beat):
        answers.check_ids()
