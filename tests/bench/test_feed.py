"""Which chunk is which, and what a process uses."""

from __future__ import annotations

import os
import re

import numpy as np
import pytest

from edge.bench.feed import Line, Passage
from edge.bench.process import cpu_s, rss_mb
from edge.waveform import encode_wave
from firmware_bridge.types import BadInput

N = 500
SENT_UV = np.random.default_rng(0).integers(-900, 900, N).astype(np.int16)


def passage() -> Passage:
    return Passage(SENT_UV, 360.0, sent_ns=[1_000_000 * k for k in range(N)])


def payload(first: int, last: int) -> bytes:
    return encode_wave(0, 0, (SENT_UV[first : last + 1] / 1000.0).astype(np.float32))


def test_arrived_when_a_chunk_comes_then_its_time_runs_from_its_last_sample() -> None:
    made = passage()
    made.arrived(payload(400, 435), 435_000_000 + 120_000)
    made.arrived(payload(436, 471), 471_000_000 + 80_000)
    assert made.latency_ns == [(435, 120_000), (471, 80_000)]
    assert made.latency_us(after_s=0.0).tolist() == [120.0, 80.0]
    assert made.latency_us(after_s=440 / 360.0).tolist() == [80.0]


def test_arrived_when_the_values_were_never_sent_then_it_is_an_error() -> None:
    wrong = encode_wave(0, 0, np.full(36, 1.234, np.float32))
    with pytest.raises(BadInput, match="did not go in"):
        passage().arrived(wrong, 0)


def test_line_when_nobody_reads_then_sending_fails_in_one_line() -> None:
    line = Line()
    assert re.match(r"/dev/", line.port)

    def fill() -> None:
        while True:
            line.send(b"x" * 1024)

    with pytest.raises(BadInput, match="stopped reading"):
        fill()
    line.close()


def test_process_when_it_works_then_its_time_and_memory_are_seen() -> None:
    before = cpu_s(os.getpid())
    sum(range(3_000_000))
    after, rss = cpu_s(os.getpid()), rss_mb(os.getpid())
    assert before is not None
    assert after is not None
    assert rss is not None
    assert after > before > 0.0
    assert 5.0 < rss < 10_000.0
