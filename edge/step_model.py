"""A float32 network that takes one step at a time: its weights, and a patient's memory beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.runtime import make_interpreter
from firmware_bridge.types import BadInput

F32 = NDArray[np.float32]


class StepState:
    """What a network remembers of one patient: `s`, float32 (1, n_state), zero for a patient never seen."""

    __slots__ = ("s",)

    def __init__(self, n_state: int) -> None:
        self.s: F32 = np.zeros((1, n_state), np.float32)

    def reset(self) -> None:
        """A patient never seen."""
        self.s = np.zeros_like(self.s)


class StepModel:
    """A step: input x (1, n_in) and s (1, n_state), output y (1, n_out) and the new s, all float32.

    Parameters
    ----------
    content : bytes
        The .tflite file.
    n_in, n_out : int
        Expected widths of x and y.
    where : str
        Named in errors.

    Raises
    ------
    BadInput
        When shapes or types are not as described.
    """

    def __init__(self, content: bytes, n_in: int, n_out: int, where: str) -> None:
        interpreter = make_interpreter(content)
        inputs = {_shape(d): d for d in interpreter.get_input_details()}
        outputs = {_shape(d): d for d in interpreter.get_output_details()}
        x, y = (1, n_in), (1, n_out)
        states = [s for s in inputs if s != x]
        if x not in inputs or len(states) != 1 or set(outputs) != {y, states[0]}:
            raise BadInput(
                f"{where}: inputs {sorted(inputs)} and outputs {sorted(outputs)}, expected x (1, {n_in}), "
                f"s (1, n) and y (1, {n_out}), s (1, n); export the model again"
            )
        if any(d["dtype"] is not np.float32 for d in (*inputs.values(), *outputs.values())):
            raise BadInput(f"{where}: expected float32 inputs and outputs; export the model again")
        self.content = content
        self.n_state = int(states[0][1])
        self.n_out = n_out
        self._bind(interpreter, inputs[x], inputs[states[0]], outputs[y], outputs[states[0]])

    def _bind(self, interpreter: Any, x: Any, s: Any, y: Any, s_new: Any) -> None:
        self._set, self._get, self._invoke = (
            interpreter.set_tensor,
            interpreter.get_tensor,
            interpreter.invoke,
        )
        self._at = (x["index"], s["index"], y["index"], s_new["index"])

    def new_state(self) -> StepState:
        """A cold state."""
        return StepState(self.n_state)

    def advance(self, x: F32, state: StepState) -> F32:
        """One step of `x` (1, n_in): `state` goes on, the outputs (n_out,) come back."""
        at = self._at
        self._set(at[0], x)
        self._set(at[1], state.s)
        self._invoke()
        state.s = self._get(at[3])
        y: F32 = self._get(at[2])[0]
        return y


def _shape(detail: Any) -> tuple[int, ...]:
    return tuple(int(v) for v in detail["shape"])
