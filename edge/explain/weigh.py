"""What weighed most in an answer of the fusion: exact Shapley values over six groups of what it is shown. Pure.

The fusion is asked 64 times, once for every choice of groups that are as they were at this beat while the others are
as usual: rows at the mean of the beats it was taught with (the file holds it), memory as of a patient never seen. A
group's weight is what it adds to the log-odds of the class that was called, averaged over all orders in which the
groups could have been told (Shapley 1953; Lundberg and Lee 2017, arXiv:1705.07874). The weights and the log-odds of the
usual beat sum to the log-odds of the answer exactly. They say what moved this network's answer, not what is true of
the heart.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.explain.graph import Graph
from edge.fusion import FUSION_INPUTS, N_CLASSES
from edge.runtime import make_interpreter
from firmware_bridge.types import BadInput

F32 = NDArray[np.float32]
F64 = NDArray[np.float64]

GROUPS: dict[str, tuple[str, ...]] = {
    "gru": tuple(n for n in FUSION_INPUTS if n.startswith("gru_")),
    "cnn": tuple(n for n in FUSION_INPUTS if n.startswith("cnn_")),
    "timing": (
        "rr",
        "rr_to_mean",
        "rr_to_last",
        "rr_to_long",
        "rr_mean",
        "rr_spread",
        "irregular_mean",
        "irregular_rms",
        "no_rr",
    ),
    "shape": (
        "amp_to_template",
        "whole_correlation",
        "p_correlation",
        "p_residual",
        "qrs_residual",
        "early_residual",
        "no_template",
    ),
    "quality": ("sqi", "nothing"),
    "memory": (),
}
"""Every input of the fusion is in one of the first five; the last stands for its state."""

N_GROUPS = len(GROUPS)


@dataclass(frozen=True, slots=True)
class Weighed:
    """Log-odds of a class: of the usual beat, what each of `GROUPS` adds, of the answer."""

    usual: float
    adds: tuple[float, ...]
    answer: float


def shapley_matrix(n: int) -> F64:
    """The matrix (n, 2^n) that makes Shapley values of the values of all coalitions; bit k of a column is player k."""
    out = np.zeros((n, 1 << n))
    for coalition in range(1 << n):
        size = coalition.bit_count()
        for k in range(n):
            inside = coalition >> k & 1
            others = size - inside
            weight = math.factorial(others) * math.factorial(n - others - 1) / math.factorial(n)
            out[k, coalition] = weight if inside else -weight
    return out


class Weigher:
    """Weighs answers of one fusion network, on an interpreter of its own.

    Parameters
    ----------
    content : bytes
        The fusion's .tflite file.
    where : str
        Named in errors.

    Raises
    ------
    BadInput
        When the file does not hold the mean of its inputs, or is no fusion.
    """

    def __init__(self, content: bytes, where: str) -> None:
        self._usual = _usual_row(Graph(content, where))
        self._interpreter = make_interpreter(content, batch=1 << N_GROUPS)
        given = {int(d["shape"][1]): d["index"] for d in self._interpreter.get_input_details()}
        made = {int(d["shape"][1]): d["index"] for d in self._interpreter.get_output_details()}
        self._x, self._y = given.pop(len(FUSION_INPUTS)), made[2 * N_CLASSES]
        self._n_memory, self._s = given.popitem()
        told = (np.arange(1 << N_GROUPS)[:, None] >> np.arange(N_GROUPS)) & 1
        names = list(GROUPS)
        group_of = [next(g for g in names if name in GROUPS[g]) for name in FUSION_INPUTS]
        self._rows = told[:, [names.index(g) for g in group_of]].astype(bool)
        self._memories = told[:, [names.index("memory")]].astype(np.float32)
        self._matrix = shapley_matrix(N_GROUPS)

    def weigh(self, row: F32, memory: F32, called: int) -> Weighed:
        """What moved the early answer.

        Parameters
        ----------
        row : ndarray of float32 (33,)
            What the fusion was shown.
        memory : ndarray of float32 (1, n_memory)
            Its state before.
        called : int
            Index of the class, in AAMI's order.
        """
        interpreter = self._interpreter
        interpreter.set_tensor(self._x, np.where(self._rows, row, self._usual))
        interpreter.set_tensor(self._s, self._memories * memory)
        interpreter.invoke()
        logits = interpreter.get_tensor(self._y)[:, :N_CLASSES].astype(np.float64)
        others = np.delete(logits, called, axis=1)
        most = others.max(1)
        odds = logits[:, called] - most - np.log(np.exp(others - most[:, None]).sum(1))
        adds = self._matrix @ odds
        return Weighed(float(odds[0]), tuple(adds.tolist()), float(odds[-1]))


def _usual_row(graph: Graph) -> F32:
    """The mean (33,) that the network takes from its row before anything else."""
    rows = {int(d["index"]) for d in graph.interpreter.get_input_details()}
    rows = {index for index in rows if graph.shape(index) == (1, len(FUSION_INPUTS))}
    means = [op.takes[1] for op in graph.ops if op.name == "SUB" and op.takes[0] in rows]
    if len(means) != 1:
        raise graph.stranger(f"{len(means)} means are taken from its row, expected 1")
    usual: F32 = graph.value(means[0]).reshape(-1)
    if usual.shape != (len(FUSION_INPUTS),):
        raise BadInput(f"{graph.where}: the mean of its row has shape {usual.shape}; fit it again")
    return usual
