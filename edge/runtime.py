"""The one place where an inference runtime is imported: tflite-runtime, or ai-edge-litert, its successor."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from firmware_bridge.types import BadInput


def load_interpreter_class() -> tuple[type[Any], str]:
    """Give the Interpreter class and the runtime's name.

    Raises
    ------
    BadInput
        When neither runtime is installed, or tflite-runtime stands beside NumPy 2: its import passes there and
        only the first Interpreter fails, so it is refused here.
    """
    try:
        from tflite_runtime.interpreter import Interpreter

        if int(np.__version__.split(".")[0]) >= 2:
            raise BadInput(
                f"inference runtime: got NumPy {np.__version__} beside tflite-runtime, which was built for NumPy 1; "
                "run: pip install 'numpy<2' (or use Python 3.12 with ai-edge-litert)"
            )
        return Interpreter, "tflite-runtime"
    except ImportError:
        pass
    try:
        from ai_edge_litert.interpreter import Interpreter as LiteRt

        return LiteRt, "ai-edge-litert"
    except ImportError:
        raise BadInput(
            "inference runtime: found neither tflite-runtime nor ai-edge-litert; run: pip install heartwire"
        ) from None


def make_interpreter(content: bytes, batch: int | None = None, keep: bool = False) -> Any:
    """Build an interpreter with its tensors allocated, on one thread (the models are too small to share).

    Parameters
    ----------
    content : bytes
        A .tflite file.
    batch : int, optional
        Resize the first dimension of every input to this.
    keep : bool
        Keep every tensor, so that `get_tensor` gives what stands between input and output too. It runs without the
        runtime's default delegate, which keeps such tensors to itself: slower, and int8 results may differ by a
        quantum.

    Raises
    ------
    BadInput
        When the runtime refuses the file.
    """
    cls, name = load_interpreter_class()
    try:
        with quiet_stderr():
            interpreter = cls(model_content=content, num_threads=1, **(_keeping(cls) if keep else {}))
            if batch is not None:
                for detail in interpreter.get_input_details():
                    interpreter.resize_tensor_input(detail["index"], [batch, *detail["shape"][1:]])
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise BadInput(
            f"model: {name} cannot load it ({first}); the file is damaged or too new, export it again"
        ) from None
    return interpreter


def _keeping(cls: type[Any]) -> dict[str, Any]:
    """Arguments of an interpreter that keeps every tensor; tflite-runtime 2.14 and ai-edge-litert 2 take the same."""
    resolver = sys.modules[cls.__module__].OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    return {"experimental_preserve_all_tensors": True, "experimental_op_resolver_type": resolver}


def sole_tensors(interpreter: Any, where: str) -> tuple[Any, Any]:
    """Details of the only input and the only output.

    Raises
    ------
    BadInput
        When the model has more of either; `where` names it.
    """
    given, made = interpreter.get_input_details(), interpreter.get_output_details()
    if (len(given), len(made)) != (1, 1):
        raise BadInput(
            f"{where}: {len(given)} inputs and {len(made)} outputs, expected 1 and 1; export the model again"
        )
    return given[0], made[0]


@contextlib.contextmanager
def quiet_stderr() -> Iterator[None]:
    """Keep the runtime's start-up chatter (written by C++ to descriptor 2) off the user's terminal."""
    try:
        saved = os.dup(2)
        null = os.open(os.devnull, os.O_WRONLY)
    except OSError:
        yield
        return
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)
