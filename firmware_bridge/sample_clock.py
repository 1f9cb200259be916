"""When a sample was: the device's count of samples against the host's clock. Pure: times are arguments."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable


class Sums:
    """A straight line by least squares through points that come and go, at the same cost however many there are.

    Parameters
    ----------
    points : iterable of (int, float)
        The first points: x and y.
    """

    __slots__ = ("_n", "_origin", "_x", "_xx", "_xy", "_y")

    def __init__(self, points: Iterable[tuple[int, float]] = ()) -> None:
        self._origin: tuple[int, float] | None = None
        self._n = self._x = self._xx = 0
        self._y = self._xy = 0.0
        for point in points:
            self.add(*point)

    def add(self, x: int, y: float) -> None:
        """Take a point in."""
        self._change(x, y, 1)

    def drop(self, x: int, y: float) -> None:
        """Take out a point that was taken in."""
        self._change(x, y, -1)

    def _change(self, x: int, y: float, sign: int) -> None:
        if self._origin is None:
            self._origin = x, y
        dx, dy = x - self._origin[0], y - self._origin[1]
        self._n += sign
        self._x += sign * dx
        self._xx += sign * dx * dx
        self._y += sign * dy
        self._xy += sign * dx * dy

    def line(self) -> tuple[float, float, float]:
        """Mean of x, mean of y, and slope (0 where all x are the same); there must be a point."""
        assert self._origin is not None
        n = self._n
        wide = n * self._xx - self._x * self._x
        slope = (n * self._xy - self._x * self._y) / wide if wide else 0.0
        return self._origin[0] + self._x / n, self._origin[1] + self._y / n, slope


class SampleClock:
    """Sample index to UTC: smooth, never backwards, and within milliseconds of the truth.

    A delay on the way is never negative, so of every second the arrival with the least delay is kept; a line
    through these minima of the last ten minutes gives the device's rate and offset. What is given out follows
    that line with a bounded slew, through a chain of straight pieces, so that a stamp once given stays true.

    Parameters
    ----------
    fs : float
        The nominal rate in Hz.

    Notes
    -----
    A jump of the host's clock or of the device's count is believed when three seconds in a row agree on it; until
    then a second that is off is a stall on the way. Forwards it is taken at once; backwards the stamps go on at
    half speed until the time has caught up. The rate once fitted is kept over both: the crystal is the same.
    """

    BUCKET_S = 1.0
    N_POINTS = 600
    MIN_FIT = 30
    OFF_S = 0.1
    STEP_S = 0.5
    SLEW = 0.02
    CATCH_UP_S = 5.0

    def __init__(self, fs: float) -> None:
        self._fs = fs
        self._points: deque[tuple[int, float]] = deque(maxlen=self.N_POINTS)
        self._sums = Sums()
        self._n_added = 0
        self._slope = self._mean_index = self._mean_delay = 0.0
        self._best: tuple[int, float] | None = None
        self._edge = 0
        self._n_off = 0
        self._starts: list[int] = []
        self._pieces: list[tuple[int, float, float]] = []
        self.fs_est = fs

    @property
    def drift_ppm(self) -> float:
        """How much faster than nominal the device's clock runs, in millionths; 0 until 30 s were seen."""
        return (self.fs_est / self._fs - 1) * 1e6

    def push(self, index: int, utc_s: float) -> None:
        """Say that sample `index` had arrived by `utc_s`, in seconds since 1970."""
        if not self._pieces:
            self._edge = index
            self._add_piece(index, utc_s, 1 / self._fs)
        if index >= self._edge + self._fs * self.BUCKET_S:
            if self._best is not None:
                self._close(self._best, index)
            self._best = None
            self._edge = index
        delay = utc_s - index / self._fs
        if self._best is None or delay < self._best[1]:
            self._best = (index, delay)

    def utc_s(self, index: int) -> float:
        """Give the time of sample `index`, in seconds since 1970.

        Raises
        ------
        LookupError
            Before the first `push`.
        """
        if not self._pieces:
            raise LookupError(f"got sample {index}, expected a push first, in SampleClock; push one")
        at, utc_s, period = self._pieces[-1]  # nearly always
        if index < at:
            at, utc_s, period = self._pieces[max(0, bisect_right(self._starts, index) - 1)]
        return utc_s + (index - at) * period

    def restart(self) -> None:
        """Forget the fit: the device rebooted. Stamps given so far stay; the next are no earlier."""
        self._points.clear()
        self._sums = Sums()
        self._best = None
        self._n_off = 0
        self._edge = -(10**18)

    def _close(self, best: tuple[int, float], now: int) -> None:
        """Take the least delay of a second, and bend the chain towards the new line."""
        seen = best[1] + best[0] / self._fs
        off = self._line(best[0]) - seen if self._points else 0.0
        self._n_off = self._n_off + 1 if abs(off) > self.OFF_S else 0
        if 0 < self._n_off < 3:
            return
        if self._n_off >= 3:
            self._points.clear()
            self._sums = Sums()
            self._n_off = 0
        if len(self._points) == self.N_POINTS:
            self._sums.drop(*self._points[0])
        self._points.append(best)
        self._sums.add(*best)
        self._n_added += 1
        if self._n_added % self.N_POINTS == 0:  # rounding must not add up over the days
            self._sums = Sums(self._points)
        self._fit()
        self._bend(now, self.utc_s(now))

    def _bend(self, now: int, utc_s: float) -> None:
        """Lead the chain from `utc_s` at sample `now` back to the line, and then along it."""
        error = self._line(now) - utc_s
        nominal = 1 / self.fs_est
        if error > self.STEP_S:
            self._add_piece(now, utc_s + error, nominal)
            return
        slew = -0.5 if error < -self.STEP_S else min(max(error / self.CATCH_UP_S, -self.SLEW), self.SLEW)
        self._add_piece(now, utc_s, nominal * (1 + slew))
        if slew:
            n = max(1, round(error / slew * self.fs_est))
            self._add_piece(now + n, utc_s + n * nominal * (1 + slew), nominal)

    def _line(self, index: int) -> float:
        """The fitted time of sample `index`."""
        return self._mean_delay + (index - self._mean_index) * self._slope + index / self._fs

    def _fit(self) -> None:
        """Take the line from its sums; the slope is as known before, at first nominal, until 30 points are there."""
        self._mean_index, self._mean_delay, slope = self._sums.line()
        if len(self._points) >= self.MIN_FIT:
            self._slope = slope
        self.fs_est = 1 / (1 / self._fs + self._slope)

    def _add_piece(self, index: int, utc_s: float, period: float) -> None:
        while self._starts and self._starts[-1] >= index:  # what was to come is overtaken
            del self._starts[-1], self._pieces[-1]
        self._starts.append(index)
        self._pieces.append((index, utc_s, period))
        if len(self._starts) > 128:
            del self._starts[:64], self._pieces[:64]
