"""Many recurrent layers at once: against PyTorch's own, and the GPU kernel's very source run thread by thread here."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from firmware_bridge.types import BadInput  # noqa: E402
from train import recurrence  # noqa: E402
from train.recurrence import GATES, Recurrence  # noqa: E402

CELLS = {"rnn": torch.nn.RNN, "gru": torch.nn.GRU, "lstm": torch.nn.LSTM}
HERE = Path(__file__).parent


def given(cell: str, nets: int, rows: int, n: int, width: int) -> list[torch.Tensor]:
    gen = torch.Generator().manual_seed(rows * n)
    g = GATES[cell] * width
    first = torch.randn(nets, rows, width, generator=gen) * (cell != "lstm")
    sizes = (nets, rows, n, g), (nets, g, width), (nets, g)
    gates, weight, bias = (torch.randn(*size, generator=gen) for size in sizes)
    return [gates, first, 0.3 * weight, 0.3 * bias]


def slopes(run: object, tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    """States, last states, and the slopes of a sum that weighs every one of them differently."""
    taken = [t.clone().requires_grad_() for t in tensors]
    h, last = run(*taken)  # type: ignore[operator]
    ((h * torch.arange(h.numel()).reshape(h.shape).sin()).sum() + last.square().sum()).backward()
    return [h.detach(), last.detach(), *(t.grad for t in taken)]


@pytest.mark.parametrize("cell", CELLS)
def test_layers_when_walked_together_then_each_is_pytorchs_own(cell: str) -> None:
    gates, first, weight, bias = given(cell, 2, 3, 9, 5)
    h, last = recurrence.recurrence(cell, gates, first, weight, bias)
    for k in range(2):
        alone = CELLS[cell](gates.shape[-1], 5, batch_first=True)
        with torch.no_grad():
            alone.weight_ih_l0.copy_(torch.eye(gates.shape[-1]))
            alone.bias_ih_l0.zero_()
            alone.weight_hh_l0.copy_(weight[k])
            alone.bias_hh_l0.copy_(bias[k])
        state = (first[k][None], torch.zeros(1, 3, 5)) if cell == "lstm" else first[k][None]
        y, _ = alone(gates[k], state)
        torch.testing.assert_close(h[k], y, rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(last[k], y[:, -1], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize(("rows", "n"), [(1, 1), (6, 7), (8, 3)])
def test_kernel_when_its_threads_run_here_then_states_and_slopes_are_those_of_plain_steps(
    cell: str, rows: int, n: int, emulated: dict[str, ctypes.CDLL]
) -> None:
    tensors = given(cell, 2, rows, n, 16)
    own = slopes(lambda *t: Recurrence.apply(cell, emulated[cell], *t), tensors)
    plain = slopes(lambda *t: recurrence.recurrence(cell, *t), tensors)
    for a, b in zip(own, plain, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5)


@pytest.fixture(scope="module")
def emulated(tmp_path_factory: pytest.TempPathFactory) -> dict[str, ctypes.CDLL]:
    """The kernel of each cell, 16 units wide, compiled for this processor: a thread for each thread of a block."""
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("a C++ compiler is needed (Debian: apt-get install g++)")
    folder = tmp_path_factory.mktemp("kernels")
    source = Path(recurrence.__file__).with_name("recurrence_kernel.cu")
    out = {}
    for cell, gates in GATES.items():
        path = folder / f"{cell}.so"
        flags = (
            f'-std=c++20 -O1 -shared -fPIC -pthread -DGATES={gates} -DH=16 -DEMULATED="{HERE}/emulated_gpu.h"'
        )
        words = [compiler, *flags.split(), "-x", "c++", str(source), "-o", str(path)]
        subprocess.run(words, check=True, capture_output=True)
        out[cell] = ctypes.CDLL(str(path))
    return out


def test_kernel_when_there_is_no_compiler_then_one_line_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(recurrence.shutil, "which", lambda name: None)
    recurrence.load.cache_clear()
    with pytest.raises(BadInput, match="nvcc"):
        recurrence.load("gru", 16)


def test_kernel_when_the_compiler_fails_then_its_last_words_are_told(tmp_path: Path) -> None:
    path = tmp_path / "kernel.so"
    with pytest.raises(BadInput, match="it said: no such GPU"):
        recurrence.compile_kernel(
            ["sh", "-c", "echo warning >&2; echo no such GPU >&2; exit 1"], b"", "gru", 16, path
        )
    assert list(tmp_path.iterdir()) == []
