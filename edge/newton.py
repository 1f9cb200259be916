"""Multinomial logistic regression with an offset and a ridge, by Newton's steps that never go uphill.

One step is bounded work, so that a monitor can take one now and then between two samples. The loss is convex and the
steps are deterministic: the same beats give the same weights, bit for bit.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

ROWS = 256
MOST_STEPS = 20
MOST_HALVINGS = 8
TOLERANCE = 1e-4
"""It is done when a step gains less than this share of the loss."""


class Newton:
    """Finds w that makes ``softmax(offset + x w)`` most like `target`.

    The loss is the cross-entropy of every row times its weight, in sum, and half of ``ridge * w**2`` (Hastie,
    Tibshirani and Friedman, The Elements of Statistical Learning, 4.4.1 and 3.4.1).

    Parameters
    ----------
    x : ndarray of float64 (n, n_inputs)
    offset, target : ndarray of float64 (n, n_classes)
        Log-probabilities that hold where w is zero; distributions.
    weight : ndarray of float64 (n,)
    ridge : ndarray of float64 (n_inputs,)
        Above zero.
    start : ndarray of float64 (n_inputs, n_classes)
        Where to begin.

    Attributes
    ----------
    w : ndarray of float64 (n_inputs, n_classes)
        The best so far.
    done : bool
        Nothing is left to gain, or `MOST_STEPS` were taken.
    """

    def __init__(self, x: F64, offset: F64, target: F64, weight: F64, ridge: F64, start: F64) -> None:
        self._x, self._offset, self._target, self._weight = x, offset, target, weight
        self._ridge = ridge
        self._n_steps = 0
        self.done = False
        self.w = start.copy()
        self.loss = self._loss(self.w)

    def step(self) -> None:
        """One step; halved while it would go uphill."""
        step = self._step()
        self._n_steps += 1
        for k in range(MOST_HALVINGS):
            w = self.w - step / 2.0**k
            loss = self._loss(w)
            if loss <= self.loss:
                gain, self.w, self.loss = self.loss - loss, w, loss
                self.done = gain < TOLERANCE * (1.0 + loss) or self._n_steps >= MOST_STEPS
                return
        self.done = True

    def _step(self) -> F64:
        x, (n_inputs, n_classes) = self._x, self.w.shape
        p = np.exp(_log_softmax(self._offset + x @ self.w))
        slope = x.T @ (self._weight[:, None] * (p - self._target)) + self._ridge[:, None] * self.w
        curve = np.zeros((n_classes, n_inputs, n_classes, n_inputs))
        for a in range(n_classes):
            for b in range(a, n_classes):
                share = self._weight * p[:, a] * (float(a == b) - p[:, b])
                curve[a, :, b] = curve[b, :, a] = _gram(x, share)
        size = n_classes * n_inputs
        flat = curve.reshape(size, size)
        flat[np.arange(size), np.arange(size)] += np.tile(self._ridge, n_classes)
        out: F64 = solve(flat, slope.T.reshape(-1)).reshape(n_classes, n_inputs).T
        return out

    def _loss(self, w: F64) -> float:
        log_p = _log_softmax(self._offset + self._x @ w)
        fit = -float(self._weight @ (self._target * log_p).sum(1))
        return fit + 0.5 * float((self._ridge[:, None] * w * w).sum())


def solve(a: F64, b: F64) -> F64:
    """x of ``a x = b`` by elimination, without pivots: `a` (n, n) must be symmetric and positive definite (Golub and
    Van Loan, Matrix Computations, 4.2). Both are used up.

    Not LAPACK's: NumPy's hands even small systems to threads, and waits for a core that is busy.
    """
    n = len(b)
    for k in range(n - 1):
        share = a[k + 1 :, k] / a[k, k]
        a[k + 1 :, k + 1 :] -= share[:, None] * a[k, k + 1 :]
        b[k + 1 :] -= share * b[k]
    for k in range(n - 1, -1, -1):
        b[k] = (b[k] - a[k, k + 1 :] @ b[k + 1 :]) / a[k, k]
    return b


def _gram(x: F64, share: F64) -> F64:
    """``x.T @ diag(share) @ x``, some rows at a time: larger products go to threads too, and are summed in another
    order.
    """
    parts = [slice(k, k + ROWS) for k in range(0, len(x), ROWS)]
    out: F64 = np.sum([(x[part] * share[part, None]).T @ x[part] for part in parts], axis=0)
    return out


def _log_softmax(z: F64) -> F64:
    z = z - z.max(1, keepdims=True)
    out: F64 = z - np.log(np.exp(z).sum(1, keepdims=True))
    return out
