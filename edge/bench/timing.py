"""How long one call takes: the median over batches, so that one interruption does not count."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from time import perf_counter_ns


def median_us(act: Callable[[], object], per_batch: int = 20, n_batches: int = 250) -> float:
    """Microseconds of one call of `act`: median over `n_batches` batches of `per_batch` calls, after one more."""
    took = []
    for _ in range(n_batches + 1):
        begun = perf_counter_ns()
        for _ in range(per_batch):
            act()
        took.append(perf_counter_ns() - begun)
    return statistics.median(took[1:]) / per_batch / 1000.0
