"""The same GRU step in other engines, those that are installed: the shipped model's shapes, random weights.

Random weights take as long as trained ones. Every peer computes what the shipped step does (two causal
convolutions, one GRU layer, one dense head), and carries its own state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bench.timing import median_us
from edge.gru import GruModel
from edge.runtime import make_interpreter

F32 = NDArray[np.float32]
Step = Callable[[], object]


@dataclass(frozen=True, slots=True)
class GruShape:
    """Sizes of the step: kernel width of both convolutions, their features, hidden units, outputs."""

    kernel: int
    n_stem1: int
    n_stem2: int
    n_hidden: int
    n_out: int


def shape_of(model: GruModel) -> GruShape:
    """Read the sizes off the model's weight matrices (out, in), which chain from the input to the output.

    Raises
    ------
    ValueError
        When they do not chain as those of a GRU step do.
    """
    held = {
        (int(d["shape"][0]), int(d["shape"][1]))
        for d in make_interpreter(model.content).get_tensor_details()
        if len(d["shape"]) == 2 and d["shape"][0] > 1 and d["dtype"] is np.float32
    }
    for n_stem1, kernel in sorted(held):
        for n_stem2, n_in in sorted(held):
            n_hidden = model.n_state - (kernel - 1) * (1 + n_stem1)
            chain = {(3 * n_hidden, n_stem2), (3 * n_hidden, n_hidden), (model.n_out, n_hidden)}
            if n_in == kernel * n_stem1 and chain <= held:
                return GruShape(kernel, n_stem1, n_stem2, n_hidden, model.n_out)
    raise ValueError(f"weights {sorted(held)} and state {model.n_state} are not those of a GRU step")


def peers_us(model: GruModel) -> dict[str, float]:
    """Microseconds a step of every peer that is installed here."""
    shape = shape_of(model)
    makers: dict[str, Callable[[], Step]] = {
        "numpy": lambda: numpy_step(shape),
        "tflite_set_get": lambda: partial(tflite_step(model), 0.25),
        "torch": lambda: torch_step(shape),
        "onnxruntime": lambda: onnx_step(shape),
    }
    found = {}
    for name, make in makers.items():
        try:
            step = make()
        except ImportError:
            continue
        found[name] = median_us(step)
    return found


def weights_of(shape: GruShape) -> dict[str, F32]:
    """Random weights and zero biases: ``w*`` are (in, out), those of the GRU in the order r, z, n."""
    rng = np.random.default_rng(0)
    k, n1, n2, nh = shape.kernel, shape.n_stem1, shape.n_stem2, shape.n_hidden
    sizes = {"1": (k, n1), "2": (k * n1, n2), "x": (n2, 3 * nh), "h": (nh, 3 * nh), "o": (nh, shape.n_out)}
    made = {f"w{name}": (0.1 * rng.standard_normal(size)).astype(np.float32) for name, size in sizes.items()}
    return made | {f"b{name}": np.zeros(size[1], np.float32) for name, size in sizes.items()}


def tflite_step(model: GruModel) -> Callable[[float], F32]:
    """The shipped file through the runtime's public calls, one by one."""
    interpreter = make_interpreter(model.content)
    held = [1, model.n_state]
    x_at, s_at = sorted(interpreter.get_input_details(), key=lambda d: list(d["shape"]) == held)
    y_at, new_at = sorted(interpreter.get_output_details(), key=lambda d: list(d["shape"]) == held)
    x_in, s_in, y_out, s_out = (int(d["index"]) for d in (x_at, s_at, y_at, new_at))
    x, state = np.zeros((1, 1), np.float32), np.zeros(held, np.float32)

    def step(x_mv: float) -> F32:
        nonlocal state
        x[0, 0] = x_mv
        interpreter.set_tensor(x_in, x)
        interpreter.set_tensor(s_in, state)
        interpreter.invoke()
        state = interpreter.get_tensor(s_out)
        y: F32 = interpreter.get_tensor(y_out)
        return y

    return step


def numpy_step(shape: GruShape) -> Step:
    """Plain NumPy, the two input products of the gates in one."""
    w, k, n1, nh = weights_of(shape), shape.kernel, shape.n_stem1, shape.n_hidden
    a, b, h = np.zeros(k, np.float32), np.zeros(k * n1, np.float32), np.zeros(nh, np.float32)
    one = np.float32(1.0)

    def step() -> F32:
        nonlocal h
        a[:-1] = a[1:]
        a[-1] = 0.25
        b[:-n1] = b[n1:]
        b[-n1:] = np.maximum(a @ w["w1"] + w["b1"], 0.0)
        z2 = np.maximum(b @ w["w2"] + w["b2"], 0.0)
        gx, gh = z2 @ w["wx"] + w["bx"], h @ w["wh"] + w["bh"]
        gates = one / (one + np.exp(-(gx[: 2 * nh] + gh[: 2 * nh])))
        n = np.tanh(gx[2 * nh :] + gates[:nh] * gh[2 * nh :])
        h = n + gates[nh:] * (h - n)
        y: F32 = h @ w["wo"] + w["bo"]
        return y

    return step


