from __future__ import annotations

import os
import sys
import types

import numpy as np
import pytest

from edge.artefact import shipped
from edge.runtime import load_interpreter_class, make_interpreter
from firmware_bridge.types import BadInput

GRU = (shipped() / "gru" / "model.tflite").read_bytes()


def _module(name: str, **content: object) -> types.ModuleType:
    module = types.ModuleType(name)
    vars(module).update(content)
    return module


def test_interpreter_when_shipped_model_is_loaded_then_it_can_be_invoked() -> None:
    interpreter = make_interpreter(GRU)
    for detail in interpreter.get_input_details():
        interpreter.set_tensor(detail["index"], np.zeros(detail["shape"], detail["dtype"]))
    interpreter.invoke()
    for detail in interpreter.get_output_details():
        assert np.isfinite(interpreter.get_tensor(detail["index"])).all()


def test_interpreter_when_batch_is_asked_for_then_every_input_has_it() -> None:
    interpreter = make_interpreter(GRU, batch=3)
    assert {int(d["shape"][0]) for d in interpreter.get_input_details()} == {3}


def test_class_when_numpy_2_stands_beside_tflite_runtime_then_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "tflite_runtime", _module("tflite_runtime"))
    here = _module("tflite_runtime.interpreter", Interpreter=object)
    monkeypatch.setitem(sys.modules, "tflite_runtime.interpreter", here)
    monkeypatch.setattr(np, "__version__", "2.1.3")
    with pytest.raises(BadInput) as error:
        load_interpreter_class()
    assert str(error.value) == (
        "inference runtime: got NumPy 2.1.3 beside tflite-runtime, which was built for NumPy 1; "
        "run: pip install 'numpy<2' (or use Python 3.12 with ai-edge-litert)"
    )


def test_class_when_only_litert_is_there_then_litert(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tflite_runtime.interpreter", None)
    monkeypatch.setitem(sys.modules, "ai_edge_litert", _module("ai_edge_litert"))
    there = _module("ai_edge_litert.interpreter", Interpreter=dict)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", there)
    monkeypatch.setattr(np, "__version__", "2.1.3")
    assert load_interpreter_class() == (dict, "ai-edge-litert")


def test_class_when_no_runtime_is_installed_then_one_line_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tflite_runtime.interpreter", None)
    monkeypatch.setitem(sys.modules, "ai_edge_litert.interpreter", None)
    with pytest.raises(BadInput) as error:
        load_interpreter_class()
    assert str(error.value) == (
        "inference runtime: found neither tflite-runtime nor ai-edge-litert; run: pip install heartwire"
    )


def test_interpreter_when_file_is_rubbish_then_one_line_and_nothing_on_the_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(BadInput) as error:
        make_interpreter(b"this is no model at all, but it is longer than a header" * 20)
    text = str(error.value)
    assert text.startswith(f"model: {load_interpreter_class()[1]} cannot load it (")
    assert text.endswith("); the file is damaged or too new, export it again")
    assert "\n" not in text
    assert capfd.readouterr() == ("", "")


def test_interpreter_when_made_then_standard_error_works_again(capfd: pytest.CaptureFixture[str]) -> None:
    make_interpreter(GRU)
    os.write(2, b"still here")
    assert capfd.readouterr().err == "still here"
