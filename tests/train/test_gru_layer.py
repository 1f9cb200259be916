"""The compiled GRU layer against PyTorch's own: states, slopes, odd sizes, no compiler."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from train import gru_layer
from train.gru_layer import compile_kernel, load, run_layer


@pytest.fixture
def kernel_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEARTWIRE_CACHE", str(tmp_path))
    load.cache_clear()
    yield tmp_path
    load.cache_clear()


def slopes(layer: torch.nn.GRU, by_kernel: bool, rows: int, n: int) -> list[torch.Tensor]:
    gen = torch.Generator().manual_seed(rows * n)
    x = torch.randn(rows, n, layer.input_size, generator=gen, requires_grad=True)
    first = torch.randn(1, rows, layer.hidden_size, generator=gen, requires_grad=True)
    at_y = torch.randn(rows, n, layer.hidden_size, generator=gen)
    at_last = torch.randn(1, rows, layer.hidden_size, generator=gen)
    y, last = run_layer(layer, x, first) if by_kernel else layer(x, first)
    layer.zero_grad()
    ((y * at_y).sum() + (last * at_last).sum()).backward()
    found = [y, last, x.grad, first.grad, *(p.grad for p in layer.parameters())]
    return [t.detach().clone() for t in found]


@pytest.mark.parametrize(("rows", "n", "hidden"), [(1, 1, 64), (5, 7, 64), (4, 33, 32), (7, 12, 16)])
def test_layer_when_compiled_then_states_and_all_slopes_are_pytorchs(
    kernel_folder: Path, rows: int, n: int, hidden: int
) -> None:
    torch.manual_seed(1)
    layer = torch.nn.GRU(5, hidden, batch_first=True)
    assert load(hidden) is not None
    for own, theirs in zip(slopes(layer, True, rows, n), slopes(layer, False, rows, n), strict=True):
        torch.testing.assert_close(own, theirs, rtol=1e-4, atol=1e-5)


def test_layer_when_only_the_last_state_matters_then_slopes_are_pytorchs(kernel_folder: Path) -> None:
    layer = torch.nn.GRU(3, 16, batch_first=True)
    x = torch.randn(2, 9, 3)
    found = []
    for run in (run_layer, lambda g, x, s: g(x, s)):
        layer.zero_grad()
        _, last = run(layer, x, torch.zeros(1, 2, 16))
        last.square().sum().backward()
        found.append([p.grad.clone() for p in layer.parameters()])
    for own, theirs in zip(*found, strict=True):
        torch.testing.assert_close(own, theirs, rtol=1e-4, atol=1e-6)


def test_layer_when_there_is_no_compiler_then_pytorch_does_it(
    kernel_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CC", "no-such-compiler")
    layer = torch.nn.GRU(3, 16, batch_first=True)
    x, first = torch.randn(2, 9, 3), torch.zeros(1, 2, 16)
    assert load(16) is None
    y, last = run_layer(layer, x, first)
    theirs = layer(x, first)
    assert torch.equal(y, theirs[0])
    assert torch.equal(last, theirs[1])


def test_layer_when_its_units_do_not_fill_the_lanes_then_pytorch_does_it(kernel_folder: Path) -> None:
    layer = torch.nn.GRU(3, 10, batch_first=True)
    x, first = torch.randn(2, 9, 3), torch.zeros(1, 2, 10)
    assert torch.equal(run_layer(layer, x, first)[0], layer(x, first)[0])
    assert not list(kernel_folder.iterdir())


def test_compile_when_the_compiler_fails_then_false_and_nothing_is_left(kernel_folder: Path) -> None:
    assert not compile_kernel("cc", b"not C at all", 16, kernel_folder / "a.so")
    assert not list(kernel_folder.iterdir())


def test_load_when_compiled_before_then_the_file_is_taken_again(kernel_folder: Path) -> None:
    assert load(16) is not None
    (path,) = kernel_folder.iterdir()
    written = path.stat().st_mtime_ns
    load.cache_clear()
    assert gru_layer.load(16) is not None
    assert path.stat().st_mtime_ns == written


def test_layer_when_inputs_are_huge_then_gates_saturate_and_nothing_is_lost(kernel_folder: Path) -> None:
    layer = torch.nn.GRU(3, 16, batch_first=True)
    found = []
    for run in (run_layer, lambda g, x, s: g(x, s)):
        x = (1e4 * torch.randn(3, 40, 3, generator=torch.Generator().manual_seed(2))).requires_grad_()
        y, _ = run(layer, x, torch.zeros(1, 3, 16))
        layer.zero_grad()
        y.sum().backward()
        found.append([y.detach(), x.grad, *(p.grad.clone() for p in layer.parameters())])
    for own, theirs in zip(*found, strict=True):
        assert torch.isfinite(own).all()
        torch.testing.assert_close(own, theirs, rtol=1e-4, atol=1e-5)


def test_layer_when_numbers_are_double_then_pytorch_does_it(kernel_folder: Path) -> None:
    layer = torch.nn.GRU(3, 16, batch_first=True).double()
    x, state = torch.randn(2, 5, 3, dtype=torch.float64), torch.zeros(1, 2, 16, dtype=torch.float64)
    ours, theirs = run_layer(layer, x, state)[0], layer(x, state)[0]
    assert torch.equal(ours, theirs)
