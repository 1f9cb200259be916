"""What a run of the study is: which network, on which input, with how much training."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

CLASSES = ("N", "S", "V", "F")
"""AAMI classes that are told apart. Q is left out: DS1 has eight of them."""

SCORED = 3
"""Macro F1 is the mean over N, S and V: nine in ten F beats of DS1 are one patient's."""

FAMILIES = (
    "cnn",
    "tcn",
    "rnn",
    "lstm",
    "gru",
    "conv_gru",
    "gru_conv",
    "late",
    "trees",
    "nn1",
)
"""cnn, tcn (causal, dilated), vanilla rnn, lstm, gru; the three ways to join them (convolutions before the GRU,
after it, beside it); boosted trees on RR and QRS width; the nearest neighbour, which does nothing but remember."""

CNN_KINDS = ("strided", "plain", "dilated", "gap")
"""strided: halves the length in each layer until 16 samples are left, all of them read by a dense layer; plain: full
length to the end; dilated: plain with dilation 1, 2, 4...; gap: plain, and only the mean over time is read."""


@dataclass(frozen=True, slots=True)
class NetConfig:
    """A network's shape.

    Attributes
    ----------
    family : str
        One of :data:`FAMILIES`.
    layers, width : int
        Layers of the network (of its recurrent part in hybrids; of both parts in ``late``) and units of each.
    kernel : int
        Width of convolutions [steps].
    kind : str
        For ``cnn``, one of :data:`CNN_KINDS`.
    residual : bool
        For recurrent ones: LayerNorm after each layer, and its input added.
    stem, stem_width : int
        For hybrids: convolutions (each halves the rate in ``conv_gru``) and units of each.
    """

    family: str
    layers: int = 1
    width: int = 16
    kernel: int = 5
    kind: str = "strided"
    residual: bool = False
    stem: int = 2
    stem_width: int = 16


@dataclass(frozen=True, slots=True)
class TaskConfig:
    """What a network is given and asked.

    The question is a beat's class, `after_s` after its (annotated) R-peak. In mode ``window`` the network sees
    `window_s` of signal up to that moment and nothing else. In mode ``stream`` it learns from strips of `strip_s`,
    where every beat later than `window_s` is asked for, and is scored with its state carried through the record, set
    back every `reset_s` seconds (0: never).

    Attributes
    ----------
    fs : float
        Hz: 125, or 62.5.
    patients : int
        So many of the training patients alone (0: all of the fold's DS1).
    """

    mode: str = "window"
    fs: float = 125.0
    window_s: float = 2.0
    after_s: float = 0.25
    strip_s: float = 10.0
    reset_s: float = 0.0
    patients: int = 0

    @property
    def n_window(self) -> int:
        """Length of the window [samples]."""
        return round(self.window_s * self.fs)


@dataclass(frozen=True, slots=True)
class Budget:
    """How much a network is trained: the same for all that are compared.

    Attributes
    ----------
    epochs, beats : int
        Epochs, and labelled beats in each.
    batch : int
        Beats in a step (about, for strips).
    rate : float
        Highest learning rate.
    test_s : float
        Only so much of each held-out record is scored [s] (0: all).
    curve_beats : int
        At most so many held-out and training beats are looked at after each epoch.
    """

    epochs: int = 12
    beats: int = 12288
    batch: int = 64
    rate: float = 5e-3
    test_s: float = 0.0
    curve_beats: int = 2000


@dataclass(frozen=True, slots=True)
class Job:
    """One training: an arm, a seed, a held-out fold (of `n_folds`; with 1 nobody is held out).

    It is scored once more for each of `resets`, with its state set back so often [s].
    """

    claims: tuple[int, ...]
    arm: str
    net: NetConfig
    task: TaskConfig
    budget: Budget
    seed: int
    fold: int
    n_folds: int
    preset: str
    resets: tuple[float, ...] = ()

    @property
    def config(self) -> dict[str, Any]:
        """All that decides the outcome but seed and fold, as plain values."""
        return {"net": asdict(self.net), "task": asdict(self.task), "budget": asdict(self.budget)}

    @property
    def key(self) -> str:
        """The same training has the same key, whichever claims it serves."""
        what = json.dumps([self.config, self.seed, self.fold, self.n_folds], sort_keys=True)
        return hashlib.sha256(what.encode()).hexdigest()[:12]
