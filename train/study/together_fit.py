"""All seeds and folds of some arms trained at once on a GPU, and their answers on who was held out.

Each network has the weights to begin with, the batches, the rates and the looks that :func:`train.study.fit.train`
gives it alone; what differs is the order in which sums are rounded.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from train.study.beats import F32, I64, Beats, windows
from train.study.config import CLASSES, Job
from train.study.fit import Curves
from train.study.scores import confusion, macro_f1
from train.study.together import Together
from train.study.together_data import Course, Shown
from train.study.zoo import Stream, build

BETAS, EPS, DECAY = (0.9, 0.999), 1e-8, 1e-3
"""AdamW's, as in :func:`train.study.fit.train`."""

CHUNK = 8192
"""Samples of a record at once when it is run through; a multiple of every stride."""

WARM_UP = 3
"""Steps before the one that is recorded: by then everything is loaded."""

MOST_FLOATS = 2**28
"""Held-out windows are answered in parts of so many values of the widest layer."""


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """One network: what :func:`train.study.runner.execute` finds again, and its answers (n,) on all held-out beats."""

    job: Job
    net: dict[str, Tensor]
    curves: Curves
    answers: I64


class Group:
    """The networks of one arm, step by step.

    Parameters
    ----------
    jobs : sequence of Job
        Of one arm: they differ in seed and fold.
    courses : sequence of Course
        What each is shown.
    device : torch.device
    """

    def __init__(self, jobs: Sequence[Job], courses: Sequence[Course], device: torch.device) -> None:
        self.jobs, self.courses, self.device = jobs, courses, device
        task = jobs[0].task
        self.window = task.mode == "window"
        nets = []
        for job in jobs:
            torch.manual_seed(job.seed)
            nets.append(build(job.net, task.n_window))
        self.nets = Together(nets, device)
        self.n_steps = max(len(course.rate) for course in courses)
        rate = np.zeros((self.n_steps, len(jobs), 1), np.float32)
        for k, course in enumerate(courses):
            rate[: len(course.rate), k, 0] = course.rate
        steps = np.arange(1, self.n_steps + 1)[:, None, None]
        tables = {
            "active": np.float32(rate > 0),
            "decay": 1.0 - rate * DECAY,
            "rate": rate / (1.0 - BETAS[0] ** steps),
            "room": 1.0 / np.sqrt(1.0 - BETAS[1] ** steps),
        }
        self.table = {
            name: torch.from_numpy(value.astype(np.float32)).to(device) for name, value in tables.items()
        }
        self.first, self.second = torch.zeros_like(self.nets.flat), torch.zeros_like(self.nets.flat)
        self.at = torch.zeros(1, dtype=torch.int64, device=device)
        self.losses = torch.zeros(self.n_steps, len(jobs), device=device)
        self.slopes = torch.zeros(self.n_steps, len(jobs), self.nets.n_recurrent, device=device)
        self.seen: dict[int, dict[str, Tensor]] = {}
        self.graph: Any = None

    def step(self, s: int, shown: Moved, looks: dict[str, Batch]) -> None:
        """Step `s` of all networks that have not come to their end, and a look where an epoch ends.

        On a GPU the fourth step is recorded as it is told, and from then on played back: that spares it most of the
        telling.
        """
        if self.device.type == "cuda" and s == WARM_UP:
            self.graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(self.graph, stream=torch.cuda.current_stream(self.device)):
                self._step(shown)
        if self.graph is None:
            self._step(shown)
        else:
            self.graph.replay()
        if any(s + 1 in course.ends for course in self.courses):
            self.nets.training = False
            with torch.no_grad():
                self.seen[s + 1] = {name: self._logits(look) for name, look in looks.items()}

    def _step(self, moved: Moved) -> None:
        """The step that `at` says, without a word to the host: what it gives stands in `losses` and `slopes`."""
        nets, shown = self.nets, moved.batch(self.at)
        now = {name: value.index_select(0, self.at)[0] for name, value in self.table.items()}
        nets.training = True
        nets.active = now["active"]
        logits = self._logits(shown)
        each = functional.cross_entropy(logits.flatten(0, 1), shown.c.flatten(), reduction="none")
        each = each.view(shown.c.shape) * shown.weight
        loss = each.sum(1) / shown.weight.sum(1)
        names, weights = zip(*nets.weights.items(), strict=True)
        grads = dict(zip(names, torch.autograd.grad(loss.sum(), weights), strict=True))
        with torch.no_grad():
            self.losses.index_copy_(0, self.at, loss.detach()[None])
            if nets.n_recurrent:
                self.slopes.index_copy_(0, self.at, nets.recurrent_slopes(grads)[None])
            slope = torch.cat([value.flatten(1) for value in grads.values()], 1)
            slope *= (1.0 / (slope.norm(dim=1, keepdim=True) + 1e-6)).clamp(max=1.0)
            self.first.lerp_(slope, 1.0 - BETAS[0])
            self.second.mul_(BETAS[1]).addcmul_(slope, slope, value=1.0 - BETAS[1])
            nets.flat.mul_(now["decay"])
            nets.flat.sub_(now["rate"] * self.first / (self.second.sqrt() * now["room"] + EPS))
            self.at += 1

    def _logits(self, shown: Batch) -> Tensor:
        if self.window:
            return self.nets.windows(shown.x)
        h, _ = self.nets.run(shown.x, shown.there)
        return self.nets.answer(h, shown.x, shown.row, shown.at, (shown.weight > 0).float())

    def trained(self, held_out: Sequence[Beats], seen: Tensor | None) -> list[Trained]:
        """What has become of each network, after the last step.

        `held_out` are the beats that each answers; `seen` (M, k, n) their windows, None for streams.
        """
        losses, slopes = self.losses.cpu().numpy(), self.slopes.cpu().numpy()
        nets = self.nets.state_dicts([len(course.rate) for course in self.courses])
        with torch.no_grad():
            self.nets.training = False
            said = self._over_windows(seen) if seen is not None else self._through_records(held_out)
        out = []
        for k, (job, course) in enumerate(zip(self.jobs, self.courses, strict=True)):
            curves = self._curves(k, course, losses[:, k], slopes[:, k])
            out.append(Trained(job, nets[k], curves, said[k][: len(held_out[k])].argmax(1)))
        return out

    def _curves(self, k: int, course: Course, losses: F32, slopes: F32) -> Curves:
        curves: dict[str, list[float]] = defaultdict(list)
        for begin, end in zip([0, *course.ends], course.ends, strict=False):
            curves["train_loss"].append(float(losses[begin:end].mean()))
            for i, norm in enumerate(slopes[begin:end].mean(0), 1):
                curves[f"grad_{i}"].append(float(f"{norm:.3g}"))
            for name, look in course.looks.items():
                c, weight = look.c[0], look.weight[0].astype(np.float64)
                y = self.seen[end][name][k, : len(c)].cpu().numpy().astype(np.float64)
                y = y - y.max(1, keepdims=True)
                if name == "test":
                    loss = np.log(np.exp(y).sum(1)) - y[np.arange(len(c)), c]
                    curves["test_loss"].append(float((loss * weight).sum() / weight.sum()))
                curves[f"{name}_f1"].append(float(macro_f1(confusion(c, y.argmax(1), weight))))
        return dict(curves)

    def _over_windows(self, seen: Tensor) -> list[F32]:
        width = max(8, self.jobs[0].net.width) * 5
        size = max(64, MOST_FLOATS // (len(seen) * seen.shape[2] * width))
        parts = [self.nets.windows(part).cpu() for part in seen.split(size, 1)]
        return list(torch.cat(parts, 1).numpy())

    def _through_records(self, held_out: Sequence[Beats]) -> list[F32]:
        """What :func:`train.study.carry.carried` does, of all networks at once."""
        net, task = self.nets.model, self.jobs[0].task
        assert isinstance(net, Stream)
        asked = [side.asked_at(task) for side in held_out]
        n = -(-(max(int(at.max()) for at in asked) + 1) // CHUNK) * CHUNK
        front = -(-max(net.context, net.reach) // net.stride) * net.stride
        rows = max(len(side.leads) for side in held_out)
        x = torch.zeros(len(held_out), rows, front + n)
        for k, side in enumerate(held_out):
            for row, lead in enumerate(side.leads):
                length = min(n, len(lead.x))
                x[k, row, front : front + length] = torch.from_numpy(lead.x[:length, 0])
        x = x.to(self.device)
        out = [np.zeros((len(side), len(CLASSES)), np.float32) for side in held_out]
        state: Any = None
        tail: Tensor | None = None
        for start in range(0, n, CHUNK):
            h, state = self.nets.run(
                x[:, :, front + start - net.context : front + start + CHUNK], None, state, net.context
            )
            if net.reach and net.stride == 1:
                before = h.new_zeros(*h.shape[:2], net.reach, h.shape[3]) if tail is None else tail
                h = torch.cat([before, h], 2)
                tail = h[:, :, -net.reach :]
            here = [np.flatnonzero((at >= start) & (at < start + CHUNK)) for at in asked]
            most = max(len(one) for one in here)
            row = np.zeros((len(here), most), np.int64)
            at = np.full((len(here), most), net.reach)
            for k, one in enumerate(here):
                row[k, : len(one)] = held_out[k].lead[one]
                at[k, : len(one)] = asked[k][one] - start + net.reach
            seen = x[:, :, front + start - net.reach : front + start + CHUNK]
            where = (torch.from_numpy(v).to(self.device) for v in (row, at))
            logits = self.nets.answer(h, seen, *where, None).cpu().numpy()
            for k, one in enumerate(here):
                out[k][one] = logits[k, : len(one)]
        return out


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """One step, or one look, of all networks, on the device; as :class:`train.study.together_data.Shown`."""

    x: Tensor
    there: Tensor
    row: Tensor
    at: Tensor
    c: Tensor
    weight: Tensor


class Moved:
    """What all networks are shown, on the device: as many rows and beats for each as the one with the most has."""

    def __init__(self, shown: Sequence[Shown], device: torch.device) -> None:
        names = Batch.__dataclass_fields__
        self.held = {name: _stacked([getattr(one, name) for one in shown], device) for name in names}

    def batch(self, s: Tensor) -> Batch:
        """Step `s` (1,)."""
        return Batch(**{name: value.index_select(1, s)[:, 0] for name, value in self.held.items()})


def _stacked(arrays: Sequence[np.ndarray], device: torch.device) -> Tensor:
    """Arrays of different size as one (M, ...): zeros where one is smaller, its last step again where it is shorter."""
    k = max(len(one) for one in arrays)
    sizes = [max(one.shape[i] for one in arrays) for i in range(1, arrays[0].ndim)]
    out = torch.zeros(len(arrays), k, *sizes, dtype=torch.from_numpy(arrays[0][:1]).dtype, device=device)
    for i, one in enumerate(arrays):
        value = torch.from_numpy(one).to(device)
        within = tuple(slice(size) for size in one.shape[1:])
        out[(i, slice(len(one)), *within)] = value
        if len(one) < k:
            out[(i, slice(len(one), k), *within)] = value[-1:].expand(k - len(one), *one.shape[1:])
    return out


def train_arms(
    groups: Sequence[Sequence[Job]],
    courses: Sequence[Course],
    held_out: Sequence[Beats],
    device: torch.device,
) -> list[list[Trained]]:
    """Train several arms that are shown the same, a step of each in turn, each in a stream of its own on a GPU.

    Parameters
    ----------
    groups : sequence of sequence of Job
        Arms, the same seeds and folds in each.
    courses : sequence of Course
        What the network of each seed and fold is shown.
    held_out : sequence of Beats
        What it answers in the end.
    """
    shown = Moved([course.shown for course in courses], device)
    looks = {name: Moved([course.looks[name] for course in courses], device) for name in courses[0].looks}
    look = {
        name: moved.batch(torch.zeros(1, dtype=torch.int64, device=device)) for name, moved in looks.items()
    }
    running = [Group(jobs, courses, device) for jobs in groups]
    gpu = device.type == "cuda"
    streams = [torch.cuda.Stream(device) if gpu else None for _ in running]
    if gpu:
        torch.cuda.synchronize(device)
    for s in range(max(group.n_steps for group in running)):
        for group, stream in zip(running, streams, strict=True):
            if s >= group.n_steps:
                continue
            with torch.cuda.stream(stream):
                group.step(s, shown, look)
    if gpu:
        torch.cuda.synchronize(device)
    seen = None
    if groups[0][0].task.mode == "window":
        of_fold = {job.fold: windows(side, job.task) for job, side in zip(groups[0], held_out, strict=True)}
        seen = _stacked([of_fold[job.fold] for job in groups[0]], device)
    return [group.trained(held_out, seen) for group in running]
