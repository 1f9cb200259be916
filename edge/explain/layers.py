"""The inside of the beat CNN for one image: every convolution's feature maps, and what each moment spoke for. Pure.

The running network does not keep what stands between its ends, so an interpreter of its own runs the same file on the
same image. The last layer is linear, so its logits are a sum over moments of time exactly, but for the rounding of the
logits themselves (class activation mapping: Zhou et al. 2016, arXiv:1512.04150).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.cnn import quantise
from edge.explain.graph import Graph, Op
from edge.runtime import sole_tensors

F32 = NDArray[np.float32]
I8 = NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False)
class FeatureMap:
    """What a convolution made: int8 (n_steps, n_channels), real value (x - zero) * scale; samples that a step sees."""

    x: I8
    scale: float
    zero: int
    reach: int


@dataclass(frozen=True, slots=True, eq=False)
class Inside:
    """A network's inside: the image as it was rounded, the maps, and `spoke` (n_steps, n_classes) in logits.

    `spoke` is None where the last layer is not linear in time; with `bias` (n_classes,) its sum is the logits.
    """

    image: FeatureMap
    maps: tuple[FeatureMap, ...]
    spoke: F32 | None
    bias: F32


class Layers:
    """Runs a window network and keeps what is inside.

    Parameters
    ----------
    content : bytes
        The .tflite file of a full-int8 network of convolutions along time and a dense layer.
    where : str
        Named in errors.

    Raises
    ------
    BadInput
        When the graph is another one.
    """

    def __init__(self, content: bytes, where: str) -> None:
        self._graph = graph = Graph(content, where, keep=True)
        given, _ = sole_tensors(graph.interpreter, where)
        self._in = int(given["index"])
        self._shape = graph.shape(self._in)
        self._convs = [op for op in graph.ops if op.name == "CONV_2D"]
        dense = [op for op in graph.ops if op.name == "FULLY_CONNECTED"]
        if not self._convs or len(dense) != 1:
            raise graph.stranger(f"it has {len(self._convs)} convolutions and {len(dense)} dense layers")
        self._reach = self._reaches()
        self._read_dense(dense[0])

    @property
    def n_bytes(self) -> int:
        """Bytes of the image and all maps together."""
        shapes = [self._shape, *(self._graph.shape(op.makes[0]) for op in self._convs)]
        return sum(math.prod(shape) for shape in shapes)

    def look(self, image: F32) -> Inside:
        """The inside for one image, float32 (window, n_channels)."""
        interpreter, scale, zero = self._graph.interpreter, *self._graph.quantum(self._in)
        rounded = quantise(image, float(scale), zero)
        interpreter.set_tensor(self._in, rounded.reshape(self._shape))
        interpreter.invoke()
        maps = tuple(self._map(op, reach) for op, reach in zip(self._convs, self._reach, strict=True))
        last = maps[-1]
        spoke = None
        if self._weight is not None:
            active = (last.x.astype(np.float32) - np.float32(last.zero)) * np.float32(last.scale)
            spoke = np.einsum("tu,ctu->tc", active, self._weight)
        return Inside(FeatureMap(rounded, float(scale), zero, 1), maps, spoke, self._bias)

    def _map(self, op: Op, reach: int) -> FeatureMap:
        made = op.makes[0]
        scale, zero = self._graph.quantum(made)
        n_steps, n_channels = self._graph.shape(made)[-2:]
        x = self._graph.interpreter.get_tensor(made).reshape(n_steps, n_channels)
        return FeatureMap(x, float(scale), zero, reach)

    def _reaches(self) -> list[int]:
        """Samples of the window that one step of each convolution depends on."""
        graph, out = self._graph, []
        reach, stride, before = 1, 1, self._shape[-2]
        for op in self._convs:
            width, n_steps = graph.shape(op.takes[1])[2], graph.shape(op.makes[0])[-2]
            reach += (width - 1) * stride
            stride *= max(1, round(before / n_steps))
            before = n_steps
            out.append(reach)
        return out

    def _read_dense(self, op: Op) -> None:
        """The last layer's weights, in logits an activation, if it takes the last map as it is."""
        graph, last = self._graph, self._convs[-1].makes[0]
        flat = graph.maker(op.takes[0])
        weight = graph.value(op.takes[1]).astype(np.float32)
        scales = np.asarray(graph.tensors[op.takes[1]]["quantization_parameters"]["scales"], np.float32)
        in_scale = graph.quantum(op.takes[0])[0]
        self._bias: F32 = graph.value(op.takes[2]).astype(np.float32) * in_scale * scales
        self._weight: F32 | None = None
        if flat is not None and flat.name == "RESHAPE" and flat.takes[0] == last:
            whole = weight * scales.reshape(-1, 1)
            self._weight = whole.reshape(len(weight), *graph.shape(last)[-2:])
