"""What the results come to: for each claim supported, refuted or undecided, by a test that was named beforehand.

Pure functions of the records. Intervals are the middle 95 % of a bootstrap over records (people) and seeds; of
gradients and epochs, over trainings.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from train.study import arms as plan
from train.study.bootstrap import DRAWS, Arms, interval, statistic
from train.study.config import NetConfig, TaskConfig
from train.study.costs import cost
from train.study.record import Run

F64 = NDArray[np.float64]

MARGIN = 0.02
"""Macro F1 within which two networks count as equal."""

NEAR_BEST = 0.01
"""Claim 2: the smallest depth within this of the best."""

LEAST_SEEDS = 3

FLAT = 0.25
"""Claim 2: a depth that grows by less than this power of the window does not grow."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the records say of a claim.

    Attributes
    ----------
    claim : int
    outcome : str
        'supported', 'refuted' or 'undecided'; 'too few' with fewer than three seeds or in the quick preset, whose
        networks have hardly seen a beat; 'missing' where runs that the test needs are not there, 'part' where of the
        full preset at least some networks are.
    test : str
        What was tested, in words.
    value, low, high : float
        The number that decided, and its interval.
    seeds : int
        Whole seeds of the arms in the test (the least of them).
    preset : str
    numbers : dict of str to list of float
        What else was counted: name to value, or to value, low, high.
    """

    claim: int
    outcome: str
    test: str
    value: float = 0.0
    low: float = 0.0
    high: float = 0.0
    seeds: int = 0
    preset: str = "full"
    numbers: dict[str, list[float]] = field(default_factory=dict)


def judge(runs: Sequence[Run], draws: int = DRAWS) -> list[Verdict]:
    """A verdict for each of the claims 2 to 7, from runs of one preset."""
    preset = runs[0].preset if runs else "full"
    out = []
    for claim, test in _TESTS.items():
        found = arms_of(claim, runs, draws)
        verdict = test(found) if found.names else None
        verdict = verdict or unfinished(claim, found, preset)
        if verdict.outcome not in ("missing", "part") and (preset == "quick" or verdict.seeds < LEAST_SEEDS):
            verdict = replace(verdict, outcome="too few")
        what = " ".join((verdict.test or test.__doc__ or "").split())
        out.append(replace(verdict, preset=preset, test=what))
    return out


def unfinished(claim: int, arms: Arms, preset: str) -> Verdict:
    """How far a claim has come whose test needs more runs than there are."""
    planned = [arm.name for arm in plan.arms(claim)]
    there = [name for name in planned if name in arms.names]
    networks = any(arms.example(name).family not in ("trees", "nn1") for name in there)
    numbers = {
        "arms with three seeds": [float(sum(arms.seeds(name) >= LEAST_SEEDS for name in there))],
        "arms with a seed": [float(len(there))],
        "arms planned": [float(len(planned))],
    }
    return Verdict(claim, "part" if networks and preset == "full" else "missing", "", numbers=numbers)


def arms_of(claim: int, runs: Sequence[Run], draws: int = DRAWS) -> Arms:
    """The held-out runs that serve a claim, under the names that its arms have there (a run may serve several)."""
    named = {(arm.net, arm.task): arm.name for arm in plan.arms(claim)}
    out = []
    for run in runs:
        net, task = NetConfig(**run.config["net"]), TaskConfig(**run.config["task"])
        mark = ""
        if claim == 3 and "-r" in run.key:
            mark, task = f", reset every {task.reset_s:g} s", replace(task, reset_s=0.0)
        name = named.get((net, task))
        if name is not None and run.split == "fold":
            out.append(replace(run, arm=name + mark))
    return Arms(out, draws)


def _seeds(arms: Arms, names: Sequence[str]) -> int:
    return min(arms.seeds(name) for name in names)


def _all_there(arms: Arms, names: Sequence[str]) -> bool:
    return set(names) <= set(arms.names)


def windows(arms: Arms) -> Verdict | None:
    """The depth needed (within 0.01 of the best) grows as a power of the window: that power, plain and dilated."""
    test = "power of the window by which the needed depth grows: plain above 0, and dilated below 0.25 or below plain"
    power: dict[str, tuple[float, float, float]] = {}
    drawn: dict[str, F64] = {}
    for kind in ("plain", "dilated", "strided", "gap"):
        names = [f"{kind} {d} deep, {w:g} s" for w in plan.WINDOWS_S for d in plan.DEPTHS]
        if not _all_there(arms, names):
            return None
        here, table = arms.table(names)
        drawn[kind] = np.array([_power(row) for row in table])
        power[kind] = (_power(here), *interval(drawn[kind]))
    value, low, high = power["plain"]
    apart = interval(drawn["plain"] - drawn["dilated"])
    if low > 0 and (power["dilated"][2] < FLAT or apart[0] > 0):
        outcome = "supported"
    else:
        outcome = "refuted" if all(p[2] < FLAT for p in power.values()) else "undecided"
    numbers = {kind: list(p) for kind, p in power.items()} | {"plain - dilated": list(apart)}
    return Verdict(2, outcome, test, value, low, high, _seeds(arms, arms.names), numbers=numbers)


def needed(f1: F64) -> F64:
    """Smallest depth (windows,) within `NEAR_BEST` of the best, of macro F1 (windows, depths)."""
    good = f1 >= f1.max(1, keepdims=True) - NEAR_BEST
    out: F64 = np.array(plan.DEPTHS, np.float64)[good.argmax(1)]
    return out


def _power(f1: F64) -> float:
    depths = needed(f1.reshape(len(plan.WINDOWS_S), len(plan.DEPTHS)))
    return float(np.polyfit(np.log2(plan.WINDOWS_S), np.log2(depths), 1)[0])


def memory(arms: Arms) -> Verdict | None:
    """Macro F1 lost when the GRU's state is set back every 2 s, against a state that is carried through the record."""
    base = "gru 1x32"
    cut = {k: f"{base}, reset every {k:g} s" for k in plan.RESETS_S}
    if not _all_there(arms, [base, *cut.values()]):
        return None
    value, low, high = statistic(arms, [base, cut[2.0]], lambda f: f[0] - f[1])
    numbers: dict[str, list[float]] = {"carried": [arms.f1(base)]}
    for k, name in cut.items():
        numbers[f"lost at {k:g} s"] = list(statistic(arms, [base, name], lambda f: f[0] - f[1]))
    for k in (1.0, 2.0, 4.0, 8.0):
        name = f"{base} taught with {k:g} s"
        if name in arms.names:
            numbers[f"lost when taught with {k:g} s"] = list(
                statistic(arms, [base, name], lambda f: f[0] - f[1])
            )
    outcome = "supported" if low > 0 else "refuted" if high < MARGIN / 2 else "undecided"
    return Verdict(3, outcome, "", value, low, high, _seeds(arms, [base]), numbers=numbers)


