"""Batches drawn ahead of the training by processes of their own, into memory that they share with it."""

from __future__ import annotations

import mmap
import signal
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from train.fit_gru import Feeder

COLUMNS = {"x": np.float32, "qrs": np.uint8, "weight": np.uint8, "now": np.int8, "before": np.int8}
"""What :meth:`Feeder.draw` gives, as it is kept: its targets are small whole numbers."""

AHEAD = 3
"""Rounds that are in memory: one is trained on while the others are drawn."""

Slot = dict[str, NDArray[np.generic]]


class DrawsAhead:
    """The batches of several networks, round by round, as :meth:`Feeder.draw` would draw each.

    Parameters
    ----------
    feeders : sequence of Feeder
        One a network.
    seeds : sequence of int
        Of each network; the batch of round k is drawn with ``seed + k``.
    shape : (int, int)
        Strips in a batch, samples in a strip.
    rounds : range
        Which are wanted. Drawing begins at once.
    n_processes : int
        They are forked, so that the patients are in memory once.
    """

    def __init__(
        self,
        feeders: Sequence[Feeder],
        seeds: Sequence[int],
        shape: tuple[int, int],
        rounds: range,
        n_processes: int,
    ) -> None:
        self._seeds = seeds
        self._slots = [_shared((len(feeders), *shape)) for _ in range(AHEAD)]
        self._pool = ProcessPoolExecutor(
            n_processes, get_context("fork"), initializer=_begin, initargs=(feeders, self._slots)
        )
        self._left = iter(rounds)
        self._waiting: deque[tuple[int, list[Future[None]]]] = deque()
        for _ in range(AHEAD):
            self._ask()

    def __iter__(self) -> Iterator[tuple[Tensor, ...]]:
        """Round by round x, qrs, weight, now, before, each (n_networks, batch, n); good until the next is asked for."""
        while self._waiting:
            k, drawing = self._waiting.popleft()
            for one in drawing:
                one.result()
            yield tuple(torch.from_numpy(column) for column in self._slots[k % AHEAD].values())
            self._ask()

    def _ask(self) -> None:
        k = next(self._left, None)
        if k is not None:
            drawing = [self._pool.submit(_draw, k % AHEAD, m, seed + k) for m, seed in enumerate(self._seeds)]
            self._waiting.append((k, drawing))

    def close(self) -> None:
        """End the processes; what they have not begun is not drawn."""
        self._pool.shutdown(wait=True, cancel_futures=True)


def _shared(shape: tuple[int, int, int]) -> Slot:
    """Arrays of :data:`COLUMNS` in memory that forked processes write to as well."""
    n = int(np.prod(shape))
    memory = mmap.mmap(-1, n * sum(np.dtype(kind).itemsize for kind in COLUMNS.values()))
    slot, at = {}, 0
    for name, kind in COLUMNS.items():
        slot[name] = np.frombuffer(memory, kind, n, at).reshape(shape)
        at += slot[name].nbytes
    return slot


_given: list[tuple[Sequence[Feeder], list[Slot]]] = []


def _begin(feeders: Sequence[Feeder], slots: list[Slot]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the training itself is asked to stop, and ends these
    _given.append((feeders, slots))


def _draw(slot: int, network: int, seed: int) -> None:
    feeders, slots = _given[0]
    for column, drawn in zip(slots[slot].values(), feeders[network].draw(seed), strict=True):
        column[network] = drawn.numpy()
