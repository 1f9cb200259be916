"""Train the per-sample GRU by truncated back-propagation with the state carried through four-minute strips.

Resumable: a checkpoint is written every few rounds and found again by the same command.
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from train.augment import Strip, augment
from train.dataset import Patient, load_noise, load_patients
from train.models import KERNEL, GruConfig, GruNet

CONTEXT = 2 * (KERNEL - 1)


@dataclass(frozen=True, slots=True)
class GruRecipe:
    """Every knob of the GRU's training."""

    seed: int = 1
    rounds: int = 120  # batches of four-minute strips
    batch: int = 128  # strips in a round
    strip_s: float = 240.0  # the state is carried this long
    window: int = 375  # samples of back-propagation: 3 s
    lr: float = 4e-3
    weight_decay: float = 1e-4
    dropout: float = 0.2
    state_noise: float = 0.02
    ema: float = 0.998
    weights: tuple[float, ...] = (1.0, 1.6, 1.6, 1.2, 1.0)  # of N S V F Q in the class loss
    shares: tuple[tuple[str, float], ...] = (("ds1", 0.5), ("svdb", 0.45), ("paced", 0.05))


def make_targets(strip: Strip, config: GruConfig) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """QRS target and weight, class target of this beat and of the beat before (-1: none), each (n,)."""
    n = len(strip.x)
    qrs, weight = np.zeros(n, np.float32), strip.mask.astype(np.float32)
    now, before = np.full(n, -1, np.int8), np.full(n, -1, np.int8)
    at = np.rint(strip.r).astype(np.int64)
    for k, (a, c) in enumerate(zip(at, strip.c, strict=True)):
        if not strip.mask[min(a, n - 1)]:
            continue
        q = a + config.qrs_delay
        weight[max(0, q - 4) : q + 5] = 0.0
        weight[max(0, q - 1) : q + 2] = 3.0
        qrs[max(0, q - 1) : q + 2] = 1.0
        d = a + config.class_delay
        now[max(0, d - 2) : d + 3] = c
        if k and a - at[k - 1] < 375:
            before[max(0, d - 2) : d + 3] = strip.c[k - 1]
    return qrs, weight, now, before


class Feeder:
    """Draws augmented strips: databases by their share, patients evenly within one."""

    def __init__(
        self, recipe: GruRecipe, config: GruConfig, patients: list[Patient], noises: list[np.ndarray]
    ) -> None:
        self._recipe, self._config, self._noises = recipe, config, noises
        self._groups = {name: [p for p in patients if p.group == name] for name, _ in recipe.shares}
        self._n = int(recipe.strip_s * 125)

    def draw(self, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
        """One batch of strips and targets: x (batch, n), qrs, weight, now, before."""
        rng = np.random.default_rng(seed)
        names = [name for name, _ in self._recipe.shares]
        shares = np.array([share for _, share in self._recipe.shares])
        rows = []
        for _ in range(self._recipe.batch):
            group = self._groups[names[rng.choice(len(names), p=shares / shares.sum())]]
            rows.append(self._one(rng, group[rng.integers(len(group))]))
        return tuple(torch.from_numpy(np.stack(column)) for column in zip(*rows, strict=True))  # type: ignore[return-value]

    def _one(self, rng: np.random.Generator, patient: Patient) -> tuple[np.ndarray, ...]:
        need = int(self._n / 0.82) + 2
        start = int(rng.integers(0, max(1, len(patient.x) - need)))
        leads = patient.x[start : start + need]
        inside = (patient.r >= start) & (patient.r < start + need)
        strip = augment(
            rng,
            leads,
            patient.r[inside] - start,
            patient.c[inside],
            patient.mask[start : start + need],
            self._n,
            self._noises,
        )
        return (strip.x, *make_targets(strip, self._config))


def losses(
    y: Tensor, qrs: Tensor, weight: Tensor, now: Tensor, before: Tensor, class_weights: Tensor
) -> Tensor:
    """Weighted sum of the three heads' losses over one window."""
    q = functional.binary_cross_entropy_with_logits(
        y[..., 0], qrs, weight, reduction="sum"
    ) / weight.sum().clamp_min(1.0)
    a = functional.cross_entropy(
        y[..., 1:6].reshape(-1, 5), now.reshape(-1).long(), class_weights, ignore_index=-1, reduction="sum"
    )
    b = functional.cross_entropy(
        y[..., 6:].reshape(-1, 5), before.reshape(-1).long(), class_weights, ignore_index=-1, reduction="sum"
    )
    n = (now >= 0).sum().clamp_min(1)
    return 2.0 * q + (a + 0.5 * b) / n


def fit(
    recipe: GruRecipe, config: GruConfig, patients: list[Patient], held_out: list[Patient], out: Path
) -> Path:
    """Train to the last round and give the path of the checkpoint (EMA weights under 'ema')."""
    torch.manual_seed(recipe.seed)
    net = GruNet(config)
    ema = {k: v.clone() for k, v in net.state_dict().items()}
    steps_a_round = int(recipe.strip_s * 125) // recipe.window
    optimiser = torch.optim.AdamW(
        net.parameters(), recipe.lr, weight_decay=recipe.weight_decay, betas=(0.9, 0.98)
    )
    total = recipe.rounds * steps_a_round
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser,
        lambda k: (
            min(1.0, (k + 1) / 300) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, k / total))))
        ),
    )
    first = 0
    path = out / "gru.pt"
    if path.exists():
        saved = torch.load(path, weights_only=False)
        if saved["recipe"] == asdict(recipe):
            net.load_state_dict(saved["net"])
            optimiser.load_state_dict(saved["optimiser"])
            schedule.load_state_dict(saved["schedule"])
            ema, first = saved["ema"], saved["round"]
    feeder = Feeder(recipe, config, patients, load_noise())
    class_weights = torch.tensor(recipe.weights)
    for k in range(first, recipe.rounds):
        t0 = time.monotonic()
        mean = _one_round(
            net, ema, optimiser, schedule, feeder.draw(recipe.seed * 100003 + k), recipe, class_weights
        )
        row = {"round": k + 1, "loss": round(mean, 4), "s": round(time.monotonic() - t0, 1)}
        if (k + 1) % 8 == 0 or k + 1 == recipe.rounds:
            row.update(check(config, ema, held_out))
            torch.save(
                {
                    "net": net.state_dict(),
                    "ema": ema,
                    "optimiser": optimiser.state_dict(),
                    "schedule": schedule.state_dict(),
                    "round": k + 1,
                    "recipe": asdict(recipe),
                    "config": asdict(config),
                },
                path,
            )
        print(json.dumps(row), flush=True)
    return path


