"""Weights out of shipped .tflite files, found by their place in the graph; the files are the only source of truth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from edge.explain.graph import Graph, Op
from edge.runtime import sole_tensors
from firmware_bridge.c_models import F32, FusionWeights, GruWeights, Int8Layer, Int8Net


def gru_weights(content: bytes, where: str) -> GruWeights:
    """The step model's weights.

    Of its five dense layers, those on a concatenation are the stem (the first one takes the new sample), the one
    on a slice of the state is recurrent, the one that makes the narrow output is the head.

    Raises
    ------
    BadInput
        When the graph is another one.
    """
    graph = Graph(content, where)
    dense = {_role(graph, op): op for op in graph.ops if op.name == "FULLY_CONNECTED"}
    roles = ("stem1", "stem2", "ih", "hh", "head")
    if set(dense) != set(roles) or sum(op.name == "FULLY_CONNECTED" for op in graph.ops) != len(roles):
        raise graph.stranger(f"its dense layers are {sorted(dense)}, expected {sorted(roles)}")
    found: list[F32] = []
    for role in roles:
        weight = graph.value(dense[role].takes[1])
        found += [weight, _bias(graph, dense[role], len(weight))]
    weights = GruWeights(*found)
    _check_shapes(graph, weights)
    return weights


def _role(graph: Graph, op: Op) -> str:
    given = graph.maker(op.takes[0])
    inputs = {graph.shape(int(d["index"])): int(d["index"]) for d in graph.interpreter.get_input_details()}
    outputs = {int(d["index"]) for d in graph.interpreter.get_output_details()}
    if op.makes[0] in outputs:
        return "head"
    if given is not None and given.name == "STRIDED_SLICE":
        return "hh"
    if given is not None and given.name == "CONCATENATION":
        return "stem1" if inputs.get((1, 1)) in given.takes else "stem2"
    return "ih"


def _bias(graph: Graph, op: Op, n: int) -> F32:
    index = op.takes[2] if len(op.takes) > 2 else -1
    return np.zeros(n, np.float32) if index < 0 else np.asarray(graph.value(index), np.float32).reshape(n)


def _check_shapes(graph: Graph, w: GruWeights) -> None:
    n_stem1, kernel = w.stem1_weight.shape
    n_hidden = w.weight_hh.shape[1]
    n_state = kernel - 1 + (kernel - 1) * n_stem1 + n_hidden
    fits = (
        w.stem2_weight.shape[1] == kernel * n_stem1
        and w.weight_ih.shape == (3 * n_hidden, w.stem2_weight.shape[0])
        and w.weight_hh.shape == (3 * n_hidden, n_hidden)
        and w.head_weight.shape[1] == n_hidden
        and any(graph.shape(int(d["index"])) == (1, n_state) for d in graph.interpreter.get_input_details())
    )
    if not fits:
        raise graph.stranger("its layers do not fit each other")


def fusion_weights(content: bytes, inputs: tuple[str, ...], where: str) -> FusionWeights:
    """The fusion's weights; `inputs` are the manifest's names of its features.

    Of its four dense layers the one on a slice of the state is recurrent, the one that makes the answers is the last,
    the one on two normalised rows side by side mixes them, and the other one leads into the gates.

    Raises
    ------
    BadInput
        When the graph is another one.
    """
    graph = Graph(content, where)
    outputs = {int(d["index"]) for d in graph.interpreter.get_output_details()}
    dense: dict[str, Op] = {}
    for op in graph.ops:
        if op.name == "FULLY_CONNECTED":
            given = graph.maker(op.takes[0])
            kind = "" if given is None else given.name
            role = (
                "out"
                if op.makes[0] in outputs
                else {"STRIDED_SLICE": "hh", "CONCATENATION": "mix"}.get(kind, "ih")
            )
            dense[role] = op
    n_dense = sum(op.name == "FULLY_CONNECTED" for op in graph.ops)
    if set(dense) != {"mix", "ih", "hh", "out"} or n_dense != 4:
        raise graph.stranger(f"its dense layers are {sorted(dense)} of {n_dense}, expected hh ih mix out")
    tables: list[F32] = []
    for role in ("mix", "ih", "hh", "out"):
        weight = np.asarray(graph.value(dense[role].takes[1]), np.float32)
        tables += [weight, _bias(graph, dense[role], len(weight))]
    weights = FusionWeights(inputs, *_normalised(graph, dense["mix"]), *tables)
    n, n_hidden = len(inputs), weights.weight_hh.shape[1]
    fits = (
        weights.mean.shape == weights.gain.shape == (n,)
        and weights.mix_weight.shape[1] == 2 * n
        and weights.weight_ih.shape == (3 * n_hidden, len(weights.mix_bias))
        and weights.weight_hh.shape[0] == 3 * n_hidden
        and weights.out_weight.shape[1] == len(weights.mix_bias) + n_hidden
    )
    if not fits:
        raise graph.stranger("its layers do not fit each other")
    return weights


def _normalised(graph: Graph, mix: Op) -> tuple[F32, F32]:
    """What the first row has taken off and is multiplied with."""
    joined = graph.maker(mix.takes[0])
    scaled = graph.maker(joined.takes[0]) if joined is not None else None
    centred = graph.maker(scaled.takes[0]) if scaled is not None and scaled.name in ("MUL", "DIV") else None
    if scaled is None or centred is None or centred.name != "SUB":
        raise graph.stranger("its rows are not normalised by a mean and a spread")
    mean, gain = (np.asarray(graph.value(op.takes[1]), np.float32).reshape(-1) for op in (centred, scaled))
    return mean, (np.float32(1.0) / gain).astype(np.float32) if scaled.name == "DIV" else gain


def int8_net(content: bytes, where: str) -> Int8Net:
    """A window network's layers: convolutions along time, each after its padding, perhaps a mean, a dense layer.

    Raises
    ------
    BadInput
        When the graph is another one.
    """
    graph = Graph(content, where)
    names = [op.name for op in graph.ops if op.name not in ("RESHAPE", "STRIDED_SLICE", "EXPAND_DIMS")]
    n, mean = names.count("CONV_2D"), ["MEAN"] * names.count("MEAN")
    if n == 0 or len(mean) > 1 or names != ["PAD", "CONV_2D"] * n + mean + ["FULLY_CONNECTED"]:
        raise graph.stranger(
            f"its operations are {' '.join(names)}, expected PAD CONV_2D ... (MEAN) FULLY_CONNECTED"
        )
    readers = {"CONV_2D": _convolution, "MEAN": _mean, "FULLY_CONNECTED": _dense}
    layers = tuple(readers[op.name](graph, op) for op in graph.ops if op.name in readers)
    given, made = sole_tensors(graph.interpreter, where)
    (in_scale, in_zero), (out_scale, out_zero) = (graph.quantum(int(d["index"])) for d in (given, made))
    return Int8Net(layers, float(in_scale), in_zero, float(out_scale), out_zero)


def _convolution(graph: Graph, op: Op) -> Int8Layer:
    """A convolution and the padding before it. Its stride follows from the sizes, its ReLU from the zero point."""
    padding = graph.maker(op.takes[0])
    if padding is None or padding.name != "PAD":
        raise graph.stranger("a convolution has no padding before it")
    pad = int(graph.value(padding.takes[1])[2][0])
    weight = graph.value(op.takes[1])[:, 0]
    n_given, n_padded = graph.shape(padding.takes[0])[2], graph.shape(op.takes[0])[2]
    n_made, width = graph.shape(op.makes[0])[2], weight.shape[1]
    strides = [s for s in range(1, width + 1) if (n_padded - width) // s + 1 == n_made]
    if not strides:
        raise graph.stranger(f"a convolution makes {n_made} of {n_padded} samples")
    in_scale, _ = graph.quantum(op.takes[0])
    out_scale, _ = graph.quantum(op.makes[0])
    scales = _scales(graph, op.takes[1], len(weight))
    rescale = np.float64(in_scale) * scales / np.float64(out_scale)
    return _layer(graph, op, weight, rescale, n_given, n_made, strides[0], pad)


def _mean(graph: Graph, op: Op) -> Int8Layer:
    """The mean over samples, whose division is part of the rescale."""
    (in_scale, in_zero), (out_scale, out_zero) = graph.quantum(op.takes[0]), graph.quantum(op.makes[0])
    n_given, n_features = graph.shape(op.takes[0])[-2:]
    if graph.shape(op.makes[0])[-1] != n_features:
        raise graph.stranger("a mean is not over the samples")
    rescale = np.array([np.float64(in_scale) / np.float64(out_scale) / n_given])
    none, no_bias = np.zeros((0, 1, n_features), np.int8), np.zeros(0, np.int32)
    ends = (in_zero, out_zero, -128, 127, n_given, 1)
    return Int8Layer(none, no_bias, rescale, *ends, n_features=n_features, is_mean=True)


def _dense(graph: Graph, op: Op) -> Int8Layer:
    weight = graph.value(op.takes[1])[:, None]
    in_scale, _ = graph.quantum(op.takes[0])
    out_scale, _ = graph.quantum(op.makes[0])
    scales = _scales(graph, op.takes[1], len(weight))
    if len(graph.tensors[op.takes[1]]["quantization_parameters"]["scales"]) == 1:
        # The runtime multiplies these two in single precision where the layer has one scale.
        scales = (np.float32(in_scale) * scales.astype(np.float32)).astype(np.float64)
    else:
        scales = np.float64(in_scale) * scales
    return _layer(graph, op, weight, scales / np.float64(out_scale), 1, 1, 1, 0)


def _layer(
    graph: Graph,
    op: Op,
    weight: NDArray[np.int8],
    rescale: NDArray[np.float64],
    n_given: int,
    n_made: int,
    stride: int,
    pad: int,
) -> Int8Layer:
    in_zero, out_zero = graph.quantum(op.takes[0])[1], graph.quantum(op.makes[0])[1]
    bias = graph.value(op.takes[2]).astype(np.int32)
    return Int8Layer(weight, bias, rescale, in_zero, out_zero, -128, 127, n_given, n_made, stride, pad)


def _scales(graph: Graph, index: int, n: int) -> NDArray[np.float64]:
    """A scale for each output."""
    found = graph.tensors[index]["quantization_parameters"]["scales"].astype(np.float64)
    return np.full(n, found[0]) if len(found) == 1 else found
