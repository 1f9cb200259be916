"""The stateful GRU, one step a sample: weights in :class:`GruModel`, one patient's memory in :class:`GruState`.

The state holds the contexts of the stem's two causal convolutions, then the hidden units.
"""

from __future__ import annotations

import numpy as np

from edge.step_model import F32, StepModel, StepState

GruState = StepState


class GruModel(StepModel):
    """The step model of one filtered lead: x is one sample [mV]. See :class:`edge.step_model.StepModel`."""

    def __init__(self, content: bytes, n_out: int, where: str) -> None:
        super().__init__(content, 1, n_out, where)
        self._x = np.zeros((1, 1), np.float32)

    def step(self, x_mv: float, state: GruState) -> F32:
        """One sample: advance `state`, give the logits (n_out,)."""
        x, at = self._x, self._at
        x[0, 0] = x_mv
        self._set(at[0], x)
        self._set(at[1], state.s)
        self._invoke()
        state.s = self._get(at[3])
        y: F32 = self._get(at[2])[0]
        return y
