"""Boosted trees as plain arrays: fitted with scikit-learn, kept and asked without it."""

from __future__ import annotations

from base64 import b64decode, b64encode
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from firmware_bridge.types import BadInput

F32 = NDArray[np.float32]

KINDS = {"feature": "<i2", "threshold": "<f4", "left": "<i2", "right": "<i2", "value": "<f4", "base": "<f4"}
"""How the arrays are kept."""


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """Trees side by side, filled up to the same number of nodes; each speaks for one class.

    Attributes
    ----------
    feature : ndarray of int16, shape (rounds, n_classes, n_nodes)
        What a node asks of; -1 for a leaf.
    threshold : ndarray of float32, same shape
        At most this much goes left.
    left, right : ndarray of int16, same shape
        Where it goes on.
    value : ndarray of float32, same shape
        What a leaf adds to its class.
    base : ndarray of float32, shape (n_classes,)
        What every answer begins with.
    """

    feature: NDArray[np.int16]
    threshold: F32
    left: NDArray[np.int16]
    right: NDArray[np.int16]
    value: F32
    base: F32

    def probs(self, x: F32) -> F32:
        """Probabilities (n, n_classes) of features (n, n_features), none of which is missing."""
        rounds, classes, nodes = self.feature.shape
        feature, threshold, left, right, value = (
            getattr(self, f.name).reshape(rounds * classes, nodes) for f in fields(self)[:-1]
        )
        tree = np.arange(rounds * classes)
        at = np.zeros((len(x), len(tree)), np.int16)
        while True:
            asked = feature[tree, at]
            if (asked < 0).all():
                break
            low = np.take_along_axis(x, np.maximum(asked, 0).astype(np.int64), 1) <= threshold[tree, at]
            at = np.where(asked < 0, at, np.where(low, left[tree, at], right[tree, at]))
        logits = self.base + value[tree, at].reshape(len(x), rounds, classes).sum(1, dtype=np.float64)
        e = np.exp(logits - logits.max(1, keepdims=True))
        out: F32 = (e / e.sum(1, keepdims=True)).astype(np.float32)
        return out

    def kept(self) -> dict[str, Any]:
        """All of it as text: little end first, in base64."""
        arrays = {name: getattr(self, name).astype(kind) for name, kind in KINDS.items()}
        return {name: [a.shape, b64encode(a.tobytes()).decode()] for name, a in arrays.items()}


def read(content: dict[str, Any]) -> Forest:
    """What :meth:`Forest.kept` gave. Raises ValueError or KeyError for anything else."""
    return Forest(
        *(
            np.frombuffer(b64decode(content[name][1], validate=True), kind).reshape(content[name][0])
            for name, kind in KINDS.items()
        )
    )


def fit(
    x: F32,
    y: NDArray[np.int64],
    weight: NDArray[np.float64],
    seed: int,
    rounds: int,
    rate: float,
    leaves: int,
) -> Forest:
    """Boost trees of at most `leaves` leaves on features (n, n_features), labels and weights (n,).

    Raises
    ------
    BadInput
        Without scikit-learn.
    """
    try:
        from sklearn.ensemble import HistGradientBoostingClassifier
    except ImportError:
        raise BadInput("boosted trees need scikit-learn: pip install 'heartwire[train]'") from None
    model: Any = HistGradientBoostingClassifier(
        max_iter=rounds,
        learning_rate=rate,
        max_leaf_nodes=leaves,
        min_samples_leaf=15,
        l2_regularization=2.0,
        max_features=0.25,
        early_stopping=False,
        random_state=seed,
    )
    model.fit(x, y, sample_weight=weight)
    return of_model(model)


def of_model(model: Any) -> Forest:
    """The trees of a fitted classifier of three classes or more, all of whose features are numbers."""
    trees = [tree.nodes for one_round in model._predictors for tree in one_round]
    rounds, classes, most = len(model._predictors), len(model.classes_), max(map(len, trees))
    found = {name: np.zeros((len(trees), most), kind) for name, kind in KINDS.items() if name != "base"}
    found["feature"][:] = -1
    for k, nodes in enumerate(trees):
        inner = nodes["is_leaf"] == 0
        n = len(nodes)
        found["feature"][k, :n] = np.where(inner, nodes["feature_idx"], -1)
        # nothing between the threshold and the next smaller float32 may change sides
        exact = nodes["num_threshold"]
        near = exact.astype(np.float32)
        found["threshold"][k, :n] = np.where(near > exact, np.nextafter(near, np.float32(-np.inf)), near)
        found["left"][k, :n], found["right"][k, :n] = nodes["left"], nodes["right"]
        found["value"][k, :n] = np.where(inner, 0.0, nodes["value"])
    base = np.asarray(model._baseline_prediction, np.float32).reshape(-1)
    return Forest(*(a.reshape(rounds, classes, most) for a in found.values()), base)
