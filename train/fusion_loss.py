"""What a fusion's answers cost: beside the labels, and beside what several others say of the same beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from edge.fusion import N_CLASSES
from train.beat_rows import UNKNOWN
from train.fit_gru import class_loss

ALONE = 0.2
"""What the answers about a beat that nothing followed count beside the others: there are few of them."""


class Net(Protocol):
    """A :class:`train.fit_fusion.FusionNet`."""

    def walk(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Logits and states of whole sequences."""
        ...

    def unfollowed(self, x: Tensor, states: Tensor) -> Tensor:
        """Final logits of beats after which nothing came."""
        ...


@dataclass(frozen=True, slots=True)
class Said:
    """Logits about stretches of beats.

    Attributes
    ----------
    early, final : Tensor, shape (batch, n, 5)
        Of each beat, and of the one before it.
    alone : Tensor, shape (batch, 5)
        Final ones of the beat `some` (batch,) of each stretch, had nothing followed it.
    """

    early: Tensor
    final: Tensor
    alone: Tensor
    some: Tensor


def answers_about(net: Net, x: Tensor, some: Tensor | None = None) -> Said:
    """What `net` says of stretches x (batch, n, 33), and of one beat of each, drawn at random unless given, alone."""
    y, states = net.walk(x)
    if some is None:
        some = torch.randint(x.shape[1], (len(x),))
    which = torch.arange(len(x))
    alone = net.unfollowed(x[which, some], states[which, some])
    return Said(y[..., :N_CLASSES], y[..., N_CLASSES:], alone, some)


@torch.no_grad()
def opinions(teachers: Sequence[Net], x: Tensor, some: Tensor) -> list[Said]:
    """What each of the teachers says of the same stretches, the beat `some` alone; nothing is learned by them."""
    return [answers_about(one, x, some) for one in teachers]


def loss_of(said: Said, c: Tensor, weights: Sequence[float]) -> Tensor:
    """Cross entropy with the classes c (batch, n), each class with its weight.

    Early answer of each beat, final answer of the one before, and a fifth as much the unfollowed ones.
    """
    of_class = torch.tensor(weights)
    early = class_loss(said.early.reshape(-1, N_CLASSES), c.reshape(-1), of_class)
    final = class_loss(said.final[:, 1:].reshape(-1, N_CLASSES), c[:, :-1].reshape(-1), of_class)
    n = (c != UNKNOWN).sum().clamp_min(1)
    alone = class_loss(said.alone, c[torch.arange(len(c)), said.some], of_class)
    return (early + final) / n + ALONE * alone / len(c)


def taught_loss(said: Said, teachers: Sequence[Said]) -> Tensor:
    """Cross entropy with the mean of the teachers' log-probabilities about the same beats, labelled or not."""

    def between(y: Tensor, theirs: list[Tensor]) -> Tensor:
        p = torch.stack([one.log_softmax(-1) for one in theirs]).mean(0).softmax(-1)
        return -(p * y.log_softmax(-1)).sum(-1)

    early = between(said.early, [t.early for t in teachers])
    final = between(said.final[:, 1:], [t.final[:, 1:] for t in teachers])
    alone = between(said.alone, [t.alone for t in teachers])
    return (early.sum() + final.sum()) / early.numel() + ALONE * alone.mean()
