"""A model's operations in their order, and its tensors: what is inside a .tflite file, beyond its two ends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.runtime import make_interpreter
from firmware_bridge.types import BadInput


@dataclass(frozen=True, slots=True)
class Op:
    """One operation: its name, and the indices of the tensors it takes (-1 where one is left out) and makes."""

    name: str
    takes: tuple[int, ...]
    makes: tuple[int, ...]


class Graph:
    """A model's operations in their order, and its tensors.

    Parameters
    ----------
    content : bytes
        The .tflite file.
    where : str
        Named in errors.
    keep : bool
        Whether what stands between input and output can be read too after a run of `interpreter`.
    """

    def __init__(self, content: bytes, where: str, keep: bool = False) -> None:
        self.where = where
        self.interpreter = make_interpreter(content, keep=keep)
        self.tensors = {int(d["index"]): d for d in self.interpreter.get_tensor_details()}
        # The runtimes have no public list of operations; both have this one.
        self.ops = [
            Op(d["op_name"], tuple(map(int, d["inputs"])), tuple(map(int, d["outputs"])))
            for d in self.interpreter._get_ops_details()
            if d["op_name"] != "DELEGATE"
        ]

    def value(self, index: int) -> NDArray[Any]:
        """A constant tensor."""
        if index < 0 or self.maker(index) is not None:
            raise self.stranger(f"tensor {index} is no constant")
        out: NDArray[Any] = self.interpreter.get_tensor(index).copy()
        return out

    def shape(self, index: int) -> tuple[int, ...]:
        """Shape of a tensor."""
        return tuple(int(n) for n in self.tensors[index]["shape"])

    def quantum(self, index: int) -> tuple[np.float32, int]:
        """Scale and zero point of a tensor that has one of each."""
        scale, zero = self.tensors[index]["quantization"]
        return np.float32(scale), int(zero)

    def maker(self, index: int) -> Op | None:
        """The operation that makes a tensor, None for inputs and constants."""
        return next((op for op in self.ops if index in op.makes), None)

    def stranger(self, what: str) -> BadInput:
        """The error for a graph that is not the one expected."""
        return BadInput(
            f"{self.where}: {what}; the code that reads it is written for another graph, export the model again"
        )
