from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from edge.artefact import load_models, shipped
from edge.fusion import Fusion
from firmware_bridge.types import BadInput
from train import chip_check, export

MODELS = load_models(shipped())
CHIP = export.read(shipped())


def test_check_when_weights_are_the_files_then_the_difference_is_small() -> None:
    assert 0.0 < chip_check.check_gru(CHIP.gru, MODELS.gru) <= chip_check.LARGEST_GRU
    assert chip_check.check_net(CHIP.beat, MODELS.beat_cnn, "beat_cnn") <= chip_check.LARGEST_INT8


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
def test_check_net_when_a_layer_is_another_then_it_is_refused(change: dict[str, float]) -> None:
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
        chip_check.check_net(replace(CHIP.beat, layers=layers), MODELS.beat_cnn, "beat_cnn")


@pytest.mark.parametrize("change", [{"rescale": 1.3}, {"in_zero": 40}])
def test_check_net_when_the_rhythm_networks_mean_is_another_then_it_is_refused(
    change: dict[str, float],
) -> None:
    rhythm, model = CHIP.options.rhythm, MODELS.rhythm_cnn
    assert chip_check.check_net(rhythm, model, "rhythm_cnn") <= chip_check.LARGEST_INT8
    mean = rhythm.layers[-2]
    assert mean.is_mean
    wrong = replace(mean, in_zero=40) if "in_zero" in change else replace(mean, rescale=mean.rescale * 1.3)
    layers = (*rhythm.layers[:-2], wrong, rhythm.layers[-1])
    with pytest.raises(BadInput, match="rhythm_cnn: what was read from the file answers"):
        chip_check.check_net(replace(rhythm, layers=layers), model, "rhythm_cnn")


@pytest.mark.parametrize(
    "table", ["mean", "gain", "mix_weight", "weight_ih", "weight_hh", "out_weight", "out_bias"]
)
def test_check_fusion_when_a_table_is_reversed_then_it_is_refused(table: str) -> None:
    fusion, model = CHIP.options.fusion, MODELS.fusion
    assert isinstance(model, Fusion)
    assert chip_check.check_fusion(fusion, model) <= chip_check.LARGEST_FUSION
    wrong = replace(fusion, **{table: getattr(fusion, table)[::-1]})
    with pytest.raises(BadInput, match=r"fusion: what was read from the file answers .* away from it"):
        chip_check.check_fusion(wrong, model)
