"""A network run through whole records, its state carried along, or set back every so many seconds."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from train.study.beats import F32, Beats
from train.study.config import CLASSES, TaskConfig
from train.study.zoo import Stream

CHUNK = 2048
"""Samples at once; a multiple of every stride."""

MOST_SAMPLES = 250_000
"""Of all rows together, when stretches are run beside each other."""


@torch.no_grad()
def carried(net: Stream, beats: Beats, task: TaskConfig) -> F32:
    """Logits (n, 4) of all beats, from their records' first lead; `task.reset_s` above 0 sets the state back."""
    net.eval()
    return _reset(net, beats, task) if task.reset_s else _through(net, beats, task)


def _through(net: Stream, beats: Beats, task: TaskConfig) -> F32:
    """All records beside each other, chunk after chunk."""
    asked = beats.asked_at(task)
    end = int(asked.max()) + 1 if len(asked) else 0
    n = -(-end // CHUNK) * CHUNK
    front = -(-max(net.context, net.reach) // net.stride) * net.stride
    x = torch.zeros(len(beats.leads), front + n)
    for row, lead in enumerate(beats.leads):
        length = min(n, len(lead.x))
        x[row, front : front + length] = torch.from_numpy(lead.x[:length, 0])
    out = np.zeros((len(beats), len(CLASSES)), np.float32)
    state: Any = None
    tail: torch.Tensor | None = None
    for start in range(0, n, CHUNK):
        piece = x[:, front + start - net.context : front + start + CHUNK]
        h, state = net.run(piece, state, net.context)
        if net.reach and net.stride == 1:
            before = h.new_zeros(len(h), net.reach, h.shape[2]) if tail is None else tail
            h = torch.cat([before, h], 1)
            tail = h[:, -net.reach :]
        here = np.flatnonzero((asked >= start) & (asked < start + CHUNK))
        if len(here):
            seen = x[:, front + start - net.reach : front + start + CHUNK]
            at = torch.from_numpy(asked[here] - start + net.reach)
            out[here] = net.answer(h, seen, torch.from_numpy(beats.lead[here]), at).numpy()
    return out


def _reset(net: Stream, beats: Beats, task: TaskConfig) -> F32:
    """Every stretch of `reset_s` from a state of zeros, many beside each other."""
    if net.context or net.reach:
        raise ValueError("a state can be set back where there is nothing beside it: rnn, lstm, gru")
    n = round(task.reset_s * beats.fs)
    asked = beats.asked_at(task)
    stretch = asked // n
    names, row = np.unique(np.stack([beats.lead, stretch]), axis=1, return_inverse=True)
    row = row.reshape(-1)
    out = np.zeros((len(beats), len(CLASSES)), np.float32)
    size = max(1, MOST_SAMPLES // n)
    for start in range(0, names.shape[1], size):
        some = names[:, start : start + size].T
        x = np.zeros((len(some), n), np.float32)
        for i, (lead, k) in enumerate(some):
            piece = beats.leads[lead].x[k * n : (k + 1) * n, 0]
            x[i, : len(piece)] = piece
        given = torch.from_numpy(x)
        h, _ = net.run(given)
        here = np.flatnonzero((row >= start) & (row < start + size))
        at = torch.from_numpy(asked[here] - stretch[here] * n)
        out[here] = net.answer(h, given, torch.from_numpy(row[here] - start), at).numpy()
    return out
