"""Layers of several networks at once: each is PyTorch's own."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")

from train.side_by_side import conv, dense  # noqa: E402


@pytest.mark.parametrize(("kernel", "stride", "dilation"), [(5, 1, 1), (5, 2, 1), (3, 1, 4), (3, 2, 3)])
def test_conv_when_networks_stand_side_by_side_then_each_is_pytorchs_own(
    kernel: int, stride: int, dilation: int
) -> None:
    x, weight, bias = torch.randn(2, 3, 40, 4), torch.randn(2, 6, 4, kernel), torch.randn(2, 6)
    for k, y in enumerate(conv(x, weight, bias, stride, dilation)):
        alone = torch.nn.functional.conv1d(x[k].transpose(1, 2), weight[k], bias[k], stride, 0, dilation)
        torch.testing.assert_close(y, alone.transpose(1, 2), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("shape", [(7,), (3, 7)])
def test_dense_when_networks_stand_side_by_side_then_each_is_pytorchs_own(shape: tuple[int, ...]) -> None:
    x, weight, bias = torch.randn(2, *shape, 5), torch.randn(2, 6, 5), torch.randn(2, 6)
    for k, y in enumerate(dense(x, weight, bias)):
        torch.testing.assert_close(
            y, torch.nn.functional.linear(x[k], weight[k], bias[k]), rtol=1e-4, atol=1e-5
        )
