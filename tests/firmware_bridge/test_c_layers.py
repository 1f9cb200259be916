from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from firmware_bridge import c_layers
from firmware_bridge.c_models import Int8Layer, Int8Net
from firmware_bridge.types import BadInput


@pytest.mark.parametrize("scale", [0.999999999999, 0.5, 0.49999999999, 0.0031, 1.7e-5, 2.0**-31])
def test_fixed_point_when_a_factor_is_given_then_it_is_met_to_31_bits(scale: float) -> None:
    multiplier, shift = c_layers.fixed_point(scale)
    assert 2**30 <= multiplier < 2**31
    assert 0 <= shift <= 31
    assert abs(Fraction(multiplier, 2 ** (31 + shift)) / Fraction(scale) - 1) <= Fraction(1, 2**30)


def test_fixed_point_when_the_factor_rounds_anything_away_then_it_is_zero() -> None:
    assert c_layers.fixed_point(1e-12) == (0, 0)


@pytest.mark.parametrize("scale", [0.0, -0.1, 1.0, 3.0, float("nan")])
def test_fixed_point_when_the_factor_is_none_then_one_line_says_so(scale: float) -> None:
    with pytest.raises(BadInput, match="expected above 0 and below 1; quantise the model again"):
        c_layers.fixed_point(scale)


def test_net_tables_when_a_layer_is_a_mean_then_it_has_no_weights_and_one_multiplier() -> None:
    none, no_bias = np.zeros((0, 1, 4), np.int8), np.zeros(0, np.int32)
    mean = Int8Layer(none, no_bias, np.array([0.25]), 3, -128, -128, 127, 8, 1, n_features=4, is_mean=True)
    weight, bias = np.arange(8, dtype=np.int8).reshape(2, 1, 4), np.array([5, -6], np.int32)
    dense = Int8Layer(weight, bias, np.array([0.5, 0.25]), -128, 7, -128, 127, 1, 1)
    net = Int8Net((mean, dense), 0.02, 3, 0.05, 7)
    assert (mean.n_out, mean.n_in, mean.macs, net.n_channels, net.scratch()) == (4, 4, 0, 4, (4, 2))
    text = "\n".join(c_layers.net_tables("net", "N", net))
    assert "net_0_weight" not in text
    assert "net_0_multiplier[1] = {1073741824}" in text
    assert "{0, 0, net_0_multiplier, net_0_shift, 3, -128, -128, 127, 8, 1, 4, 4, 1, 1, 0}" in text
    assert "net_1_weight[8] = {0, 1, 2, 3, 4, 5, 6, 7}" in text
    assert "const hw_layer net[N] = " in text