def joined(arms: Arms) -> Verdict | None:
    """Macro F1 of conv->GRU above the best other at 50k, 200k and 1M MAC/s: ahead at two of three, interval above 0."""
    families = ("cnn", "gru", "gru_conv", "late", "tcn")
    wins = losses = ties = 0
    numbers: dict[str, list[float]] = {}
    decided: list[tuple[float, float, float]] = []
    for most in plan.BUDGETS_MACS_S:
        mark = f"{most // 1000}k"
        names = [f"conv_gru {mark}", *(f"{f} {mark}" for f in families), "trees"]
        if not _all_there(arms, names):
            return None
        here, _ = arms.table(names)
        numbers |= {name: [float(v)] for name, v in zip(names, here, strict=True)}
        each = [statistic(arms, [names[0], other], lambda f: f[0] - f[1]) for other in names[1:]]
        ahead = statistic(arms, names, lambda f: f[0] - f[1:].max())
        numbers[f"conv_gru - best other, {mark}"] = list(ahead)
        decided.append(ahead)
        wins += ahead[1] > 0
        losses += any(high < 0 for _, _, high in each)
        ties += ahead[1] > -MARGIN and ahead[2] < MARGIN
    outcome = "supported" if wins >= 2 else "refuted" if losses + ties >= 2 else "undecided"
    value, low, high = sorted(decided)[1]
    return Verdict(4, outcome, "", value, low, high, _seeds(arms, arms.names), numbers=numbers)


