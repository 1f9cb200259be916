"""MQTT messages as a stream: any cut of the bytes gives the same samples."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.envelope import EnvelopeDecoder, wrap
from firmware_bridge.device import DecoderOptions, EncoderOptions
from firmware_bridge.mqtt_payload import ENCODERS, MAX_BYTES
from firmware_bridge.types import SampleBlock


def stream(form: str, n_messages: int = 4) -> bytes:
    encoder = ENCODERS[form](EncoderOptions(250.0, ("II",)))
    mv = (np.arange(25, dtype=np.float32) / 1000.0)[:, None]
    messages = encoder.hello() + [m for _ in range(n_messages) for m in encoder.encode(mv)]
    return b"".join(wrap(m.suffix, m.payload) for m in messages)


def samples(decoder: EnvelopeDecoder, parts: list[bytes]) -> list[float]:
    blocks = [item for part in parts for item in decoder.feed(part) if isinstance(item, SampleBlock)]
    return [x for block in blocks for x in block.mv[:, 0].tolist()]


@settings(max_examples=60, derandomize=True, deadline=None)
@given(st.sampled_from(sorted(ENCODERS)), st.lists(st.integers(0, 2000), max_size=8))
def test_envelope_when_cut_anywhere_then_the_same_samples(form: str, cuts: list[int]) -> None:
    data = stream(form)
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    parts = [data[a:b] for a, b in zip(edges, edges[1:], strict=False)]
    whole = samples(EnvelopeDecoder(DecoderOptions()), [data])
    assert len(whole) == 100
    assert samples(EnvelopeDecoder(DecoderOptions()), parts) == whole


def test_envelope_when_a_payload_is_too_long_then_counted_and_the_next_is_read() -> None:
    decoder = EnvelopeDecoder(DecoderOptions())
    got = samples(decoder, [wrap("json", bytes(10 * MAX_BYTES)) + stream("mqtt-json")])
    assert len(got) == 100
    assert decoder.stats.n_rejected == 1


def test_envelope_when_reset_then_half_a_message_is_forgotten() -> None:
    decoder = EnvelopeDecoder(DecoderOptions())
    decoder.feed(stream("mqtt-json")[:40])
    decoder.reset()
    assert len(samples(decoder, [stream("mqtt-json")])) == 100


def test_envelope_when_the_topic_is_hostile_then_counted() -> None:
    decoder = EnvelopeDecoder(DecoderOptions())
    assert decoder.feed(wrap("\x1b]0;x" * 100, b"x") + wrap("", b"")) == []
    assert decoder.stats.n_unknown == 2