def torch_step(shape: GruShape) -> Step:
    """PyTorch on one thread: linear layers over the held context, and a GRUCell. Raises ImportError."""
    import torch

    torch.set_num_threads(1)
    w = {name: torch.from_numpy(value) for name, value in weights_of(shape).items()}
    k, n1, relu, linear = shape.kernel, shape.n_stem1, torch.relu, torch.nn.functional.linear
    w1, w2, wo = (w[name].T.contiguous() for name in ("w1", "w2", "wo"))
    cell = torch.nn.GRUCell(shape.n_stem2, shape.n_hidden)
    own = {"weight_ih": w["wx"].T, "weight_hh": w["wh"].T, "bias_ih": w["bx"], "bias_hh": w["bh"]}
    cell.load_state_dict(own)
    x, a, b = torch.full((1, 1), 0.25), torch.zeros(1, k), torch.zeros(1, k * n1)
    h = torch.zeros(1, shape.n_hidden)

    @torch.inference_mode()  # type: ignore[untyped-decorator]
    def step() -> Any:
        nonlocal a, b, h
        a = torch.cat([a[:, 1:], x], 1)
        b = torch.cat([b[:, n1:], relu(linear(a, w1, w["b1"]))], 1)
        h = cell(relu(linear(b, w2, w["b2"])), h)
        return linear(h, wo, w["bo"])

    made: Step = step
    return made


def onnx_step(shape: GruShape) -> Step:
    """onnxruntime on one thread, the graph built by onnx. Raises ImportError where either is missing."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(onnx_graph(shape), options, providers=["CPUExecutionProvider"])
    k, n1 = shape.kernel, shape.n_stem1
    feeds = {
        "x": np.full((1, 1), 0.25, np.float32),
        "c1": np.zeros((1, k - 1), np.float32),
        "c2": np.zeros((1, (k - 1) * n1), np.float32),
        "h": np.zeros((1, 1, shape.n_hidden), np.float32),
    }

    def step() -> F32:
        y: F32
        y, feeds["c1"], feeds["c2"], feeds["h"] = session.run(None, feeds)
        return y

    return step


def onnx_graph(shape: GruShape) -> bytes:
    """The step as an ONNX file: x, c1, c2, h -> y and the new c1, c2, h."""
    onnx: Any = import_module("onnx")
    helper, numpy_helper, kind = onnx.helper, onnx.numpy_helper, onnx.TensorProto.FLOAT
    w, k, n1, nh = weights_of(shape), shape.kernel, shape.n_stem1, shape.n_hidden
    held = {name: value for name, value in w.items() if name[1] in "12o"}
    z_first = np.r_[nh : 2 * nh, :nh, 2 * nh : 3 * nh]  # ONNX orders its gates z, r, n
    held |= {"wg": w["wx"].T[None, z_first], "rg": w["wh"].T[None, z_first]}
    held["zero"] = np.zeros((1, 6 * nh), np.float32)
    numbers = {"one": [1], "after": [n1], "last": [2**31], "axis": [1], "flat": [1, nh], "seq": [1, 1, -1]}
    constants = [numpy_helper.from_array(np.ascontiguousarray(v), n) for n, v in held.items()]
    constants += [numpy_helper.from_array(np.array(v, np.int64), n) for n, v in numbers.items()]
    node = helper.make_node
    nodes = [
        node("Concat", ["c1", "x"], ["a"], axis=1),
        node("Gemm", ["a", "w1", "b1"], ["p1"]),
        node("Relu", ["p1"], ["z1"]),
        node("Concat", ["c2", "z1"], ["b"], axis=1),
        node("Gemm", ["b", "w2", "b2"], ["p2"]),
        node("Relu", ["p2"], ["z2"]),
        node("Reshape", ["z2", "seq"], ["g"]),
        node("GRU", ["g", "wg", "rg", "zero", "", "h"], ["", "h_new"], hidden_size=nh, linear_before_reset=1),
        node("Reshape", ["h_new", "flat"], ["hf"]),
        node("Gemm", ["hf", "wo", "bo"], ["y"]),
        node("Slice", ["a", "one", "last", "axis"], ["c1_new"]),
        node("Slice", ["b", "after", "last", "axis"], ["c2_new"]),
    ]
    sizes = {"x": [1, 1], "c1": [1, k - 1], "c2": [1, (k - 1) * n1], "h": [1, 1, nh], "y": [1, shape.n_out]}
    value = {name: helper.make_tensor_value_info(name, kind, size) for name, size in sizes.items()}
    news = [helper.make_tensor_value_info(f"{n}_new", kind, sizes[n]) for n in ("c1", "c2", "h")]
    graph = helper.make_graph(
        nodes, "step", [value[n] for n in ("x", "c1", "c2", "h")], [value["y"], *news], constants
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 14)], ir_version=8)
    onnx.checker.check_model(model)
    made: bytes = model.SerializeToString()
    return made
