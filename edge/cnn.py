"""int8 window networks: round, clip, run, and give logits back in float."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.runtime import make_interpreter, sole_tensors
from firmware_bridge.types import BadInput


def quantise(x: NDArray[np.float32], scale: float, zero_point: int) -> NDArray[np.int8]:
    """Real values to int8: round to nearest, then clip (a cast alone turns a tall R-wave upside down)."""
    out: NDArray[np.int8] = np.clip(np.rint(x / scale) + zero_point, -128, 127).astype(np.int8)
    return out


class Int8Cnn:
    """A full-int8 network over one window.

    Parameters
    ----------
    content : bytes
        The .tflite file.
    shape : tuple of int
        Expected input shape (1, window, n_channels), as (1, window, n_channels) or (1, 1, window, n_channels).
    n_classes : int
        Expected number of outputs.
    where : str
        Named in errors.

    Raises
    ------
    BadInput
        When the shape, the number of classes or the type differs.
    """

    def __init__(self, content: bytes, shape: tuple[int, int, int], n_classes: int, where: str) -> None:
        interpreter = make_interpreter(content)
        given, made = sole_tensors(interpreter, where)
        takes, gives = given["shape"].tolist(), made["shape"].tolist()
        if [v for v in takes if v != 1] != [v for v in shape if v != 1] or gives != [1, n_classes]:
            raise BadInput(
                f"{where}: input {tuple(takes)}, output {tuple(gives)}, expected {shape} and "
                f"{n_classes} classes; export the model again"
            )
        if given["dtype"] is not np.int8 or made["dtype"] is not np.int8:
            raise BadInput(f"{where}: expected int8 input and output; export the model again")
        self.content = content
        self.window = shape[1]
        self._shape = tuple(takes)
        self._in, self._out = given["index"], made["index"]
        self._in_scale, self._in_zero = given["quantization"]
        self._out_scale, self._out_zero = made["quantization"]
        self._set, self._get, self._invoke = (
            interpreter.set_tensor,
            interpreter.get_tensor,
            interpreter.invoke,
        )

    def logits(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits (n_classes,) of one window, float32 (window, n_channels)."""
        self._set(self._in, quantise(window, self._in_scale, self._in_zero).reshape(self._shape))
        self._invoke()
        raw = self._get(self._out).reshape(-1).astype(np.float32)
        out: NDArray[np.float32] = (raw - np.float32(self._out_zero)) * np.float32(self._out_scale)
        return out

    def probs(self, window: NDArray[np.float32]) -> NDArray[np.float32]:
        """Softmax of :meth:`logits`."""
        return softmax(self.logits(window))


def softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities of one vector of logits."""
    e = np.exp(logits - logits.max())
    out: NDArray[np.float32] = e / e.sum()
    return out
