"""The raw signal cut into chunks for display, the same ones however the bytes came."""

from __future__ import annotations

import numpy as np

from edge.types import WaveChunk
from firmware_bridge.types import F32, SampleBlock


class WaveChunker:
    """Collects blocks into chunks of a fixed number of samples; a gap or a new rate ends a chunk early.

    Parameters
    ----------
    chunk_ms : float
        Length of a chunk; 0 gives none.
    """

    def __init__(self, chunk_ms: float) -> None:
        self._chunk_ms = chunk_ms
        self._buffer: F32 = np.empty((0, 0), np.float32)
        self._first: SampleBlock | None = None
        self._start = 0
        self._fs, self._size = 0.0, 0
        self._n = 0

    @property
    def n_missing(self) -> int | None:
        """Samples that the chunk being collected still lacks; None while there is none to be given."""
        if self._size == 0:
            return None
        return self._size if self._first is None else self._size - self._n

    def push(self, block: SampleBlock) -> list[WaveChunk]:
        """Take a block, give the chunks that it completes."""
        first, n = self._first, block.mv.shape[0]
        out: list[WaveChunk] = []
        if first is not None and (
            block.start != self._start + self._n or block.fs != first.fs or block.leads != first.leads
        ):
            out, first = self.flush(), None
        if block.fs != self._fs:
            self._fs = block.fs
            self._size = max(1, round(self._chunk_ms * block.fs / 1000.0)) if self._chunk_ms > 0.0 else 0
        if self._size == 0:
            return out
        if first is None and n == self._size:  # as it is
            out.append(WaveChunk(block.start, block.fs, block.mv, block.leads, block.start + n - 1))
            return out
        at = 0
        while at < n:
            if self._first is None:
                self._begin(block, at)
            take = min(self._buffer.shape[0] - self._n, n - at)
            self._buffer[self._n : self._n + take] = block.mv[at : at + take]
            self._n += take
            at += take
            if self._n == self._buffer.shape[0]:
                out += self.flush()
        return out

    def flush(self) -> list[WaveChunk]:
        """Give what has been collected, if anything."""
        first = self._first
        if first is None:
            return []
        self._first = None
        return [
            WaveChunk(self._start, first.fs, self._buffer[: self._n], first.leads, self._start + self._n - 1)
        ]

    def _begin(self, block: SampleBlock, at: int) -> None:
        """A new chunk, its memory taken now rather than when a reader waits."""
        self._buffer = np.empty((self._size, block.mv.shape[1]), np.float32)
        self._first, self._start, self._n = block, block.start + at, 0
