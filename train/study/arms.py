"""Every arm of the study: claim by claim, what is trained, and with how much."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from train.study.config import CNN_KINDS, Budget, Job, NetConfig, TaskConfig
from train.study.costs import cost, widest

ORDER = (3, 7, 4, 5, 6, 2)
"""Claims that need trainings, one after the other, so that each is decided before the next is begun: the cheapest
first. Claim 1 looks into the monitor's own networks."""

N_FOLDS = 3
SEEDS = (1, 2, 3)

FULL = Budget()
HALF = replace(FULL, beats=6144)
LIGHT = replace(FULL, epochs=8, beats=4096, curve_beats=500)
QUICK = Budget(epochs=2, beats=256, batch=32, test_s=150.0, curve_beats=200)

BUDGETS_MACS_S = (50_000, 200_000, 1_000_000)
WINDOWS_S = (0.5, 2.0, 8.0, 32.0)
DEPTHS = (1, 2, 4, 8)
PATIENTS = (5, 11, 22, 60)
PARAMS = (3_000, 10_000)
RNN_DEPTHS = (1, 2, 4, 8)
NARROW, STACKED = 8, 16
"""Units of a layer in claim 2, and in claim 6: so many that all their trainings take hours, not days."""
RESETS_S = (0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
STREAM, WINDOW = TaskConfig("stream"), TaskConfig("window")
SLOW = replace(WINDOW, fs=62.5)


@dataclass(frozen=True, slots=True)
class Arm:
    """What is compared: a network on a task with a budget; `resets` as in :class:`train.study.config.Job`.

    Those that are `later` are trained once all others of their claim have all seeds.
    """

    claim: int
    name: str
    net: NetConfig
    task: TaskConfig
    budget: Budget
    resets: tuple[float, ...] = ()
    later: bool = False


def arms(claim: int) -> list[Arm]:
    """All arms of a claim. The trees and the nearest neighbour are in each of them.

    Raises
    ------
    KeyError
        For a claim that trains nothing.
    """
    made = {2: _windows, 3: _memory, 4: _joined, 5: _sizes, 6: _deep, 7: _people}[claim]
    return list(made())


def _baselines(claim: int, task: TaskConfig, mark: str = "") -> Iterator[Arm]:
    for family in ("trees", "nn1"):
        yield Arm(claim, family + mark, NetConfig(family), replace(task, mode="window"), FULL)


def _sizes() -> Iterator[Arm]:
    """Claim 5: GRUs on the stream (of 16 to 64 units on windows too), CNNs on windows, by depth and width.

    Of the grid of 1 to 4 layers and 8 to 128 units, and of 1 to 16 layers of 4 to 64, what is both deep and wide is
    left out: it would take longer than all the rest, and no verdict needs it, which asks for the cheapest.
    """
    yield from _baselines(5, WINDOW)
    recurrent = [(layers, width) for width in (8, 16) for layers in (1, 2, 3, 4)]
    for layers, width in (*recurrent, (1, 32), (2, 32), (1, 64), (1, 128)):
        yield Arm(5, f"gru {layers}x{width}", NetConfig("gru", layers, width), STREAM, FULL, later=width > 64)
    convolutional = [(layers, width) for layers in (1, 2, 4, 8, 16) for width in (4, 8, 16, 32)]
    for layers, width in (*convolutional, (1, 64), (2, 64)):
        yield Arm(5, f"cnn {layers}x{width}", NetConfig("cnn", layers, width), WINDOW, FULL)
    for width in (16, 32, 64):
        yield Arm(5, f"gru 1x{width} window", NetConfig("gru", 1, width), WINDOW, FULL)


@lru_cache(maxsize=1)
def _joined() -> tuple[Arm, ...]:
    """Claim 4: at each budget of MAC a second, the widest network of each family that keeps to it."""
    out = list(_baselines(4, WINDOW))
    for most in BUDGETS_MACS_S:
        for family, task, make in _FAMILIES:
            net = widest(make, lambda n, task=task: cost(n, task).macs_s, most)  # type: ignore[misc]
            out.append(Arm(4, f"{family} {most // 1000}k", net, task, FULL, later=most > 200_000))
    return tuple(out)


_FAMILIES = (
    ("cnn", WINDOW, lambda w: NetConfig("cnn", 4, w)),
    ("gru", STREAM, lambda w: NetConfig("gru", 1, w)),
    ("conv_gru", STREAM, lambda w: NetConfig("conv_gru", 1, w, stem=2, stem_width=max(2, w // 2))),
    ("gru_conv", STREAM, lambda w: NetConfig("gru_conv", 1, w, stem=2, stem_width=max(2, w // 2))),
    ("late", STREAM, lambda w: NetConfig("late", 1, w, stem=4, stem_width=max(1, w // 2))),
    ("tcn", STREAM, lambda w: NetConfig("tcn", 6, w)),
)


def _people() -> Iterator[Arm]:
    """Claim 7: both families at equal parameters on the same windows, by number of training patients."""
    for n in PATIENTS:
        task = replace(SLOW, patients=n)
        yield from _baselines(7, task, f" {n} patients")
        for most in PARAMS:
            for family, layers in (("cnn", 4), ("gru", 1)):
                net = widest(
                    lambda w, f=family, d=layers: NetConfig(f, d, w),  # type: ignore[misc]
                    lambda c: cost(c, SLOW).params,
                    most,
                )
                yield Arm(7, f"{family} {most // 1000}k params, {n} patients", net, task, HALF)


def _deep() -> Iterator[Arm]:
    """Claim 6: three cells by depth, with and without residuals and LayerNorm."""
    yield from _baselines(6, SLOW)
    for family in ("gru", "lstm", "rnn"):
        for layers in RNN_DEPTHS:
            for residual in (False, True):
                net = NetConfig(family, layers, STACKED, residual=residual)
                yield Arm(6, f"{family} {layers} deep{' residual' if residual else ''}", net, SLOW, LIGHT)


def _windows() -> Iterator[Arm]:
    """Claim 2: windows by depth, in four kinds of CNN."""
    for window_s in WINDOWS_S:
        task = replace(SLOW, window_s=window_s)
        yield from _baselines(2, task, f" {window_s:g} s")
        for kind in CNN_KINDS:
            for layers in DEPTHS:
                net = NetConfig("cnn", layers, NARROW, kind=kind)
                yield Arm(2, f"{kind} {layers} deep, {window_s:g} s", net, task, LIGHT)


def _memory() -> Iterator[Arm]:
    """Claim 3: the same GRU with its memory cut off as it is scored, and GRUs that never had more of it."""
    yield from _baselines(3, WINDOW)
    for layers in (1, 2):
        net = NetConfig("gru", layers, 32)
        yield Arm(3, f"gru {layers}x32", net, STREAM, FULL, RESETS_S, later=layers > 1)
    for k in (1.0, 2.0, 4.0, 8.0):
        task = replace(STREAM, strip_s=k, window_s=0.0, reset_s=k)
        yield Arm(3, f"gru 1x32 taught with {k:g} s", NetConfig("gru", 1, 32), task, FULL, later=True)


def jobs(preset: str, claims: tuple[int, ...] = ORDER) -> list[Job]:
    """All trainings of a preset that serve some claims, in the order in which they are made: claim by claim; of a
    claim the first seed of all arms before the second, and of a seed the short ones first.

    ``quick`` is one seed, one fold and hardly any training: it shows that every arm runs, and nothing else. A training
    that serves several claims is made once.
    """
    quick = preset == "quick"
    found: dict[str, Job] = {}
    for claim in ORDER:
        every = sorted(arms(claim), key=_weight)
        turns = [(late, seed) for late in (False, True) for seed in (SEEDS[:1] if quick else SEEDS)]
        for late, seed in turns:
            for arm in (arm for arm in every if arm.later == late):
                for fold in range(1 if quick else N_FOLDS):
                    budget = QUICK if quick else arm.budget
                    job = Job(
                        (claim,), arm.name, arm.net, arm.task, budget, seed, fold, N_FOLDS, preset, arm.resets
                    )
                    same = found.get(job.key)
                    if same is not None:
                        both = tuple(sorted({*same.claims, claim}))
                        job = replace(same, claims=both, resets=same.resets or arm.resets)
                    found[job.key] = job
    return [job for job in found.values() if set(job.claims) & set(claims)]


def _weight(arm: Arm) -> float:
    return seconds(
        Job((arm.claim,), arm.name, arm.net, arm.task, arm.budget, 1, 0, N_FOLDS, "full", arm.resets)
    )


RATES = {"gru": 3.5e9, "conv_gru": 3e9, "gru_conv": 3e9, "late": 3e9, "lstm": 1.5e9, "rnn": 1.1e9, "tcn": 2e9}
"""Multiply-accumulates a second in training, measured on a core of 2024; CNNs 2.5e9."""


def seconds(job: Job) -> float:
    """What a training takes of one core, about."""
    if job.net.family in ("trees", "nn1"):
        return 12.0
    each = cost(job.net, job.task)
    beats = job.budget.epochs * (job.budget.beats + 2 * job.budget.curve_beats / 3)
    work = each.macs_s * 0.95 if job.task.mode == "stream" else each.macs_beat
    scored_s = job.budget.test_s or 1800.0
    scored = 8 * scored_s * (each.macs_s if job.task.mode == "stream" else 1.25 * each.macs_beat) / 3
    return 3.0 + 3 * (beats * work + scored * (1 + len(job.resets))) / RATES.get(job.net.family, 2.5e9)
