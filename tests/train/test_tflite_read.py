from __future__ import annotations

from dataclasses import asdict, replace

import numpy as np
import pytest

from edge.artefact import shipped
from edge.fusion import FUSION_INPUTS
from firmware_bridge.c_models import FusionWeights
from firmware_bridge.types import BadInput
from train.tflite_read import fusion_weights, gru_weights, int8_net


def content(kind: str) -> bytes:
    return (shipped() / kind / "model.tflite").read_bytes()


def test_gru_weights_when_a_network_was_converted_then_its_own_weights_come_back() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")
    pytest.importorskip("tensorflow", reason="tensorflow is not installed (pip install 'heartwire[train]')")
    from train import tflite_graphs
    from train.models import GruConfig, GruNet
    from train.quantise import arrays

    torch.manual_seed(7)
    # As many features as hidden units: then shapes alone do not tell one table of the gates from the other.
    config = GruConfig(n_stem1=6, n_stem2=20, n_hidden=20, input_gain=2.0)
    trained = arrays(GruNet(config).state_dict())
    read = asdict(gru_weights(tflite_graphs.gru_step(trained, config), "gru"))
    assert read["stem1_weight"] == pytest.approx(trained["stem1.weight"][:, 0] * 2.0)
    assert (read["stem2_weight"] == trained["stem2.weight"].transpose(0, 2, 1).reshape(20, -1)).all()
    names = {
        "stem1_bias": "stem1.bias",
        "stem2_bias": "stem2.bias",
        "weight_ih": "gru.weight_ih_l0",
        "weight_hh": "gru.weight_hh_l0",
        "bias_ih": "gru.bias_ih_l0",
        "bias_hh": "gru.bias_hh_l0",
        "head_weight": "head.weight",
        "head_bias": "head.bias",
    }
    assert [ours for ours, theirs in names.items() if not (read[ours] == trained[theirs]).all()] == []


def test_int8_net_when_read_then_its_layers_follow_each_other() -> None:
    net = int8_net(content("beat_cnn"), "beat_cnn")
    assert (net.layers[0].in_zero, net.layers[-1].out_zero) == (net.in_zero, net.out_zero)
    for before, layer in zip(net.layers, net.layers[1:], strict=False):
        assert before.out_zero == layer.in_zero
        assert before.n_made * len(before.weight) == layer.n_given * layer.weight.shape[2]
    assert all(len(layer.rescale) == len(layer.bias) == len(layer.weight) for layer in net.layers)


def of_fusion(content: bytes, where: str) -> FusionWeights:
    return fusion_weights(content, FUSION_INPUTS, where)


def test_fusion_weights_when_a_network_was_converted_then_its_own_weights_come_back() -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed (pip install 'heartwire[train]')")
    pytest.importorskip("tensorflow", reason="tensorflow is not installed (pip install 'heartwire[train]')")
    from train import tflite_graphs
    from train.fit_fusion import FusionNet, FusionRecipe
    from train.quantise import arrays

    torch.manual_seed(8)
    net = FusionNet(replace(FusionRecipe(), n_mixed=20, n_hidden=20))  # shapes alone do not tell ih from hh
    net.mean += torch.randn(len(FUSION_INPUTS))
    net.spread *= 0.5 + torch.rand(len(FUSION_INPUTS))
    trained = arrays(net.state_dict())
    read = asdict(of_fusion(tflite_graphs.beat_step(trained), "fusion"))
    names = {
        "mix_weight": "mix.weight",
        "mix_bias": "mix.bias",
        "weight_ih": "gru.weight_ih_l0",
        "weight_hh": "gru.weight_hh_l0",
        "bias_ih": "gru.bias_ih_l0",
        "bias_hh": "gru.bias_hh_l0",
        "out_weight": "out.weight",
        "out_bias": "out.bias",
        "mean": "mean",
    }
    assert [ours for ours, theirs in names.items() if not (read[ours] == trained[theirs]).all()] == []
    assert read["gain"] == pytest.approx(1.0 / trained["spread"])


@pytest.mark.parametrize(
    ("read", "kind"), [(gru_weights, "beat_cnn"), (int8_net, "gru"), (int8_net, "fusion"), (of_fusion, "gru")]
)
def test_reader_when_the_file_is_another_model_then_one_line_says_what_it_found(
    read: object, kind: str
) -> None:
    with pytest.raises(
        BadInput, match=f"^{kind}: its .* are .*, expected .*; the code that reads it is written for"
    ):
        read(content(kind), kind)  # type: ignore[operator]


def test_reader_when_the_file_is_rubbish_then_one_line_says_so() -> None:
    with pytest.raises(BadInput):
        int8_net(bytes(np.arange(200, dtype=np.uint8)), "beat_cnn")
