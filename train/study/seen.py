"""What the looks come to: claim 1, and what the monitor's own kind of network says of claims 3 and 6.

The networks looked at are those of the folds, one training a fold. Intervals are the middle 95 % of a bootstrap over
patients; of gradients, over networks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from train.study.looks import Looks
from train.study.memory import MemoryScore
from train.study.probes import SINCE, ProbeScore
from train.study.slopes import Slope
from train.study.verdicts import LEAST_SEEDS, MARGIN, Verdict

CELLS = ("rnn", "lstm", "gru")
CLASS = "class N S V"
HISTORY = (SINCE.name, "interval before", "interval before that", "beat before was V")
CUT_S = 2.0
"""Claim 3: what is lost by a state that has heard so many seconds."""


def judge(looks: Looks) -> list[Verdict]:
    """A verdict for each of the claims 1, 3 and 6 that was looked at."""
    found = []
    if looks.probes:
        found.append(levels(looks.probes))
    if looks.memory and looks.probes:
        found.append(remembered(looks.memory, looks.probes))
    if any(s.family in CELLS for s in looks.slopes):
        found.append(vanishing(looks.slopes))
    return found


def levels(scores: Sequence[ProbeScore]) -> Verdict:
    """Balanced accuracy of a linear probe for N, S, V: last convolution less first, trained CNN, unseen patients."""
    own = {
        s.layer: s for s in scores if s.network == "beat CNN, folds" and s.question == CLASS and s.unit < 0
    }
    gain = own["conv 4 less conv 1"]
    numbers = {name: [s.score, s.low, s.high] for name, s in own.items()}
    outcome = "supported" if gain.low > 0.0 else "refuted" if gain.high < MARGIN else "undecided"
    test = " ".join((levels.__doc__ or "").split())
    return Verdict(1, outcome, test, gain.score, gain.low, gain.high, 1, "folds", numbers)


def remembered(memory: Sequence[MemoryScore], scores: Sequence[ProbeScore]) -> Verdict:
    """Macro F1 lost by the folds' GRUs when a state has heard only the last 2 s, against the whole record; and whether
    the state holds more of the history than its input does."""
    numbers = {
        f"lost at {s.heard_s:g} s": [s.loss, s.loss_low, s.loss_high] for s in memory if s.heard_s > 0.0
    }
    holds = []
    for question in HISTORY:
        gain = next(s for s in scores if s.layer == "state less conv 2" and s.question == question)
        numbers[f"{question}: state less conv 2"] = [gain.score, gain.low, gain.high]
        holds.append(gain.low > 0.0)
    value, low, high = numbers[f"lost at {CUT_S:g} s"]
    outcome = "supported" if low > 0.0 and all(holds) else "refuted" if high < MARGIN / 2 else "undecided"
    test = " ".join((remembered.__doc__ or "").split())
    return Verdict(3, outcome, test, value, low, high, 1, "folds", numbers)


def vanishing(slopes: Sequence[Slope]) -> Verdict:
    """log10 of the slope on the first layer's weights, by the number of layers, before training: it falls in plain
    stacks (interval below 0) and less with residuals and LayerNorm (intervals apart), for two of three cells. The
    scores are the arms' to judge."""
    slopes = whole_seeds([s for s in slopes if s.family in CELLS and s.stage == "initial"])
    numbers: dict[str, list[float]] = {}
    n_fall = n_flat = 0
    for cell in CELLS:
        plain, helped = (
            first_layer_fall(
                [s for s in slopes if (s.family, s.residual, s.stage) == (cell, residual, "initial")]
            )
            for residual in (False, True)
        )
        numbers[f"{cell}: decades a layer, plain"] = list(plain)
        numbers[f"{cell}: decades a layer, residual"] = list(helped)
        n_fall += plain[2] < 0.0 and helped[1] > plain[2]
        n_flat += plain[1] > -0.05
    value, low, high = numbers["rnn: decades a layer, plain"]
    outcome = "supported" if n_fall >= 2 else "refuted" if n_flat >= 2 else "undecided"
    n_seeds = len({s.seed for s in slopes})
    outcome = outcome if n_seeds >= LEAST_SEEDS else "too few"
    test = " ".join((vanishing.__doc__ or "").split())
    return Verdict(6, outcome, test, value, low, high, n_seeds, "gradients", numbers)


def whole_seeds(slopes: Sequence[Slope]) -> list[Slope]:
    """Those of seeds with which every network was looked at."""
    count = Counter(s.seed for s in slopes)
    return [s for s in slopes if count[s.seed] == max(count.values())]


def first_layer_fall(slopes: Sequence[Slope], draws: int = 1000) -> tuple[float, float, float]:
    """Decades by which the first layer's slope changes with each layer added, and its interval over networks."""
    xy = np.array([(s.layers, s.layer_log10[0]) for s in slopes], np.float64)
    rng = np.random.default_rng(0)
    drawn = []
    for _ in range(draws):
        some = xy[rng.integers(0, len(xy), len(xy))]
        if np.ptp(some[:, 0]):
            drawn.append(float(np.polyfit(some[:, 0], some[:, 1], 1)[0]))
    low, high = np.percentile(drawn, (2.5, 97.5))
    return float(np.polyfit(xy[:, 0], xy[:, 1], 1)[0]), float(low), float(high)
