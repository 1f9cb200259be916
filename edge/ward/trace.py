"""The last seconds of one lead, coarse enough for a terminal: lowest and highest value of every 40 ms. Pure."""

from __future__ import annotations

from collections.abc import Sequence

COLUMN_MS = 40.0
"""A column of dots: 25 to the second, as 25 mm/s on paper."""
MAX_COLUMNS = 1024
HIGH_PASS_HZ = 0.5
"""An electrode's offset and slow wander would leave the screen; monitors show from 0.5 Hz up."""


class Trace:
    """Takes chunks with the UTC time of their first sample, keeps columns.

    Attributes
    ----------
    newest : int
        Number of the newest column: its UTC time in units of `COLUMN_MS`.
    """

    def __init__(self) -> None:
        self._columns: dict[int, tuple[float, float]] = {}
        self._last: float | None = None
        self._slow = 0.0
        self.newest = 0

    def push(self, t_ms: float, counts: Sequence[int | None], fs: float, scale_mv: float) -> None:
        """Take a chunk of one lead; a clock that was set begins anew."""
        first = int(t_ms // COLUMN_MS)
        if self._columns and not -2 <= first - self.newest <= MAX_COLUMNS:
            self._columns.clear()
            self._last = None
        keep = 1.0 / (1.0 + 6.2832 * HIGH_PASS_HZ / fs)
        for k, count in enumerate(counts):
            if count is None:
                self._last = None
                continue
            mv = count * scale_mv
            self._slow = 0.0 if self._last is None else keep * (self._slow + mv - self._last)
            self._last = mv
            at = int((t_ms + 1000.0 * k / fs) // COLUMN_MS)
            low, high = self._columns.get(at, (self._slow, self._slow))
            self._columns[at] = min(low, self._slow), max(high, self._slow)
        if self._columns:
            self.newest = max(self._columns)
            for old in [at for at in self._columns if at <= self.newest - MAX_COLUMNS]:
                del self._columns[old]

    def columns(self, n: int) -> list[tuple[float, float] | None]:
        """The last `n` columns: lowest and highest value [mV], None where nothing came."""
        return [self._columns.get(at) for at in range(self.newest - n + 1, self.newest + 1)]

    def place(self, t_ms: float, n: int) -> int | None:
        """Which of the last `n` columns a time belongs to; None for none of them."""
        x = int(t_ms // COLUMN_MS) - (self.newest - n + 1)
        return x if self._columns and 0 <= x < n else None
