"""The raw signal cut into chunks for display, the same ones however the bytes came."""

from __future__ import annotations

import numpy as np

from edge.types import WaveChunk
from firmware_bridge.types import SampleBlock


class WaveChunker:
    """Collects blocks into chunks of a fixed number of samples; a gap or a new rate ends a chunk early.

    Parameters
    ----------
    chunk_ms : float
        Length of a chunk; 0 gives none.
    """

    def __init__(self, chunk_ms: float) -> None:
        self._chunk_ms = chunk_ms
        self._parts: list[SampleBlock] = []
        self._n = 0
        self._size = 0

    def push(self, block: SampleBlock) -> list[WaveChunk]:
        """Take a block, give the chunks that it completes."""
        if self._chunk_ms <= 0.0:
            return []
        out: list[WaveChunk] = []
        if self._parts and (
            block.start != self._parts[-1].end
            or block.fs != self._parts[-1].fs
            or block.leads != self._parts[-1].leads
        ):
            out += self.flush()
        if not self._parts:
            self._size = max(1, round(self._chunk_ms * block.fs / 1000.0))
        at = 0
        n = block.mv.shape[0]
        while n - at >= self._size - self._n:
            take = self._size - self._n
            self._add(block, at, at + take)
            out += self.flush()
            at += take
        if at < n:
            self._add(block, at, n)
        return out

    def flush(self) -> list[WaveChunk]:
        """Give what has been collected, if anything."""
        if not self._parts:
            return []
        first, last = self._parts[0], self._parts[-1]
        mv = first.mv if len(self._parts) == 1 else np.concatenate([p.mv for p in self._parts])
        self._parts, self._n = [], 0
        return [WaveChunk(first.start, first.fs, mv, first.leads, last.end - 1)]

    def _add(self, block: SampleBlock, a: int, b: int) -> None:
        part = (
            block
            if a == 0 and b == block.mv.shape[0]
            else SampleBlock(
                block.device_id, block.start + a, block.fs, block.mv[a:b], block.leads, block.lead_off
            )
        )
        self._parts.append(part)
        self._n += b - a
