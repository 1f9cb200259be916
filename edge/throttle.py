"""At most so many of one kind in so long: a fault that repeats must not flood those who read. Pure."""

from __future__ import annotations

from collections import deque


class Throttle:
    """Lets `n` of a kind pass in any `per_s` seconds, and says how many it held back in between."""

    def __init__(self, n: int, per_s: float) -> None:
        self._n, self._per_s = n, per_s
        self._passed: dict[str, deque[float]] = {}
        self._held: dict[str, int] = {}

    def push(self, kind: str, t_s: float) -> int | None:
        """None: hold this one back. Else let it pass; the number held back since the last that passed."""
        if self.is_full(kind, t_s):
            self._held[kind] = self._held.get(kind, 0) + 1
            return None
        self._passed.setdefault(kind, deque(maxlen=self._n)).append(t_s)
        return self._held.pop(kind, 0)

    def is_full(self, kind: str, t_s: float) -> bool:
        """Whether the next of this kind would be held back."""
        passed = self._passed.get(kind)
        return passed is not None and len(passed) == self._n and t_s - passed[0] < self._per_s

    def held(self, t_s: float, over: bool = True) -> list[tuple[str, int]]:
        """Kinds held back and how often, of which nobody is told again; all that is long over is forgotten.

        Parameters
        ----------
        t_s : float
            Monotonic time [s].
        over : bool
            Only kinds of which nothing passed for `per_s`; else all.
        """
        gone = [kind for kind, passed in self._passed.items() if not over or t_s - passed[-1] >= self._per_s]
        for kind in gone:
            del self._passed[kind]
        return [(kind, self._held.pop(kind)) for kind in gone if kind in self._held]
