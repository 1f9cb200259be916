"""What a network learns from others that were trained on the same patients: their mean opinion of every sample.

Several seeds of one recipe together are right more often than each of them; one network that is taught by them takes
over part of that (distillation: Hinton, Vinyals, Dean 2015, arXiv:1503.02531; here without a temperature). A teacher
must not have seen whom its pupil holds out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from firmware_bridge.types import BadInput
from train import checkpoint
from train.dataset import Fold
from train.models import GruConfig

OF_QRS, OF_BEFORE = 2.0, 0.5
"""What the heads count beside the class of the beat just seen, as in :func:`train.fit_gru.losses`."""

AT_PEAK = 2.0
"""A sample that is surely an R-peak counts so much more than one that is surely none: there are few of them."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """Probabilities: of an R-peak (..., n), of the classes of the beat just seen and of the one before (..., n, 5)."""

    qrs: Tensor
    now: Tensor
    before: Tensor


def opinion_of(y: Tensor) -> Opinion:
    """The mean of the teachers' probabilities, by their logits (n_teachers, ..., n, 11)."""
    return Opinion(
        torch.sigmoid(y[..., 0]).mean(0),
        torch.softmax(y[..., 1:6], -1).mean(0),
        torch.softmax(y[..., 6:], -1).mean(0),
    )


def losses(y: Tensor, opinion: Opinion, now: Tensor, before: Tensor) -> Tensor:
    """Cross entropy between an opinion and the logits `y` (..., batch, n, 11), one value for each leading index.

    R-peaks count at every sample, masked ones too, classes where a label of `now` or `before` (..., batch, n) stands,
    whatever it is.
    """
    weight = 1.0 + AT_PEAK * opinion.qrs
    q = functional.binary_cross_entropy_with_logits(y[..., 0], opinion.qrs, weight, reduction="none")
    a = _of_classes(y[..., 1:6], opinion.now, now)
    b = _of_classes(y[..., 6:], opinion.before, before)
    n = (now >= 0).sum((-2, -1)).clamp_min(1)
    return OF_QRS * q.sum((-2, -1)) / weight.sum((-2, -1)) + (a + OF_BEFORE * b) / n


def _of_classes(y: Tensor, p: Tensor, labels: Tensor) -> Tensor:
    each = -(p * functional.log_softmax(y, -1)).sum(-1)
    return torch.where(labels >= 0, each, 0.0).sum((-2, -1))


def load(folders: Sequence[Path], fold: Fold, config: GruConfig) -> list[dict[str, Tensor]]:
    """The teachers' averaged weights, of each folder's network of the same fold.

    Raises
    ------
    BadInput
        When one is missing, or of another size than its pupil.
    """
    return [_weights(folder / fold.folder / "gru.pt", config) for folder in folders]


def _weights(path: Path, config: GruConfig) -> dict[str, Tensor]:
    saved: dict[str, Any] = checkpoint.read(path)
    if saved.get("config") != asdict(config):
        raise BadInput(
            f"{path}: got a network of {saved.get('config')}, expected {asdict(config)}; a teacher has its pupil's size"
        )
    weights: dict[str, Tensor] = saved["ema"]
    return weights