def sizes(arms: Arms) -> Verdict | None:
    """Cheapest GRU over cheapest CNN, each within 0.02 of the best network: log2 of layers, parameters, MAC/s, us/s."""
    every = [arm.name for arm in plan.arms(5)]
    if not _all_there(arms, every):
        return None
    sides = {
        f: [n for n in every if n.startswith(f"{f} ") and not n.endswith("window")] for f in ("gru", "cnn")
    }
    names = sides["gru"] + sides["cnn"]
    price: dict[str, F64] = {}
    found = [arms.example(n) for n in names]
    exact = [cost(NetConfig(**r.config["net"]), TaskConfig(**r.config["task"])) for r in found]
    price["layers"] = np.array([float(r.config["net"]["layers"]) for r in found])
    price["params"] = np.array([float(c.params) for c in exact])
    price["macs_s"] = np.array([float(c.macs_s) for c in exact])
    price["state_bytes"] = np.array([float(c.state_bytes) for c in exact])
    if all(r.cost.us_s > 0 for r in found):
        price["us_s"] = np.array([r.cost.us_s for r in found])
    here, drawn = arms.table(names)
    is_gru = np.arange(len(names)) < len(sides["gru"])
    numbers: dict[str, list[float]] = {}
    for name, of in price.items():
        value = ratio(here, of, is_gru)
        numbers[f"log2 {name}"] = [value, *interval(np.array([ratio(row, of, is_gru) for row in drawn]))]
    best = statistic(arms, names, lambda f: f[is_gru].max() - f[~is_gru].max())
    numbers["best gru - best cnn"] = list(best)
    for family, own in (("gru", is_gru), ("cnn", ~is_gru)):
        numbers[f"layers of the best {family}"] = [float(price["layers"][np.where(own, here, -1.0).argmax()])]
    value, low, high = numbers["log2 macs_s"]
    less = all(numbers[f"log2 {k}"][2] < 0 for k in ("layers", "params", "macs_s"))
    outcome = "supported" if less else "refuted" if low > 0 else "undecided"
    return Verdict(5, outcome, "", value, low, high, _seeds(arms, names), numbers=numbers)


UNREACHED = 6.0
"""log2 that stands for a family none of whose networks comes near: 64 times the price."""


def ratio(f1: F64, price: F64, is_gru: NDArray[np.bool_]) -> float:
    """log2 of the least price of a GRU over that of a CNN, of those with macro F1 (n,) within :data:`MARGIN` of the
    best of all; :data:`UNREACHED` (or its negative) where one family has none."""
    good = f1 >= f1.max() - MARGIN
    if not (good & is_gru).any():
        return UNREACHED
    if not (good & ~is_gru).any():
        return -UNREACHED
    return float(np.log2(price[good & is_gru].min() / price[good & ~is_gru].min()))


