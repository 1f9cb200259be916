"""Samples, one by one or many at a time, to blocks: cut where `lead_off` or `clipped` changes, gaps in place."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from firmware_bridge.devices.rows import I64, stretches
from firmware_bridge.types import F32, Gap, LinkStats, SampleBlock


def samples_between(before_s: float | None, now_s: float | None, fs: float) -> int:
    """Give how many samples a closed link cost, by receive times; 0 where they are not known."""
    if before_s is None or now_s is None:
        return 0
    return max(0, round((now_s - before_s) * fs))


class BlockBuilder:
    """Gathers the samples of one `feed`.

    Parameters
    ----------
    device_id : str
        Goes into each block.
    leads : tuple of str
        One name for each value of a sample.
    fs : float
        Rate in Hz; may be set later, before the first `take`.
    stats : LinkStats
        `n_samples` and `n_lost` are counted here.
    """

    __slots__ = (
        "_leads", "_n_parts", "_out", "_pace", "_parts", "_rows", "_state", "_stats", "_total", "device_id", "fs",
    )  # fmt: skip

    def __init__(self, device_id: str, leads: tuple[str, ...], fs: float, stats: LinkStats) -> None:
        self.device_id = device_id
        self._leads = leads
        self._stats = stats
        self._rows: list[Sequence[float]] = []
        self._parts: list[F32] = []
        self._n_parts = 0
        self._out: list[SampleBlock | Gap] = []
        self._pace: list[int] = []
        self._state = (0, 0)
        self._total = 0
        self.fs = fs

    @property
    def total(self) -> int:
        """Samples since the stream began, losses included."""
        return self._total + self._n_parts + len(self._rows)

    def add(self, row: Sequence[float], lead_off: int = 0, clipped: int = 0, paced: bool = False) -> None:
        """Take one sample: its values in mV, one for each lead; bits and flag as in `SampleBlock`."""
        if (lead_off, clipped) != self._state:
            self._cut()
            self._state = (lead_off, clipped)
        if paced:
            self._pace.append(self.total)
        self._rows.append(row)

    def extend(self, mv: F32, lead_off: int = 0, clipped: int = 0, pace: Sequence[int] = ()) -> None:
        """Take many samples: float32 `mv` (n, n_leads) in mV; `pace` counts from the first of them."""
        if (lead_off, clipped) != self._state:
            self._cut()
            self._state = (lead_off, clipped)
        self._pack()
        self._pace += [self.total + at for at in pace]
        self._parts.append(mv)
        self._n_parts += len(mv)

    def extend_as(self, mv: F32, lead_off: I64, clipped: I64, pace: Sequence[int] = ()) -> None:
        """As `extend`, of each of the samples its own `lead_off` and `clipped`, int64 (n,): cut where they change."""
        edges = stretches(lead_off << 8 | clipped)
        states = list(zip(lead_off[edges[:-1]].tolist(), clipped[edges[:-1]].tolist(), strict=True))
        last = len(states) - 1
        for k, (start, end) in enumerate(pairwise(edges)):
            if 0 < k < last and not pace:  # whole as it is; there may be as many as samples
                self._out.append(
                    SampleBlock(self.device_id, self._total, self.fs, mv[start:end], self._leads, *states[k])
                )
                self._total += end - start
                self._stats.n_samples += end - start
                continue
            self.extend(mv[start:end], *states[k], [at - start for at in pace if start <= at < end])
            if k == 0 < last:
                self._cut()

    def set_fs(self, fs: float) -> None:
        """The device says that what follows comes at another rate [Hz]."""
        self._cut()
        self.fs = fs

    def gap(self, n_lost: int, reason: str) -> None:
        """Say that `n_lost` samples are missing here."""
        self._cut()
        self._out.append(Gap(self._total, n_lost, reason))
        self._total += n_lost
        self._stats.n_lost += n_lost

    def take(self) -> list[SampleBlock | Gap]:
        """Give what was gathered since the last call."""
        self._cut()
        out = self._out
        self._out = []
        return out

    def _pack(self) -> None:
        """Make an array of the rows at hand."""
        if self._rows:
            self._parts.append(np.array(self._rows, np.float32).reshape(-1, len(self._leads)))
            self._n_parts += len(self._rows)
            self._rows.clear()

    def _cut(self) -> None:
        self._pack()
        if not self._parts:
            return
        mv = self._parts[0] if len(self._parts) == 1 else np.concatenate(self._parts)
        self._parts.clear()
        self._n_parts = 0
        block = SampleBlock(
            self.device_id, self._total, self.fs, mv, self._leads, *self._state, pace=tuple(self._pace)
        )
        self._pace.clear()
        self._out.append(block)
        self._total += len(mv)
        self._stats.n_samples += len(mv)
