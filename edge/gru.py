"""The stateful GRU, one step a sample: weights in :class:`GruModel`, one patient's memory in :class:`GruState`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.runtime import make_interpreter
from firmware_bridge.types import BadInput


class GruState:
    """What the network remembers of one patient: the stem's last samples and the hidden units.

    `s` is float32 (1, n_state): the contexts of the two causal convolutions, then h.
    """

    __slots__ = ("s",)

    def __init__(self, n_state: int) -> None:
        self.s: NDArray[np.float32] = np.zeros((1, n_state), np.float32)

    def reset(self) -> None:
        """A patient never seen."""
        self.s = np.zeros_like(self.s)


class GruModel:
    """A float32 step model: input x (1, 1) [mV] and s (1, n_state), output y (1, n_out) and the new s.

    Parameters
    ----------
    content : bytes
        The .tflite file.
    n_out : int
        Expected width of y.
    where : str
        Named in errors.

    Raises
    ------
    BadInput
        When shapes or types are not as described.
    """

    def __init__(self, content: bytes, n_out: int, where: str) -> None:
        interpreter = make_interpreter(content)
        inputs = {_shape(d): d for d in interpreter.get_input_details()}
        outputs = {_shape(d): d for d in interpreter.get_output_details()}
        shapes = [s for s in inputs if s != (1, 1)]
        if (1, 1) not in inputs or len(shapes) != 1 or set(outputs) != {(1, n_out), shapes[0]}:
            raise BadInput(
                f"{where}: inputs {sorted(inputs)} and outputs {sorted(outputs)}, expected x (1, 1), "
                f"s (1, n) and y (1, {n_out}), s (1, n); export the model again"
            )
        if any(d["dtype"] is not np.float32 for d in (*inputs.values(), *outputs.values())):
            raise BadInput(f"{where}: expected float32 inputs and outputs; export the model again")
        self.content = content
        self.n_state = int(shapes[0][1])
        self.n_out = n_out
        self._x = np.zeros((1, 1), np.float32)
        self._bind(interpreter, inputs[(1, 1)], inputs[shapes[0]], outputs[(1, n_out)], outputs[shapes[0]])

    def _bind(self, interpreter: Any, x: Any, s: Any, y: Any, s_new: Any) -> None:
        self._set, self._get, self._invoke = (
            interpreter.set_tensor,
            interpreter.get_tensor,
            interpreter.invoke,
        )
        self._at = (x["index"], s["index"], y["index"], s_new["index"])

    def new_state(self) -> GruState:
        """A cold state."""
        return GruState(self.n_state)

    def step(self, x_mv: float, state: GruState) -> NDArray[np.float32]:
        """One sample: advance `state`, give the logits (n_out,)."""
        at = self._at
        self._x[0, 0] = x_mv
        self._set(at[0], self._x)
        self._set(at[1], state.s)
        self._invoke()
        state.s = self._get(at[3])
        y: NDArray[np.float32] = self._get(at[2])[0]
        return y


def _shape(detail: Any) -> tuple[int, ...]:
    return tuple(int(v) for v in detail["shape"])
