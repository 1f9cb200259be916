"""The inside of a shipped model: its operations, its constants, what it makes on the way."""

from __future__ import annotations

import numpy as np
import pytest

from edge.artefact import shipped
from edge.explain.graph import Graph
from firmware_bridge.types import BadInput


def content(kind: str) -> bytes:
    return (shipped() / kind / "model.tflite").read_bytes()


def test_value_when_the_tensor_is_made_at_run_time_then_it_is_no_constant() -> None:
    graph = Graph(content("gru"), "gru")
    with pytest.raises(BadInput, match=r"^gru: tensor .* is no constant; .* export the model again$"):
        graph.value(graph.ops[-1].makes[0])


def test_operations_when_listed_then_each_tensor_has_its_maker_before_it_is_taken() -> None:
    graph = Graph(content("beat_cnn"), "beat_cnn")
    assert [op.name for op in graph.ops].count("CONV_2D") == 4
    known = {int(d["index"]) for d in graph.interpreter.get_input_details()}
    for op in graph.ops:
        assert all(index in known or graph.maker(index) is None for index in op.takes)
        known |= set(op.makes)
    assert {int(d["index"]) for d in graph.interpreter.get_output_details()} <= known


@pytest.mark.parametrize("kind", ["beat_cnn", "rhythm_cnn"])
def test_tensors_when_they_are_kept_then_each_layer_changes_with_the_input(kind: str) -> None:
    graph = Graph(content(kind), kind, keep=True)
    interpreter = graph.interpreter
    given = interpreter.get_input_details()[0]
    convs = [op.makes[0] for op in graph.ops if op.name == "CONV_2D"]
    seen = []
    for seed in (1, 2):
        image = np.random.default_rng(seed).integers(-128, 128, given["shape"]).astype(np.int8)
        interpreter.set_tensor(given["index"], image)
        interpreter.invoke()
        seen.append([interpreter.get_tensor(index) for index in convs])
        assert all(graph.shape(index) == layer.shape for index, layer in zip(convs, seen[-1], strict=True))
    assert all((a != b).any() for a, b in zip(*seen, strict=True))
