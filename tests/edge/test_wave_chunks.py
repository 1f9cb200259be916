from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.types import WaveChunk
from edge.wave_chunks import WaveChunker
from firmware_bridge.types import SampleBlock


def _block(
    start: int, n: int, fs: float = 250.0, leads: tuple[str, ...] = ("I", "II"), off: int = 0
) -> SampleBlock:
    mv = np.stack([np.arange(start, start + n)] * len(leads), 1).astype(np.float32)
    return SampleBlock("d", start, fs, mv, leads, off)


def _facts(chunks: list[WaveChunk]) -> list[tuple[object, ...]]:
    return [(c.start, c.fs, c.mv.tobytes(), c.mv.shape, c.mv.dtype, c.leads, c.at) for c in chunks]


@settings(max_examples=60, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 90), min_size=1, max_size=12), chunk_ms=st.sampled_from([4.0, 100.0, 250.0])
)
def test_push_when_cut_in_any_way_then_the_same_chunks(sizes: list[int], chunk_ms: float) -> None:
    total = sum(sizes)
    whole, parts = WaveChunker(chunk_ms), WaveChunker(chunk_ms)
    expected = whole.push(_block(0, total)) + whole.flush()
    got, at = [], 0
    for i, n in enumerate(sizes):
        got += parts.push(_block(at, n, off=i % 2))
        at += n
    assert _facts(got + parts.flush()) == _facts(expected)
    assert sum(len(c.mv) for c in expected) == total


def test_push_when_chunk_is_full_then_given_with_its_last_sample() -> None:
    chunker = WaveChunker(100.0)
    assert chunker.push(_block(1000, 24)) == []
    (chunk,) = chunker.push(_block(1024, 3))
    assert (chunk.start, chunk.at, chunk.mv.shape) == (1000, 1024, (25, 2))
    assert chunk.mv[:, 0].tolist() == list(range(1000, 1025))


def test_push_when_samples_are_missing_then_no_chunk_reaches_across() -> None:
    chunker = WaveChunker(100.0)
    chunker.push(_block(0, 10))
    (first,) = chunker.push(_block(20, 10))
    (second,) = chunker.flush()
    assert (first.start, len(first.mv), first.at) == (0, 10, 9)
    assert (second.start, len(second.mv), second.at) == (20, 10, 29)


def test_push_when_rate_or_leads_change_then_a_new_chunk_of_its_own_length() -> None:
    chunker = WaveChunker(100.0)
    chunker.push(_block(0, 10))
    chunks = chunker.push(_block(10, 120, fs=500.0))
    assert [(c.fs, len(c.mv)) for c in chunks] == [(250.0, 10), (500.0, 50), (500.0, 50)]
    chunks = chunker.push(_block(130, 50, fs=500.0, leads=("V1",)))
    assert [(c.leads, len(c.mv)) for c in chunks] == [(("I", "II"), 20), (("V1",), 50)]


def test_push_when_chunks_are_not_wanted_then_none() -> None:
    chunker = WaveChunker(0.0)
    assert chunker.push(_block(0, 5000)) == []
    assert chunker.flush() == []


def test_n_missing_when_a_chunk_is_collected_then_what_it_lacks() -> None:
    chunker = WaveChunker(100.0)
    assert chunker.n_missing is None
    chunker.push(_block(0, 10))
    assert chunker.n_missing == 15
    chunker.push(_block(10, 15))
    assert chunker.n_missing == 25


def test_n_missing_when_every_block_is_a_chunk_then_a_whole_one() -> None:
    chunker = WaveChunker(4.0)
    chunker.push(_block(0, 1))
    assert chunker.n_missing == 1


def test_n_missing_when_no_chunks_are_wanted_then_none() -> None:
    chunker = WaveChunker(0.0)
    chunker.push(_block(0, 10))
    assert chunker.n_missing is None