def _one_round(
    net: GruNet,
    ema: dict[str, Tensor],
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LambdaLR,
    batch: tuple[Tensor, ...],
    recipe: GruRecipe,
    class_weights: Tensor,
) -> float:
    x, qrs, weight, now, before = batch
    net.train()
    state = torch.zeros(1, len(x), net.config.n_hidden)
    padded = functional.pad(x, (CONTEXT, 0))
    total, n = 0.0, 0
    for start in range(0, x.shape[1] - recipe.window + 1, recipe.window):
        stop = start + recipe.window
        state = state.detach() + recipe.state_noise * torch.randn_like(state)
        y, state = net(padded[:, start : stop + CONTEXT], state, recipe.dropout)
        loss = losses(
            y,
            qrs[:, start:stop],
            weight[:, start:stop],
            now[:, start:stop],
            before[:, start:stop],
            class_weights,
        )
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        with torch.no_grad():
            for name, value in net.state_dict().items():
                ema[name].lerp_(value, 1.0 - recipe.ema)
        total, n = total + float(loss.detach()), n + 1
    return total / n


@torch.no_grad()
def posteriors(config: GruConfig, weights: dict[str, Tensor], x: np.ndarray) -> np.ndarray:
    """Logits of whole filtered leads, `x` (batch, n) -> (batch, n, 11), the state carried throughout."""
    net = GruNet(config)
    net.load_state_dict(weights)
    net.eval()
    padded = functional.pad(torch.from_numpy(x), (CONTEXT, 0))
    state = torch.zeros(1, len(x), config.n_hidden)
    parts = []
    for start in range(0, x.shape[1], 4000):
        y, state = net(padded[:, start : min(start + 4000, x.shape[1]) + CONTEXT], state)
        parts.append(y.numpy())
    return np.concatenate(parts, 1)


def check(config: GruConfig, weights: dict[str, Tensor], held_out: list[Patient]) -> dict[str, float]:
    """Quick look at patients not trained on: QRS by plain peak picking, classes read at the annotated beats."""
    n = min(len(p.x) for p in held_out)
    y = posteriors(config, weights, np.stack([p.x[:n, 0] for p in held_out]))
    tp = fn = fp = 0
    table = np.zeros((2, 5, 5), int)
    for p, rows in zip(held_out, y, strict=True):
        r = p.r[(p.r > 37500) & (p.r < n - 100)]
        c = p.c[(p.r > 37500) & (p.r < n - 100)]
        found = pick(rows[:, 0])
        found = found[(found > 37500 + 13) & (found < n - 100 + 13)] - config.qrs_delay
        near = np.abs(found[:, None] - r[None]) if len(found) else np.zeros((0, len(r)))
        tp += int((near.min(0) <= 18.75).sum())
        fn += int((near.min(0) > 18.75).sum())
        fp += int((near.min(1) > 18.75).sum())
        at = np.rint(r).astype(int) + config.class_delay
        np.add.at(table[0], (c, rows[at, 1:6].argmax(1)), 1)
        np.add.at(table[1], (c[:-1], rows[at[1:], 6:].argmax(1)), 1)
    row: dict[str, float] = {
        "se": round(100 * tp / (tp + fn), 2),
        "ppv": round(100 * tp / max(1, tp + fp), 2),
    }
    for which, t in zip(("early", "final"), table, strict=True):
        for name, k in (("S", 1), ("V", 2)):
            row[f"{which}_{name}"] = round(200 * t[k, k] / max(1, t[k].sum() + t[:, k].sum()), 1)
    return row


def pick(logit: np.ndarray, threshold: float = 0.0, refractory: int = 25) -> np.ndarray:
    """Local maxima above `threshold`, the higher of any two closer than `refractory` samples."""
    middle = logit[1:-1]
    peaks = np.flatnonzero((middle > threshold) & (middle >= logit[:-2]) & (middle > logit[2:])) + 1
    kept: list[int] = []
    for p in peaks:
        if kept and p - kept[-1] < refractory:
            if logit[p] > logit[kept[-1]]:
                kept[-1] = int(p)
        else:
            kept.append(int(p))
    return np.asarray(kept, dtype=np.int64)


def main(out: Path, **changes: object) -> Path:
    """Fit the shipped GRU into `out`."""
    recipe = GruRecipe(**changes)  # type: ignore[arg-type]
    patients, held_out = load_patients()
    out.mkdir(parents=True, exist_ok=True)
    return fit(recipe, GruConfig(), patients, held_out, out)