def deep(arms: Arms) -> Verdict | None:
    """First layer's gradient (log10, per layer added) in plain RNNs falls, and 8 layers lose macro F1 that residuals
    and LayerNorm bring back, for two of three cells."""
    numbers: dict[str, list[float]] = {}
    n_fall = n_well = 0
    for cell in ("rnn", "lstm", "gru"):
        plain = [f"{cell} {d} deep" for d in plan.RNN_DEPTHS]
        helped = [f"{name} residual" for name in plain]
        if not _all_there(arms, plain + helped):
            return None
        fall = gradient_fall(arms, plain)
        lost = statistic(arms, [plain[0], plain[-1]], lambda f: f[0] - f[1])
        back = statistic(arms, [helped[-1], plain[-1]], lambda f: f[0] - f[1])
        numbers[f"{cell}: log10 first gradient a layer"] = list(fall)
        numbers[f"{cell}: the same, residual"] = list(gradient_fall(arms, helped))
        numbers[f"{cell}: lost from 1 to 8 layers"] = list(lost)
        numbers[f"{cell}: brought back at 8 layers"] = list(back)
        n_fall += fall[2] < 0 and lost[1] > 0 and back[1] > 0
        n_well += lost[2] < MARGIN
    outcome = "supported" if n_fall >= 2 else "refuted" if n_well >= 2 else "undecided"
    value, low, high = numbers["rnn: log10 first gradient a layer"]
    return Verdict(6, outcome, "", value, low, high, _seeds(arms, arms.names), numbers=numbers)


def gradient_fall(arms: Arms, names: Sequence[str]) -> tuple[float, float, float]:
    """Slope of log10 of the first layer's gradient norm, in the first epoch, on the number of layers; trainings drawn
    again for the interval."""
    points = [
        (r.config["net"]["layers"], np.log10(max(r.curves["grad_1"][0], 1e-12)))
        for n in names
        for r in arms.runs(n)
    ]
    xy = np.array(points, np.float64)
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(1000):
        some = xy[rng.integers(0, len(xy), len(xy))]
        if np.ptp(some[:, 0]):
            drawn.append(np.polyfit(some[:, 0], some[:, 1], 1)[0])
    return float(np.polyfit(xy[:, 0], xy[:, 1], 1)[0]), *interval(np.array(drawn))


OPEN = 0.1
"""Claim 7: a gap of this much macro F1 between training and held-out beats is open."""


def people(arms: Arms) -> Verdict | None:
    """Gap between training and held-out macro F1, GRU above CNN of equal parameters, mean over numbers of patients; and
    how many epochs later it is open by 0.1."""
    pairs = [
        tuple(f"{family} {most // 1000}k params, {n} patients" for family in ("gru", "cnn"))
        for n in plan.PATIENTS
        for most in plan.PARAMS
    ]
    names = [name for pair in pairs for name in pair]
    if not _all_there(arms, names):
        return None
    trained = np.array([np.mean([r.scores["train_f1"] for r in arms.runs(n)]) for n in names])
    sign = np.tile([1.0, -1.0], len(pairs))
    value, low, high = statistic(arms, names, lambda f: (sign * (trained - f)).sum() / len(pairs))
    numbers: dict[str, list[float]] = {}
    for k, name in enumerate(names):
        numbers[f"gap of {name}"] = [float(trained[k]) - arms.f1(name)]
    opens = [(_opens(arms, gru), _opens(arms, cnn)) for gru, cnn in pairs]
    later = np.array([a[run] - b[run] for a, b in opens for run in sorted(a.keys() & b.keys())])
    rng = np.random.default_rng(0)
    again = later[rng.integers(0, len(later), (2000, len(later)))].mean(1)
    numbers["epochs later"] = [float(later.mean()), *interval(again)]
    earlier = numbers["epochs later"][2] < 0
    outcome = "supported" if low > 0 and earlier else "refuted" if high < MARGIN else "undecided"
    return Verdict(7, outcome, "", value, low, high, _seeds(arms, names), numbers=numbers)


def _opens(arms: Arms, name: str) -> dict[tuple[int, int], int]:
    """First epoch with an open gap of each run, by seed and fold; one past the last where there is none."""
    out = {}
    for run in arms.runs(name):
        gap = np.subtract(run.curves["train_f1"], run.curves["test_f1"]) >= OPEN
        out[run.seed, run.fold] = int(gap.argmax()) if gap.any() else len(gap)
    return out


_TESTS: dict[int, Callable[[Arms], Verdict | None]] = {
    2: windows, 3: memory, 4: joined, 5: sizes, 6: deep, 7: people,
}  # fmt: skip
