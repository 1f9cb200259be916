from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge.artefact import load_networks, shipped
from firmware_bridge.types import BadInput
from train import chip_check, export

MODELS = load_networks(shipped())
CHIP = export.read(shipped())


def test_check_when_weights_are_the_files_then_the_difference_is_small() -> None:
    assert 0.0 < chip_check.check_gru(CHIP.gru, MODELS.gru) <= chip_check.LARGEST_GRU
    assert chip_check.check_beat(CHIP.beat, MODELS.beat_cnn, 3) <= chip_check.LARGEST_INT8


@pytest.mark.parametrize(
    "table", ["stem1_weight", "stem2_weight", "weight_ih", "weight_hh", "bias_hh", "head_weight"]
)
def test_check_gru_when_a_table_is_reversed_then_it_is_refused(table: str) -> None:
    wrong = replace(CHIP.gru, **{table: getattr(CHIP.gru, table)[::-1]})
    with pytest.raises(BadInput, match=r"gru: what was read from the file answers .* away from it"):
        chip_check.check_gru(wrong, MODELS.gru)


def test_check_gru_when_a_weight_is_not_a_number_then_it_is_refused() -> None:
    wrong = replace(CHIP.gru, head_bias=np.full_like(CHIP.gru.head_bias, np.nan))
    with pytest.raises(BadInput, match="answers nan away"):
        chip_check.check_gru(wrong, MODELS.gru)


@pytest.mark.parametrize("change", [{"pad": 0}, {"rescale": 1.3}, {"bias": 0}])
def test_check_beat_when_a_layer_is_another_then_it_is_refused(change: dict[str, float]) -> None:
    first = CHIP.beat.layers[1]
    if "rescale" in change:
        wrong = replace(first, rescale=first.rescale * change["rescale"])
    elif "bias" in change:
        wrong = replace(first, bias=np.zeros_like(first.bias))
    else:
        wrong = replace(first, pad=0)
    layers = (CHIP.beat.layers[0], wrong, *CHIP.beat.layers[2:])
    with pytest.raises(
        BadInput, match=r"beat_cnn: what was read from the file answers .* quanta away from it"
    ):
        chip_check.check_beat(replace(CHIP.beat, layers=layers), MODELS.beat_cnn, 3)
