"""Models that are watched: the same answers, bit for bit, and traces of what really ran."""

from __future__ import annotations

import numpy as np
import pytest

from edge.artefact import Models, load_models
from edge.explain.seen import TRAIL_S, Watch
from edge.pipeline import Pipeline
from edge.types import Event, WaveChunk
from firmware_bridge.patient import VirtualPatient
from firmware_bridge.types import Gap, SampleBlock

FS = 250.0
SCRIPT = "sinus:12s rate=75 pvc=0.2; lead_off:3s; vt:6s; bigeminy:8s"


@pytest.fixture(scope="module")
def models() -> Models:
    return load_models()


def said(models: Models, chunk: int, personal: str = "off") -> list[object]:
    """All events of a stream with everything in it: ectopy, an electrode off, a lethal alarm, a gap."""
    stream = VirtualPatient(FS, 4, SCRIPT).read(round(29 * FS))
    pipeline = Pipeline(models, wave_ms=0.0, personal=personal)
    out: list[Event] = []
    for k in range(0, len(stream.mv), chunk):
        if k <= 5000 < k + chunk:
            out += pipeline.push(Gap(k, chunk))
            continue
        bits = 1 if stream.lead_off[k : k + chunk].any() else 0
        out += pipeline.push(SampleBlock("bed", k, FS, stream.mv[k : k + chunk], ("II",), bits))
    return [event for event in out if not isinstance(event, WaveChunk)]


@pytest.mark.parametrize(("chunk", "personal"), [(5, "off"), (250, "self")])
def test_events_when_watched_then_the_same_bit_for_bit(models: Models, chunk: int, personal: str) -> None:
    watch = Watch(models.fs)
    plain, watched = said(models, chunk, personal), said(watch.over(models), chunk, personal)
    assert watched == plain
    assert len(plain) > 60
    assert any(getattr(event, "name", "") == "vt" for event in plain)
    assert watch.look is not None


def test_look_when_a_beat_was_answered_then_the_same_inputs_give_what_was_kept(models: Models) -> None:
    watch = Watch(models.fs)
    said(watch.over(models), 25)
    look = watch.look
    assert look is not None
    assert (models.beat_cnn.logits(look.image) == look.cnn).all()
    memory = models.fusion.new_state()
    memory.s = look.memory
    early, before = models.fusion.step(look.row, memory)
    assert (early == look.early).all()
    assert (before == look.before).all()
    assert len(look.trail) == round(TRAIL_S * models.fs)
    state = models.gru.new_state()
    state.s = look.trail[0][1]
    for x, s, y in look.trail[1:]:
        assert (models.gru.step(x, state) == y).all()
        assert (state.s == s).all()


def test_trail_when_the_state_begins_anew_then_nothing_of_before_is_in_it(models: Models) -> None:
    watch = Watch(models.fs)
    watched = watch.over(models)
    state, memory = watched.gru.new_state(), watched.fusion.new_state()
    for x in np.linspace(0.0, 1.0, 40):
        watched.gru.step(float(x), state)
    state.reset()
    for x in (0.25, 0.5):
        watched.gru.step(x, state)
    watched.beat_cnn.logits(np.zeros((128, 3), np.float32))
    watched.fusion.step(np.zeros(33, np.float32), memory)
    assert watch.look is not None
    assert [x for x, _, _ in watch.look.trail] == [0.25, 0.5]


def test_look_when_only_the_fusion_ran_then_there_is_none(models: Models) -> None:
    watch = Watch(models.fs)
    watched = watch.over(models)
    watched.gru.step(0.1, watched.gru.new_state())
    watched.fusion.step(np.zeros(33, np.float32), watched.fusion.new_state())
    assert watch.look is None
