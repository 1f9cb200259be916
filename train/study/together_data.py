"""What a group of networks is shown, drawn beforehand: to each the very batches that it would be shown alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from train.study.beats import F32, I64, Beats, Strips, draws, gather, people, strips, thinned, windows
from train.study.config import Job
from train.study.fit import course, strip_weights


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """Stretches and the beats asked for in them, of one network: k steps, or looks, filled up to the same size.

    Attributes
    ----------
    x : ndarray of float32, shape (k, rows, n)
    there : ndarray of float32, shape (k, rows)
        0 for rows that only fill up.
    row, at, c : ndarray of int64, shape (k, m)
        Row, sample and class of each beat.
    weight : ndarray of float32, shape (k, m)
        What each counts; 0 for those that only fill up.
    """

    x: F32
    there: F32
    row: I64
    at: I64
    c: I64
    weight: F32


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """The whole training of one network: `rate` (k,) of each step, `ends` (epochs,) the step after which each ends."""

    shown: Shown
    rate: NDArray[np.float64]
    ends: list[int]
    looks: dict[str, Shown]


def drawn(job: Job) -> Course:
    """All that the network of this job is shown, with the beats of its fold."""
    inside, _ = people(job.fold, job.n_folds, job.task.patients)
    return course_of(job, gather(inside, job.task.fs), held_out_of(job))


def held_out_of(job: Job) -> Beats:
    """The beats that are scored in the job's fold."""
    _, held_out = people(job.fold, job.n_folds, job.task.patients)
    return gather(held_out, job.task.fs).until(job.budget.test_s)


def course_of(job: Job, beats: Beats, test: Beats) -> Course:
    """All that :func:`train.study.fit.train` would show the network of this job, in its order."""
    total = job.budget.epochs * job.budget.beats
    batches, rate, ends, n_shown = [], [], [], 0
    source = _batches(job, beats)
    for epoch in range(1, job.budget.epochs + 1):
        while n_shown < epoch * job.budget.beats:
            rate.append(job.budget.rate * course(n_shown / total))
            strip, weight = next(source)
            batches.append((strip, weight))
            n_shown += len(strip.c)
        ends.append(len(batches))
    return Course(filled(batches), np.array(rate), ends, _looks(job, {"train": beats, "test": test}))


def _batches(job: Job, beats: Beats) -> Iterator[tuple[Strips, F32]]:
    rng = np.random.default_rng([job.seed, 1])
    if job.task.mode == "window":
        draw = draws(beats, rng)
        while True:
            part = beats.part(draw(job.budget.batch))
            yield as_strips(windows(part, job.task, rng), part.c), np.ones(len(part), np.float32)
    weight = strip_weights(beats, job.task, job.budget.batch).numpy()
    for strip in strips(beats, job.task, rng, job.budget.batch):
        yield strip, weight[strip.c]


def _looks(job: Job, sides: dict[str, Beats]) -> dict[str, Shown]:
    out = {}
    for name, side in sides.items():
        if not len(side):
            continue
        if job.task.mode == "window":
            few = thinned(side, job.budget.curve_beats)
            one = as_strips(windows(few, job.task), few.c), few.weight.astype(np.float32)
        else:
            cut = next(strips(side, job.task, np.random.default_rng(1), job.budget.curve_beats))
            one = cut, np.ones(len(cut.c), np.float32)
        out[name] = filled([one])
    return out


def as_strips(x: F32, c: I64) -> Strips:
    """Windows as strips that are asked at their last sample."""
    row = np.arange(len(x))
    return Strips(x, row, np.full(len(x), x.shape[1] - 1), c)


def filled(batches: Sequence[tuple[Strips, F32]]) -> Shown:
    """Batches of different size in one array each, the rest of the rows and beats counting nothing.

    Beats that fill up point at the last sample of the first row, so that what they are given can be looked up.
    """
    rows = max(len(strip.x) for strip, _ in batches)
    m = max(len(strip.c) for strip, _ in batches)
    k, n = len(batches), batches[0][0].x.shape[1]
    out = Shown(
        np.zeros((k, rows, n), np.float32),
        np.zeros((k, rows), np.float32),
        np.zeros((k, m), np.int64),
        np.full((k, m), n - 1),
        np.zeros((k, m), np.int64),
        np.zeros((k, m), np.float32),
    )
    for i, (strip, weight) in enumerate(batches):
        out.x[i, : len(strip.x)] = strip.x
        out.there[i, : len(strip.x)] = 1.0
        for whole, part in zip(
            (out.row, out.at, out.c, out.weight), (strip.row, strip.at, strip.c, weight), strict=True
        ):
            whole[i, : len(part)] = part
    return out
