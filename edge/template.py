"""The patient's own normal beat, learned while it streams, and what the beat CNN is shown of a beat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]

MOST_WEIGHT = 16
"""The template is a running mean with at most this memory, in beats."""

LEAST_CORRELATION = 0.75
"""A beat called normal joins the template only if it looks like it, once there is one (8 beats)."""


class Template:
    """Running mean of the windows of normal beats.

    Attributes
    ----------
    mean : ndarray of float32 (window,) or None
        The template in mV, None until a normal beat was seen.
    n : int
        Normal beats learned.
    """

    __slots__ = ("_odd", "mean", "n")

    def __init__(self) -> None:
        self.mean: F32 | None = None
        self.n = 0
        self._odd = 0

    def learn(self, window: F32) -> None:
        """Take in one beat that was called normal."""
        if self.mean is None:
            self.mean, self.n = window.copy(), 1
            return
        if self.n >= 8 and correlation(window, self.mean) < LEAST_CORRELATION:
            self._odd += 1
            if self._odd < 24:
                return
            self.n = 2
        self._odd = 0
        self.n += 1
        self.mean += (window - self.mean) / np.float32(min(self.n, MOST_WEIGHT))

    def scale(self, window: F32) -> float:
        """Amplitude [mV] by which beats of this patient are divided: the template's, or the beat's own."""
        return max(0.05, float(np.abs(window if self.mean is None else self.mean).max()))

    def reset(self) -> None:
        """Another patient."""
        self.mean, self.n, self._odd = None, 0, 0


def correlation(a: F32, b: F32) -> float:
    """Pearson's correlation of two windows, 0 when either is flat."""
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt(np.dot(a, a) * np.dot(b, b)))
    return float(np.dot(a, b)) / norm if norm > 1e-9 else 0.0


def beat_image(window: F32, template: Template) -> F32:
    """What the CNN sees: the beat, the template and their difference, over the patient's scale, (window, 3).

    The last two channels are 0 until there is a template. Values are clipped to +-4.
    """
    image = np.zeros((len(window), 3), np.float32)
    image[:, 0] = window
    if template.mean is not None:
        image[:, 1] = template.mean
        image[:, 2] = window - template.mean
    image /= np.float32(template.scale(window))
    return np.clip(image, -4.0, 4.0, out=image)
